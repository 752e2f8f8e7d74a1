/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs qgroup create and destroy. Spec: cli 13.3. */
#include <errno.h>
#include "cmds/qgroup/qgroup.h"
#include "kernel-shared/kapi/quota.h"

int qgroup_failed(struct cmd_ctx *ctx, const struct either *e, int ret, const char *what)
{
	if (ret == -ENOTCONN)
		return cmd_error(ctx, "unable to %s quota group: quota not enabled", what);
	if (e->mounted || ret == -EEXIST || ret == -ENOENT || ret == -EINVAL || ret == -EBUSY)
		return cmd_error(ctx, "unable to %s quota group: %s", what, strerror(-ret));
	return cmd_fail(ctx, "unable to %s quota group", what);
}

/* Groups of subvolumes come and go with them. */
static int create_offline(struct either *e, u64 id, struct err *err)
{
	struct quota_state state;
	int ret = quota_state_read(e->change.fs, &state, err);

	if (ret)
		return ret == -ENOENT ? -ENOTCONN : ret;
	return qgroup_level(id) ? op_qgroup_create(e->change.txn, id, err) : -EINVAL;
}

static int run(struct cmd_ctx *ctx, bool create)
{
	struct either e;
	u64 id;
	int ret;

	if (parse_qgroupid(ctx->argv[0], &id))
		return cmd_error(ctx, "invalid qgroupid %s", ctx->argv[0]);
	ret = either_open(ctx, ctx->argv[1], HOST_DIR, &e);
	if (ret)
		return ret;
	if (e.mounted)
		ret = create ? kqgroup_create(e.host.fd, id) : kqgroup_destroy(e.host.fd, id);
	else
		ret = create ? create_offline(&e, id, &ctx->err) : op_qgroup_destroy(e.change.txn, id, &ctx->err);
	if (ret)
		ret = qgroup_failed(ctx, &e, ret, create ? "create" : "destroy");
	return either_close(ctx, &e, ret);
}

static int create_run(struct cmd_ctx *ctx, void *args) { return run(ctx, true); }
static int destroy_run(struct cmd_ctx *ctx, void *args) { return run(ctx, false); }

const struct cmd cmd_qgroup_create = {
	.name = "create", .usage = { "btrfs qgroup create <qgroupid> <path>" }, .brief = "Create a subvolume quota group.", .min_args = 2, .max_args = 2,
	.flags = CMD_WRITES, .run = create_run, .complete = "qgroup fs",
};

const struct cmd cmd_qgroup_destroy = {
	.name = "destroy", .usage = { "btrfs qgroup destroy <qgroupid> <path>" }, .brief = "Destroy a quota group.", .min_args = 2, .max_args = 2,
	.flags = CMD_WRITES, .run = destroy_run, .complete = "qgroup fs",
};
