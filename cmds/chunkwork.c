/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/chunkwork.h"

#include <errno.h>
#include "cmds/mounted/host.h"
#include "cmds/newdev/newdev.h"
#include "kernel-shared/fs/usage.h"
#include "kernel-shared/kapi/mounts.h"
#include "kernel-shared/make/make.h"

int chunkwork_is_offline(struct cmd_ctx *ctx, const char *arg)
{
	char *dir = NULL;
	struct target t;
	bool offline;

	if (target_arg(ctx, arg, &t)) {
		cmd_error(ctx, "not enough memory");
		return -1;
	}
	offline = t.kind != TARGET_HOST && !host_means_path(&t, arg);
	/* a mounted device is the kernel's affair */
	if (offline && t.kind == TARGET_DEVICE && t.devices.len == 1 && !kmount_of_device(arg, &dir))
		offline = false;
	free(dir);
	target_fini(&t);
	return offline;
}

static int begin_joined(struct cmd_ctx *ctx, struct chunkwork *c)
{
	struct session *s = ctx->session;

	if (s->batch || s->atomic)
		return cmd_error(ctx, "this commits as it goes, and so belongs to no batch: 'commit' or 'abort' ends one, and --atomic makes one");
	if (session_writable(ctx))
		return 1;
	c->fs = s->fs;
	return 0;
}

/* A paused balance does not keep devices from being added. */
static int check_busy(struct cmd_ctx *ctx, struct chunkwork *c, const char *what)
{
	const char *other;

	if (fs_chunks_busy(c->fs, &other, &ctx->err))
		return cmd_fail(ctx, "cannot find out whether something is under way");
	if (!other || (!strcmp(other, "balance paused") && !strcmp(what, "device add")))
		return 0;
	cmd_error(ctx, "unable to start %s, another exclusive operation '%s' in progress", what, other);
	return cmd_error(ctx, "%s", !strcmp(other, "balance paused") ? "'btrfs balance resume' goes on with it, 'btrfs balance cancel' ends it" :
			 "a mount for writing goes on with it");
}

int chunkwork_begin(struct cmd_ctx *ctx, const char *arg, unsigned fs_flags, const char *what, struct chunkwork *c)
{
	struct target t;
	int ret;

	*c = (struct chunkwork){ 0 };
	if (target_arg(ctx, arg, &t))
		return cmd_error(ctx, "not enough memory");
	env_start_pool(ctx->env, NULL);
	if (t.kind == TARGET_INSIDE && t.path && *t.path && strcmp(t.path, "/") && !ctx->session)
		ret = cmd_error(ctx, "%s is a place inside a filesystem: this is about the whole of it", arg);
	else if (ctx->session && t.kind == TARGET_INSIDE && !t.devices.len)
		ret = begin_joined(ctx, c);
	else
		ret = change_device_open(ctx, &t, fs_flags, ctx->dry_run ? CHANGE_DRY_RUN : 0, ctx->undo, &c->dev);
	if (!ret && c->dev)
		c->fs = c->dev->fs;
	target_fini(&t);
	if (!ret && what && check_busy(ctx, c, what))
		ret = chunkwork_end(ctx, c, 1);
	return ret;
}

u64 chunkwork_bytes(struct fs *fs, u64 devid)
{
	u64 sum = 0, used;

	for (size_t i = 0; i < fs->vol->chunks.len; i++) {
		const struct chunk *c = fs->vol->chunks.v[i];
		bool on = !devid;

		for (unsigned k = 0; k < c->num_stripes; k++)
			on |= c->stripes[k].dev->devid == devid;
		if (on && !fs_block_group_used(fs, c, &used, NULL))
			sum += used;
	}
	return sum;
}

void chunkwork_progress(struct cmd_ctx *ctx, struct chunkwork *c, const char *title, u64 total)
{
	c->work.progress = progress_new(title, PROGRESS_BYTES, total, ctx->progress);
}

