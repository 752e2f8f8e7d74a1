/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sharing extents between files, as reflink copies do. */
#include <sys/stat.h>
#include "common/mem.h"
#include "kernel-shared/fs/wfile.h"

enum { BATCH = 512 };

struct clone_job {
	struct txn *txn;
	struct loc src, dst;
	u64 from, len, to;
	unsigned flags;
	/* what is known of the source */
	struct winode in;
	u64 in_size;
};

/* The part of one source extent that lies in the range, seen from the destination. */
static void extent_place(const struct clone_job *j, u64 end, const struct file_extent_view *x, struct extent_part *out)
{
	u64 start = max_t(u64, x->start, j->from), stop = min_t(u64, extent_end(x), end);

	*out = (struct extent_part){ .off = start - j->from + j->to, .bytenr = x->disk_bytenr, .disk_bytes = x->disk_num_bytes, .ram_bytes = x->ram_bytes,
		.offset = x->offset + (start - x->start), .num_bytes = stop - start, .type = x->type, .compression = x->compression };
}

VEC_TYPE(part_list, struct extent_part);

/* The next extents of the source from *from on; inline ones end the batch and are left to the caller. */
static int collect(const struct clone_job *j, u64 *from, u64 end, struct part_list *out, struct err *err)
{
	struct extent_iter e CLEANUP(extents_close) = extents_open(j->src.root, j->src.ino, *from);
	struct file_extent_view x;
	int ret = 0;

	out->len = 0;
	while (out->len < BATCH && !(ret = extents_next(&e, &x, err)) && x.start < end) {
		struct extent_part part;

		if (x.type == BTRFS_FILE_EXTENT_INLINE)
			continue;
		extent_place(j, end, &x, &part);
		if (vec_push(out, part))
			return err_nomem(err);
		*from = min_t(u64, extent_end(&x), end);
	}
	if (ret == -ENOENT || (!ret && out->len < BATCH))
		*from = end;
	return ret == -ENOENT ? 0 : ret;
}

static int share_extents(struct wfile *f, const struct clone_job *j, u64 from, u64 end, struct err *err)
{
	struct part_list parts = VEC_INIT;
	int ret = 0;

	while (!ret && from < end) {
		ret = collect(j, &from, end, &parts, err);
		for (size_t i = 0; i < parts.len && !ret; i++) {
			ret = insert_extent(&f->store, &parts.v[i], false, err);
			f->has_prealloc |= parts.v[i].type == BTRFS_FILE_EXTENT_PREALLOC;
		}
	}
	vec_fini(&parts);
	return ret;
}

/* The source begins with an inline extent that is part of the range: its bytes are copied; as they are, if they are all that the destination has. */
static int copy_inline(struct wfile *f, const struct clone_job *j, const struct file_extent_view *x, struct err *err)
{
	u32 len = min_t(u64, j->in_size, f->sector);
	u8 *data CLEANUP(mem_freep) = NULL;
	struct inode in = { .root = j->src.root, .ino = j->src.ino, .size = j->in_size, .flags = winode_flags(&j->in) };
	u8 *packed CLEANUP(mem_freep) = NULL;
	s64 got;
	int ret;

	if (!j->to && f->size <= len && len == j->in_size && x->ram_bytes == len && x->inline_len <= geo_max_inline_data(f->fs->geo)) {
		struct file_extent_view copy = *x;

		packed = mem_dup(x->inline_data, x->inline_len ? x->inline_len : 1);
		if (!packed)
			return err_nomem(err);
		ret = wfile_drop(f, 0, -1ULL, err);
		return ret ? ret : insert_inline(&f->store, packed, copy.inline_len, len, copy.compression, err);
	}
	data = mem_alloc(1, f->sector);
	if (!data)
		return err_nomem(err);
	got = file_read(f->fs, &in, 0, data, len, err);
	if (got < 0)
		return got;
	if (j->to > f->size) {
		ret = wfile_grow(f, j->to, err);
		if (ret)
			return ret;
	}
	ret = got ? wfile_write(f, j->to, data, got, err) : 0;
	f->size = max_t(u64, f->size, j->to + got);
	return ret;
}

