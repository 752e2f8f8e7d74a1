/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs inspect-internal min-dev-size: how far a device could be shrunk. Spec: cli 15.1. */
#include "cmds/mounted/chunks.h"
#include "cmds/report.h"

struct size_args { u64 devid; bool has_devid; };

static void size_init(void *args)
{
	((struct size_args *)args)->devid = 1;
}

/* On either side. The exit code. */
static int find_size(struct cmd_ctx *ctx, const char *arg, u64 devid, u64 *size)
{
	struct host h;
	struct fs *fs;
	int ret = host_open(ctx, arg, HOST_DIR, &h);

	if (!ret) {
		ret = mounted_min_dev_size(h.fd, devid, size, &ctx->err);
		host_close(&h);
	} else {
		if (ret == HOST_OFFLINE)
			ret = report_open(ctx, arg, &fs, NULL);
		if (ret)
			return ret;
		ret = fs_min_dev_size(fs, devid, size, &ctx->err);
		target_close(ctx, fs);
	}
	return ret ? cmd_fail(ctx, "cannot tell the minimum size of device %llu", devid) : 0;
}

static int size_run(struct cmd_ctx *ctx, void *args)
{
	const struct size_args *a = args;
	char text[SIZE_TEXT_MAX];
	u64 size;
	int ret = find_size(ctx, ctx->argv[0], a->devid, &size);

	if (ret)
		return ret;
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
