/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File contents: extents, holes, inline and compressed data. Spec: on-disk-format 8, 9. */
#include "kernel-shared/fs/file.h"
#include "common/mem.h"
#include "kernel-shared/fs/thread.h"

#include <stdlib.h>

/* ---- Extents of a file ---- */

struct extent_iter extents_open(struct root *root, u64 ino, u64 from)
{
	return (struct extent_iter){ .root = root, .ino = ino, .from = from };
}

u64 extent_end(const struct file_extent_view *x)
{
	u64 end;

	return add_overflows(x->start, x->type == BTRFS_FILE_EXTENT_INLINE ? x->ram_bytes : x->num_bytes, &end) ? UINT64_MAX : end;
}

/* The extent that holds `from` begins at or before it: the last one that does. */
static int extents_begin(struct extent_iter *e, struct err *err)
{
	struct key lo = KEY(e->ino, BTRFS_EXTENT_DATA_KEY, e->from);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = e->from ? tree_lookup_le(&e->root->tree, &lo, &p, &item, err) : -ENOENT;

	if (ret && ret != -ENOENT)
		return ret;
	if (!ret && item.key.objectid == e->ino && item.key.type == BTRFS_EXTENT_DATA_KEY)
		lo = item.key;
	e->it = tree_range(&e->root->tree, lo, KEY(e->ino, BTRFS_EXTENT_DATA_KEY, -1ULL));
	e->begun = true;
	return 0;
}

int extents_next(struct extent_iter *e, struct file_extent_view *out, struct err *err)
{
	struct item item;
	int ret = e->begun ? 0 : extents_begin(e, err);

	if (ret)
		return err_wrap(err, ret, "cannot read the extents of inode %llu of tree %llu", e->ino, e->root->tree.id);
	while (!(ret = tree_next(&e->it, &item, err))) {
		ret = file_extent_parse(&item, out);
		if (ret)
			return err_set(err, ret, "extent of inode %llu of tree %llu at %llu is cut short", e->ino, e->root->tree.id, item.key.offset);
		if (out->type != BTRFS_FILE_EXTENT_INLINE && !out->disk_bytenr)
			continue;
		if (extent_end(out) > e->from)
			return 0;
	}
	return ret == -ENOENT ? ret : err_wrap(err, ret, "cannot read the extents of inode %llu of tree %llu", e->ino, e->root->tree.id);
}

void extents_close(struct extent_iter *e)
{
	if (e->begun)
		tree_iter_fini(&e->it);
	e->begun = false;
}

/* ---- One extent ---- */

/* Some bytes of a plain run of disk sectors. */
static int sectors_read(struct fs *fs, u64 bytenr, u8 *buf, u32 len, enum csum_demand demand, struct err *err)
{
	u32 sector = fs->geo->sectorsize, head = bytenr & (sector - 1), whole = round_up_p2((u64)head + len, sector);
	u8 *aside;
	int ret;

	if (whole == len)
		return data_read(fs, bytenr, len, buf, demand, err);
	aside = thread_buf(THREAD_BUF_PLAIN, whole);
	if (!aside)
		return err_nomem(err);
	ret = data_read(fs, bytenr - head, whole, aside, demand, err);
	if (!ret)
		memcpy(buf, aside + head, len);
	return ret;
}

static int plain_read(struct fs *fs, const struct file_extent_view *x, u64 off, u8 *buf, u64 len, enum csum_demand demand, struct err *err)
{
	u32 sector = fs->geo->sectorsize;
	u64 bytenr, end;

	if (add_overflows(x->disk_bytenr, x->offset, &bytenr) || add_overflows(bytenr, off, &bytenr) || add_overflows(bytenr, len, &end) ||
	    end > UINT64_MAX - sector)
		return err_set(err, -EUCLEAN, "extent at logical %llu, offset %llu reaches past the end of the address space",
			       x->disk_bytenr, x->offset);
	/* In steps that begin on sectors; what is less than a sector at either end goes through a buffer. */
	while (len) {
		u64 step = BTRFS_MAX_UNCOMPRESSED - (bytenr & (sector - 1));
		int ret;

		if (is_aligned_p2(bytenr, sector) && len > step)
			step = min_t(u64, round_down_p2(len, sector), GiB(1));
		step = min_t(u64, step, len);
		ret = sectors_read(fs, bytenr, buf, step, demand, err);
		if (ret)
			return ret;
		bytenr += step;
		buf += step;
		len -= step;
	}
	return 0;
}

