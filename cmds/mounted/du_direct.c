/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/du_direct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "common/mem.h"
#include "kernel-shared/kapi/mounts.h"
#include "kernel-shared/kapi/subvol.h"

struct direct { du_row_fn row; void *arg; const struct du_result *out; int stopped; };
VEC_TYPE(paths, char *);

static void paths_fini(struct paths *p)
{
	for (size_t i = 0; i < p->len; i++)
		free(p->v[i]);
	vec_fini(p);
}

/* All devices. Their page cache does not know what the filesystem wrote past it. */
static int find_devices(const struct host *h, struct paths *out)
{
	for (u64 id = 0; id <= h->info.max_devid; id++) {
		struct kdev_info dev;
		char *path;
		int ret = kdev_info(h->fd, id, &dev), fd;

		if (ret == -ENODEV)
			continue;
		fd = ret ? -1 : open(dev.path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -EAGAIN;
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
		path = mem_strdup(dev.path);
		if (!path || vec_push(out, path)) {
			free(path);
			return -ENOMEM;
		}
	}
	return out->len ? 0 : -EAGAIN;
}

/* The number of the commit that has everything. */
static int commit(const struct host *h, u64 *transid)
{
	struct statvfs vfs;
	int ret;

	if (fstatvfs(h->fd, &vfs))
		return -errno;
	*transid = h->info.generation;
	if (vfs.f_flag & ST_RDONLY)
		return 0;
	ret = ksync_start(h->fd, transid);
	return ret ? ret : ksync_wait(h->fd, *transid);
}

/* A file is given up as soon as something went wrong before it: the order of rows is all that tells how far it went. */
static int on_row(void *arg, const char *path, size_t len, const struct du_space *space)
{
	struct direct *d = arg;

	if (d->out->failed)
		return d->stopped = -EAGAIN;
	return d->stopped = d->row(d->arg, path, len, space);
}

static int walk(struct cmd_ctx *ctx, const struct host *top, const struct paths *devices, struct direct *d, struct du_result *out)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	struct loc loc = { .ino = top->st.st_ino };
	struct fs *fs;
	u64 id, transid;
	int ret = ksubvol_id(top->fd, &id);

	if (!ret)
		ret = commit(top, &transid);
	args.specs = (const char *const *)devices->v;
	args.nspecs = devices->len;
	args.flags = FS_OPEN_QUIET;
	if (!ret)
		ret = fs_open(ctx->env, &args, &fs, &ctx->err);
	if (ret)
		return -EAGAIN;
	if (memcmp(fs->sb->fsid, top->info.fsid, sizeof(fs->sb->fsid)) || le64_get(fs->sb->generation) < transid)
		ret = -EAGAIN;
	if (!ret)
		ret = fs_subvol_root(fs, id, &loc.root, &ctx->err);
	if (!ret)
		ret = du_walk(fs, loc, d->row ? on_row : NULL, d, out, &ctx->err);
	fs_close(fs);
	if (d->stopped && d->stopped != -EAGAIN)
		return d->stopped;
	if (ret == -EINTR || ret == -ENOMEM)
		return ret;
	return ret || out->failed ? -EAGAIN : 0;
}

int du_direct(struct cmd_ctx *ctx, const struct host *top, du_row_fn row, void *arg, struct du_result *out)
{
	void (*msg)(struct env *env, enum msg_level level, const char *text) = ctx->env->msg;
	struct direct d = { .row = row, .arg = arg, .out = out };
	struct paths devices = VEC_INIT;
	int ret = geteuid() || kmounts_below(top->path) ? -EAGAIN : find_devices(top, &devices);

	ctx->env->msg = NULL;
	if (!ret)
		ret = walk(ctx, top, &devices, &d, out);
	ctx->env->msg = msg;
	paths_fini(&devices);
	if (ret == -EAGAIN)
		err_clear(&ctx->err);
	return ret;
}
