/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs device add. Spec: cli 10.1. */
#include "cmds/chunkwork.h"
#include "cmds/device/offline.h"
#include "cmds/mounted/host.h"
#include "cmds/newdev/newdev.h"
#include "kernel-shared/kapi/device.h"

struct add_args { bool nodiscard, force, enqueue; };

static int add_one(struct cmd_ctx *ctx, const struct add_args *a, const struct host *h, const char *path)
{
	int ret = newdev_prepare(ctx, path, a->force, a->nodiscard);

	if (ret)
		return ret;
	ret = kdevice_add(h->fd, path);
	return ret ? cmd_error(ctx, "error adding device '%s': %s", path, strerror(-ret)) : 0;
}

static int add_run(struct cmd_ctx *ctx, void *args)
{
	const struct add_args *a = args;
	struct host h;
	int last = ctx->argc - 1, ret = chunkwork_is_offline(ctx, ctx->argv[last]);

	if (ret)
		return ret < 0 ? 1 : device_add_offline(ctx, a->force, a->nodiscard);
	ret = host_open(ctx, ctx->argv[last], HOST_DIR | HOST_ONLY, &h);
	if (ret)
		return ret;
	ret = host_exclusive(ctx, &h, "device add", a->enqueue);
	if (!ret)
		for (int i = 0; i < last; i++)
			ret |= add_one(ctx, args, &h, ctx->argv[i]);
	host_close(&h);
	return ret;
}

#define OPT_STRUCT struct add_args
static const struct opt add_opts[] = {
	OPT_FLAG('K', "nodiscard", nodiscard, "do not perform whole device TRIM"),
	OPT_FLAG('f', "force", force, "force overwrite existing filesystem on the disk"),
	OPT_FLAG(0, "enqueue", enqueue, "wait if there's another exclusive operation running, otherwise continue"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_device_add = {
	.name = "add", .usage = { "btrfs device add [options] <device> [<device>...] <path>" }, .brief = "Add one or more devices to a filesystem.",
	.opts = add_opts, CMD_ARGS(struct add_args), .min_args = 2, .max_args = -1, .flags = CMD_WRITES, .run = add_run, .complete = "device",
};
