/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fsync wrote since the last commit: each subvolume's log tree is brought into the subvolume, as a mount would. Spec: on-disk-format 6.6.
 *
 * Four passes over every log tree: its blocks and extents are kept from the allocator; inodes (and what the log says of names and attributes that
 * are gone); directory entries of inodes that the log holds without their references; everything else. At the end the link counts are counted anew,
 * and what has no name goes. */
#include "kernel-shared/fs/logreplay.h"

#include <sys/stat.h>
#include "common/mem.h"
#include "kernel-shared/fs/change.h"

struct log {
	struct txn *txn;
	struct fs *fs;
	struct root *root;        /* the subvolume */
	struct tree *log;         /* its log tree */
	struct hmap counts;       /* inodes whose names are counted at the end */
};

static int count_later(struct log *l, u64 ino, struct err *err)
{
	return hmap_put(&l->counts, ino, NULL) ? 0 : err_nomem(err);
}

static int has_item(struct tree *t, struct key key, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup(t, &key, &p, &item, err);

	return ret == -ENOENT ? 0 : ret ? ret : 1;
}

static int has_inode(struct log *l, u64 ino, struct err *err)
{
	return has_item(&l->root->tree, KEY(ino, BTRFS_INODE_ITEM_KEY, 0), err);
}

/* --- 0: what the log occupies --- */

static int pin_blocks(struct log *l, const struct tree *t, const struct block_ref *ref, struct err *err)
{
	struct node *n;
	int ret = node_get(t->store, ref, &n, err);

	if (ret)
		return ret;
	ret = alloc_pin(txn_alloc(l->txn), ref->bytenr, t->store->geo->nodesize, err);
	for (u32 i = 0; !ret && node_level(n) && i < node_nritems(n); i++) {
		struct block_ref child = tree_child(t, n->data, i);

		ret = pin_blocks(l, t, &child, err);
	}
	node_put(n);
	return ret;
}

/* --- names --- */

/* A name leads to its inode no longer; the count is made later. */
static int name_drop(struct log *l, u64 dir, const struct dirent *e, struct err *err)
{
	struct winode d;
	u64 index, ino = e->ino, unused;
	int ret = entry_index(l->root, dir, e, &index, err);

	if (!ret && e->is_subvol)
		ret = root_ref_remove(l->txn, l->root->tree.id, ino, &unused, err);
	else if (!ret)
		ret = ref_remove(l->txn, l->root, ino, dir, e->name, e->name_len, &unused, err);
	if (!ret)
		ret = entry_remove(l->txn, l->root, dir, e->name, e->name_len, index, err);
	if (!ret && !e->is_subvol)
		ret = count_later(l, ino, err);
	if (!ret)
		ret = winode_load(l->root, dir, &d, err);
	if (ret)
		return ret;
	dir_count(l->txn, &d, e->name_len, -1);
	return winode_store(l->txn, &d, err);
}

