/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing into files and changing their size. */
#include "kernel-shared/fs/wfile.h"

static const struct write_opts plain_opts = WRITE_OPTS_DEFAULT;

static int too_long(u64 off, u64 len, struct err *err)
{
	return off > FILE_MAX || len > FILE_MAX - off ? err_set(err, -EFBIG, "a file cannot reach beyond %llu bytes", FILE_MAX) : 0;
}

struct write_job { struct txn *txn; const struct write_opts *o; struct loc loc; u64 off; const void *buf; size_t len; };

static int write_file(struct wfile *f, const struct write_job *j, struct err *err)
{
	u64 end = j->off + j->len;
	int ret = 0;

	if (winode_flags(&f->w) & BTRFS_INODE_APPEND && j->off != f->size)
		return err_set(err, -EPERM, "inode %llu is append-only", f->w.ino);
	if (sector_down(f, j->off) > f->size)
		ret = wfile_grow(f, sector_down(f, j->off), err);
	if (!ret)
		ret = wfile_write(f, j->off, j->buf, j->len, err);
	if (ret)
		return ret;
	f->size = max_t(u64, f->size, end);
	if (j->o->same_content)
		winode_touch(j->txn, &f->w, true);
	else
		ret = wfile_modified(f, err);
	return ret ? ret : wfile_end(f, err);
}

static int write_do(void *arg, struct err *err)
{
	struct write_job *j = arg;
	struct wfile f CLEANUP(wfile_fini);
	int ret = wfile_open(j->txn, j->o, j->loc, true, &f, err);

	return ret ? ret : write_file(&f, j, err);
}

int op_write(struct txn *txn, const struct write_opts *o, struct loc loc, u64 off, const void *buf, size_t len, struct err *err)
{
	struct write_job j = { txn, o, loc, off, buf, len };
	int ret = too_long(off, len, err);

	if (ret || !len)
		return ret;
	return wfile_op(txn, wfile_leaves(loc.root->fs, len, o->compress ? BTRFS_MAX_UNCOMPRESSED : PIECE_MAX), 0, write_do, &j, err);
}

struct truncate_job { struct txn *txn; struct loc loc; u64 size; };

/* The part of the last sector that stays is stored again, with zeros behind it; a file that is small now may become inline. */
static int cut_last_sector(struct wfile *f, u64 size, struct err *err)
{
	u64 at = sector_down(f, size);
	u32 len = size - at;
	u8 last[BTRFS_MAX_METADATA_BLOCKSIZE];
	struct gap_list gaps = VEC_INIT;
	bool hole;
	int ret = wfile_gaps(f, at, at + f->sector, &gaps, err);

	hole = gaps.len;
	vec_fini(&gaps);
	if (!ret && !hole)
		ret = wfile_read(f, at, last, len, err);
	if (!ret)
		ret = wfile_drop(f, at + (hole || at ? f->sector : 0), -1ULL, err);
	if (ret || hole)
		return ret;
	f->size = at;
	return wfile_write(f, at, last, len, err);
}

static int shrink(struct wfile *f, u64 size, struct err *err)
{
	bool whole = is_aligned_p2(size, f->sector);
	int ret = whole || size == f->size ? wfile_drop(f, sector_up(f, size), -1ULL, err) : cut_last_sector(f, size, err);

	f->size = size;
	return ret;
}

static int truncate_do(void *arg, struct err *err)
{
	struct truncate_job *j = arg;
	struct wfile f CLEANUP(wfile_fini);
	int ret = wfile_open(j->txn, &plain_opts, j->loc, false, &f, err);

	if (ret)
		return ret;
	if (j->size <= f.size)
		ret = shrink(&f, j->size, err);
	else if (f.is_inline && j->size <= f.sector)
		ret = wfile_write(&f, f.size, NULL, j->size - f.size, err);
	else
		ret = wfile_grow(&f, sector_up(&f, j->size), err);
	if (ret)
		return ret;
	f.size = j->size;
	ret = wfile_modified(&f, err);
	return ret ? ret : wfile_end(&f, err);
}

int op_truncate(struct txn *txn, struct loc loc, u64 size, struct err *err)
{
	struct truncate_job j = { txn, loc, size };
	int ret = too_long(size, 0, err);

	return ret ? ret : wfile_op(txn, wfile_leaves(loc.root->fs, 0, PIECE_MAX), OP_FREES, truncate_do, &j, err);
}