/* The packed bytes of an extent, in this thread's buffer unless they are in the item. */
static int packed_read(struct fs *fs, const struct file_extent_view *x, const u8 **packed, u32 *packed_len, enum csum_demand demand,
		       struct err *err)
{
	u8 *buf;
	int ret;

	if (x->ram_bytes > BTRFS_MAX_UNCOMPRESSED)
		return err_set(err, -EUCLEAN, "compressed extent says that it holds %llu bytes", x->ram_bytes);
	*packed = x->inline_data;
	*packed_len = x->inline_len;
	if (x->type == BTRFS_FILE_EXTENT_INLINE)
		return 0;
	if (x->disk_num_bytes > BTRFS_MAX_COMPRESSED)
		return err_set(err, -EUCLEAN, "compressed extent at logical %llu says that it has %llu bytes on disk",
			       x->disk_bytenr, x->disk_num_bytes);
	buf = thread_buf(THREAD_BUF_PACKED, BTRFS_MAX_COMPRESSED);
	if (!buf)
		return err_nomem(err);
	ret = data_read(fs, x->disk_bytenr, x->disk_num_bytes, buf, demand, err);
	*packed = buf;
	*packed_len = x->disk_num_bytes;
	return ret;
}

static int compressed_read(struct fs *fs, const struct file_extent_view *x, u64 off, u8 *buf, u64 len, enum csum_demand demand,
			   struct err *err)
{
	bool is_inline = x->type == BTRFS_FILE_EXTENT_INLINE;
	u32 packed_len = 0, have;
	const u8 *packed = NULL;
	u8 *plain = buf;
	bool direct;
	int ret;

	if (!is_inline)
		off += x->offset;
	ret = packed_read(fs, x, &packed, &packed_len, demand, err);
	if (ret)
		return ret;
	direct = !off && len >= x->ram_bytes;
	if (!direct)
		plain = thread_buf(THREAD_BUF_PLAIN, BTRFS_MAX_UNCOMPRESSED);
	if (!plain)
		return err_nomem(err);
	ret = decompress(x->compression, packed, packed_len, plain, x->ram_bytes, fs->geo->sectorsize, is_inline, err);
	if (ret)
		return is_inline ? ret : err_wrap(err, ret, "cannot decompress the extent at logical %llu", x->disk_bytenr);
	have = off < x->ram_bytes ? min_t(u64, len, x->ram_bytes - off) : 0;
	if (!direct && have)
		memcpy(buf, plain + off, have);
	memset(buf + have, 0, len - have);
	return 0;
}

static int inline_read(const struct file_extent_view *x, u64 off, u8 *buf, u64 len)
{
	u64 have = off < x->inline_len ? min_t(u64, len, x->inline_len - off) : 0;

	if (have)
		memcpy(buf, x->inline_data + off, have);
	memset(buf + have, 0, len - have);
	return 0;
}

/* What an extent shows must be within what it holds; so nobody reads exabytes of nothing, and sums of offsets do not overflow. */
static int extent_check(const struct file_extent_view *x, struct err *err)
{
	u64 held = x->compression ? x->ram_bytes : x->disk_num_bytes;

	if (x->encryption || x->other_encoding)
		return err_set(err, -EOPNOTSUPP, "extent with encryption %u, encoding %u", x->encryption, x->other_encoding);
	if (x->type != BTRFS_FILE_EXTENT_INLINE && (x->offset > held || x->num_bytes > held - x->offset))
		return err_set(err, -EUCLEAN, "extent at logical %llu shows %llu bytes from %llu on, but holds %llu",
			       x->disk_bytenr, x->num_bytes, x->offset, held);
	return 0;
}

/* len bytes of the extent's part in the file, from byte off of that part on. */
static int extent_read(struct fs *fs, const struct file_extent_view *x, u64 off, u8 *buf, u64 len, enum csum_demand demand, struct err *err)
{
	int ret;

	if (!len)
		return 0;
	if (x->type == BTRFS_FILE_EXTENT_PREALLOC) {
		memset(buf, 0, len);
		return 0;
	}
	ret = extent_check(x, err);
	if (ret)
		return ret;
	if (x->compression)
		return compressed_read(fs, x, off, buf, len, demand, err);
	if (x->type == BTRFS_FILE_EXTENT_INLINE)
		return inline_read(x, off, buf, len);
	if (x->type == BTRFS_FILE_EXTENT_REG)
		return plain_read(fs, x, off, buf, len, demand, err);
	return err_set(err, -EUCLEAN, "extent of unknown type %u", x->type);
}

/* ---- Files ---- */

static enum csum_demand inode_demand(const struct inode *inode)
{
	return inode->flags & BTRFS_INODE_NODATASUM ? CSUM_IGNORED : CSUM_DEMANDED;
}

