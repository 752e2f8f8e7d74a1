/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gathering an inode: its item, extended attributes and extents lie side by side in the tree, so one search serves all. */
#include <limits.h>
#include <sys/stat.h>
#include "kernel-shared/fs/whole.h"
#include "kernel-shared/fs/thread.h"
#include "kernel-shared/tree/salvage.h"

void whole_init(struct whole *w)
{
	memset(w, 0, sizeof(*w));
	arena_init(&w->arena);
}

void whole_fini(struct whole *w)
{
	vec_fini(&w->xattrs);
	vec_fini(&w->pieces);
	vec_fini(&w->lost);
	arena_fini(&w->arena);
}

static int add_xattrs(struct whole *w, const struct item *item)
{
	struct dir_entry_view e;
	u32 pos = 0;

	while (dir_item_next(item, &pos, &e)) {
		u8 *name = arena_alloc(&w->arena, (size_t)e.name_len + e.data_len + 1);
		struct xattr_view x = { .name = name, .name_len = e.name_len, .value_len = e.data_len };

		if (!name)
			return -ENOMEM;
		memcpy(name, e.name, e.name_len);
		name[e.name_len] = 0;
		x.value = memcpy(name + e.name_len + 1, e.data, e.data_len);
		if (vec_push(&w->xattrs, x))
			return -ENOMEM;
	}
	return 0;
}

static int add_lost(struct whole *w, u64 from, u64 to)
{
	u64 size = w->no_inode ? ~0ULL : w->inode.size;
	struct lost_range r = { from, min_t(u64, to, size) };

	if (r.from >= r.to)
		return 0;
	return vec_push(&w->lost, r);
}

/* Where the file ends as far as its extents tell; the size is unknown when the inode item is lost. */
static u64 limit(const struct whole *w)
{
	return w->no_inode ? (u64)INT64_MAX : w->inode.size;
}

static int add_extent(struct whole *w, const struct item *item)
{
	struct file_piece p = { .start = item->key.offset };
	u64 end;

	w->next_off = p.start + 1;
	if (file_extent_parse(item, &p.ext) || add_overflows(p.start, p.ext.num_bytes, &end))
		return add_lost(w, p.start, ~0ULL);
	p.ext.start = p.start;
	w->end = max_t(u64, w->end, end);
	if (p.start >= limit(w))
		return 0;
	p.len = min_t(u64, p.ext.num_bytes, limit(w) - p.start);
	if (p.ext.type == BTRFS_FILE_EXTENT_PREALLOC || (p.ext.type == BTRFS_FILE_EXTENT_REG && !p.ext.disk_bytenr) || !p.len)
		return 0;
	if (p.ext.type == BTRFS_FILE_EXTENT_INLINE) {
		p.inline_copy = arena_dup(&w->arena, p.ext.inline_data, p.ext.inline_len);
		if (!p.inline_copy)
			return -ENOMEM;
		p.ext.inline_data = p.inline_copy;
	}
	return vec_push(&w->pieces, p);
}

static int add_item(struct whole *w, const struct item *item, bool *any)
{
	*any = true;
	switch (item->key.type) {
	case BTRFS_INODE_ITEM_KEY:
		w->no_inode = inode_parse(w->inode.root, item, &w->inode, NULL) != 0;
		return 0;
	case BTRFS_XATTR_ITEM_KEY:
		return add_xattrs(w, item);
	case BTRFS_EXTENT_DATA_KEY:
		return add_extent(w, item);
	}
	return 0;
}

/* A gap of unreadable keys that touches this inode: what may have been in it? */
static int add_gap(struct whole *w, const struct salvage *s, const struct err *why)
{
	struct key lo = s->gap_lo, hi = s->gap_hi;
	u64 ino = w->inode.ino, from, to;

	w->why = *why;
	if (lo.type <= BTRFS_XATTR_ITEM_KEY && (hi.objectid > ino || hi.type >= BTRFS_XATTR_ITEM_KEY))
		w->lost_xattrs = true;
	if (hi.objectid == ino && hi.type < BTRFS_EXTENT_DATA_KEY)
		return 0;
	from = lo.type < BTRFS_EXTENT_DATA_KEY ? 0 : lo.offset;
	/* An extent that begins before the gap reaches into it; only what lies behind it is lost. */
	from = max_t(u64, from, w->end);
	to = hi.objectid > ino || hi.type > BTRFS_EXTENT_DATA_KEY || hi.offset == ~0ULL ? ~0ULL : hi.offset + 1;
	w->next_off = to;
	w->end = max_t(u64, w->end, to);
	return add_lost(w, from, to);
}

/* Directory entries lie between the attributes and the extents; a directory has no extents. */
static bool past_the_end(struct whole *w, const struct item *item)
{
	if (item->key.type != BTRFS_DIR_ITEM_KEY && item->key.type != BTRFS_DIR_INDEX_KEY)
		return false;
	w->is_dir = true;
	return w->no_inode || !(inode_is(&w->inode, S_IFREG) || inode_is(&w->inode, S_IFLNK));
}

static void note_doubt(struct whole *w, const struct salvage *s)
{
	const char *doubt = salvage_doubt(s, w->inode.ino);

	if (!doubt)
		return;
	w->doubtful = true;
	err_set(&w->why, -EUCLEAN, "%s", doubt);
}

