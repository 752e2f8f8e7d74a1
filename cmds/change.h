/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command that changes an unmounted filesystem: opened for writing through --undo and --dry-run, one transaction, all or nothing. Inside
 * `btrfs offline` it is part of the session: a line commits by itself, or with its batch (begin, --atomic). interface.md, promise 3. */
#ifndef CMDS_CHANGE_H
#define CMDS_CHANGE_H

#include "cmds/target.h"
#include "kernel-shared/fs/write.h"

struct change {
	struct fs *fs;
	struct txn *txn;            /* open */
	struct write_opts opts;     /* how new data is stored: the session's -o, or the defaults */
	struct change_device *dev;  /* what was opened for this command alone; NULL inside a session */
};
/* Opens the filesystem of a TARGET_DEVICE or TARGET_INSIDE (or joins the session's) and begins. Refused: what is mounted or open for writing elsewhere. With
 * --dry-run all goes to an overlay. Errors are printed; returns the exit code or 0. On failure there is nothing to end. */
int change_begin(struct cmd_ctx *ctx, const struct target *t, struct change *out);
/* The inside path of t (follow: through a final symlink). Errors are printed; returns the exit code or 0. */
int change_resolve(struct cmd_ctx *ctx, struct change *c, const struct target *t, bool follow, struct loc *loc);
/* The directory and the name of the last component of t's path (which need not exist). *name points into t->path. */
int change_resolve_parent(struct cmd_ctx *ctx, struct change *c, const struct target *t, struct loc *dir, const char **name, size_t *len);
/* status: the command's exit code so far. 0: commits (inside a batch: keeps), else all since change_begin is undone (but for what change_checkpoint made
 * durable). Closes what change_begin opened. Returns status, or 1 when the commit fails, with an error printed. */
int change_end(struct cmd_ctx *ctx, struct change *c, int status);
/* Long work in slices (dropping subvolumes, receiving with --checkpoint): what is done so far becomes durable, unless a batch is open. c->txn may be another one afterwards. */
int change_checkpoint(struct cmd_ctx *ctx, struct change *c);

#endif
