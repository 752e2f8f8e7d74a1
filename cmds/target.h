/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an argument means: a path in a mounted filesystem, an unmounted filesystem, or a path inside one. interface.md, "Where a filesystem is". */
#ifndef CMDS_TARGET_H
#define CMDS_TARGET_H

#include "cmds/cmd.h"
#include "kernel-shared/fs/inode.h"

struct session; /* session.h */

enum target_kind {
	TARGET_HOST,      /* a path of the running system: mounted btrfs, or anything else */
	TARGET_DEVICE,    /* a regular file or block device (with @..., several by commas) or UUID=/LABEL=, whole */
	TARGET_INSIDE,    /* DEVICE:/path */
};
struct target {
	enum target_kind kind;
	VEC(char *) devices;  /* specs, heap */
	char *path;           /* host path, or the path inside; heap */
};
/* Never fails on odd text: what is no address is a host path. A device that is mounted is TARGET_DEVICE, too: ask target_mountpoint(). */
int target_parse(const char *arg, struct target *out);
/* The same for an argument of a command: inside a session it is a TARGET_INSIDE without devices, whatever the text. -ENOMEM. */
int target_arg(struct cmd_ctx *ctx, const char *arg, struct target *out);
void target_fini(struct target *t);
/* Do both name the same devices? */
bool target_same_devices(const struct target *a, const struct target *b);
/* The address again as text: "a.img,b.img:/x". */
void target_name(const struct target *t, struct strbuf *out);
/* Closes what target_open opened; the session's filesystem stays. */
void target_close(struct cmd_ctx *ctx, struct fs *fs);
/* Opens the filesystem of a TARGET_DEVICE or TARGET_INSIDE. Errors are printed (cmd_fail style); returns the exit code or 0. */
int target_open(struct cmd_ctx *ctx, const struct target *t, unsigned fs_flags, struct fs **out);
/* The same with more than flags to say; args->specs and nspecs are filled in. Never the session's. */
int target_open_args(struct cmd_ctx *ctx, const struct target *t, struct fs_open_args *args, struct fs **out);
/* The same as target_resolve_in, in silence: 0 or -errno, the reason in ctx->err. */
int target_lookup(struct cmd_ctx *ctx, const struct target *t, struct fs *fs, bool follow, struct loc *loc);
/* A path inside fs, which the target's devices or the session have opened. follow: through a final symlink. */
int target_resolve_in(struct cmd_ctx *ctx, const struct target *t, struct fs *fs, bool follow, struct loc *loc);
/* target_open, and the inside path resolved (follow: through a final symlink). */
int target_resolve(struct cmd_ctx *ctx, const struct target *t, unsigned fs_flags, struct fs **fs, struct loc *loc);

#endif
