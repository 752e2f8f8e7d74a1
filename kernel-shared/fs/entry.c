/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names as items: the two entries in a directory, and the reference that leads back. Spec: on-disk-format 3.4 to 3.6, 3.12, 4.4. */
#include "kernel-shared/fs/change.h"

#include "common/mem.h"

/* --- parts of an item that holds several --- */

/* Appends bytes to the item at key, or makes it. -EOVERFLOW when a leaf cannot hold the sum. */
static int item_append(struct tree *t, const struct key *key, const void *data, u32 size, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup(t, key, &p, &item, err);
	u32 old;
	u8 *to;

	if (ret == -ENOENT)
		return tree_insert(t, key, data, size, err);
	if (ret)
		return ret;
	old = item.size;
	if (old + size > geo_max_item(t->store->geo))
		return err_set(err, -EOVERFLOW, "no room for one more name of the same hash");
	ret = tree_search_cow(t, key, size, &p, err);
	if (ret)
		return ret < 0 ? ret : -EUCLEAN;
	ret = tree_extend_at(t, &p, size, err);
	if (ret)
		return ret;
	to = path_item_mut(t, &p, err);
	if (!to)
		return -ENOMEM;
	memcpy(to + old, data, size);
	return 0;
}

/* Cuts [from, from + size) out of the item at key; an item that would be empty is deleted. */
static int item_cut(struct tree *t, const struct key *key, u32 from, u32 size, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	int ret = tree_search_cow(t, key, -1, &p, err);
	u32 old;
	u8 *data;

	if (ret)
		return ret < 0 ? ret : -EUCLEAN;
	old = path_item(&p).size;
	if (old == size)
		return tree_delete_at(t, &p, 1, err);
	data = path_item_mut(t, &p, err);
	if (!data)
		return -ENOMEM;
	memmove(data + from, data + from + size, old - from - size);
	return tree_truncate_at(t, &p, old - size, false, err);
}

/* --- entries --- */

static u32 entry_print(u8 *to, const struct key *location, u64 transid, u8 type, const void *name, size_t len)
{
	struct disk_dir_item d = { .location = key_disk(*location), .transid = le64_of(transid), .name_len = le16_of(len), .type = type };

	memcpy(to, &d, sizeof(d));
	memcpy(to + sizeof(d), name, len);
	return sizeof(d) + len;
}

static int index_next(struct root *root, u64 dir, u64 *index, struct err *err)
{
	struct key key = KEY(dir, BTRFS_DIR_INDEX_KEY, -1ULL);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup_le(&root->tree, &key, &p, &item, err);

	if (ret && ret != -ENOENT)
		return ret;
	*index = !ret && item.key.objectid == dir && item.key.type == BTRFS_DIR_INDEX_KEY ? item.key.offset + 1 : 2;
	return 0;
}

int entry_add_at(struct txn *txn, struct root *root, u64 dir, const void *name, size_t len, const struct key *location, u8 type, u64 index, struct err *err)
{
	struct key by_hash = KEY(dir, BTRFS_DIR_ITEM_KEY, hash_name(name, len)), by_index = KEY(dir, BTRFS_DIR_INDEX_KEY, index);
	u8 buf[sizeof(struct disk_dir_item) + BTRFS_NAME_LEN];
	u32 size = entry_print(buf, location, txn_id(txn), type, name, len);
	int ret = item_append(&root->tree, &by_hash, buf, size, err);

	return ret ? ret : tree_insert(&root->tree, &by_index, buf, size, err);
}

int entry_add(struct txn *txn, struct root *root, u64 dir, const void *name, size_t len, const struct key *location, u8 type, u64 *index, struct err *err)
{
	struct dirent there;
	int ret = dir_lookup(root, dir, name, len, &there, err);

	if (!ret)
		return err_set(err, -EEXIST, "File exists");
	if (ret == -ENOENT)
		ret = index_next(root, dir, index, err);
	return ret ? ret : entry_add_at(txn, root, dir, name, len, location, type, *index, err);
}

int entry_remove(struct txn *txn, struct root *root, u64 dir, const void *name, size_t len, u64 index, struct err *err)
{
	struct key by_hash = KEY(dir, BTRFS_DIR_ITEM_KEY, hash_name(name, len)), by_index = KEY(dir, BTRFS_DIR_INDEX_KEY, index);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct dir_entry_view e;
	struct item item;
	u32 pos = 0, from = 0;
	int ret = tree_lookup(&root->tree, &by_hash, &p, &item, err);

	if (ret)
		return ret;
	for (; dir_item_next(&item, &pos, &e); from = pos)
		if (e.name_len == len && !memcmp(e.name, name, len))
			break;
	if (pos == from)
		return err_set(err, -ENOENT, "No such file or directory");
	path_fini(&p);
	ret = item_cut(&root->tree, &by_hash, from, pos - from, err);
	return ret ? ret : tree_delete(&root->tree, &by_index, err);
}