/* The directory's entry of this name, if any, goes unless it is this inode's at this index. 1: it is, and stays. */
static int name_clear(struct log *l, u64 dir, u64 ino, u64 index, const void *name, size_t len, struct err *err)
{
	struct dirent e;
	u64 at;
	int ret = dir_lookup(l->root, dir, name, len, &e, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	ret = entry_index(l->root, dir, &e, &at, err);
	if (ret)
		return ret;
	if (!e.is_subvol && e.ino == ino && at == index)
		return 1;
	return name_drop(l, dir, &e, err);
}

/* Whatever the index stands for goes. */
static int index_clear(struct log *l, u64 dir, u64 index, struct err *err)
{
	struct key key = KEY(dir, BTRFS_DIR_INDEX_KEY, index);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct dir_entry_view v;
	u8 name[BTRFS_NAME_LEN];
	struct dirent e;
	struct item item;
	u32 pos = 0;
	int ret = tree_lookup(&l->root->tree, &key, &p, &item, err);

	if (ret || !dir_item_next(&item, &pos, &v) || v.name_len > sizeof(name))
		return ret == -ENOENT ? 0 : ret;
	memcpy(name, v.name, v.name_len);
	e = (struct dirent){ .name = name, .name_len = v.name_len, .type = v.type, .is_subvol = v.location.type == BTRFS_ROOT_ITEM_KEY,
		.ino = v.location.objectid };
	path_fini(&p);
	return name_drop(l, dir, &e, err);
}

/* Gives inode ino the name, at the index that the log names. */
static int name_add(struct log *l, u64 dir, u64 ino, u8 type, u64 index, const void *name, size_t len, struct err *err)
{
	struct key location = KEY(ino, BTRFS_INODE_ITEM_KEY, 0);
	struct winode d;
	int ret = name_clear(l, dir, ino, index, name, len, err);

	if (ret)
		return ret < 0 ? ret : 0;
	ret = index_clear(l, dir, index, err);
	if (!ret)
		ret = entry_add_at(l->txn, l->root, dir, name, len, &location, type, index, err);
	if (!ret)
		ret = ref_add(l->txn, l->root, ino, dir, index, name, len, err);
	if (!ret)
		ret = count_later(l, ino, err);
	if (!ret)
		ret = winode_load(l->root, dir, &d, err);
	if (ret)
		return ret;
	d.d.size = le64_of(le64_get(d.d.size) + 2 * len);
	return winode_store(l->txn, &d, err);
}

/* --- 1: inodes --- */

/* Entries of [lo, hi] that the log has not got are gone. */
static int range_replay(struct log *l, u64 dir, u64 lo, u64 hi, struct err *err)
{
	for (u64 from = lo;;) {
		struct key key = KEY(dir, BTRFS_DIR_INDEX_KEY, from);
		struct path p CLEANUP(path_fini) = PATH_INIT;
		struct item item;
		int ret = tree_lookup_ge(&l->root->tree, &key, &p, &item, err), there;
		u64 at;

		if (ret || item.key.objectid != dir || item.key.type != BTRFS_DIR_INDEX_KEY || item.key.offset > hi)
			return ret == -ENOENT ? 0 : ret;
		at = item.key.offset;
		path_fini(&p);
		there = has_item(l->log, KEY(dir, BTRFS_DIR_INDEX_KEY, at), err);
		ret = there < 0 ? there : there ? 0 : index_clear(l, dir, at, err);
		if (ret || at == hi)
			return ret;
		from = at + 1;
	}
}

static int dir_ranges(struct log *l, u64 dir, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(l->log, KEY(dir, BTRFS_DIR_LOG_INDEX_KEY, 0), KEY(dir, BTRFS_DIR_LOG_INDEX_KEY, -1ULL));
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) == 0) {
		if (item.size < sizeof(struct disk_dir_log_item))
			return err_set(err, -EUCLEAN, "log of directory %llu cannot be read", dir);
		ret = range_replay(l, dir, item.key.offset, get_le64(item.data), err);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

struct gone { struct log *l; u64 ino; VEC(char *) names; VEC(size_t) lens; };

static int xattr_gone(void *arg, const u8 *name, u16 name_len, const u8 *value, u16 value_len)
{
	struct gone *g = arg;
	struct key key = KEY(g->ino, BTRFS_XATTR_ITEM_KEY, hash_name(name, name_len));
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct dir_entry_view v;
	struct item item;
	u32 pos = 0;
	char *copy;
	int ret = tree_lookup(g->l->log, &key, &p, &item, NULL);

	while (!ret && dir_item_next(&item, &pos, &v))
		if (v.name_len == name_len && !memcmp(v.name, name, name_len))
			return 0;
	if (ret && ret != -ENOENT)
		return ret;
	copy = mem_strndup((const char *)name, name_len);
	if (!copy || vec_push(&g->names, copy) || vec_push(&g->lens, (size_t)name_len)) {
		free(copy);
		return -ENOMEM;
	}
	return 0;
}

/* Attributes that the log has not got are gone. */
static int xattrs_replay(struct log *l, u64 ino, struct err *err)
{
	struct gone g = { .l = l, .ino = ino };
	int ret = xattr_each(l->root, ino, xattr_gone, &g, err);

	for (size_t i = 0; i < g.names.len; i++) {
		if (!ret && i < g.lens.len)
			ret = xattr_remove(l->txn, l->root, ino, g.names.v[i], g.lens.v[i], err);
		free(g.names.v[i]);
	}
	vec_fini(&g.names);
	vec_fini(&g.lens);
	return ret;
}

/* The log's inode item over the subvolume's: bytes in use and sizes of directories stay what the subvolume's items make them. */
static int inode_item_replay(struct log *l, u64 ino, const struct disk_inode_item *logged, struct err *err)
{
	struct winode w, old;
	bool there, dir = S_ISDIR(le32_get(logged->mode));
	int ret = winode_load(l->root, ino, &old, err);

	if (ret && ret != -ENOENT)
		return ret;
	there = !ret;
	w = (struct winode){ .root = l->root, .ino = ino, .d = *logged };
	if (there && !le64_get(logged->generation)) {
		/* "it exists": nothing else was logged but, for files, a size */
		if (!S_ISREG(winode_mode(&old)) || !S_ISREG(le32_get(logged->mode)) || !le64_get(logged->size))
			return 0;
		w.d = old.d;
		w.d.size = logged->size;
	} else {
		memset(w.d.reserved, 0, sizeof(w.d.reserved));
		w.d.nbytes = there ? old.d.nbytes : le64_of(0);
		if (dir)
			w.d.size = there ? old.d.size : le64_of(0);
	}
	return inode_item_put(l->txn, &w, !there, err);
}

static int inode_replay(struct log *l, u64 ino, const struct item *item, struct err *err)
{
	const struct disk_inode_item *d = (const void *)item->data;
	struct disk_inode_item logged;
	struct winode w;
	u64 freed, end;
	int ret;

	if (item->size < sizeof(*d))
		return err_set(err, -EUCLEAN, "logged inode %llu cannot be read", ino);
	memcpy(&logged, d, sizeof(logged));
	ret = has_inode(l, ino, err);
	if (ret > 0)
		ret = xattrs_replay(l, ino, err);
	if (!ret && S_ISDIR(le32_get(logged.mode)))
		ret = dir_ranges(l, ino, err);
	if (!ret)
		ret = inode_item_replay(l, ino, &logged, err);
	if (!ret)
		ret = count_later(l, ino, err);
	if (ret || !S_ISREG(le32_get(logged.mode)))
		return ret;
	ret = winode_load(l->root, ino, &w, err);
	if (ret)
		return ret;
	end = round_up_p2(le64_get(w.d.size), l->fs->geo->sectorsize);
	ret = extents_drop(l->txn, l->root, ino, end, -1ULL, &freed, err);
	w.d.nbytes = le64_of(le64_get(w.d.nbytes) - freed);
	return ret || !freed ? ret : inode_item_put(l->txn, &w, false, err);
}

/* --- 2: directory entries --- */

/* Does the log hold the inode's own reference of this name? Then that brings the entry. */
static int ref_logged(struct log *l, u64 ino, u64 dir, const void *name, size_t len, struct err *err)
{
	struct key keys[] = { KEY(ino, BTRFS_INODE_REF_KEY, dir), KEY(ino, BTRFS_INODE_EXTREF_KEY, hash_extref(dir, name, len)) };

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		struct path p CLEANUP(path_fini) = PATH_INIT;
		struct inode_ref_view r;
		struct item item;
		u32 pos = 0;
		int ret = tree_lookup(l->log, &keys[i], &p, &item, err);

		while (!ret && inode_ref_next(&item, &pos, &r))
			if (r.parent == dir && r.name_len == len && !memcmp(r.name, name, len))
				return 1;
		if (ret && ret != -ENOENT)
			return ret;
	}
	return 0;
}

