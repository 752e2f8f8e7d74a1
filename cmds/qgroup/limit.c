/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs qgroup limit. Spec: cli 13.5. */
#include <errno.h>
#include <unistd.h>
#include "cmds/qgroup/qgroup.h"
#include "kernel-shared/kapi/quota.h"

struct limit_args { bool compressed, exclusive; };
enum { LIMIT_RFER_CMPR = 1 << 4, LIMIT_EXCL_CMPR = 1 << 5 };

static int limit_failed(struct cmd_ctx *ctx, const struct either *e, int ret)
{
	if (ret == -ENOTCONN)
		return cmd_error(ctx, "unable to limit requested quota group: quota not enabled");
	if (e->mounted || ret == -ENOENT)
		return cmd_error(ctx, "unable to limit requested quota group: %s", strerror(-ret));
	return cmd_fail(ctx, "unable to limit requested quota group");
}

/* The group that is named, or the subvolume's own. */
static int choose(struct cmd_ctx *ctx, struct either *e, const char *text, u64 *id)
{
	int ret;

	if (text)
		return either_qgroupid(ctx, e, text, id);
	ret = either_subvol(e, id);
	return ret ? cmd_error(ctx, "Not a Btrfs subvolume: %s", strerror(-ret)) : 0;
}

static int limit_run(struct cmd_ctx *ctx, void *args)
{
	const struct limit_args *a = args;
	const char *path = ctx->argv[ctx->argc - 1];
	u64 size = -1ULL, id, which = a->exclusive ? BTRFS_QGROUP_LIMIT_MAX_EXCL : BTRFS_QGROUP_LIMIT_MAX_RFER;
	struct either e;
	int ret;

	if (strcasecmp(ctx->argv[0], "none") && parse_size(ctx->argv[0], &size, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	if (ctx->argc == 2 && !ctx->session && !strchr(path, ':') && access(path, F_OK))
		return cmd_error(ctx, "Could not statfs: %s", strerror(errno));
	ret = either_open(ctx, path, ctx->argc == 3 ? HOST_DIR : 0, &e);
	if (ret)
		return ret;
	ret = choose(ctx, &e, ctx->argc == 3 ? ctx->argv[1] : NULL, &id);
	if (ret)
		return either_close(ctx, &e, ret);
	if (a->compressed)
		which |= LIMIT_RFER_CMPR | LIMIT_EXCL_CMPR;
	if (e.mounted)
		ret = kqgroup_limit(e.host.fd, id, which, a->exclusive ? 0 : size, a->exclusive ? size : 0);
	else
		ret = op_qgroup_limit(e.change.txn, id, which, a->exclusive ? 0 : size, a->exclusive ? size : 0, &ctx->err);
	return either_close(ctx, &e, ret ? limit_failed(ctx, &e, ret) : 0);
}

#define OPT_STRUCT struct limit_args
static const struct opt limit_opts[] = {
	OPT_FLAG('c', NULL, compressed, "limit amount of data after compression. This is the default, it is currently not possible to turn off this option."),
	OPT_FLAG('e', NULL, exclusive, "limit space exclusively assigned to this qgroup"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_qgroup_limit = {
	.name = "limit", .usage = { "btrfs qgroup limit [options] <size>|none [<qgroupid>] <path>" }, .brief = "Set the limits a subvolume quota group.",
	.opts = limit_opts, CMD_ARGS(struct limit_args), .min_args = 2, .max_args = 3, .flags = CMD_WRITES, .run = limit_run, .complete = "none qgroup subvol",
};
