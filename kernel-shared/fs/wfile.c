/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing the content of a file: see wfile.h. Spec: on-disk-format 9. */
#include "kernel-shared/fs/wfile.h"

#include <sys/stat.h>
#include "common/mem.h"

static struct key extent_key(const struct wfile *f, u64 off)
{
	return KEY(f->w.ino, BTRFS_EXTENT_DATA_KEY, off);
}

static bool is_extent(const struct wfile *f, const struct item *item)
{
	return item->key.objectid == f->w.ino && item->key.type == BTRFS_EXTENT_DATA_KEY;
}

static int look_inline(struct wfile *f, struct err *err)
{
	struct key key = extent_key(f, 0);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct file_extent_view x;
	struct item item;
	int ret = f->fresh ? -ENOENT : tree_lookup(&f->w.root->tree, &key, &p, &item, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (file_extent_parse(&item, &x))
		return err_set(err, -EUCLEAN, "file extent (%llu 0) cannot be read", f->w.ino);
	f->is_inline = x.type == BTRFS_FILE_EXTENT_INLINE;
	return 0;
}

int wfile_open(struct txn *txn, const struct write_opts *o, struct loc loc, bool append, struct wfile *f, struct err *err)
{
	struct policy pol;
	int ret = may_change(&loc, err);

	memset(f, 0, sizeof(*f));
	if (!ret)
		ret = winode_load(loc.root, loc.ino, &f->w, err);
	if (!ret && S_ISDIR(winode_mode(&f->w)))
		ret = err_set(err, -EISDIR, "Is a directory");
	if (!ret && !S_ISREG(winode_mode(&f->w)))
		ret = err_set(err, -EINVAL, "not a regular file");
	if (!ret)
		ret = may_change_inode(&f->w, append, err);
	if (!ret && winode_flags(&f->w) & BTRFS_INODE_RO_VERITY)
		ret = err_set(err, -EPERM, "inode %llu is sealed by fs-verity", f->w.ino);
	if (ret)
		return ret;
	f->txn = txn;
	f->fs = loc.root->fs;
	f->sector = f->fs->geo->sectorsize;
	f->size = le64_get(f->w.d.size);
	f->fresh = !f->size && !le64_get(f->w.d.nbytes) && !(winode_flags(&f->w) & BTRFS_INODE_PREALLOC);
	if (f->size > FILE_MAX)
		return err_set(err, -EFBIG, "inode %llu says that it has %llu bytes", f->w.ino, f->size);
	ret = policy_init(o, &f->w, f->fresh, &pol, err);
	store_init(&f->store, txn, &f->w, &pol);
	return ret ? ret : look_inline(f, err);
}

void wfile_fini(struct wfile *f)
{
	store_fini(&f->store);
}

int wfile_modified(struct wfile *f, struct err *err)
{
	winode_touch(f->txn, &f->w, true);
	return capability_drop(f->txn, &f->w, err);
}

int wfile_end(struct wfile *f, struct err *err)
{
	u64 nbytes = le64_get(f->w.d.nbytes) + f->store.added, flags = winode_flags(&f->w);

	if (f->store.incompressible && f->store.pol.mark)
		flags |= BTRFS_INODE_NOCOMPRESS;
	if (f->has_prealloc)
		flags |= BTRFS_INODE_PREALLOC;
	f->w.d.flags = le64_of(flags);
	f->w.d.size = le64_of(f->size);
	f->w.d.nbytes = le64_of(nbytes > f->freed ? nbytes - f->freed : 0);
	return winode_store(f->txn, &f->w, err);
}

static struct inode view(const struct wfile *f, u64 size)
{
	return (struct inode){ .root = f->w.root, .ino = f->w.ino, .size = size, .flags = winode_flags(&f->w) };
}

static int read_clipped(struct wfile *f, u64 size, u64 off, u8 *buf, u32 len, struct err *err)
{
	struct inode in = view(f, size);
	s64 got = file_read(f->fs, &in, off, buf, len, err);

	if (got < 0)
		return got;
	memset(buf + got, 0, len - got);
	return 0;
}

int wfile_read(struct wfile *f, u64 off, void *buf, u32 len, struct err *err)
{
	return read_clipped(f, f->size, off, buf, len, err);
}

int wfile_drop(struct wfile *f, u64 from, u64 end, struct err *err)
{
	u64 freed;
	int ret = f->fresh ? 0 : extents_drop(f->txn, f->w.root, f->w.ino, from, end, &freed, err);

	if (ret || f->fresh)
		return ret;
	f->freed += freed;
	if (!from)
		f->is_inline = false;
	return 0;
}

/* ---- Gaps ---- */

/* holes: explicit hole items are no cover. */
static int gaps_between(struct wfile *f, u64 from, u64 end, bool holes, struct gap_list *out, struct err *err)
{
	struct tree *t = &f->w.root->tree;
	struct key key = extent_key(f, from);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct file_extent_view x;
	struct item item;
	int ret = tree_lookup_le(t, &key, &p, &item, err);

	if (ret == -ENOENT)
		ret = tree_lookup_ge(t, &key, &p, &item, err);
	for (; !ret && from < end; ret = path_next(t, &p, err)) {
		u64 to;

		item = path_item(&p);
		if (key_cmp(&item.key, &key) < 0 && !is_extent(f, &item))
			continue;
		if (!is_extent(f, &item) || item.key.offset >= end)
			break;
		if (file_extent_parse(&item, &x))
			return err_set(err, -EUCLEAN, "file extent (%llu %llu) cannot be read", f->w.ino, item.key.offset);
		to = x.type == BTRFS_FILE_EXTENT_INLINE ? sector_up(f, x.ram_bytes) : extent_end(&x);
		if (to <= from || (holes && x.type != BTRFS_FILE_EXTENT_INLINE && !x.disk_bytenr))
			continue;
		if (x.start > from && vec_push(out, ((struct gap){ from, x.start })))
			return err_nomem(err);
		from = to;
	}
	if (ret < 0 && ret != -ENOENT)
		return ret;
	return from < end && vec_push(out, ((struct gap){ from, end })) ? err_nomem(err) : 0;
}

int wfile_gaps(struct wfile *f, u64 from, u64 end, struct gap_list *out, struct err *err)
{
	return gaps_between(f, from, end, true, out, err);
}

int wfile_fill_gaps(struct wfile *f, u64 from, u64 end, struct err *err)
{
	struct gap_list gaps = VEC_INIT;
	int ret;

	if (from >= end || fs_incompat(f->fs, BTRFS_FEATURE_INCOMPAT_NO_HOLES))
		return 0;
	ret = gaps_between(f, from, end, false, &gaps, err);
	for (size_t i = 0; i < gaps.len && !ret; i++) {
		u64 len = gaps.v[i].end - gaps.v[i].start;
		struct extent_part hole = { .off = gaps.v[i].start, .ram_bytes = len, .num_bytes = len, .type = BTRFS_FILE_EXTENT_REG };

		ret = insert_extent(&f->store, &hole, false, err);
		f->fresh = false;
	}
	vec_fini(&gaps);
	return ret;
}

/* ---- Writing ---- */

/* A range of bytes with what surrounds it in its first and last sector. */
struct patch {
	struct data_source src;
	u64 off, len;
	const u8 *data;        /* NULL: zeros */
	u64 head_at, tail_at;  /* file offsets of the two sectors */
	u8 *head, *tail;       /* NULL: not needed */
};

static int patch_fetch(const struct data_source *src, u64 off, u8 *buf, u32 bytes, struct err *err)
{
	const struct patch *p = container_of(src, struct patch, src);
	u64 end = off + bytes, from = max_t(u64, off, p->off), to = min_t(u64, end, p->off + p->len);

	if (off < p->off)
		memcpy(buf, p->head + (off - p->head_at), p->off - off);
	if (from < to && p->data)
		memcpy(buf + (from - off), p->data + (from - p->off), to - from);
	else if (from < to)
		memset(buf + (from - off), 0, to - from);
	if (end > to)
		memcpy(buf + (to - off), p->tail + (to - p->tail_at), end - to);
	return 0;
}

int wfile_reaches(struct wfile *f, u64 at, bool *beyond, struct err *err)
{
	struct key key = extent_key(f, -1ULL);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct file_extent_view x;
	struct item item;
	int ret = f->fresh ? -ENOENT : tree_lookup_le(&f->w.root->tree, &key, &p, &item, err);

	*beyond = false;
	if (ret || !is_extent(f, &item))
		return ret == -ENOENT ? 0 : ret;
	if (file_extent_parse(&item, &x))
		return err_set(err, -EUCLEAN, "file extent (%llu %llu) cannot be read", f->w.ino, item.key.offset);
	*beyond = extent_end(&x) > at;
	return 0;
}

int wfile_inline(struct wfile *f, const void *data, u64 size, struct err *err)
{
	bool beyond;
	int ret = wfile_reaches(f, f->sector, &beyond, err);

	if (ret || beyond || size > f->sector)
		return ret;
	ret = wfile_drop(f, 0, f->sector, err);
	if (!ret)
		ret = store_inline(&f->store, data, size, NULL, err);
	if (ret > 0) {
		f->is_inline = true;
		f->fresh = false;
	}
	return ret;
}

/* A file of at most a sector: 1 when it is inline now. */
static int write_small(struct wfile *f, u64 off, const void *data, u64 len, struct err *err)
{
	u8 *all CLEANUP(mem_freep) = mem_alloc(1, f->sector);
	u64 size = max_t(u64, f->size, off + len);
	int ret;

	if (!all)
		return err_nomem(err);
	ret = f->size ? wfile_read(f, 0, all, f->sector, err) : (memset(all, 0, off), 0);
	if (ret)
		return ret;
	if (data)
		memcpy(all + off, data, len);
	else
		memset(all + off, 0, len);
	ret = wfile_inline(f, all, size, err);
	if (ret)
		return ret;
	/* what wfile_inline dropped is stored otherwise */
	{
		struct patch p = { { patch_fetch }, .len = size, .data = all };

		ret = wfile_drop(f, 0, f->sector, err);
		if (!ret)
			ret = store_range(&f->store, &p.src, 0, f->sector, size, err);
	}
	f->fresh = false;
	return ret ? ret : 1;
}

int wfile_write(struct wfile *f, u64 off, const void *data, u64 len, struct err *err)
{
	u64 end = off + len, from = sector_down(f, off), to = sector_up(f, end);
	u8 *edges CLEANUP(mem_freep) = NULL;
	struct patch p = { { patch_fetch }, .off = off, .len = len, .data = data, .head_at = from, .tail_at = to - f->sector };
	int ret = 0;

	if (!f->regular && max_t(u64, f->size, end) <= f->sector) {
		ret = write_small(f, off, data, len, err);
		return ret > 0 ? 0 : ret;
	}
	if (from < off || (end < to && end < f->size)) {
		edges = mem_alloc(2, f->sector);
		if (!edges)
			return err_nomem(err);
	}
	if (from < off) {
		p.head = edges;
		ret = wfile_read(f, p.head_at, p.head, f->sector, err);
	}
	if (!ret && end < to && end < f->size) {
		p.tail = edges + f->sector;
		ret = wfile_read(f, p.tail_at, p.tail, f->sector, err);
	}
	if (!ret && f->is_inline && from)
		ret = wfile_outline(f, err);
	if (!ret)
		ret = wfile_drop(f, from, to, err);
	if (!ret)
		ret = store_range(&f->store, &p.src, from, to, p.tail ? to : end, err);
	f->fresh = false;
	return ret;
}

int wfile_outline(struct wfile *f, struct err *err)
{
	u8 *all CLEANUP(mem_freep) = NULL;
	struct patch p = { { patch_fetch }, .len = min_t(u64, f->size, f->sector) };
	int ret;

	f->regular = true;
	if (!f->is_inline)
		return 0;
	all = mem_alloc(1, f->sector);
	if (!all)
		return err_nomem(err);
	p.data = all;
	ret = wfile_read(f, 0, all, f->sector, err);
	if (!ret)
		ret = wfile_drop(f, 0, f->sector, err);
	return ret || !p.len ? ret : store_range(&f->store, &p.src, 0, f->sector, p.len, err);
}

int wfile_grow(struct wfile *f, u64 to, struct err *err)
{
	u32 in = f->size & (f->sector - 1);
	u8 *last CLEANUP(mem_freep) = NULL;
	int ret = wfile_outline(f, err);
	bool clean = true;

	if (!ret && in && !f->fresh) {
		last = mem_alloc(1, f->sector);
		if (!last)
			return err_nomem(err);
		ret = read_clipped(f, sector_up(f, f->size), f->size - in, last, f->sector, err);
		for (u32 i = in; i < f->sector && !ret; i++)
			clean &= !last[i];
	}
	if (!ret && !clean) {
		struct patch p = { { patch_fetch }, .off = f->size - in, .len = in, .data = last };

		ret = wfile_drop(f, p.off, p.off + f->sector, err);
		if (!ret)
			ret = store_range(&f->store, &p.src, p.off, p.off + f->sector, p.off + in, err);
	}
	return ret ? ret : wfile_fill_gaps(f, sector_up(f, f->size), to, err);
}

/* ---- Operations ---- */

unsigned wfile_leaves(const struct fs *fs, u64 bytes, u64 piece)
{
	enum { LEAVES_FILE = 12, ITEM_BYTES = 256 /* file extent, extent, free space, checksum header */ };
	u64 sums = bytes / fs->geo->sectorsize * fs->geo->csum_size, items = bytes / piece * ITEM_BYTES;

	return LEAVES_FILE + 2 * (sums + items) / geo_leafdata(fs->geo);
}

int wfile_op(struct txn *txn, unsigned leaves, unsigned flags, int (*fn)(void *arg, struct err *err), void *arg, struct err *err)
{
	bool settled = false;

	for (;;) {
		struct op *op;
		int ret = op_begin(txn, leaves, flags, &op, err), failed;

		if (!ret)
			ret = op_end(op, fn(arg, err), err);
		if (ret != -ENOSPC || settled)
			return ret;
		failed = txn_settle(txn, &settled, err);
		if (failed || !settled)
			return failed ? failed : ret;
	}
}
