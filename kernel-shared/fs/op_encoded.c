/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Storing data that is compressed already, as the kernel's encoded write does. Spec: send-stream 8.6. */
#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/fs/wfile.h"

struct encoded_job {
	struct txn *txn;
	struct loc loc;
	u64 off, file_len, unencoded_len, unencoded_off;
	u8 compression;
	const void *buf;
	u32 len;
};

static int encoded_check(const struct encoded_job *j, const struct wfile *f, struct err *err)
{
	if (winode_flags(&f->w) & (BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM))
		return err_set(err, -EINVAL, "a file without copy-on-write or without data checksums cannot hold compressed data");
	if (!is_aligned_p2(j->off | j->unencoded_off, f->sector))
		return err_set(err, -EINVAL, "encoded data at %llu (offset %llu) does not begin on a sector", j->off, j->unencoded_off);
	if (!is_aligned_p2(j->off + j->file_len, f->sector) && j->off + j->file_len < f->size)
		return err_set(err, -EINVAL, "encoded data ends at %llu, neither on a sector nor at the end of the file", j->off + j->file_len);
	return 0;
}

static bool may_be_inline(const struct encoded_job *j, const struct wfile *f)
{
	const struct write_opts usual = WRITE_OPTS_DEFAULT;

	return !j->off && !j->unencoded_off && j->file_len == j->unencoded_len && f->size <= j->file_len && j->file_len <= f->sector
		&& j->len <= min_t(u32, usual.max_inline, geo_max_inline_data(f->fs->geo));
}

static int encoded_store(struct wfile *f, const struct encoded_job *j, struct err *err)
{
	struct extent_part x = { .off = j->off, .disk_bytes = sector_up(f, j->len), .ram_bytes = sector_up(f, j->unencoded_len), .offset = j->unencoded_off,
		.num_bytes = sector_up(f, j->file_len), .type = BTRFS_FILE_EXTENT_REG, .compression = j->compression };
	u8 *packed CLEANUP(mem_freep) = mem_zalloc(x.disk_bytes), *sums CLEANUP(mem_freep) = NULL;
	int ret;

	if (!packed)
		return err_nomem(err);
	memcpy(packed, j->buf, j->len);
	sums = sums_make(f->fs->geo, packed, x.disk_bytes);
	if (!sums)
		return err_nomem(err);
	ret = wfile_drop(f, x.off, x.off + x.num_bytes, err);
	return ret ? ret : store_packed(&f->store, &x, packed, sums, err);
}

static int encoded_write(struct wfile *f, const struct encoded_job *j, struct err *err)
{
	int ret;

	if (may_be_inline(j, f)) {
		ret = wfile_drop(f, 0, -1ULL, err);
		return ret ? ret : insert_inline(&f->store, j->buf, j->len, j->file_len, j->compression, err);
	}
	ret = j->off > f->size ? wfile_grow(f, j->off, err) : j->off ? wfile_outline(f, err) : 0;
	return ret ? ret : encoded_store(f, j, err);
}

static int encoded_do(void *arg, struct err *err)
{
	static const struct write_opts opts = WRITE_OPTS_DEFAULT;
	struct encoded_job *j = arg;
	struct wfile f CLEANUP(wfile_fini);
	int ret = wfile_open(j->txn, &opts, j->loc, false, &f, err);

	if (!ret)
		ret = encoded_check(j, &f, err);
	if (!ret)
		ret = encoded_write(&f, j, err);
	if (ret)
		return ret;
	f.size = max_t(u64, f.size, j->off + j->file_len);
	ret = wfile_modified(&f, err);
	return ret ? ret : wfile_end(&f, err);
}

int op_encoded_write(struct txn *txn, struct loc loc, u64 off, u64 file_len, u64 unencoded_len, u64 unencoded_off, u8 compression, const void *buf, size_t len,
		     struct err *err)
{
	struct encoded_job j = { txn, loc, off, file_len, unencoded_len, unencoded_off, compression, buf, len };

	if (compression == BTRFS_COMPRESS_NONE || compression >= BTRFS_COMPRESS_TYPES)
		return err_set(err, -EINVAL, "unknown compression %u", compression);
	if (!len || len > BTRFS_MAX_COMPRESSED || unencoded_len > BTRFS_MAX_UNCOMPRESSED || len >= unencoded_len)
		return err_set(err, -EINVAL, "%zu encoded bytes cannot stand for %llu", len, unencoded_len);
	if (!file_len || unencoded_off >= unencoded_len || file_len > unencoded_len - unencoded_off)
		return err_set(err, -EINVAL, "%llu bytes from %llu on are not within %llu decoded bytes", file_len, unencoded_off, unencoded_len);
	if (off > FILE_MAX || file_len > FILE_MAX - off)
		return err_set(err, -EFBIG, "a file cannot reach beyond %llu bytes", FILE_MAX);
	return wfile_op(txn, wfile_leaves(loc.root->fs, file_len, file_len), 0, encoded_do, &j, err);
}
