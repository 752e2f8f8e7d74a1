/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leftovers that go, superblocks that are compared, checksums of data held against every copy. */
#include "kernel-shared/check/rescue.h"

#include <stdlib.h>
#include "common/mem.h"
#include "crypto/csum.h"
#include "kernel-shared/fs/change.h"
#include "kernel-shared/fs/open.h"
#include "kernel-shared/tree/modify.h"

enum { LEAVES = 64, PIECE_SECTORS = 64 };

/* --- trees and items that go --- */

int uuid_tree_clear(struct fs *fs, struct txn *txn, struct err *err)
{
	struct root *root = fs->uuid_tree;
	struct op *op;
	int ret;

	if (!root)
		return 0;
	ret = op_begin(txn, LEAVES, OP_FREES, &op, err);
	if (ret)
		return ret;
	ret = fs_root_unregister(fs, root, err);
	if (!ret)
		ret = txn_drop_tree(txn, root, err);
	if (!ret) {
		fs->uuid_tree = NULL;
		txn_super(txn)->uuid_tree_generation = le64_of(0);
	}
	return op_end(op, ret, err);
}

/* --- superblocks --- */

int supers_survey(struct volume *vol, struct super_places *out, struct err *err)
{
	u64 newest = le64_get(vol->sb.generation);

	for (size_t i = 0; i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];

		for (int copy = 0; d->bdev && !d->seed && copy < BTRFS_SUPER_MIRROR_MAX; copy++) {
			struct super_place p = { d, copy, false };
			struct disk_super sb;

			if (btrfs_super_offset[copy] + BTRFS_SUPER_INFO_SIZE >= min_t(u64, d->total_bytes, d->bdev->size))
				continue;
			p.good = !volume_read_super(d->bdev, copy, &sb, NULL) && le64_get(sb.generation) == newest;
			if (vec_push(out, p))
				return err_nomem(err);
		}
	}
	return 0;
}

/* --- data --- */

struct verify { struct fs *fs; u8 *buf, *sums; int (*fn)(void *arg, const struct data_sector *s, struct err *err); void *arg; };

/* Up to 64 sectors: one copy against what is stored; bad[i] collects bits. */
static int verify_copy(struct verify *v, u64 logical, unsigned n, unsigned mirror, const u8 *want, u64 *bad)
{
	u32 sector = v->fs->geo->sectorsize, size = v->fs->geo->csum_size;
	struct err ignored = ERR_INIT;
	bool whole = !rio_read(v->fs->vol, logical, n * sector, mirror, v->buf, &ignored);

	for (unsigned i = 0; i < n; i++) {
		u8 *data = v->buf + (size_t)i * sector;

		if (!whole && rio_read(v->fs->vol, logical + (u64)i * sector, sector, mirror, data, &ignored)) {
			bad[i] |= 1ULL << (mirror - 1);
			continue;
		}
		csum_compute(v->fs->geo->csum_type, data, sector, v->sums);
		if (memcmp(v->sums, want + (size_t)i * size, size))
			bad[i] |= 1ULL << (mirror - 1);
	}
	return 0;
}

static int verify_piece(struct verify *v, u64 logical, unsigned n, const u8 *want, struct err *err)
{
	unsigned copies = min_t(unsigned, rio_copies(v->fs->vol, logical), 64);
	u64 bad[PIECE_SECTORS] = { 0 };
	int ret = env_check_interrupt(v->fs->env, err);

	for (unsigned mirror = 1; !ret && mirror <= copies; mirror++)
		ret = verify_copy(v, logical, n, mirror, want, bad);
	for (unsigned i = 0; !ret && i < n; i++)
		if (bad[i])
			ret = v->fn(v->arg, &(struct data_sector){ logical + (u64)i * v->fs->geo->sectorsize, bad[i], copies }, err);
	return ret;
}

int data_sums_verify(struct fs *fs, int (*fn)(void *arg, const struct data_sector *s, struct err *err), void *arg, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&fs->csum_tree->tree, KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, 0),
								 KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, -1ULL));
	struct verify v = { fs, mem_alloc_io(PIECE_SECTORS * fs->geo->sectorsize), mem_alloc(CSUM_SIZE_MAX, 1), fn, arg };
	struct item item;
	int ret = v.buf && v.sums ? 0 : err_nomem(err);

	while (!ret && !(ret = tree_next(&it, &item, err))) {
		u32 n = item.size / fs->geo->csum_size;

		for (u32 i = 0; !ret && i < n; i += PIECE_SECTORS)
			ret = verify_piece(&v, item.key.offset + (u64)i * fs->geo->sectorsize, min_t(u32, n - i, PIECE_SECTORS), item.data + i * fs->geo->csum_size, err);
	}
	free(v.buf);
	free(v.sums);
	return ret == -ENOENT ? 0 : ret;
}

int data_sum_take(struct fs *fs, struct txn *txn, u64 logical, unsigned mirror, struct err *err)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(fs->geo->sectorsize), sum[CSUM_SIZE_MAX];
	struct op *op;
	int ret = buf ? rio_read(fs->vol, logical, fs->geo->sectorsize, mirror, buf, err) : err_nomem(err);

	if (ret)
		return ret;
	csum_compute(fs->geo->csum_type, buf, fs->geo->sectorsize, sum);
	ret = op_begin(txn, 8, 0, &op, err);
	if (ret)
		return ret;
	ret = csum_delete(txn_alloc(txn), logical, fs->geo->sectorsize, err);
	if (!ret)
		ret = csum_insert(txn_alloc(txn), logical, fs->geo->sectorsize, sum, err);
	return op_end(op, ret, err);
}
