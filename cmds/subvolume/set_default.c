/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume set-default. Spec: cli 7.6. */
#include "cmds/mounted/host.h"
#include "kernel-shared/kapi/subvol.h"

static int default_run(struct cmd_ctx *ctx, void *args)
{
	const char *path = ctx->argv[ctx->argc - 1];
	struct host h;
	u64 id;
	int ret;

	if (ctx->argc == 2 && parse_u64(ctx->argv[0], &id, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = host_open(ctx, path, HOST_ONLY, &h);
	if (ret)
		return ret;
	if (ctx->argc == 1) {
		ret = host_is_subvol(&h) ? ksubvol_id(h.fd, &id) : -EINVAL;
		if (ret) {
			host_close(&h);
			return cmd_error(ctx, "Not a Btrfs subvolume: %s", strerror(-ret));
		}
	}
	ret = ksubvol_set_default(h.fd, id ? id : BTRFS_FS_TREE_OBJECTID);
	host_close(&h);
	return ret ? cmd_error(ctx, "Could not set default subvolume: %s", strerror(-ret)) : 0;
}

const struct cmd cmd_subvolume_set_default = {
	.name = "set-default", .usage = { "btrfs subvolume set-default <subvolume>", "btrfs subvolume set-default <subvolid> <path>" },
	.brief = "Set the default subvolume of the filesystem mounted as default.", .min_args = 1, .max_args = 2, .run = default_run, .complete = "subvol",
};