static int gather(struct whole *w, struct key lo, struct key hi, size_t max_pieces, bool *any, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&w->inode.root->tree, lo, hi);
	struct item item;
	int ret;

	w->more = false;
	while ((ret = salvage_next(&s, &item, err)) >= 0) {
		if (!ret && past_the_end(w, &item))
			return 0;
		if (!ret && !w->doubtful)
			note_doubt(w, &s);
		if (ret == 1)
			ret = add_gap(w, &s, err);
		else
			ret = add_item(w, &item, any);
		if (ret)
			return err_nomem(err);
		if (w->pieces.len + w->lost.len >= max_pieces) {
			w->more = w->next_off != ~0ULL;
			return 0;
		}
	}
	return ret == -ENOENT ? 0 : ret;
}

int whole_read(struct root *root, u64 ino, unsigned what, size_t max_pieces, struct whole *w, struct err *err)
{
	u8 last = what & WHOLE_EXTENTS ? BTRFS_EXTENT_DATA_KEY : what & WHOLE_XATTRS ? BTRFS_XATTR_ITEM_KEY : BTRFS_INODE_ITEM_KEY;
	bool any = false;
	int ret;

	w->xattrs.len = w->pieces.len = w->lost.len = 0;
	arena_reset(&w->arena);
	memset(&w->inode, 0, sizeof(w->inode));
	w->inode.root = root;
	w->inode.ino = ino;
	w->no_inode = true;
	w->lost_xattrs = w->is_dir = w->doubtful = false;
	w->next_off = w->end = 0;
	w->why.code = 0;
	ret = gather(w, KEY(ino, BTRFS_INODE_ITEM_KEY, 0), KEY(ino, last, ~0ULL), max_pieces, &any, err);
	if (ret)
		return ret;
	if (!any && !w->why.code)
		return err_set(err, -ENOENT, "inode %llu of tree %llu does not exist", ino, root->tree.id);
	if (w->no_inode)
		w->inode = (struct inode){ .root = root, .ino = ino, .nlink = 1, .size = limit(w) };
	return 0;
}

int whole_read_more(struct whole *w, size_t max_pieces, struct err *err)
{
	u64 ino = w->inode.ino;
	bool any;

	w->pieces.len = w->lost.len = 0;
	return gather(w, KEY(ino, BTRFS_EXTENT_DATA_KEY, w->next_off), KEY(ino, BTRFS_EXTENT_DATA_KEY, ~0ULL), max_pieces, &any, err);
}

const u8 *whole_symlink(struct fs *fs, struct whole *w, size_t *len, struct err *err)
{
	u8 *buf;

	if (w->pieces.len != 1 || w->pieces.v[0].start || w->pieces.v[0].ext.type != BTRFS_FILE_EXTENT_INLINE || w->pieces.v[0].len >= PATH_MAX) {
		err_set(err, -EUCLEAN, "inode %llu has no target", w->inode.ino);
		return NULL;
	}
	*len = w->pieces.v[0].len;
	buf = arena_alloc(&w->arena, *len);
	if (!buf) {
		err_nomem(err);
		return NULL;
	}
	return file_piece_read(fs, &w->pieces.v[0], 0, buf, *len, true, err) ? NULL : buf;
}

static int read_raw_compressed(struct fs *fs, const struct file_extent_view *e, u64 from, void *buf, u64 len, struct err *err)
{
	void *in = thread_buf(THREAD_BUF_PACKED, BTRFS_MAX_COMPRESSED), *out = thread_buf(THREAD_BUF_PLAIN, BTRFS_MAX_UNCOMPRESSED);
	u64 end;
	int ret;

	if (e->disk_num_bytes > BTRFS_MAX_COMPRESSED || e->ram_bytes > BTRFS_MAX_UNCOMPRESSED || add_overflows(from, len, &end) || end > e->ram_bytes)
		return err_set(err, -EUCLEAN, "compressed extent at %llu has impossible lengths", e->disk_bytenr);
	if (!in || !out)
		return err_nomem(err);
	ret = rio_read(fs->vol, e->disk_bytenr, e->disk_num_bytes, 0, in, err);
	if (!ret)
		ret = decompress(e->compression, in, e->disk_num_bytes, out, e->ram_bytes, fs->geo->sectorsize, false, err);
	if (!ret)
		memcpy(buf, (u8 *)out + from, len);
	return ret;
}

int file_piece_read_raw(struct fs *fs, const struct file_piece *p, u64 off, void *buf, u64 len, struct err *err)
{
	u64 from;

	if (p->ext.type == BTRFS_FILE_EXTENT_INLINE)
		return file_piece_read(fs, p, off, buf, len, true, err);
	if (add_overflows(p->ext.offset, off, &from) || off > p->len || len > p->len - off || len > UINT32_MAX)
		return err_set(err, -EUCLEAN, "file extent at %llu has an impossible offset", p->start);
	if (p->ext.compression)
		return read_raw_compressed(fs, &p->ext, from, buf, len, err);
	return rio_read(fs->vol, p->ext.disk_bytenr + from, len, 0, buf, err);
}
