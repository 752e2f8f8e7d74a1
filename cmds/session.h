/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An opened filesystem that command lines run inside of (ctx->session, made by `btrfs offline`). Arguments are then paths in it.
 *
 * It is opened for reading. The first command that changes something opens it for writing; what follows works on that. Each line commits by itself, or
 * belongs to a batch that is committed or given up as a whole. Whenever the filesystem is opened anew, all places in it are void: settle() finds those
 * that the session keeps. */
#ifndef CMDS_SESSION_H
#define CMDS_SESSION_H

#include "cmds/target.h"
#include "kernel-shared/fs/write.h"

struct change_device;
struct session {
	struct fs *fs;               /* NULL: lost, the session is over */
	struct loc top, cwd;         /* what "/" means, where relative paths start */
	struct target target;        /* the devices */
	unsigned fs_flags;           /* of opening for reading */
	bool read_only;
	struct write_opts opts;      /* how new data is stored */
	int (*settle)(struct cmd_ctx *ctx); /* finds top and cwd in fs; prints; exit code or 0 */
	const char *undo;
	bool dry_run, atomic;        /* atomic: the first change begins a batch, which the end of the session commits; until then nothing at all is written */
	struct change_device *dev;   /* open for writing */
	struct txn *batch;
	bool stale;                  /* blocks were changed in place: what is in memory is void at the next line */
	bool batch_failed;           /* a command of the batch failed half way: it can only be given up */
};
/* All print what fails and return the exit code or 0. */
int session_writable(struct cmd_ctx *ctx);
/* Opens the devices for changes in place (fs/inplace.h), as far as the filesystem can be opened at all; no batch may be open. */
int session_in_place(struct cmd_ctx *ctx);
/* Before each line: opens anew what was changed in place. */
void session_refresh(struct cmd_ctx *ctx);
int session_begin(struct cmd_ctx *ctx);   /* opens a batch */
int session_commit(struct cmd_ctx *ctx);
int session_abort(struct cmd_ctx *ctx);
/* Gives up what is not committed and goes back to what is on the devices. */
int session_reload(struct cmd_ctx *ctx);
/* Ends a batch (status 0 and atomic: commits it, else gives it up, with a warning unless atomic), closes everything. Returns status, or 1. */
int session_close(struct cmd_ctx *ctx, int status);

#endif
