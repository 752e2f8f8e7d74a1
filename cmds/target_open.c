/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an address to an opened filesystem and a place in it. */
#include <errno.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "cmds/session.h"

void target_name(const struct target *t, struct strbuf *out)
{
	for (size_t i = 0; i < t->devices.len; i++) {
		if (i)
			sb_char(out, ',');
		sb_puts(out, t->devices.v[i]);
	}
	if (t->devices.len && t->path)
		sb_char(out, ':');
	if (t->path)
		sb_puts(out, t->path);
}

/* Why a path of the running system is no unmounted filesystem. */
static int refuse_host(struct cmd_ctx *ctx, const char *path)
{
	struct statfs fs;
	struct stat st;

	if (stat(path, &st))
		return cmd_error(ctx, "cannot access '%s': %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return cmd_error(ctx, "not a regular file or block device: %s", path);
	if (statfs(path, &fs) || (u32)fs.f_type != BTRFS_SUPER_MAGIC)
		return cmd_error(ctx, "not a btrfs filesystem: %s", path);
	return cmd_error(ctx, "%s lies in a mounted filesystem: name its device or image", path);
}

int target_open_args(struct cmd_ctx *ctx, const struct target *t, struct fs_open_args *args, struct fs **out)
{
	struct strbuf name CLEANUP(sb_fini) = STRBUF_INIT;

	if (t->kind == TARGET_HOST)
		return refuse_host(ctx, t->path);
	args->specs = (const char *const *)t->devices.v;
	args->nspecs = t->devices.len;
	if (!fs_open(ctx->env, args, out, &ctx->err))
		return 0;
	for (size_t i = 0; i < t->devices.len; i++)
		sb_printf(&name, "%s%s", i ? "," : "", t->devices.v[i]);
	return cmd_fail(ctx, "cannot open file system on %s", sb_str(&name));
}

int target_open(struct cmd_ctx *ctx, const struct target *t, unsigned fs_flags, struct fs **out)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;

	if (t->kind != TARGET_HOST && !t->devices.len) {
		*out = ctx->session->fs;
		return 0;
	}
	args.flags = fs_flags;
	if (!(fs_flags & (FS_OPEN_WRITE | FS_OPEN_NOSCAN)))
		args.flags |= FS_OPEN_NEIGHBOURS;
	return target_open_args(ctx, t, &args, out);
}

int target_lookup(struct cmd_ctx *ctx, const struct target *t, struct fs *fs, bool follow, struct loc *loc)
{
	if (!fs->fs_tree)
		return err_set(&ctx->err, -EIO, "the top-level subvolume cannot be read");
	if (t->kind == TARGET_DEVICE) {
		*loc = fs_top(fs);
		return 0;
	}
	if (t->devices.len)
		return fs_resolve(fs, fs_top(fs), t->path, follow, loc, &ctx->err);
	return *t->path ? fs_resolve_under(ctx->session->top, ctx->session->cwd, t->path, follow, loc, &ctx->err) : -ENOENT;
}

int target_resolve_in(struct cmd_ctx *ctx, const struct target *t, struct fs *fs, bool follow, struct loc *loc)
{
	struct strbuf name CLEANUP(sb_fini) = STRBUF_INIT;
	int ret = target_lookup(ctx, t, fs, follow, loc);

	if (!ret)
		return 0;
	target_name(t, &name);
	if (ret == -ENOENT || ret == -ENOTDIR || ret == -ELOOP || ret == -ENAMETOOLONG)
		return cmd_error(ctx, "cannot access '%s': %s", sb_str(&name), strerror(-ret));
	return cmd_fail(ctx, "cannot access '%s'", sb_str(&name));
}

int target_resolve(struct cmd_ctx *ctx, const struct target *t, unsigned fs_flags, struct fs **fs, struct loc *loc)
{
	int ret = target_open(ctx, t, fs_flags, fs);

	if (ret)
		return ret;
	ret = target_resolve_in(ctx, t, *fs, true, loc);
	if (ret)
		target_close(ctx, *fs);
	return ret;
}
