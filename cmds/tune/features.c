/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feature bits, the seeding flag, trees that account for space, simple quotas. */
#include "cmds/tune/tune.h"
#include "common/mem.h"
#include "kernel-shared/fs/quota.h"
#include "kernel-shared/fs/spacetree.h"

enum { SLICE = 2000 };

static int begin(struct tune *t, struct txn **txn)
{
	int ret = tune_open(t, FS_OPEN_WRITE);

	if (ret)
		return ret;
	return txn_begin(t->fs->writer, txn, &t->ctx->err) ? cmd_fail(t->ctx, "failed to start transaction") : 0;
}

/* ret: of the step; its error is in ctx->err. */
static int end(struct tune *t, struct txn *txn, int ret, const char *what)
{
	if (ret) {
		txn_abort(txn);
		return cmd_fail(t->ctx, "%s", what);
	}
	return txn_commit(txn, &t->ctx->err) ? cmd_fail(t->ctx, "failed to commit transaction") : 0;
}

int tune_features(struct tune *t)
{
	struct disk_super *sb;
	struct txn *txn;
	int ret = begin(t, &txn);

	if (ret)
		return ret;
	sb = txn_super(txn);
	sb->incompat_flags = le64_of(le64_get(sb->incompat_flags) | (t->a->extref ? BTRFS_FEATURE_INCOMPAT_EXTENDED_IREF : 0) |
				     (t->a->skinny ? BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA : 0) | (t->a->no_holes ? BTRFS_FEATURE_INCOMPAT_NO_HOLES : 0));
	return end(t, txn, 0, NULL);
}

static int set_seeding(void *arg, struct disk_super *sb, struct err *err)
{
	u64 flags = le64_get(sb->flags) & ~BTRFS_SUPER_FLAG_SEEDING;

	sb->flags = le64_of(*(const bool *)arg ? flags | BTRFS_SUPER_FLAG_SEEDING : flags);
	return 0;
}

static int ask(struct tune *t, const char *question, const char *canceled)
{
	return t->a->force || cmd_ask(t->ctx, question) ? 0 : cmd_error(t->ctx, "%s", canceled);
}

/* A flag of the superblock alone: one write a copy, so that nothing of the filesystem moves. */
int tune_seed(struct tune *t)
{
	struct cmd_ctx *ctx = t->ctx;
	const char *device = ctx->argv[0];
	bool on = *t->a->seed == '1', is;
	int ret = tune_open(t, FS_OPEN_WRITE | FS_OPEN_IN_PLACE);

	if (ret)
		return ret;
	is = le64_get(t->fs->sb->flags) & BTRFS_SUPER_FLAG_SEEDING;
	if (is == on) {
		if (on)
			cmd_warn(ctx, "seeding flag is already set on %s", device);
		else
			cmd_warn(ctx, "seeding flag is not set on %s", device);
		return t->a->force ? 0 : 1;
	}
	if (on && le64_get(t->fs->sb->log_root))
		return cmd_error(ctx, "filesystem with dirty log detected, not setting seed flag");
	if (geo_incompat(t->fs->geo, BTRFS_FEATURE_INCOMPAT_METADATA_UUID))
		return cmd_error(ctx, "SEED flag cannot be changed on a metadata-uuid changed fs");
	if (!on && !t->a->force) {
		cmd_warn(ctx, "this is dangerous, clearing the seeding flag may cause the derived device not to be mountable!");
		ret = ask(t, "We are going to clear the seeding flag, are you sure?", "clear seeding flag canceled");
	}
	if (ret)
		return ret;
	if (inplace_supers(t->fs, -1, true, set_seeding, &on, &ctx->err))
		return cmd_fail(ctx, "cannot change the seeding flag");
	if (!on)
		cmd_warn(ctx, "seeding flag cleared on %s", device);
	return 0;
}

static int convert(struct tune *t, int (*op)(struct txn *txn, struct err *err), const char *done)
{
	struct txn *txn;
	int ret;

	if (txn_begin(t->fs->writer, &txn, &t->ctx->err))
		return cmd_fail(t->ctx, "failed to start transaction");
	ret = end(t, txn, op(txn, &t->ctx->err), "cannot convert the filesystem");
	if (!ret)
		cmd_say(t->ctx, 1, "%s\n", done);
	return ret;
}

int tune_trees(struct tune *t)
{
	struct cmd_ctx *ctx = t->ctx;
	bool bgt, fst;
	int ret = tune_open(t, FS_OPEN_WRITE);

	if (ret)
		return ret;
	bgt = geo_compat_ro(t->fs->geo, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE);
	fst = geo_compat_ro(t->fs->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE) && geo_compat_ro(t->fs->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE_VALID);
	if (t->a->to_free_space_tree && fst)
		return cmd_error(ctx, "filesystem already has free-space-tree feature");
	if (t->a->to_free_space_tree)
		return convert(t, op_free_space_tree_enable, "Converted to free space tree feature");
	if (t->a->from_block_group_tree && !bgt)
		return cmd_error(ctx, "filesystem doesn't have block-group-tree feature");
	if (t->a->from_block_group_tree)
		return convert(t, op_block_group_tree_clear, "Converted filesystem with block-group-tree to extent tree feature");
	if (bgt)
		return cmd_error(ctx, "the filesystem already has block group tree feature");
	if (!fst)
		return cmd_error(ctx, "the filesystem doesn't have space cache v2, needs to be mounted with \"-o space_cache=v2\" first");
	return convert(t, op_block_group_tree_enable, "Converted the filesystem to block group tree feature");
}

