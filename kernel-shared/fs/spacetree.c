/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Free space tree and block group tree: see spacetree.h. */
#include "kernel-shared/fs/spacetree.h"
#include "kernel-shared/fs/change.h"
#include "kernel-shared/fs/open.h"

enum {
	LEAVES_SPACE = 64,
};
#define FST_BITS (BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE | BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE_VALID)

static void compat_ro_change(struct txn *txn, u64 set, u64 clear)
{
	struct disk_super *sb = txn_super(txn);
	u64 bits = (le64_get(sb->compat_ro_flags) | set) & ~clear;

	sb->compat_ro_flags = le64_of(bits);
	txn_fs(txn)->geo->compat_ro = bits;
}

static int tree_drop(struct txn *txn, struct root **member, struct err *err)
{
	int ret = fs_root_unregister(txn_fs(txn), *member, err);

	if (!ret)
		ret = txn_drop_tree(txn, *member, err);
	if (!ret)
		*member = NULL;
	return ret;
}

/* The extent tree says what is free now; what is still queued is added as it is dealt with. */
static int fill(struct txn *txn, struct err *err)
{
	int ret;

	free_space_tree_forget(txn_alloc(txn));
	compat_ro_change(txn, FST_BITS, 0);
	txn_super(txn)->cache_generation = le64_of(0);
	ret = free_space_tree_fill(txn_alloc(txn), err);
	if (ret)
		free_space_tree_forget(txn_alloc(txn));
	return ret;
}

static int fst_enable(struct txn *txn, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	int ret;

	if (fs->free_space_tree)
		return err_set(err, -EEXIST, "there is a free space tree already");
	ret = internal_tree_create(txn, BTRFS_FREE_SPACE_TREE_OBJECTID, &fs->free_space_tree, err);
	return ret ? ret : fill(txn, err);
}

int op_free_space_tree_enable(struct txn *txn, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_SPACE, 0, &op, err);

	return ret ? ret : op_end(op, fst_enable(txn, err), err);
}

static int fst_clear(struct txn *txn, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	int ret;

	if (!fs->free_space_tree)
		return err_set(err, -ENOENT, "there is no free space tree");
	if (fs->block_group_tree)
		return err_set(err, -EINVAL, "the block group tree needs the free space tree");
	ret = tree_drop(txn, &fs->free_space_tree, err);
	if (ret)
		return ret;
	compat_ro_change(txn, 0, FST_BITS);
	txn_super(txn)->cache_generation = le64_of(-1ULL);
	free_space_tree_forget(txn_alloc(txn));
	return 0;
}

int op_free_space_tree_clear(struct txn *txn, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_SPACE, OP_FREES, &op, err);

	return ret ? ret : op_end(op, fst_clear(txn, err), err);
}

static int fst_rebuild(struct txn *txn, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	int ret;

	if (!fs->free_space_tree)
		return err_set(err, -ENOENT, "there is no free space tree");
	ret = tree_delete_range(&fs->free_space_tree->tree, &KEY_MIN, &KEY_MAX, NULL, err);
	return ret ? ret : fill(txn, err);
}

int op_free_space_tree_rebuild(struct txn *txn, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_SPACE, 0, &op, err);

	return ret ? ret : op_end(op, fst_rebuild(txn, err), err);
}

int space_tree_flush(void *arg, struct txn *txn, bool *changed, struct err *err)
{
	struct fs *fs = arg;
	int ret;

	if (!fs->free_space_tree || geo_compat_ro(fs->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE_VALID))
		return 0;
	*changed = true;
	ret = fst_rebuild(txn, err);
	return ret ? err_wrap(err, ret, "cannot rebuild the free space tree, which is marked as not valid") : 0;
}

static int bgt_enable(struct txn *txn, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct root *bgt;
	int ret;

	if (fs->block_group_tree)
		return err_set(err, -EEXIST, "there is a block group tree already");
	if (!fs->free_space_tree || !geo_incompat(fs->geo, BTRFS_FEATURE_INCOMPAT_NO_HOLES))
		return err_set(err, -EINVAL, "a block group tree needs the features free-space-tree and no-holes");
	ret = internal_tree_create(txn, BTRFS_BLOCK_GROUP_TREE_OBJECTID, &bgt, err);
	if (!ret)
		ret = block_group_items_move(txn_alloc(txn), &fs->extent_tree->tree, &bgt->tree, err);
	if (ret)
		return ret;
	fs->block_group_tree = bgt;
	compat_ro_change(txn, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE, 0);
	return 0;
}

int op_block_group_tree_enable(struct txn *txn, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_SPACE, 0, &op, err);

	return ret ? ret : op_end(op, bgt_enable(txn, err), err);
}

static int bgt_clear(struct txn *txn, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	int ret;

	if (!fs->block_group_tree)
		return err_set(err, -ENOENT, "there is no block group tree");
	ret = block_group_items_move(txn_alloc(txn), &fs->block_group_tree->tree, &fs->extent_tree->tree, err);
	if (!ret)
		ret = tree_drop(txn, &fs->block_group_tree, err);
	if (!ret)
		compat_ro_change(txn, 0, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE);
	return ret;
}

int op_block_group_tree_clear(struct txn *txn, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_SPACE, 0, &op, err);

	return ret ? ret : op_end(op, bgt_clear(txn, err), err);
}