/* --- references --- */

static int extref_append(struct root *root, u64 ino, u64 dir, u64 index, const void *name, size_t len, struct err *err)
{
	struct key key = KEY(ino, BTRFS_INODE_EXTREF_KEY, hash_extref(dir, name, len));
	u8 buf[sizeof(struct disk_inode_extref) + BTRFS_NAME_LEN];
	struct disk_inode_extref r = { .parent_objectid = le64_of(dir), .index = le64_of(index), .name_len = le16_of(len) };

	memcpy(buf, &r, sizeof(r));
	memcpy(buf + sizeof(r), name, len);
	return item_append(&root->tree, &key, buf, sizeof(r) + len, err);
}

int ref_add(struct txn *txn, struct root *root, u64 ino, u64 dir, u64 index, const void *name, size_t len, struct err *err)
{
	struct key key = KEY(ino, BTRFS_INODE_REF_KEY, dir);
	u8 buf[sizeof(struct disk_inode_ref) + BTRFS_NAME_LEN];
	struct disk_inode_ref r = { .index = le64_of(index), .name_len = le16_of(len) };
	int ret;

	memcpy(buf, &r, sizeof(r));
	memcpy(buf + sizeof(r), name, len);
	ret = item_append(&root->tree, &key, buf, sizeof(r) + len, err);
	if (ret != -EOVERFLOW)
		return ret;
	if (!fs_incompat(root->fs, BTRFS_FEATURE_INCOMPAT_EXTENDED_IREF))
		return err_set(err, -EMLINK, "Too many links in one directory");
	return extref_append(root, ino, dir, index, name, len, err);
}

/* Looks for a reference in one item. 0 and its place, -ENOENT. */
static int ref_find(struct root *root, const struct key *key, u64 dir, const void *name, size_t len, u32 *from, u32 *size, u64 *index, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct inode_ref_view r;
	struct item item;
	u32 pos = 0;
	int ret = tree_lookup(&root->tree, key, &p, &item, err);

	for (*from = 0; !ret && inode_ref_next(&item, &pos, &r); *from = pos) {
		if (r.parent != dir || r.name_len != len || memcmp(r.name, name, len))
			continue;
		*size = pos - *from;
		*index = r.index;
		return 0;
	}
	return ret ? ret : -ENOENT;
}

static int ref_locate(struct root *root, u64 ino, u64 dir, const void *name, size_t len, struct key *key, u32 *from, u32 *size, u64 *index, struct err *err)
{
	int ret;

	*key = KEY(ino, BTRFS_INODE_REF_KEY, dir);
	ret = ref_find(root, key, dir, name, len, from, size, index, err);
	if (ret != -ENOENT)
		return ret;
	*key = KEY(ino, BTRFS_INODE_EXTREF_KEY, hash_extref(dir, name, len));
	ret = ref_find(root, key, dir, name, len, from, size, index, err);
	return ret == -ENOENT ? err_set(err, -EUCLEAN, "inode %llu has no reference for a name in directory %llu", ino, dir) : ret;
}

int ref_remove(struct txn *txn, struct root *root, u64 ino, u64 dir, const void *name, size_t len, u64 *index, struct err *err)
{
	struct key key;
	u32 from, size;
	int ret = ref_locate(root, ino, dir, name, len, &key, &from, &size, index, err);

	return ret ? ret : item_cut(&root->tree, &key, from, size, err);
}

static int root_ref_index(struct root *root, u64 child, u64 *index, struct err *err)
{
	struct key key = KEY(root->tree.id, BTRFS_ROOT_REF_KEY, child);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup(&root->fs->root_tree->tree, &key, &p, &item, err);

	if (ret || item.size < sizeof(struct disk_root_ref))
		return ret && ret != -ENOENT ? ret : err_set(err, -EUCLEAN, "subvolume %llu has no root reference from %llu", child, root->tree.id);
	*index = le64_get(((const struct disk_root_ref *)item.data)->sequence);
	return 0;
}

/* A dangling entry of a snapshot has no reference: its index is found by looking. */
static int index_by_name(struct root *root, u64 dir, const struct dirent *e, u64 *index, struct err *err)
{
	struct dir_iter it CLEANUP(dir_close) = dir_open(root, dir);
	struct dirent d;
	int ret;

	while ((ret = dir_next(&it, &d, err)) == 0) {
		if (d.name_len == e->name_len && !memcmp(d.name, e->name, d.name_len)) {
			*index = d.index;
			return 0;
		}
	}
	return ret == -ENOENT ? err_set(err, -EUCLEAN, "a name in directory %llu has no index", dir) : ret;
}