static int index_replay(struct log *l, const struct item *item, struct err *err)
{
	u64 dir = item->key.objectid, index = item->key.offset, ino;
	u8 name[BTRFS_NAME_LEN];
	struct dir_entry_view v;
	u32 pos = 0;
	int ret;

	if (!dir_item_next(item, &pos, &v) || v.name_len > sizeof(name))
		return err_set(err, -EUCLEAN, "logged entry (%llu %llu) cannot be read", dir, index);
	memcpy(name, v.name, v.name_len);
	ino = v.location.objectid;
	if (v.location.type != BTRFS_INODE_ITEM_KEY)
		return 0;
	ret = has_inode(l, dir, err);
	if (ret > 0)
		ret = has_inode(l, ino, err);
	if (ret <= 0)
		return ret;
	ret = ref_logged(l, ino, dir, name, v.name_len, err);
	return ret < 0 ? ret : ret ? 0 : name_add(l, dir, ino, v.type, index, name, v.name_len, err);
}

/* --- 3: the rest --- */

/* Names of the inode in this directory that the logged reference item has not got are gone. */
static int refs_clear(struct log *l, const struct item *logged, struct err *err)
{
	struct key key = logged->key;

	for (;;) {
		struct path p CLEANUP(path_fini) = PATH_INIT;
		struct inode_ref_view old, r;
		u8 name[BTRFS_NAME_LEN];
		struct dirent e = { .name = name, .ino = key.objectid };
		struct item item;
		u32 pos = 0, at;
		u64 dir = 0;
		bool kept = true;
		int ret = tree_lookup(&l->root->tree, &key, &p, &item, err);

		while (!ret && kept && inode_ref_next(&item, &pos, &old)) {
			for (at = 0, kept = false; !kept && inode_ref_next(logged, &at, &r);)
				kept = r.parent == old.parent && r.name_len == old.name_len && !memcmp(r.name, old.name, r.name_len);
			memcpy(name, old.name, old.name_len);
			e.name_len = old.name_len;
			dir = old.parent;
		}
		if (ret || kept)
			return ret == -ENOENT ? 0 : ret;
		path_fini(&p);
		ret = name_drop(l, dir, &e, err);
		if (ret)
			return ret;
	}
}

