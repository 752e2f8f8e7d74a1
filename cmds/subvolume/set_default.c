/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume set-default. Spec: cli 7.6. */
#include <errno.h>
#include "cmds/changes.h"
#include "cmds/mounted/host.h"
#include "kernel-shared/kapi/subvol.h"

static int set_host(struct cmd_ctx *ctx, struct host *h, u64 id)
{
	int ret = 0;

	if (ctx->argc == 1)
		ret = host_is_subvol(h) ? ksubvol_id(h->fd, &id) : -EINVAL;
	if (ret)
		return cmd_error(ctx, "Not a Btrfs subvolume: %s", strerror(-ret));
	ret = ksubvol_set_default(h->fd, id ? id : BTRFS_FS_TREE_OBJECTID);
	return ret ? cmd_error(ctx, "Could not set default subvolume: %s", strerror(-ret)) : 0;
}

static int set_offline(struct cmd_ctx *ctx, const char *path, u64 id)
{
	struct change c;
	struct target t;
	struct loc loc;
	int ret;

	if (target_arg(ctx, path, &t))
		return cmd_error(ctx, "not enough memory");
	ret = change_begin(ctx, &t, &c);
	if (ret) {
		target_fini(&t);
		return ret;
	}
	ret = change_resolve(ctx, &c, &t, true, &loc);
	target_fini(&t);
	if (!ret && ctx->argc == 1) {
		id = loc.root->tree.id;
		if (loc.ino != BTRFS_FIRST_FREE_OBJECTID)
			ret = cmd_error(ctx, "Not a Btrfs subvolume: %s", strerror(EINVAL));
	}
	if (!ret) {
		ret = op_subvol_set_default(c.txn, id ? id : BTRFS_FS_TREE_OBJECTID, &ctx->err);
		if (ret)
			ret = change_failed(ctx, ret, "Could not set default subvolume");
	}
	return change_end(ctx, &c, ret);
}

static int default_run(struct cmd_ctx *ctx, void *args)
{
	const char *path = ctx->argv[ctx->argc - 1];
	struct host h;
	u64 id = 0;
	int ret;

	if (ctx->argc == 2 && parse_u64(ctx->argv[0], &id, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = host_open(ctx, path, 0, &h);
	if (ret == HOST_OFFLINE)
		return set_offline(ctx, path, id);
	if (ret)
		return ret;
	ret = set_host(ctx, &h, id);
	host_close(&h);
	return ret;
}

const struct cmd cmd_subvolume_set_default = {
	.name = "set-default", .usage = { "btrfs subvolume set-default <subvolume>", "btrfs subvolume set-default <subvolid> <path>" },
	.brief = "Set the default subvolume of the filesystem mounted as default.", .min_args = 1, .max_args = 2, .flags = CMD_WRITES, .run = default_run, .complete = "subvol",
};