int entry_index(struct root *root, u64 dir, const struct dirent *e, u64 *index, struct err *err)
{
	struct key key;
	u32 from, size;

	if (!e->is_subvol)
		return ref_locate(root, e->ino, dir, e->name, e->name_len, &key, &from, &size, index, err);
	return root_ref_index(root, e->ino, index, NULL) ? index_by_name(root, dir, e, index, err) : 0;
}

int root_ref_add(struct txn *txn, u64 parent, u64 child, u64 dir, u64 index, const void *name, size_t len, struct err *err)
{
	struct tree *t = &txn_roots(txn)->root_tree->tree;
	struct key ref = KEY(parent, BTRFS_ROOT_REF_KEY, child), back = KEY(child, BTRFS_ROOT_BACKREF_KEY, parent);
	u8 buf[sizeof(struct disk_root_ref) + BTRFS_NAME_LEN];
	struct disk_root_ref r = { .dirid = le64_of(dir), .sequence = le64_of(index), .name_len = le16_of(len) };
	int ret;

	memcpy(buf, &r, sizeof(r));
	memcpy(buf + sizeof(r), name, len);
	ret = tree_insert(t, &ref, buf, sizeof(r) + len, err);
	return ret ? ret : tree_insert(t, &back, buf, sizeof(r) + len, err);
}

int root_ref_remove(struct txn *txn, u64 parent, u64 child, u64 *index, struct err *err)
{
	struct root *root = txn_roots(txn)->root_tree;
	struct key ref = KEY(parent, BTRFS_ROOT_REF_KEY, child), back = KEY(child, BTRFS_ROOT_BACKREF_KEY, parent);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup(&root->tree, &ref, &p, &item, err);

	if (!ret && item.size >= sizeof(struct disk_root_ref))
		*index = le64_get(((const struct disk_root_ref *)item.data)->sequence);
	path_fini(&p);
	if (!ret)
		ret = tree_delete(&root->tree, &ref, err);
	return ret ? ret : tree_delete(&root->tree, &back, err);
}

/* --- extended attributes: items like directory entries, with a value behind the name --- */

static int xattr_find(struct root *root, const struct key *key, const void *name, size_t len, u32 *from, u32 *size, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct dir_entry_view e;
	struct item item;
	u32 pos = 0;
	int ret = tree_lookup(&root->tree, key, &p, &item, err);

	for (*from = 0; !ret && dir_item_next(&item, &pos, &e); *from = pos) {
		if (e.name_len != len || memcmp(e.name, name, len))
			continue;
		*size = pos - *from;
		return 0;
	}
	return ret && ret != -ENOENT ? ret : -ENODATA;
}

int xattr_remove(struct txn *txn, struct root *root, u64 ino, const void *name, size_t len, struct err *err)
{
	struct key key = KEY(ino, BTRFS_XATTR_ITEM_KEY, hash_name(name, len));
	u32 from, size;
	int ret = xattr_find(root, &key, name, len, &from, &size, err);

	if (ret)
		return ret == -ENODATA ? err_set(err, ret, "No such attribute") : ret;
	return item_cut(&root->tree, &key, from, size, err);
}

int xattr_put(struct txn *txn, struct root *root, u64 ino, const void *name, size_t len, const void *value, size_t value_len, unsigned flags, struct err *err)
{
	struct key key = KEY(ino, BTRFS_XATTR_ITEM_KEY, hash_name(name, len));
	struct disk_dir_item d = { .transid = le64_of(txn_id(txn)), .data_len = le16_of(value_len), .name_len = le16_of(len), .type = BTRFS_FT_XATTR };
	u8 *buf CLEANUP(mem_freep) = NULL;
	u32 from, size;
	int ret;

	if (!len || len > BTRFS_NAME_LEN)
		return err_set(err, -ERANGE, "the name of an attribute has 1 to %d bytes, not %zu", BTRFS_NAME_LEN, len);
	if (len + value_len > geo_max_xattr(root->fs->geo))
		return err_set(err, -ENOSPC, "attribute of %zu bytes does not fit into a tree block (at most %u with its name)", value_len, geo_max_xattr(root->fs->geo));
	ret = xattr_find(root, &key, name, len, &from, &size, err);
	if (ret && ret != -ENODATA)
		return ret;
	if (!ret && flags & XATTR_CREATE_OP)
		return err_set(err, -EEXIST, "File exists");
	if (ret && flags & XATTR_REPLACE_OP)
		return err_set(err, -ENODATA, "No such attribute");
	buf = mem_alloc(1, sizeof(d) + len + value_len);
	if (!buf)
		return err_nomem(err);
	memcpy(buf, &d, sizeof(d));
	memcpy(buf + sizeof(d), name, len);
	if (value_len)
		memcpy(buf + sizeof(d) + len, value, value_len);
	ret = ret ? 0 : item_cut(&root->tree, &key, from, size, err);
	return ret ? ret : item_append(&root->tree, &key, buf, sizeof(d) + len + value_len, err);
}