static u8 ft_of(u32 mode)
{
	for (u8 ft = 1; ft < BTRFS_FT_XATTR; ft++)
		if (inode_mode_of_ft(ft) == (mode & S_IFMT))
			return ft;
	return BTRFS_FT_UNKNOWN;
}

static int refs_replay(struct log *l, const struct item *logged, struct err *err)
{
	struct inode_ref_view r;
	struct winode w;
	u32 pos = 0;
	int ret = winode_load(l->root, logged->key.objectid, &w, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (logged->key.objectid == BTRFS_FIRST_FREE_OBJECTID)
		return 0;
	ret = refs_clear(l, logged, err);
	while (!ret && inode_ref_next(logged, &pos, &r)) {
		int there = has_inode(l, r.parent, err);

		ret = there < 0 ? there : there ? name_add(l, r.parent, w.ino, ft_of(winode_mode(&w)), r.index, r.name, r.name_len, err) : 0;
	}
	return ret;
}

static int xattr_replay(struct log *l, const struct item *item, struct err *err)
{
	struct dir_entry_view v;
	u32 pos = 0;
	int ret = has_inode(l, item->key.objectid, err);

	if (ret <= 0)
		return ret;
	for (ret = 0; !ret && dir_item_next(item, &pos, &v);)
		ret = xattr_put(l->txn, l->root, item->key.objectid, v.name, v.name_len, v.data, v.data_len, 0, err);
	return ret;
}

/* Checksums that the log holds for these disk bytes replace what is there. */
static int csums_replay(struct log *l, u64 bytenr, u64 len, struct err *err)
{
	struct alloc *a = txn_alloc(l->txn);
	u32 size = l->fs->geo->csum_size, sector = l->fs->geo->sectorsize;
	/* an item that began before may reach in */
	struct key lo = KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, bytenr);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup_le(l->log, &lo, &p, &item, err);

	if (!ret && item.key.type == BTRFS_EXTENT_CSUM_KEY)
		lo = item.key;
	else if (ret && ret != -ENOENT)
		return ret;
	path_fini(&p);
	{
		struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(l->log, lo, KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, bytenr + len - 1));

		while ((ret = tree_next(&it, &item, err)) == 0) {
			u64 from = max_t(u64, item.key.offset, bytenr), end = min_t(u64, item.key.offset + (u64)item.size / size * sector, bytenr + len);

			if (from >= end)
				continue;
			ret = csum_delete(a, from, end - from, err);
			if (!ret)
				ret = csum_insert(a, from, end - from, item.data + (from - item.key.offset) / sector * size, err);
			if (ret)
				return ret;
		}
	}
	return ret == -ENOENT ? 0 : ret;
}

/* The extent that a logged item refers to: one more reference, or an extent that the last commit does not know. */
static int extent_refer(struct log *l, u64 ino, const struct file_extent_view *f, struct err *err)
{
	struct alloc *a = txn_alloc(l->txn);
	struct ref_change c = { .bytenr = f->disk_bytenr, .len = f->disk_num_bytes, .kind = REF_DATA, .root = l->root->tree.id, .objectid = ino,
		.offset = f->start - f->offset, .delta = 1 };
	u64 refs, flags;
	int ret = ref_info(a, f->disk_bytenr, false, &refs, &flags, NULL, err);

	if (ret == -ENOENT) {
		c.new_extent = true;
		ret = alloc_claim(a, f->disk_bytenr, f->disk_num_bytes, err);
	}
	return ret ? ret : ref_queue(a, &c, err);
}

