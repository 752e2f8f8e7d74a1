/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs inspect-internal map-swapfile: what resume= and resume_offset= want to know. Spec: cli 15.1. */
#include <errno.h>
#include "cmds/mounted/chunks.h"
#include "cmds/report.h"
#include "kernel-shared/fs/swapmap.h"

enum { RESUME_PAGE = 4096 };

struct swap_args { bool resume; };

static int find_start(struct cmd_ctx *ctx, struct fs *fs, const struct loc *loc, u64 *physical)
{
	struct inode inode;
	int ret = inode_get(loc->root, loc->ino, &inode, &ctx->err);

	if (!ret)
		ret = swapfile_map(fs, &inode, physical, &ctx->err);
	return ret ? cmd_error(ctx, "%s", err_text(&ctx->err)) : 0;
}

/* Of an unmounted filesystem. */
static int find_offline(struct cmd_ctx *ctx, const char *arg, u64 *physical)
{
	struct target t;
	struct loc loc;
	struct fs *fs;
	int ret = target_arg(ctx, arg, &t) ? -ENOMEM : 0;

	if (ret)
		return cmd_error(ctx, "not enough memory");
	if (t.kind != TARGET_INSIDE)
		ret = cmd_error(ctx, "not a file on BTRFS");
	target_fini(&t);
	if (!ret)
		ret = report_open(ctx, arg, &fs, &loc);
	if (ret)
		return ret;
	ret = find_start(ctx, fs, &loc, physical);
	target_close(ctx, fs);
	return ret;
}

static int swap_run(struct cmd_ctx *ctx, void *args)
{
	const struct swap_args *a = args;
	struct host h;
	u64 physical;
	int ret = host_open(ctx, ctx->argv[0], 0, &h);

	if (!ret) {
		ret = mounted_swapfile_map(&h, &physical, &ctx->err) ? cmd_error(ctx, "%s", err_text(&ctx->err)) : 0;
		host_close(&h);
	} else if (ret == HOST_OFFLINE) {
		ret = find_offline(ctx, ctx->argv[0], &physical);
	}
	if (ret)
		return ret;
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "map-swapfile");
		out_json_u64(ctx->out, "physical-start", physical);
		out_json_u64(ctx->out, "resume-offset", physical / RESUME_PAGE);
		out_json_end(ctx->out);
	} else if (a->resume) {
		out_printf(ctx->out, "%llu\n", physical / RESUME_PAGE);
	} else {
		out_printf(ctx->out, "Physical start: %12llu\nResume offset:  %12llu\n", physical, physical / RESUME_PAGE);
	}
	return 0;
}

#define OPT_STRUCT struct swap_args
static const struct opt swap_opts[] = {
	OPT_FLAG('r', "resume-offset", resume, "print only the value suitable for resume= and resume_offset="),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_inspect_map_swapfile = {
	.name = "map-swapfile", .usage = { "btrfs inspect-internal map-swapfile [options] <file>" },
	.brief = "Print physical offset of first block and resume offset if file is suitable as swapfile.",
	.opts = swap_opts, CMD_ARGS(struct swap_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = swap_run, .complete = "file",
};
