/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command that changes an unmounted filesystem: opened for writing through --undo and --dry-run, one transaction, all or nothing. Inside
 * `btrfs offline` it is part of the session: a line commits by itself, or with its batch (begin, --atomic). interface.md, promise 3. */
#ifndef CMDS_CHANGE_H
#define CMDS_CHANGE_H

#include "cmds/session.h"

struct change {
	struct fs *fs;
	struct txn *txn;            /* open */
	struct write_opts opts;     /* how new data is stored: the session's -o, or the defaults */
	struct change_device *dev;  /* what was opened for this command alone; NULL inside a session */
	u64 ops;                    /* operations kept before it began */
};
/* Opens the filesystem of a TARGET_DEVICE or TARGET_INSIDE (or joins the session's) and begins. Refused: what is mounted or open for writing elsewhere. With
 * --dry-run all goes to an overlay. Errors are printed; returns the exit code or 0. On failure there is nothing to end. Inside a session places found
 * before may be void afterwards. */
int change_begin(struct cmd_ctx *ctx, const struct target *t, struct change *out);
/* The inside path of t (follow: through a final symlink). Errors are printed; returns the exit code or 0. */
int change_resolve(struct cmd_ctx *ctx, struct change *c, const struct target *t, bool follow, struct loc *loc);
/* The directory and the name of the last component of t's path (which need not exist). *name points into t->path; "." and ".." are names like others
 * (op_* refuse them), "/" has none: an error. */
int change_resolve_parent(struct cmd_ctx *ctx, struct change *c, const struct target *t, struct loc *dir, const char **name, size_t *len);
/* status: the command's exit code so far. 0: commits (inside a batch: keeps), else all since change_begin is undone (but for what change_checkpoint made
 * durable; in a batch of which it changed something the batch can only be given up afterwards). Closes what change_begin opened. Returns status, or 1 when
 * the commit fails, with an error printed. */
int change_end(struct cmd_ctx *ctx, struct change *c, int status);
/* Long work in slices (dropping subvolumes, receiving with --checkpoint): what is done so far becomes durable, unless a batch is open. c->txn may be another
 * one afterwards. On failure (printed) change_end is still due, with a status. */
int change_checkpoint(struct cmd_ctx *ctx, struct change *c);

/* What was opened for changes: devices with their undo file, or with an overlay over each (dry run). fs moves when it is reloaded; NULL when that failed. */
struct undo_log;
struct change_device {
	struct fs *fs;
	struct undo_log *log;       /* NULL: no undo file, or it has been closed */
	const char *undo;
	bool dry_run;
	bool held;                  /* all that is written waits in memory for change_device_write */
	u64 used;                   /* bytes in use when it was opened */
};
enum { CHANGE_DRY_RUN = 1, CHANGE_HOLD = 2 };
int change_device_open(struct cmd_ctx *ctx, const struct target *t, unsigned fs_flags, unsigned how, const char *undo, struct change_device **out);
/* The layers that this opening has over each device, for one that joins the filesystem. Takes *b; on failure it is closed. */
int change_device_wrap(struct change_device *dev, struct bdev **b, struct err *err);
/* What was held goes to the devices. 0 or -errno. */
int change_device_write(struct change_device *dev, struct err *err);
/* Gives up what is not committed, ends the undo file (one that nothing went into is removed when status is a failure), says what a dry run would have
 * written. Returns status, or 1. */
int change_device_close(struct cmd_ctx *ctx, struct change_device *dev, int status);
/* All of it: opens for writing (fs_flags besides), with the --undo and --dry-run of ctx, calls fn in a transaction, which is committed when fn gives 0. fn and
 * this print what fails. The exit code. */
typedef int change_fn(struct cmd_ctx *ctx, struct fs *fs, struct txn *txn, void *arg);
int change_device_run(struct cmd_ctx *ctx, const struct target *t, unsigned fs_flags, change_fn *fn, void *arg);

#endif
