/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checksums of data, computed from the data as it is. Spec: check.md 1.8. */
#include "kernel-shared/check/repair_internal.h"

#include <stdlib.h>
#include "common/mem.h"
#include "crypto/csum.h"
#include "kernel-shared/tree/modify.h"

enum { PIECE = 1 << 20 };

/* Where the sums that cover bytenr begin and end; false: none do, *end is where the next ones begin. */
static int covered(struct fs *fs, u64 bytenr, bool *has, u64 *end, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, bytenr);
	struct item item;
	int ret = tree_lookup_le(&fs->csum_tree->tree, &key, &p, &item, err);

	*has = false;
	*end = -1ULL;
	if (!ret && item.key.type == BTRFS_EXTENT_CSUM_KEY) {
		u64 stop = item.key.offset + (u64)item.size / fs->geo->csum_size * fs->geo->sectorsize;

		if (stop > bytenr) {
			*has = true;
			*end = stop;
			return 0;
		}
	}
	path_fini(&p);
	key = key_next(key);
	if (!ret || ret == -ENOENT)
		ret = tree_lookup_ge(&fs->csum_tree->tree, &key, &p, &item, err);
	if (!ret && item.key.type == BTRFS_EXTENT_CSUM_KEY)
		*end = item.key.offset;
	return ret == -ENOENT ? 0 : ret;
}

static int fill_piece(struct fs *fs, struct txn *txn, u64 bytenr, u32 len, u8 *buf, u8 *sums, struct err *err)
{
	struct key key = KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, bytenr);
	u32 sector = fs->geo->sectorsize;
	struct op *op;
	int ret = rio_read(fs->vol, bytenr, len, 0, buf, err);

	if (ret)
		return ret;
	csum_compute_blocks(fs->geo->csum_type, buf, sector, len / sector, sums);
	ret = op_begin(txn, 8, 0, &op, err);
	if (ret)
		return ret;
	/* an item of no sums may stand in the way */
	ret = tree_delete(&fs->csum_tree->tree, &key, err);
	if (!ret || ret == -ENOENT)
		ret = csum_insert(txn_alloc(txn), bytenr, len, sums, err);
	return op_end(op, ret, err);
}

int csum_fill(struct fs *fs, struct txn *txn, u64 bytenr, u64 len, u64 *filled, struct err *err)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(PIECE), *sums CLEANUP(mem_freep) = mem_alloc(PIECE / fs->geo->sectorsize, fs->geo->csum_size);
	u64 end = bytenr + len;
	int ret = buf && sums ? 0 : err_nomem(err);

	while (!ret && bytenr < end) {
		u64 stop;
		bool has;

		ret = covered(fs, bytenr, &has, &stop, err);
		stop = min_t(u64, stop, end);
		if (!ret && !has) {
			stop = min_t(u64, stop, bytenr + PIECE);
			ret = fill_piece(fs, txn, bytenr, stop - bytenr, buf, sums, err);
			*filled += stop - bytenr;
		}
		bytenr = stop;
		if (!ret)
			ret = env_check_interrupt(fs->env, err);
	}
	return ret;
}

/* --- all --- */

struct filling { struct fs *fs; struct txn *txn; u64 ino; bool nosum; u64 *filled; VEC(struct range) batch; };

static int note(struct filling *f, const struct item *item)
{
	struct file_extent_view v;

	if (item->key.type == BTRFS_INODE_ITEM_KEY) {
		const struct disk_inode_item *i = item_struct(item, struct disk_inode_item);

		f->ino = item->key.objectid;
		f->nosum = i && le64_get(i->flags) & BTRFS_INODE_NODATASUM;
		return 0;
	}
	if (item->key.type != BTRFS_EXTENT_DATA_KEY || (f->ino == item->key.objectid && f->nosum) || file_extent_parse(item, &v) ||
	    v.type != BTRFS_FILE_EXTENT_REG || !v.disk_bytenr)
		return 0;
	/* of an extent that was allocated beforehand only what is in use has been written */
	if (v.compression)
		return vec_push(&f->batch, ((struct range){ v.disk_bytenr, v.disk_bytenr + v.disk_num_bytes }));
	return vec_push(&f->batch, ((struct range){ v.disk_bytenr + v.offset, v.disk_bytenr + v.offset + v.num_bytes }));
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int flush(struct filling *f, struct err *err)
{
	int ret = 0;

	vec_sort(&f->batch, by_start);
	for (size_t i = 0; !ret && i < f->batch.len; i++)
		ret = csum_fill(f->fs, f->txn, f->batch.v[i].start, f->batch.v[i].end - f->batch.v[i].start, f->filled, err);
	f->batch.len = 0;
	return ret;
}

static int fill_tree(struct filling *f, struct root *root, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&root->tree, KEY_MIN, KEY_MAX);
	struct item item;
	int ret;

	while (!(ret = tree_next(&it, &item, err))) {
		if (note(f, &item))
			return err_nomem(err);
		if (f->batch.len >= 1 << 16 && (ret = flush(f, err)))
			return ret;
	}
	return ret == -ENOENT ? flush(f, err) : ret;
}

int csum_fill_all(struct fs *fs, struct txn *txn, u64 *filled, struct err *err)
{
	struct filling f = { .fs = fs, .txn = txn, .filled = filled };
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&fs->root_tree->tree, KEY_MIN, KEY_MAX);
	struct item item;
	int ret;

	while (!(ret = tree_next(&it, &item, err))) {
		struct root *root;

		if (item.key.type != BTRFS_ROOT_ITEM_KEY || !is_fstree(item.key.objectid))
			continue;
		ret = fs_root_of_item(fs, &item, &root, err);
		if (!ret && le32_get(root->item.refs))
			ret = fill_tree(&f, root, err);
		if (ret)
			break;
	}
	vec_fini(&f.batch);
	return ret == -ENOENT ? 0 : ret;
}