/* One line for each subvolume that has got a group. */
static int say_groups(struct tune *t)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct item item;
	int ret;

	if (!t->fs->quota_tree)
		return 0;
	it = tree_range(&t->fs->quota_tree->tree, KEY(0, BTRFS_QGROUP_INFO_KEY, 0), KEY(0, BTRFS_QGROUP_INFO_KEY, -1ULL));
	while ((ret = tree_next(&it, &item, &t->ctx->err)) == 0)
		cmd_say(t->ctx, 1, "created qgroup for %llu\n", item.key.offset);
	return ret == -ENOENT ? 0 : cmd_fail(t->ctx, "cannot read the quota tree");
}

static int enable_simple(struct tune *t)
{
	struct txn *txn;
	int ret = begin(t, &txn);

	if (ret)
		return ret;
	ret = end(t, txn, op_quota_enable(txn, true, &t->ctx->err), "failed to enable simple quotas");
	return ret ? ret : say_groups(t);
}

/* The owner reference of a data extent stands before all others. */
static bool has_owner(const struct geometry *geo, const struct item *item, u32 *at)
{
	struct extent_view ext;

	if (item->key.type != BTRFS_EXTENT_ITEM_KEY || extent_item_parse(geo, item, &ext) || item->size < ext.refs_start + sizeof(struct disk_extent_inline_ref))
		return false;
	*at = ext.refs_start;
	return item->data[ext.refs_start] == BTRFS_EXTENT_OWNER_REF_KEY;
}

VEC_TYPE(keys, struct key);

/* The next extents that have an owner, at most SLICE of them, from *from on. */
static int find_owners(struct tune *t, struct key *from, struct keys *out, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&t->fs->extent_tree->tree, *from, KEY_MAX);
	struct item item;
	u32 at;
	int ret = 0;

	out->len = 0;
	while (out->len < SLICE && (ret = tree_next(&it, &item, err)) == 0) {
		if (has_owner(t->fs->geo, &item, &at) && vec_push(out, item.key))
			return err_nomem(err);
		*from = key_next(item.key);
	}
	return ret == -ENOENT ? 0 : ret;
}

static int drop_owner(struct tune *t, const struct key *key, struct err *err)
{
	struct tree *tree = &t->fs->extent_tree->tree;
	struct path path CLEANUP(path_fini) = PATH_INIT;
	u8 *data CLEANUP(mem_freep) = NULL;
	struct item item;
	u32 at, cut = sizeof(struct disk_extent_inline_ref), size;
	int ret = tree_lookup(tree, key, &path, &item, err);

	if (ret == -ENOENT || (!ret && !has_owner(t->fs->geo, &item, &at)))
		return 0;
	if (ret)
		return ret;
	size = item.size - cut;
	data = mem_dup(item.data, item.size);
	path_fini(&path);
	if (!data)
		return err_nomem(err);
	memmove(data + at, data + at + cut, size - at);
	return tree_put(tree, key, data, size, false, err);
}

/* In slices, each a transaction: an extent without an owner is charged to nobody, so that every state between is whole. */
static int drop_owners(struct tune *t)
{
	struct keys keys = VEC_INIT;
	struct key from = KEY_MIN;
	struct txn *txn;
	int ret;

	for (;;) {
		if (find_owners(t, &from, &keys, &t->ctx->err)) {
			ret = cmd_fail(t->ctx, "cannot read the extent tree");
			break;
		}
		ret = 0;
		if (!keys.len)
			break;
		if (txn_begin(t->fs->writer, &txn, &t->ctx->err)) {
			ret = cmd_fail(t->ctx, "failed to start transaction");
			break;
		}
		for (size_t i = 0; !ret && i < keys.len; i++)
			ret = drop_owner(t, &keys.v[i], &t->ctx->err);
		ret = end(t, txn, ret, "cannot remove the owners of extents");
		if (ret)
			break;
	}
	vec_fini(&keys);
	return ret;
}

/* Quotas off, owners out of all extent items, then the feature bit: what was interrupted goes on from there. */
static int remove_simple(struct tune *t)
{
	struct err *err = &t->ctx->err;
	struct disk_super *sb;
	struct txn *txn;
	int ret = begin(t, &txn);

	if (ret)
		return ret;
	ret = geo_incompat(t->fs->geo, BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA) ? op_quota_disable(txn, err) : err_set(err, -ENOTCONN, "the filesystem has no simple quotas");
	if (ret == -ENOTCONN && geo_incompat(t->fs->geo, BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA))
		ret = 0;
	ret = end(t, txn, ret, "failed to remove simple quotas");
	if (!ret)
		ret = drop_owners(t);
	if (ret)
		return ret;
	if (txn_begin(t->fs->writer, &txn, err))
		return cmd_fail(t->ctx, "failed to start transaction");
	sb = txn_super(txn);
	sb->incompat_flags = le64_of(le64_get(sb->incompat_flags) & ~BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA);
	return end(t, txn, 0, NULL);
}

int tune_quota(struct tune *t)
{
	return t->a->enable_simple_quota ? enable_simple(t) : remove_simple(t);
}
