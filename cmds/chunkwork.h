/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command that works on chunks or devices of an unmounted filesystem. The engine commits as it goes (each commit a whole filesystem), so there is no transaction
 * around it, and no batch of a session that it could be part of. */
#ifndef CMDS_CHUNKWORK_H
#define CMDS_CHUNKWORK_H

#include "cmds/change.h"
#include "kernel-shared/chunks/chunks.h"

struct chunkwork {
	struct fs *fs;
	struct change_device *dev;    /* NULL: the session's */
	struct chunks_work work;
};
/* Is the argument an unmounted filesystem (or are we inside one)? What is said about host paths is left to those who ask the kernel. -1: not enough memory, said. */
int chunkwork_is_offline(struct cmd_ctx *ctx, const char *arg);
/* fs_flags: FS_OPEN_DEGRADED, FS_OPEN_STALE. what: the exclusive operation (cli 6) that this is, which another one that the kernel left half done forbids; NULL: that
 * is what this is about. The exit code or 0. */
int chunkwork_begin(struct cmd_ctx *ctx, const char *arg, unsigned fs_flags, const char *what, struct chunkwork *c);
/* A progress bar over `total` bytes. */
void chunkwork_progress(struct cmd_ctx *ctx, struct chunkwork *c, const char *title, u64 total);
/* Bytes in use of chunks that have a stripe on a device (0: of all). */
u64 chunkwork_bytes(struct fs *fs, u64 devid);
/* status: the exit code so far; returned. */
int chunkwork_end(struct cmd_ctx *ctx, struct chunkwork *c, int status);

/* "missing", a number, or a path: which device of the filesystem is meant? The exit code or 0. what: the word for errors about paths. */
int chunkwork_device(struct cmd_ctx *ctx, struct chunkwork *c, const char *arg, struct device **out);
/* Only this device (NULL: none) may be missing. Says which is. */
int chunkwork_only_missing(struct cmd_ctx *ctx, const struct chunkwork *c, const struct device *dev);
/* A device or image that joins: refused when in use, too small, or (without force) when it holds something; trimmed unless nodiscard; wiped. Its layers are those of
 * the filesystem's others. */
int chunkwork_new_device(struct cmd_ctx *ctx, struct chunkwork *c, const char *path, u64 min_size, bool force, bool nodiscard, struct bdev **out);

#endif
