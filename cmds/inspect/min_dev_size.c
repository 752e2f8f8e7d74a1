/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs inspect-internal min-dev-size: how far a device could be shrunk. Spec: cli 15.1. */
#include "cmds/report.h"

struct size_args { u64 devid; bool has_devid; };

static void size_init(void *args)
{
	((struct size_args *)args)->devid = 1;
}

static int size_run(struct cmd_ctx *ctx, void *args)
{
	const struct size_args *a = args;
	char text[SIZE_TEXT_MAX];
	struct fs *fs;
	u64 size;
	int ret = report_open(ctx, ctx->argv[0], &fs, NULL);

	if (ret)
		return ret;
	ret = fs_min_dev_size(fs, a->devid, &size, &ctx->err);
	target_close(ctx, fs);
	if (ret)
		return cmd_fail(ctx, "cannot tell the minimum size of device %llu", a->devid);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "min-dev-size");
		out_json_u64(ctx->out, "devid", a->devid);
		out_json_u64(ctx->out, "size", size);
		out_json_end(ctx->out);
	} else {
		out_printf(ctx->out, "%llu bytes (%s)\n", size, units_format(size, UNITS_HUMAN, text));
	}
	return 0;
}

#define OPT_STRUCT struct size_args
static const struct opt size_opts[] = {
	OPT_U64(0, "id", devid, "DEVID", "specify the device id to query"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_inspect_min_dev_size = {
	.name = "min-dev-size", .usage = { "btrfs inspect-internal min-dev-size [options] <path>" }, .brief = "Get the minimum size the device can be shrunk to",
	.opts = size_opts, CMD_ARGS(struct size_args), .init = size_init, .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = size_run,
	.complete = "device",
};
