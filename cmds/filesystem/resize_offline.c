/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resizing unmounted filesystems. Spec: cli 8.9, --offline. */
#include <errno.h>
#include "cmds/chunkwork.h"
#include "cmds/filesystem/resize.h"
#include "common/mem.h"
#include "kernel-shared/kapi/mounts.h"

static struct device *find_device(struct cmd_ctx *ctx, struct volume *vol, const struct resize_request *r)
{
	struct device *lowest = NULL;

	for (size_t i = 0; i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];

		if (d->devid == r->devid && !d->seed)
			return d;
		if (!d->seed && (!lowest || d->devid < lowest->devid))
			lowest = d;
	}
	if (r->has_devid)
		return NULL;
	if (lowest)
		cmd_warn(ctx, "no devid specified means devid 1 which does not exist, using\n\t lowest devid %llu as a fallback", lowest->devid);
	return lowest;
}

static int new_size(struct cmd_ctx *ctx, const struct resize_request *r, const struct device *d, u64 *size)
{
	char from[SIZE_TEXT_MAX], by[SIZE_TEXT_MAX];

	units_format(d->total_bytes, UNITS_HUMAN, from);
	units_format(r->size, UNITS_HUMAN, by);
	*size = r->max ? d->bdev->size : r->size;
	if (r->sign == '-' && r->size > d->total_bytes)
		return cmd_error(ctx, "current size is %s which is smaller than %s", from, by);
	if (r->sign == '-')
		*size = d->total_bytes - r->size;
	else if (r->sign == '+' && add_overflows(d->total_bytes, r->size, size))
		return cmd_error(ctx, "increasing %s is out of range", by);
	return 0;
}

/* -EBUSY: chunks have to move out of the way. */
enum { NEEDS_MOVING = -1 };

static int explain(struct cmd_ctx *ctx, const char *arg, int ret)
{
	if (ret == -ENOSPC)
		return cmd_error(ctx, "unable to resize '%s': not enough free space", arg);
	return cmd_fail(ctx, "unable to resize '%s'", arg);
}

/* A file that has become too long is cut once nothing on it refers to its end any more. */
static int cut(struct cmd_ctx *ctx, struct device *d, u64 size)
{
	if (d->bdev->block || d->bdev->size <= size)
		return 0;
	return bdev_resize(d->bdev, size, &ctx->err) ? cmd_fail(ctx, "cannot cut %s", d->path) : 0;
}

struct resizing { const struct resize_request *r; const char *arg; u64 devid, size, old; };

static int find(struct cmd_ctx *ctx, struct fs *fs, struct resizing *z, struct device **out)
{
	struct device *d = find_device(ctx, fs->vol, z->r);
	int ret;

	*out = d;
	if (!d)
		return cmd_error(ctx, "invalid device id %llu", z->r->devid);
	if (!d->bdev)
		return cmd_error(ctx, "unable to resize '%s': device %llu is missing", z->arg, d->devid);
	ret = new_size(ctx, z->r, d, &z->size);
	z->size = round_down_p2(z->size, fs->geo->sectorsize);
	z->devid = d->devid;
	z->old = d->total_bytes;
	return ret;
}

/* One transaction, for as long as no chunk is in the way. */
static int resize(struct cmd_ctx *ctx, struct change *c, struct resizing *z)
{
	struct device *d;
	u64 last;
	int ret = find(ctx, c->fs, z, &d);

	if (ret)
		return ret;
	ret = op_device_resize(c->txn, d->devid, z->size, &last, &ctx->err);
	if (ret)
		return ret == -EBUSY ? NEEDS_MOVING : explain(ctx, z->arg, ret);
	if (z->size >= z->old || (!c->dev && ctx->session->batch))
		return 0;
	return change_checkpoint(ctx, c) ? 1 : cut(ctx, d, z->size);
}

/* Chunks behind the new end go elsewhere first, one after the other. */
static int shrink(struct cmd_ctx *ctx, struct resizing *z)
{
	struct chunkwork c;
	struct device *d;
	int ret = chunkwork_begin(ctx, ctx->argv[1], 0, "resize", &c);

	if (ret)
		return ret;
	ret = find(ctx, c.fs, z, &d);
	if (!ret) {
		chunkwork_progress(ctx, &c, "resize", 0);
		ret = fs_device_resize(c.fs, z->devid, z->size, &c.work, &ctx->err);
		ret = ret ? explain(ctx, z->arg, ret) : cut(ctx, d, z->size);
	}
	return chunkwork_end(ctx, &c, ret);
}

static int resize_any(struct cmd_ctx *ctx, const struct target *t, struct resizing *z)
{
	char from[SIZE_TEXT_MAX], to[SIZE_TEXT_MAX];
	struct change c;
	int ret = change_begin(ctx, t, &c), moving;

	if (ret)
		return ret;
	ret = resize(ctx, &c, z);
	moving = ret == NEEDS_MOVING;
	ret = change_end(ctx, &c, moving ? 0 : ret);
	if (!ret && moving)
		ret = shrink(ctx, z);
	if (!ret)
		out_printf(ctx->out, "Resize from %s to %s\n", units_format(z->old, UNITS_HUMAN, from), units_format(z->size, UNITS_HUMAN, to));
	return ret;
}

int resize_offline(struct cmd_ctx *ctx, const struct resize_args *a, const char *text, const struct target *t, const char *arg)
{
	char *dir CLEANUP(mem_freep) = NULL;
	struct resize_request r;
	struct resizing z = { .r = &r, .arg = arg };
	int ret;

	if (a->enqueue)
		return cmd_error(ctx, "--enqueue is not compatible with --offline");
	if (!strcmp(text, "cancel"))
		return cmd_error(ctx, "can not cancel --offline resize");
	if (t->kind == TARGET_HOST || (t->devices.len == 1 && !kmount_of_device(t->devices.v[0], &dir)))
		return cmd_error(ctx, "%s must not be mounted to use --offline", arg);
	ret = resize_parse(ctx, text, &r);
	return ret ? ret : resize_any(ctx, t, &z);
}
