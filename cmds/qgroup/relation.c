/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs qgroup assign and remove. Spec: cli 13.2. */
#include <errno.h>
#include "cmds/qgroup/qgroup.h"
#include "kernel-shared/kapi/quota.h"

struct relation_args { bool rescan, no_rescan; };

/* The last of --rescan and --no-rescan counts. */
static int set_rescan(void *args, const char *value, struct err *err) { ((struct relation_args *)args)->no_rescan = false; return 0; }
static int set_no_rescan(void *args, const char *value, struct err *err) { ((struct relation_args *)args)->no_rescan = true; return 0; }

/* The kernel knows when its numbers do not follow by themselves. */
static int after(struct cmd_ctx *ctx, const struct either *e, bool no_rescan)
{
	int ret;

	if (no_rescan) {
		cmd_warn(ctx, "quotas may be inconsistent, rescan needed");
		return 0;
	}
	cmd_say(ctx, 1, "Quota data changed, rescan scheduled\n");
	ret = kquota_rescan(e->host.fd);
	return ret && ret != -EINPROGRESS ? cmd_error(ctx, "quota rescan failed: %s", strerror(-ret)) : 0;
}

static int run(struct cmd_ctx *ctx, const struct relation_args *a, bool assign)
{
	struct either e;
	u64 member, parent;
	int ret = either_open(ctx, ctx->argv[2], HOST_DIR, &e);

	if (ret)
		return ret;
	ret = either_qgroupid(ctx, &e, ctx->argv[0], &member);
	if (!ret)
		ret = either_qgroupid(ctx, &e, ctx->argv[1], &parent);
	if (!ret && qgroup_level(member) >= qgroup_level(parent))
		ret = cmd_error(ctx, "bad relation requested: %s", ctx->argv[2]);
	if (ret)
		return either_close(ctx, &e, ret);
	if (e.mounted)
		ret = assign ? kqgroup_assign(e.host.fd, member, parent) : kqgroup_remove(e.host.fd, member, parent);
	else
		ret = assign ? op_qgroup_assign(e.change.txn, member, parent, &ctx->err) : op_qgroup_remove(e.change.txn, member, parent, &ctx->err);
	if (ret < 0)
		ret = qgroup_failed(ctx, &e, ret, "assign"); /* also for remove, as scripts know it */
	else if (ret)
		ret = after(ctx, &e, a->no_rescan);
	return either_close(ctx, &e, ret);
}

static int assign_run(struct cmd_ctx *ctx, void *args) { return run(ctx, args, true); }
static int remove_run(struct cmd_ctx *ctx, void *args) { return run(ctx, args, false); }

#define OPT_STRUCT struct relation_args
static const struct opt relation_opts[] = {
	OPT_CALL(0, "rescan", set_rescan, NULL, "schedule quota rescan if needed"),
	OPT_CALL(0, "no-rescan", set_no_rescan, NULL, "don't schedule quota rescan"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_qgroup_assign = {
	.name = "assign", .usage = { "btrfs qgroup assign [options] <src> <dst> <path>" }, .brief = "Assign SRC as the child qgroup of DST",
	.opts = relation_opts, CMD_ARGS(struct relation_args), .min_args = 3, .max_args = 3, .flags = CMD_WRITES | CMD_QUIET, .run = assign_run, .complete = "qgroup qgroup fs",
};

const struct cmd cmd_qgroup_remove = {
	.name = "remove", .usage = { "btrfs qgroup remove [options] <src> <dst> <path>" }, .brief = "Remove the relation between child qgroup SRC from DST.",
	.opts = relation_opts, CMD_ARGS(struct relation_args), .min_args = 3, .max_args = 3, .flags = CMD_WRITES | CMD_QUIET, .run = remove_run, .complete = "qgroup qgroup fs",
};
