/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs quota enable and disable. Spec: cli 13.1. */
#include <errno.h>
#include "cmds/either.h"
#include "kernel-shared/fs/quota.h"
#include "kernel-shared/kapi/quota.h"

struct enable_args { bool simple; };
enum { BAD_COUNT = 255 };

static int finish(struct cmd_ctx *ctx, struct either *e, int ret, bool simple)
{
	if (ret && e->mounted && simple && ret == -EINVAL)
		ret = cmd_error(ctx, "quota command failed: the kernel does not know simple quotas, 6.7 does");
	else if (ret)
		ret = e->mounted ? cmd_error(ctx, "quota command failed: %s", strerror(-ret)) : cmd_fail(ctx, "quota command failed");
	return either_close(ctx, e, ret);
}

static int enable_run(struct cmd_ctx *ctx, void *args)
{
	const struct enable_args *a = args;
	struct either e;
	int ret = either_open(ctx, ctx->argv[0], HOST_DIR, &e);

	if (ret)
		return ret;
	ret = e.mounted ? kquota_enable(e.host.fd, a->simple) : op_quota_enable(e.change.txn, a->simple, &ctx->err);
	/* as the kernel: what is on stays on */
	return finish(ctx, &e, ret == -EEXIST ? 0 : ret, a->simple);
}

static int disable_run(struct cmd_ctx *ctx, void *args)
{
	struct either e;
	int ret = either_open(ctx, ctx->argv[0], HOST_DIR, &e);

	if (ret)
		return ret;
	ret = e.mounted ? kquota_disable(e.host.fd) : op_quota_disable(e.change.txn, &ctx->err);
	return finish(ctx, &e, ret == -ENOTCONN ? 0 : ret, false);
}

#define OPT_STRUCT struct enable_args
static const struct opt enable_opts[] = {
	OPT_FLAG('s', "simple", simple, "simple qgroups account ownership by extent lifetime rather than backref walks"),
	OPT_END
};
#undef OPT_STRUCT

static const char *const enable_details[] = {
	"Any data already present on the filesystem will not count towards the space usage numbers",
	"of simple quotas. It is recommended to enable them before writing any data.", NULL,
};

const struct cmd cmd_quota_enable = {
	.name = "enable", .usage = { "btrfs quota enable [options] <path>" }, .brief = "Enable subvolume quota support for a filesystem.", .details = enable_details,
	.opts = enable_opts, CMD_ARGS(struct enable_args), .min_args = 1, .max_args = 1, .bad_count_exit = BAD_COUNT, .flags = CMD_WRITES, .run = enable_run,
	.complete = "fs",
};

const struct cmd cmd_quota_disable = {
	.name = "disable", .usage = { "btrfs quota disable <path>" }, .brief = "Disable subvolume quota support for a filesystem.", .min_args = 1, .max_args = 1,
	.bad_count_exit = BAD_COUNT, .flags = CMD_WRITES | CMD_COUNT_SELF, .run = disable_run, .complete = "fs",
};