/* Finds an inline extent at the front of the source. */
static int front_inline(const struct clone_job *j, struct path *p, struct file_extent_view *x, bool *is_inline, struct err *err)
{
	struct key key = KEY(j->src.ino, BTRFS_EXTENT_DATA_KEY, 0);
	struct item item;
	int ret = tree_lookup(&j->src.root->tree, &key, p, &item, err);

	*is_inline = false;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (file_extent_parse(&item, x))
		return err_set(err, -EUCLEAN, "file extent (%llu 0) cannot be read", j->src.ino);
	*is_inline = x->type == BTRFS_FILE_EXTENT_INLINE;
	return 0;
}

static int clone_range(struct wfile *f, const struct clone_job *j, struct err *err)
{
	u64 end = sector_up(f, j->from + j->len), from = j->from, to_end = j->to + (end - j->from);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct file_extent_view x;
	bool is_inline = false;
	int ret = j->from ? 0 : front_inline(j, &p, &x, &is_inline, err);

	if (!ret && is_inline) {
		ret = copy_inline(f, j, &x, err);
		path_fini(&p);
		from = f->sector;
	}
	if (ret || from >= end)
		return ret;
	if (f->size < j->to + (from - j->from))
		ret = wfile_grow(f, j->to + (from - j->from), err);
	if (!ret)
		ret = wfile_outline(f, err);
	if (!ret)
		ret = wfile_drop(f, j->to + (from - j->from), to_end, err);
	if (!ret)
		ret = share_extents(f, j, from, end, err);
	f->fresh = false;
	return ret ? ret : wfile_fill_gaps(f, j->to, to_end, err);
}

static int clone_check(struct clone_job *j, struct wfile *f, struct err *err)
{
	u64 size = j->in_size, end, to_end;

	if (j->from > size || j->len > size - j->from)
		return err_set(err, -EINVAL, "the source has only %llu bytes", size);
	if (!j->len)
		j->len = size - j->from;
	if (j->len > FILE_MAX - j->to)
		return err_set(err, -EFBIG, "a file cannot reach beyond %llu bytes", FILE_MAX);
	end = j->from + j->len;
	to_end = j->to + j->len;
	if (!is_aligned_p2(j->from | j->to, f->sector) || (!is_aligned_p2(end, f->sector) && (end != size || to_end < f->size)))
		return err_set(err, -EINVAL, "extents are shared in whole sectors of %u bytes, or to the end of both files", f->sector);
	if (j->src.root == j->dst.root && j->src.ino == j->dst.ino && j->from < to_end && j->to < end)
		return err_set(err, -EINVAL, "the ranges overlap");
	if ((winode_flags(&j->in) ^ winode_flags(&f->w)) & BTRFS_INODE_NODATASUM)
		return err_set(err, -EINVAL, "a file with data checksums and one without cannot share extents");
	return 0;
}

static int clone_do(void *arg, struct err *err)
{
	static const struct write_opts opts = WRITE_OPTS_DEFAULT;
	struct clone_job j = *(struct clone_job *)arg;
	struct wfile f CLEANUP(wfile_fini);
	int ret = wfile_open(j.txn, &opts, j.dst, false, &f, err);

	if (!ret)
		ret = winode_load(j.src.root, j.src.ino, &j.in, err);
	if (!ret && !S_ISREG(winode_mode(&j.in)))
		ret = err_set(err, S_ISDIR(winode_mode(&j.in)) ? -EISDIR : -EINVAL, "the source is not a regular file");
	j.in_size = ret ? 0 : le64_get(j.in.d.size);
	if (!ret)
		ret = clone_check(&j, &f, err);
	if (ret || !j.len)
		return ret;
	ret = clone_range(&f, &j, err);
	if (ret)
		return ret;
	f.size = max_t(u64, f.size, j.to + j.len);
	if (j.flags & CLONE_SAME_OP)
		winode_touch(j.txn, &f.w, true);
	else
		ret = wfile_modified(&f, err);
	return ret ? ret : wfile_end(&f, err);
}

int op_clone(struct txn *txn, struct loc src, u64 src_off, u64 len, struct loc dst, u64 dst_off, unsigned flags, struct err *err)
{
	struct clone_job j = { .txn = txn, .src = src, .dst = dst, .from = src_off, .len = len, .to = dst_off, .flags = flags };

	if (dst_off > FILE_MAX)
		return err_set(err, -EFBIG, "a file cannot reach beyond %llu bytes", FILE_MAX);
	return wfile_op(txn, wfile_leaves(dst.root->fs, 0, PIECE_MAX), 0, clone_do, &j, err);
}