/* An inline extent fills at most the first sector; the kernel reads no more of it. */
static u64 extent_end_in_file(struct fs *fs, const struct file_extent_view *x)
{
	u64 end = extent_end(x);

	return x->type == BTRFS_FILE_EXTENT_INLINE ? min_t(u64, end, x->start + fs->geo->sectorsize) : end;
}

s64 file_read(struct fs *fs, const struct inode *inode, u64 off, void *buf, u64 len, struct err *err)
{
	struct extent_iter e CLEANUP(extents_close) = extents_open(inode->root, inode->ino, off);
	struct file_extent_view x;
	u64 pos = off, end;
	int ret = 0;

	if (off >= inode->size)
		return 0;
	len = min_t(u64, min_t(u64, len, inode->size - off), INT64_MAX);
	end = off + len;
	while (pos < end && !(ret = extents_next(&e, &x, err))) {
		u64 from = x.start > pos ? x.start : pos, to = extent_end_in_file(fs, &x);

		if (from >= end)
			break;
		to = to < end ? to : end;
		if (to <= from)
			continue;
		memset((u8 *)buf + (pos - off), 0, from - pos);
		ret = extent_read(fs, &x, from - x.start, (u8 *)buf + (from - off), to - from, inode_demand(inode), err);
		if (ret)
			return err_wrap(err, ret, "cannot read bytes %llu to %llu of inode %llu of tree %llu", from, to, inode->ino, inode->root->tree.id);
		pos = to;
	}
	if (ret && ret != -ENOENT)
		return ret;
	memset((u8 *)buf + (pos - off), 0, end - pos);
	return len;
}

/* ---- Pieces ---- */

static int add_piece(struct file_pieces *out, const struct file_extent_view *x, u64 from, u64 to, struct err *err)
{
	struct file_piece p = { .start = from, .len = to - from, .ext = *x };

	p.ext.inline_data = NULL;
	if (x->type == BTRFS_FILE_EXTENT_INLINE) {
		p.inline_copy = mem_dup(x->inline_data, x->inline_len);
		if (!p.inline_copy)
			return err_nomem(err);
		p.ext.inline_data = p.inline_copy;
	}
	if (!vec_push(out, p))
		return 0;
	free(p.inline_copy);
	return err_nomem(err);
}

int file_pieces_some(struct fs *fs, const struct inode *inode, u64 *from, size_t max, struct file_pieces *out, struct err *err)
{
	struct extent_iter e CLEANUP(extents_close) = extents_open(inode->root, inode->ino, *from);
	size_t wanted = max ? out->len + max : SIZE_MAX;
	struct file_extent_view x;
	int ret = 0;

	while (out->len < wanted) {
		u64 start, end;

		ret = *from < inode->size ? extents_next(&e, &x, err) : -ENOENT;
		if (ret || x.start >= inode->size)
			break;
		start = x.start > *from ? x.start : *from;
		end = min_t(u64, extent_end_in_file(fs, &x), inode->size);
		if (end <= start || x.type == BTRFS_FILE_EXTENT_PREALLOC)
			continue;
		ret = add_piece(out, &x, start, end, err);
		if (ret)
			return ret;
		*from = end;
	}
	if (ret && ret != -ENOENT)
		return ret;
	if (out->len < wanted)
		*from = UINT64_MAX;
	return 0;
}

int file_pieces(struct fs *fs, const struct inode *inode, struct file_pieces *out, struct err *err)
{
	u64 from = 0;
	int ret;

	*out = (struct file_pieces)VEC_INIT;
	ret = file_pieces_some(fs, inode, &from, 0, out, err);
	if (ret)
		file_pieces_fini(out);
	return ret;
}

void file_pieces_fini(struct file_pieces *p)
{
	for (size_t i = 0; i < p->len; i++)
		free(p->v[i].inline_copy);
	vec_fini(p);
}

int file_piece_read(struct fs *fs, const struct file_piece *p, u64 off, void *buf, u64 len, bool unsummed, struct err *err)
{
	int ret;

	if (off > p->len || len > p->len - off)
		return err_set(err, -EINVAL, "bytes %llu to %llu of a piece of %llu", off, off + len, p->len);
	ret = extent_read(fs, &p->ext, p->start - p->ext.start + off, buf, len, unsummed ? CSUM_IGNORED : CSUM_DEMANDED, err);
	return ret ? err_wrap(err, ret, "cannot read file bytes %llu to %llu", p->start + off, p->start + off + len) : 0;
}
