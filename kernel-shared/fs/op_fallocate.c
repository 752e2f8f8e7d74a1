/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Space ahead of data, holes, zeros. */
#include "kernel-shared/fs/wfile.h"

struct falloc_job { struct txn *txn; struct loc loc; u64 off, len; unsigned flags; };

/* Preallocated extents for a range that has no items. */
static int prealloc(struct wfile *f, u64 from, u64 end, struct err *err)
{
	int ret = 0;

	while (!ret && from < end) {
		struct extent_part x = { .off = from, .type = BTRFS_FILE_EXTENT_PREALLOC };

		ret = alloc_space(txn_alloc(f->txn), BTRFS_BLOCK_GROUP_DATA, min_t(u64, end - from, PREALLOC_MAX), f->sector, 0, &x.bytenr, &x.disk_bytes, err);
		x.ram_bytes = x.num_bytes = x.disk_bytes;
		if (!ret)
			ret = insert_extent(&f->store, &x, true, err);
		from += x.num_bytes;
	}
	f->has_prealloc = true;
	f->fresh = false;
	return ret;
}

static int prealloc_gaps(struct wfile *f, u64 from, u64 end, struct err *err)
{
	struct gap_list gaps = VEC_INIT;
	int ret = wfile_gaps(f, from, end, &gaps, err);

	for (size_t i = 0; i < gaps.len && !ret; i++) {
		ret = wfile_drop(f, gaps.v[i].start, gaps.v[i].end, err);
		if (!ret)
			ret = prealloc(f, gaps.v[i].start, gaps.v[i].end, err);
	}
	vec_fini(&gaps);
	return ret;
}

/* The range begins where it may, and what lies before it is in order, even where the size stays. */
static int make_way(struct wfile *f, const struct falloc_job *j, u64 size, struct err *err)
{
	return size > f->size || j->off > f->size ? wfile_grow(f, sector_down(f, j->off), err) : wfile_outline(f, err);
}

static int allocate(struct wfile *f, const struct falloc_job *j, struct err *err)
{
	u64 end = j->off + j->len, size = j->flags & FALLOC_KEEP_SIZE_OP ? f->size : max_t(u64, f->size, end);
	int ret = 0;

	if (f->is_inline && end <= f->size)
		return 0; /* the bytes are there */
	ret = make_way(f, j, size, err);
	f->size = size;
	return ret ? ret : prealloc_gaps(f, sector_down(f, j->off), sector_up(f, end), err);
}

/* Zeros over [from, to), which lies in one sector and before the end. */
static int zero_bytes(struct wfile *f, u64 from, u64 to, struct err *err)
{
	struct gap_list gaps = VEC_INIT;
	int ret;

	to = min_t(u64, to, f->size);
	if (from >= to)
		return 0;
	ret = wfile_gaps(f, sector_down(f, from), sector_up(f, to), &gaps, err);
	if (!ret && !gaps.len)
		ret = wfile_write(f, from, NULL, to - from, err);
	vec_fini(&gaps);
	return ret;
}

/* Zeros in the sectors that a range only touches; [*first, *last): those that it covers. A sector that it covers up to the end of the file is covered. */
static int zero_edges(struct wfile *f, u64 off, u64 end, u64 *first, u64 *last, struct err *err)
{
	int ret = 0;

	if (end >= f->size)
		end = sector_up(f, end);
	*first = sector_up(f, off);
	*last = sector_down(f, end);
	if (*first > *last) {
		*last = *first;
		return zero_bytes(f, off, end, err);
	}
	if (off < *first)
		ret = zero_bytes(f, off, *first, err);
	return ret || *last == end ? ret : zero_bytes(f, *last, end, err);
}

