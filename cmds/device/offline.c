/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs device add, remove of an unmounted filesystem. Spec: cli 10.1, 10.2. */
#include "cmds/device/offline.h"

#include <errno.h>
#include "cmds/chunkwork.h"

static int add_one(struct cmd_ctx *ctx, struct chunkwork *c, const char *path, bool force, bool nodiscard)
{
	struct bdev *b;
	int ret = chunkwork_new_device(ctx, c, path, MiB(2), force, nodiscard, &b);

	if (ret)
		return ret;
	return fs_device_add(c->fs, b, path, &ctx->err) ? cmd_fail(ctx, "error adding device '%s'", path) : 0;
}

int device_add_offline(struct cmd_ctx *ctx, bool force, bool nodiscard)
{
	int last = ctx->argc - 1, ret = 0;
	struct chunkwork c;

	if (chunkwork_begin(ctx, ctx->argv[last], 0, "device add", &c))
		return 1;
	for (int i = 0; i < last && !writer_dead(c.fs->writer); i++)
		ret |= add_one(ctx, &c, ctx->argv[i], force, nodiscard);
	return chunkwork_end(ctx, &c, ret);
}

static int remove_one(struct cmd_ctx *ctx, struct chunkwork *c, const char *name)
{
	struct device *d;
	const char *reason;
	u64 devid;
	bool number = !parse_u64(name, &devid, NULL);
	int ret = chunkwork_device(ctx, c, name, &d);

	if (!ret)
		ret = chunkwork_only_missing(ctx, c, !d->bdev ? d : NULL);
	if (ret)
		return ret;
	ret = fs_device_remove(c->fs, d->devid, &c->work, &reason, &ctx->err);
	if (!ret)
		return 0;
	if (reason)
		return number ? cmd_error(ctx, "error removing devid %llu: %s", devid, reason) : cmd_error(ctx, "error removing device '%s': %s", name, reason);
	return number ? cmd_fail(ctx, "error removing devid %llu", devid) : cmd_fail(ctx, "error removing device '%s'", name);
}

int device_remove_offline(struct cmd_ctx *ctx)
{
	int last = ctx->argc - 1, ret = 0;
	struct chunkwork c;

	for (int i = 0; i < last; i++)
		if (!strcmp(ctx->argv[i], "cancel"))
			return cmd_error(ctx, "nothing to cancel: removing a device from an unmounted filesystem ends with its command");
	if (chunkwork_begin(ctx, ctx->argv[last], FS_OPEN_DEGRADED, "device remove", &c))
		return 1;
	chunkwork_progress(ctx, &c, "device remove", 0);
	for (int i = 0; i < last && !writer_dead(c.fs->writer) && !env_check_interrupt(ctx->env, NULL); i++)
		ret |= remove_one(ctx, &c, ctx->argv[i]);
	return chunkwork_end(ctx, &c, ret);
}
