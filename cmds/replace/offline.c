/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs replace start of an unmounted filesystem: done when the command ends. Spec: cli 11. */
#include "cmds/replace/offline.h"

#include <errno.h>
#include "cmds/chunkwork.h"

static int replace(struct cmd_ctx *ctx, struct chunkwork *c, bool force, bool avoid, bool nodiscard)
{
	const char *target = ctx->argv[1];
	struct device *src;
	struct bdev *b;
	int ret = chunkwork_device(ctx, c, ctx->argv[0], &src);

	if (!ret)
		ret = chunkwork_only_missing(ctx, c, !src->bdev ? src : NULL);
	if (!ret)
		ret = chunkwork_new_device(ctx, c, target, src->total_bytes, force, nodiscard, &b);
	if (ret)
		return ret;
	chunkwork_progress(ctx, c, "replace", chunkwork_bytes(c->fs, src->devid));
	ret = fs_device_replace(c->fs, src->devid, b, target, avoid, &c->work, &ctx->err);
	return ret ? cmd_fail(ctx, "cannot replace %s by %s", ctx->argv[0], target) : 0;
}

int replace_offline(struct cmd_ctx *ctx, bool force, bool avoid, bool nodiscard)
{
	struct chunkwork c;

	if (chunkwork_begin(ctx, ctx->argv[2], FS_OPEN_DEGRADED, "device replace", &c))
		return 1;
	return chunkwork_end(ctx, &c, replace(ctx, &c, force, avoid, nodiscard));
}
