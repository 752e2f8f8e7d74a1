/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/spacecache.h"
#include "kernel-shared/fs/change.h"
#include "kernel-shared/fs/spacetree.h"

static int clear_v1(struct cmd_ctx *ctx, struct fs *fs, struct txn *txn, void *arg)
{
	if (fs->free_space_tree)
		cmd_warn(ctx, "free space cache v2 detected, use --clear-space-cache v2, proceeding with clearing v1");
	/* each commit clears it; one has to happen */
	if (cache_v1_clear(txn_alloc(txn), &ctx->err) || txn_dirty_root(txn, fs->extent_tree, &ctx->err))
		return cmd_fail(ctx, "failed to clear free space cache");
	return 0;
}

static int clear_v2(struct cmd_ctx *ctx, struct fs *fs, struct txn *txn, void *arg)
{
	bool *had = arg;
	int ret;

	*had = fs->free_space_tree;
	if (!*had)
		return 0;
	cmd_say(ctx, 1, "Clear free space cache v2\n");
	if (geo_compat_ro(fs->geo, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE))
		ret = op_free_space_tree_rebuild(txn, &ctx->err);
	else
		ret = op_free_space_tree_clear(txn, &ctx->err);
	return ret ? cmd_fail(ctx, "failed to clear free space cache v2") : 0;
}

int space_cache_clear(struct cmd_ctx *ctx, const struct target *t, int version)
{
	bool had = false;
	int ret = change_device_run(ctx, t, 0, version == 1 ? clear_v1 : clear_v2, &had);

	if (ret)
		return ret;
	if (version == 1)
		cmd_say(ctx, 1, "Free space cache cleared\n");
	else
		cmd_say(ctx, 1, had ? "free space cache v2 cleared\n" : "no free space cache v2 to clear\n");
	return 0;
}