/* Is the very same item in the subvolume already? */
static int extent_there(struct log *l, const struct item *logged, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup(&l->root->tree, &logged->key, &p, &item, err);

	return ret == -ENOENT ? 0 : ret ? ret : item.size == logged->size && !memcmp(item.data, logged->data, item.size);
}

static int extent_replay(struct log *l, const struct item *item, struct err *err)
{
	u32 sector = l->fs->geo->sectorsize;
	u64 ino = item->key.objectid, end, freed, added;
	struct file_extent_view f;
	struct winode w;
	bool hole;
	int ret = winode_load(l->root, ino, &w, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (file_extent_parse(item, &f))
		return err_set(err, -EUCLEAN, "logged extent (%llu %llu) cannot be read", ino, item->key.offset);
	ret = extent_there(l, item, err);
	if (ret)
		return ret < 0 ? ret : 0;
	hole = f.type != BTRFS_FILE_EXTENT_INLINE && !f.disk_bytenr;
	end = f.start + (f.type == BTRFS_FILE_EXTENT_INLINE ? round_up_p2(f.ram_bytes, sector) : f.num_bytes);
	added = f.type == BTRFS_FILE_EXTENT_INLINE ? f.ram_bytes : hole ? 0 : f.num_bytes;
	ret = extents_drop(l->txn, l->root, ino, f.start, end, &freed, err);
	if (!ret && !(hole && fs_incompat(l->fs, BTRFS_FEATURE_INCOMPAT_NO_HOLES)))
		ret = tree_insert(&l->root->tree, &item->key, item->data, item->size, err);
	if (!ret && f.type != BTRFS_FILE_EXTENT_INLINE && !hole) {
		ret = extent_refer(l, ino, &f, err);
		if (!ret)
			ret = f.compression ? csums_replay(l, f.disk_bytenr, f.disk_num_bytes, err) : csums_replay(l, f.disk_bytenr + f.offset, f.num_bytes, err);
	}
	if (ret)
		return ret;
	w.d.nbytes = le64_of(le64_get(w.d.nbytes) - freed + added);
	return inode_item_put(l->txn, &w, false, err);
}

/* --- the passes --- */

enum pass { PASS_INODES, PASS_INDEXES, PASS_REST };

static int item_replay(struct log *l, enum pass pass, const struct item *item, struct err *err)
{
	u8 type = item->key.type;

	if (pass == PASS_INODES)
		return type == BTRFS_INODE_ITEM_KEY ? inode_replay(l, item->key.objectid, item, err) : 0;
	if (pass == PASS_INDEXES)
		return type == BTRFS_DIR_INDEX_KEY ? index_replay(l, item, err) : 0;
	switch (type) {
	case BTRFS_XATTR_ITEM_KEY: return xattr_replay(l, item, err);
	case BTRFS_INODE_REF_KEY:
	case BTRFS_INODE_EXTREF_KEY: return refs_replay(l, item, err);
	case BTRFS_EXTENT_DATA_KEY: return extent_replay(l, item, err);
	}
	return 0;
}

/* An inode without links was deleted before it was logged: nothing of it counts. */
static bool inode_skipped(const struct item *item)
{
	return item->size >= sizeof(struct disk_inode_item) && !le32_get(((const struct disk_inode_item *)item->data)->nlink);
}

static int pass_replay(struct log *l, enum pass pass, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(l->log, KEY(BTRFS_FIRST_FREE_OBJECTID, 0, 0), KEY(BTRFS_LAST_FREE_OBJECTID, 255, -1ULL));
	u64 skip = 0;
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) == 0) {
		if (item.key.type == BTRFS_INODE_ITEM_KEY && inode_skipped(&item))
			skip = item.key.objectid;
		ret = item.key.objectid == skip ? 0 : item_replay(l, pass, &item, err);
		if (ret)
			return err_wrap(err, ret, "logged item (%llu %u %llu)", item.key.objectid, item.key.type, item.key.offset);
	}
	return ret == -ENOENT ? 0 : ret;
}

/* --- link counts --- */

static int count_name(void *arg, const struct inode_ref_view *ref)
{
	++*(u32 *)arg;
	return 0;
}