int chunkwork_end(struct cmd_ctx *ctx, struct chunkwork *c, int status)
{
	progress_free(c->work.progress);
	if (c->dev)
		return change_device_close(ctx, c->dev, status);
	/* devices may have come or gone, and a transaction may have been given up */
	return session_reload(ctx) ? 1 : status;
}

/* --- which device --- */

static struct device *first_missing(struct fs *fs)
{
	for (size_t i = 0; i < fs->vol->devices.len; i++)
		if (!fs->vol->devices.v[i]->bdev && fs->vol->devices.v[i]->has_item)
			return fs->vol->devices.v[i];
	return NULL;
}

static struct device *by_path(struct cmd_ctx *ctx, struct fs *fs, const char *path)
{
	struct device *found = NULL;
	struct bdev *b;

	if (bdev_open_spec(ctx->env, path, BDEV_READ, &b, NULL))
		return NULL;
	for (size_t i = 0; i < fs->vol->devices.len; i++) {
		struct device *d = fs->vol->devices.v[i];

		if (d->bdev && d->bdev->id[0] == b->id[0] && d->bdev->id[1] == b->id[1])
			found = d;
	}
	bdev_close(b);
	return found;
}

int chunkwork_device(struct cmd_ctx *ctx, struct chunkwork *c, const char *arg, struct device **out)
{
	u64 devid;

	if (!strcmp(arg, "missing")) {
		*out = first_missing(c->fs);
		return *out ? 0 : cmd_error(ctx, "error removing device 'missing': no missing devices found to remove");
	}
	if (!parse_u64(arg, &devid, NULL)) {
		*out = volume_device(c->fs->vol, devid, NULL);
		return *out && (*out)->has_item ? 0 : cmd_error(ctx, "'%s' is not a valid devid of this filesystem", arg);
	}
	*out = by_path(ctx, c->fs, arg);
	return *out ? 0 : cmd_error(ctx, "%s is not a device of this filesystem", arg);
}

int chunkwork_only_missing(struct cmd_ctx *ctx, const struct chunkwork *c, const struct device *dev)
{
	for (size_t i = 0; i < c->fs->vol->devices.len; i++) {
		const struct device *d = c->fs->vol->devices.v[i];

		if (!d->bdev && d != dev)
			return cmd_error(ctx, "devid %llu is missing: it has to be there, or be removed or replaced first", d->devid);
	}
	return 0;
}

/* --- a new one --- */

static int make_ready(struct cmd_ctx *ctx, struct bdev *b, const char *path, u64 min_size, bool force, bool nodiscard)
{
	int ret = force ? 0 : newdev_refuse_content(ctx, b, path);

	if (!ret && b->size < min_size)
		ret = cmd_error(ctx, "%s is too small: %llu bytes, at least %llu are needed", path, b->size, min_size);
	if (!ret && !nodiscard && !ctx->undo && !ctx->dry_run)
		ret = newdev_trim(ctx, b, path, b->size);
	return ret;
}

int chunkwork_new_device(struct cmd_ctx *ctx, struct chunkwork *c, const char *path, u64 min_size, bool force, bool nodiscard, struct bdev **out)
{
	struct change_device *dev = c->dev ? c->dev : ctx->session->dev;
	int ret = newdev_check_use(ctx, path);

	if (ret)
		return ret;
	if (bdev_open_spec(ctx->env, path, dev->dry_run ? BDEV_READ : BDEV_WRITE, out, &ctx->err))
		return cmd_fail(ctx, "unable to open %s", path);
	ret = make_ready(ctx, *out, path, min_size, force, nodiscard);
	if (ret) {
		bdev_close(*out);
		return ret;
	}
	if (change_device_wrap(dev, out, &ctx->err))
		return cmd_fail(ctx, "cannot use %s", path);
	if (!make_wipe_device(*out, (*out)->size, &ctx->err) && !bdev_flush(*out, &ctx->err))
		return 0;
	bdev_close(*out);
	return cmd_fail(ctx, "cannot wipe %s", path);
}