static int punch(struct wfile *f, const struct falloc_job *j, struct err *err)
{
	u64 end = j->off + j->len, first, last;
	bool beyond = false;
	int ret;

	if (j->off >= sector_up(f, f->size) || (f->is_inline && j->off >= f->size))
		return 0;
	if (f->is_inline && end < f->sector && end < f->size)
		return wfile_write(f, j->off, NULL, j->len, err);
	if (f->is_inline && j->off < f->size && f->size <= f->sector)
		return wfile_write(f, j->off, NULL, f->size - j->off, err);
	ret = wfile_outline(f, err);
	if (!ret)
		ret = zero_edges(f, j->off, end, &first, &last, err);
	if (!ret && first < last)
		ret = wfile_drop(f, first, last, err);
	if (!ret)
		ret = wfile_reaches(f, last, &beyond, err);
	return ret ? ret : wfile_fill_gaps(f, first, beyond ? last : min_t(u64, last, sector_up(f, f->size)), err);
}

/* Everything in [from, end) that is not preallocated goes. */
static int drop_written(struct wfile *f, u64 from, u64 end, struct err *err)
{
	struct extent_iter e CLEANUP(extents_close) = extents_open(f->w.root, f->w.ino, from);
	struct gap_list keep = VEC_INIT;
	struct file_extent_view x;
	int ret;

	while (!(ret = extents_next(&e, &x, err)) && x.start < end)
		if (x.type == BTRFS_FILE_EXTENT_PREALLOC && vec_push(&keep, ((struct gap){ max_t(u64, from, x.start), min_t(u64, end, extent_end(&x)) })))
			ret = err_nomem(err);
	ret = ret == -ENOENT ? 0 : ret;
	extents_close(&e);
	for (size_t i = 0; i <= keep.len && !ret; i++) {
		u64 to = i < keep.len ? keep.v[i].start : end;

		if (from < to)
			ret = wfile_drop(f, from, to, err);
		from = i < keep.len ? keep.v[i].end : end;
	}
	vec_fini(&keep);
	return ret;
}

static int zero_range(struct wfile *f, const struct falloc_job *j, struct err *err)
{
	u64 end = j->off + j->len, size = j->flags & FALLOC_KEEP_SIZE_OP ? f->size : max_t(u64, f->size, end), first, last;
	int ret;

	if (f->is_inline && end <= f->size && f->size <= f->sector)
		return wfile_write(f, j->off, NULL, j->len, err);
	ret = make_way(f, j, size, err);
	if (!ret)
		ret = zero_edges(f, j->off, end, &first, &last, err);
	if (!ret && first < last)
		ret = drop_written(f, first, last, err);
	f->size = size;
	/* the edges may have been holes: they are given space as well */
	return ret ? ret : prealloc_gaps(f, sector_down(f, j->off), sector_up(f, end), err);
}

static int falloc_do(void *arg, struct err *err)
{
	static const struct write_opts opts = WRITE_OPTS_DEFAULT;
	struct falloc_job *j = arg;
	struct wfile f CLEANUP(wfile_fini);
	int ret = wfile_open(j->txn, &opts, j->loc, !(j->flags & (FALLOC_PUNCH_OP | FALLOC_ZERO_OP)), &f, err);

	if (ret)
		return ret;
	if (j->flags & FALLOC_PUNCH_OP)
		ret = punch(&f, j, err);
	else if (j->flags & FALLOC_ZERO_OP)
		ret = zero_range(&f, j, err);
	else
		ret = allocate(&f, j, err);
	if (ret)
		return ret;
	ret = wfile_modified(&f, err);
	return ret ? ret : wfile_end(&f, err);
}

int op_fallocate(struct txn *txn, struct loc loc, u64 off, u64 len, unsigned flags, struct err *err)
{
	enum { KNOWN = FALLOC_KEEP_SIZE_OP | FALLOC_PUNCH_OP | FALLOC_ZERO_OP };
	struct falloc_job j = { txn, loc, off, len, flags };
	bool frees = flags & FALLOC_PUNCH_OP;

	if (!len || flags & ~(unsigned)KNOWN || (frees && flags & FALLOC_ZERO_OP))
		return err_set(err, -EINVAL, "not a valid range or mode of allocation");
	if (off > FILE_MAX || len > FILE_MAX - off)
		return err_set(err, -EFBIG, "a file cannot reach beyond %llu bytes", FILE_MAX);
	return wfile_op(txn, wfile_leaves(loc.root->fs, 0, PIECE_MAX) + (frees ? 0 : len / PREALLOC_MAX / 64), frees ? OP_FREES : 0, falloc_do, &j, err);
}