static int dir_clear(struct log *l, u64 dir, struct err *err)
{
	for (;;) {
		struct dir_iter it CLEANUP(dir_close) = dir_open(l->root, dir);
		u8 name[BTRFS_NAME_LEN];
		struct dirent e;
		int ret = dir_next(&it, &e, err);

		if (ret)
			return ret == -ENOENT ? 0 : ret;
		memcpy(name, e.name, e.name_len);
		e.name = name;
		dir_close(&it);
		ret = name_drop(l, dir, &e, err);
		if (ret)
			return ret;
	}
}

static int inode_fixup(struct log *l, u64 ino, struct err *err)
{
	struct winode w;
	u32 names = 0;
	int ret = winode_load(l->root, ino, &w, err);

	if (ret || ino == BTRFS_FIRST_FREE_OBJECTID)
		return ret == -ENOENT ? 0 : ret;
	ret = inode_refs(l->root, ino, count_name, &names, err);
	if (!ret && !names && S_ISDIR(winode_mode(&w)))
		ret = dir_clear(l, ino, err);
	if (!ret && !names)
		return inode_destroy(l->txn, l->root, ino, err);
	if (ret || le32_get(w.d.nlink) == (S_ISDIR(winode_mode(&w)) ? 1 : names))
		return ret;
	w.d.nlink = le32_of(S_ISDIR(winode_mode(&w)) ? 1 : names);
	return inode_item_put(l->txn, &w, false, err);
}

/* Emptying a directory makes more inodes to count: until none is left. */
static int fixups(struct log *l, struct err *err)
{
	int ret = 0;

	while (!ret && l->counts.len) {
		size_t pos = 0;
		u64 ino, unused;

		hmap_next(&l->counts, &pos, &ino, &unused);
		hmap_del(&l->counts, ino);
		ret = inode_fixup(l, ino, err);
	}
	return ret;
}

static int log_each(struct log *l, int (*fn)(struct log *l, struct err *err), struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&l->fs->log_root_tree->tree, KEY(BTRFS_TREE_LOG_OBJECTID, BTRFS_ROOT_ITEM_KEY, 0),
		KEY(BTRFS_TREE_LOG_OBJECTID, BTRFS_ROOT_ITEM_KEY, -1ULL));
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) == 0) {
		struct root *log;

		ret = fs_root_of_item(l->fs, &item, &log, err);
		if (ret)
			return ret;
		l->log = &log->tree;
		ret = fs_subvol_root(l->fs, item.key.offset, &l->root, err);
		if (ret == -ENOENT)
			l->root = NULL;
		else if (ret)
			return ret;
		ret = fn(l, err);
		if (ret)
			return err_wrap(err, ret, "cannot replay the log of subvolume %llu", item.key.offset);
	}
	return ret == -ENOENT ? 0 : ret;
}

static int log_pin(struct log *l, struct err *err)
{
	struct block_ref ref = tree_root_ref(l->log);

	return pin_blocks(l, l->log, &ref, err);
}

/* Data extents that only the log knows are not free either. */
static int log_pin_data(struct log *l, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(l->log, KEY(BTRFS_FIRST_FREE_OBJECTID, 0, 0), KEY(BTRFS_LAST_FREE_OBJECTID, 255, -1ULL));
	struct alloc *a = txn_alloc(l->txn);
	struct file_extent_view f;
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) == 0) {
		if (item.key.type != BTRFS_EXTENT_DATA_KEY || file_extent_parse(&item, &f) || f.type == BTRFS_FILE_EXTENT_INLINE || !f.disk_bytenr)
			continue;
		ret = alloc_pin(a, f.disk_bytenr, f.disk_num_bytes, err);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

static int log_replay(struct log *l, struct err *err)
{
	int ret = 0;

	for (enum pass pass = PASS_INODES; l->root && !ret && pass <= PASS_REST; pass++)
		ret = pass_replay(l, pass, err);
	return ret ? ret : fixups(l, err);
}

int fs_replay_log(struct txn *txn, struct fs *fs, struct err *err)
{
	struct log l = { .txn = txn, .fs = fs };
	struct block_ref ref;
	int ret;

	if (!fs->log_root_tree)
		return 0;
	ref = tree_root_ref(&fs->log_root_tree->tree);
	ret = pin_blocks(&l, &fs->log_root_tree->tree, &ref, err);
	if (!ret)
		ret = log_each(&l, log_pin, err);
	if (!ret)
		ret = log_each(&l, log_pin_data, err);
	if (!ret)
		ret = log_each(&l, log_replay, err);
	hmap_fini(&l.counts);
	return ret ? err_wrap(err, ret, "cannot replay the log") : 0;
}
