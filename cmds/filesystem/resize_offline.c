/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resizing unmounted filesystems. Spec: cli 8.9, --offline. */
#include <errno.h>
#include "cmds/change.h"
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

static int explain(struct cmd_ctx *ctx, const char *arg, int ret, u64 last)
{
	char text[SIZE_TEXT_MAX];

	if (ret == -ENOSPC)
		return cmd_error(ctx, "unable to resize '%s': not enough free space", arg);
	if (ret == -EBUSY)
		return cmd_error(ctx, "unable to resize '%s': offline resize does not support shrinking below %llu (%s), where the last chunk ends: "
				 "mount it and use filesystem resize", arg, last, units_format(last, UNITS_HUMAN, text));
	return cmd_fail(ctx, "unable to resize '%s'", arg);
}

/* A file that has become too long is cut once nothing on it refers to its end any more. */
static int cut(struct cmd_ctx *ctx, struct change *c, struct device *d, u64 size)
{
	if (d->bdev->block || d->bdev->size <= size || (!c->dev && ctx->session->batch))
		return 0;
	if (change_checkpoint(ctx, c))
		return 1;
	return bdev_resize(d->bdev, size, &ctx->err) ? cmd_fail(ctx, "cannot cut %s", d->path) : 0;
}

static int resize(struct cmd_ctx *ctx, struct change *c, const struct resize_request *r, const char *arg)
{
	struct device *d = find_device(ctx, c->fs->vol, r);
	char from[SIZE_TEXT_MAX], to[SIZE_TEXT_MAX];
	u64 size, old, last;
	int ret;

	if (!d)
		return cmd_error(ctx, "invalid device id %llu", r->devid);
	if (!d->bdev)
		return cmd_error(ctx, "unable to resize '%s': device %llu is missing", arg, d->devid);
	ret = new_size(ctx, r, d, &size);
	if (ret)
		return ret;
	old = d->total_bytes;
	size = round_down_p2(size, c->fs->geo->sectorsize);
	ret = op_device_resize(c->txn, d->devid, size, &last, &ctx->err);
	if (ret)
		return explain(ctx, arg, ret, last);
	if (size < old)
		ret = cut(ctx, c, d, size);
	if (!ret)
		out_printf(ctx->out, "Resize from %s to %s\n", units_format(old, UNITS_HUMAN, from), units_format(size, UNITS_HUMAN, to));
	return ret;
}

int resize_offline(struct cmd_ctx *ctx, const struct resize_args *a, const char *text, const struct target *t, const char *arg)
{
	char *dir CLEANUP(mem_freep) = NULL;
	struct resize_request r;
	struct change c;
	int ret;

	if (a->enqueue)
		return cmd_error(ctx, "--enqueue is not compatible with --offline");
	if (!strcmp(text, "cancel"))
		return cmd_error(ctx, "can not cancel --offline resize");
	if (t->kind == TARGET_HOST || (t->devices.len == 1 && !kmount_of_device(t->devices.v[0], &dir)))
		return cmd_error(ctx, "%s must not be mounted to use --offline", arg);
	ret = resize_parse(ctx, text, &r);
	if (!ret)
		ret = change_begin(ctx, t, &c);
	return ret ? ret : change_end(ctx, &c, resize(ctx, &c, &r, arg));
}
