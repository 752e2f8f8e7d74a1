/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes and snapshots: made, unlinked, marked. Dropping what a deleted one held is in subvol_drop.c. Spec: on-disk-format 4.6 to 4.9. */
#include "kernel-shared/fs/change.h"
#include "kernel-shared/fs/open.h"
#include "kernel-shared/fs/quota.h"

#include <sys/stat.h>

enum {
	LEAVES_SUBVOL = 32, /* names, references, root items, uuids, the quota group and its relations */
	LEAVES_DELETE = 16,
};

int root_store(struct txn *txn, struct root *root, struct err *err)
{
	struct key key = KEY(root->tree.id, BTRFS_ROOT_ITEM_KEY, root->tree.offset);
	int ret = txn_dirty_root(txn, root, err);

	if (ret)
		return ret;
	root->item.bytenr = le64_of(root->tree.bytenr);
	root->item.level = root->tree.level;
	root->item.generation = root->item.generation_v2 = le64_of(root->tree.generation);
	ret = tree_put(&txn_roots(txn)->root_tree->tree, &key, &root->item, sizeof(root->item), root->item_missing, err);
	if (!ret)
		root->item_missing = root->legacy = false;
	return ret;
}

static int live_root(struct fs *fs, u64 id, struct root **out, struct err *err)
{
	int ret = is_fstree(id) ? fs_subvol_root(fs, id, out, err) : err_set(err, -ENOENT, "%llu is no subvolume id", id);

	if (!ret && !le32_get((*out)->item.refs))
		ret = err_set(err, -ENOENT, "subvolume %llu is being deleted", id);
	return ret;
}

/* Above all objectids of the root tree; with simple quota a group may outlive its subvolume, and its id stays taken. */
static int subvol_next(struct fs *fs, u64 *id, struct err *err)
{
	struct key key = KEY(BTRFS_LAST_FREE_OBJECTID, 255, -1ULL);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup_le(&fs->root_tree->tree, &key, &p, &item, err);

	if (ret && ret != -ENOENT)
		return ret;
	*id = ret || item.key.objectid < BTRFS_FIRST_FREE_OBJECTID ? BTRFS_FIRST_FREE_OBJECTID : item.key.objectid + 1;
	if (*id <= fs->change.last_subvol)
		*id = fs->change.last_subvol + 1;
	if (!is_fstree(*id))
		return err_set(err, -ENOSPC, "no subvolume id is left");
	fs->change.last_subvol = *id;
	return 0;
}

/* A root with a fresh id, registered, without a tree. */
static int subvol_root_new(struct txn *txn, u64 offset, struct root **out, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct root *root;
	u64 id;
	int ret = subvol_next(fs, &id, err);

	if (ret)
		return ret;
	root = root_new(fs, id, offset, 0, 0, 0);
	if (!root)
		return err_nomem(err);
	root->newest = root->item_missing = true;
	*out = root;
	return fs_root_register(fs, root, err);
}

/* The name of a subvolume in a directory of another. */
static int subvol_link_name(struct txn *txn, struct winode *dir, u64 id, const void *name, size_t len, struct err *err)
{
	struct key location = KEY(id, BTRFS_ROOT_ITEM_KEY, -1ULL);
	u64 index;
	int ret = entry_add(txn, dir->root, dir->ino, name, len, &location, BTRFS_FT_DIR, &index, err);

	if (!ret)
		ret = root_ref_add(txn, dir->root->tree.id, id, dir->ino, index, name, len, err);
	if (ret)
		return ret;
	dir_count(txn, dir, len, 1);
	return winode_store(txn, dir, err);
}

/* The inode that root items carry, which nobody reads but for its flag. */
static void embedded_inode(struct txn *txn, struct disk_inode_item *d)
{
	memset(d, 0, sizeof(*d));
	d->generation = le64_of(1);
	d->size = le64_of(3);
	d->nlink = le32_of(1);
	d->nbytes = le64_of(txn_fs(txn)->geo->nodesize);
	d->mode = le32_of(S_IFDIR | 0755);
	d->flags = le64_of(BTRFS_INODE_ROOT_ITEM_INIT);
}

/* The directory at the top of a new subvolume. Nothing is inherited from the directory that it lies in; properties come from the subvolume above. */
static int top_dir_create(struct txn *txn, struct root *root, struct root *parent, struct err *err)
{
	struct winode w = { .root = root, .ino = BTRFS_FIRST_FREE_OBJECTID };
	struct loc to = { root, w.ino }, above = { parent, w.ino };
	u32 mode = S_IFDIR | 0755;
	int ret;

	w.d.generation = le64_of(txn_id(txn));
	w.d.nlink = le32_of(1);
	w.d.atime = w.d.mtime = w.d.ctime = w.d.otime = time_now(txn);
	w.d.mode = le32_of(mode);
	ret = winode_create(txn, &w, err);
	if (!ret)
		ret = inherit_property(txn, above, to, mode, err);
	return ret ? ret : ref_add(txn, root, w.ino, w.ino, 0, "..", 2, err);
}

static int subvol_create(struct txn *txn, struct loc dir, const void *name, size_t len, const struct qgroup_inherit *inherit, u64 *id, struct err *err)
{
	struct root *root;
	struct winode d;
	int ret = dir_load(&dir, true, &d, err);

	if (!ret)
		ret = name_free(&dir, name, len, err);
	if (!ret)
		ret = subvol_root_new(txn, 0, &root, err);
	if (!ret)
		ret = txn_new_tree(txn, root, err);
	if (ret)
		return ret;
	*id = root->tree.id;
	embedded_inode(txn, &root->item.inode);
	root->item.root_dirid = le64_of(BTRFS_FIRST_FREE_OBJECTID);
	env_uuid(txn_env(txn), root->item.uuid);
	root->item.otransid = root->item.ctransid = le64_of(txn_id(txn));
	root->item.otime = root->item.ctime = time_now(txn);
	ret = top_dir_create(txn, root, dir.root, err);
	if (!ret)
		ret = root_store(txn, root, err);
	if (!ret)
		ret = uuid_add(txn, root->item.uuid, BTRFS_UUID_KEY_SUBVOL, *id, err);
	if (!ret)
		ret = quota_subvol_new(txn, *id, 0, dir.root->tree.id, inherit, err);
	return ret ? ret : subvol_link_name(txn, &d, *id, name, len, err);
}

int op_subvol_create(struct txn *txn, struct loc dir, const void *name, size_t len, const struct qgroup_inherit *inherit, u64 *id, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_SUBVOL, 0, &op, err);

	return ret ? ret : op_end(op, subvol_create(txn, dir, name, len, inherit, id, err), err);
}

/* Spec 4.7 steps 2 to 5: what lies below the two root blocks is common to both from here on. */
static int snapshot_tree(struct txn *txn, struct root *src, struct root *dst, struct err *err)
{
	int ret = txn_dirty_root(txn, src, err);

	if (!ret)
		ret = txn_dirty_root(txn, dst, err);
	if (ret)
		return ret;
	/* who counts quotas hears of the root's children, but not of all below them */
	txn_fs(txn)->change.recount = true;
	src->tree.last_snapshot = dst->tree.last_snapshot = txn_id(txn);
	src->item.last_snapshot = le64_of(txn_id(txn));
	ret = tree_snapshot_root(&src->tree, &dst->tree, err);
	if (!ret)
		ret = ref_children(txn_alloc(txn), dst->tree.node->data, false, 1, err);
	return ret ? ret : root_store(txn, src, err);
}

static void snapshot_item(struct txn *txn, const struct root *src, struct root *dst, bool readonly)
{
	struct disk_root_item *i = &dst->item;
	u64 flags = le64_get(src->item.flags) & ~BTRFS_ROOT_SUBVOL_RDONLY;

	*i = src->item;
	i->flags = le64_of(flags | (readonly ? BTRFS_ROOT_SUBVOL_RDONLY : 0));
	i->refs = le32_of(1);
	memset(&i->drop_progress, 0, sizeof(i->drop_progress));
	i->drop_level = 0;
	env_uuid(txn_env(txn), i->uuid);
	memcpy(i->parent_uuid, src->item.uuid, sizeof(i->parent_uuid));
	i->otransid = le64_of(txn_id(txn));
	i->otime = time_now(txn);
	if (readonly)
		return;
	memset(i->received_uuid, 0, sizeof(i->received_uuid));
	i->stransid = i->rtransid = le64_of(0);
	memset(&i->stime, 0, sizeof(i->stime));
	memset(&i->rtime, 0, sizeof(i->rtime));
}

/* The key's offset says which blocks cannot be named after the snapshot: those not younger. A mounted filesystem makes snapshots at the end of a transaction;
 * here the snapshot may get blocks of its own in the same one, so it is the transaction before that counts.
 * The name comes last, so that a snapshot into its own source does not hold an entry of itself. */
static int subvol_snapshot(struct txn *txn, u64 source, struct loc dir, const void *name, size_t len, bool readonly, const struct qgroup_inherit *inherit, u64 *id,
			   struct err *err)
{
	struct root *src, *dst;
	struct winode d;
	int ret = live_root(txn_fs(txn), source, &src, err);

	if (!ret)
		ret = dir_load(&dir, true, &d, err);
	if (!ret)
		ret = name_free(&dir, name, len, err);
	if (!ret)
		ret = subvol_root_new(txn, txn_id(txn) - 1, &dst, err);
	if (!ret)
		ret = snapshot_tree(txn, src, dst, err);
	if (ret)
		return ret;
	*id = dst->tree.id;
	snapshot_item(txn, src, dst, readonly);
	ret = root_store(txn, dst, err);
	if (!ret)
		ret = uuid_add(txn, dst->item.uuid, BTRFS_UUID_KEY_SUBVOL, *id, err);
	if (!ret)
		ret = uuid_add(txn, dst->item.received_uuid, BTRFS_UUID_KEY_RECEIVED_SUBVOL, *id, err);
	if (!ret)
		ret = quota_subvol_new(txn, *id, source, dir.root->tree.id, inherit, err);
	return ret ? ret : subvol_link_name(txn, &d, *id, name, len, err);
}

int op_subvol_snapshot(struct txn *txn, u64 source, struct loc dir, const void *name, size_t len, bool readonly, const struct qgroup_inherit *inherit, u64 *id,
		       struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_SUBVOL, 0, &op, err);

	return ret ? ret : op_end(op, subvol_snapshot(txn, source, dir, name, len, readonly, inherit, id, err), err);
}

/* Is there any subvolume below? */
static int no_children(struct fs *fs, u64 id, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(id, BTRFS_ROOT_REF_KEY, 0);
	struct item item;
	int ret = tree_lookup_ge(&fs->root_tree->tree, &key, &p, &item, err);

	if (ret == -ENOENT || (!ret && (item.key.objectid != id || item.key.type != BTRFS_ROOT_REF_KEY)))
		return 0;
	return ret ? ret : err_set(err, -ENOTEMPTY, "subvolume %llu holds subvolume %llu", id, item.key.offset);
}

static int subvol_unlink_name(struct txn *txn, u64 id, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct root_ref_view ref;
	struct winode d;
	struct loc dir;
	u8 name[BTRFS_NAME_LEN];
	u64 parent, index;
	size_t len;
	int ret = subvol_link(txn_fs(txn), id, &p, &parent, &ref, err);

	if (ret)
		return ret;
	len = min_t(size_t, ref.name_len, sizeof(name));
	memcpy(name, ref.name, len);
	dir.ino = ref.dirid;
	path_fini(&p);
	ret = live_root(txn_fs(txn), parent, &dir.root, err);
	if (!ret)
		ret = dir_load(&dir, false, &d, err);
	if (!ret)
		ret = root_ref_remove(txn, parent, id, &index, err);
	if (!ret)
		ret = entry_remove(txn, dir.root, dir.ino, name, len, index, err);
	if (ret)
		return ret;
	dir_count(txn, &d, len, -1);
	return winode_store(txn, &d, err);
}

static int subvol_delete(struct txn *txn, u64 id, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct key orphan = KEY(BTRFS_ORPHAN_OBJECTID, BTRFS_ORPHAN_ITEM_KEY, id);
	struct root *root;
	int ret = live_root(fs, id, &root, err);

	if (ret)
		return ret;
	if (id == BTRFS_FS_TREE_OBJECTID)
		return err_set(err, -EPERM, "the top-level subvolume cannot be deleted");
	if (id == fs->default_subvol)
		return err_set(err, -EPERM, "subvolume %llu is the default subvolume", id);
	ret = no_children(fs, id, err);
	if (!ret)
		ret = subvol_unlink_name(txn, id, err);
	if (!ret)
		ret = txn_dirty_root(txn, root, err);
	if (ret)
		return ret;
	root->item.refs = le32_of(0);
	root->item.flags = le64_of(le64_get(root->item.flags) | BTRFS_ROOT_SUBVOL_DEAD);
	memset(&root->item.drop_progress, 0, sizeof(root->item.drop_progress));
	root->item.drop_level = 0;
	ret = root_store(txn, root, err);
	if (!ret)
		ret = tree_insert(&fs->root_tree->tree, &orphan, NULL, 0, err);
	if (!ret)
		ret = uuid_remove(txn, root->item.uuid, BTRFS_UUID_KEY_SUBVOL, id, err);
	return ret ? ret : uuid_remove(txn, root->item.received_uuid, BTRFS_UUID_KEY_RECEIVED_SUBVOL, id, err);
}

int op_subvol_delete(struct txn *txn, u64 id, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_DELETE, OP_FREES, &op, err);

	return ret ? ret : op_end(op, subvol_delete(txn, id, err), err);
}

static int set_readonly(struct txn *txn, u64 id, bool readonly, struct err *err)
{
	struct root *root;
	u64 flags;
	int ret = live_root(txn_fs(txn), id, &root, err);

	if (!ret)
		ret = txn_dirty_root(txn, root, err);
	if (ret)
		return ret;
	flags = le64_get(root->item.flags) & ~BTRFS_ROOT_SUBVOL_RDONLY;
	root->item.flags = le64_of(flags | (readonly ? BTRFS_ROOT_SUBVOL_RDONLY : 0));
	return root_store(txn, root, err);
}

int op_subvol_set_readonly(struct txn *txn, u64 id, bool readonly, struct err *err)
{
	struct op *op;
	/* on a full filesystem this is what has to come before deleting */
	int ret = op_begin(txn, LEAVES_DELETE, OP_FREES, &op, err);

	return ret ? ret : op_end(op, set_readonly(txn, id, readonly, err), err);
}

static const char default_name[] = "default";
enum { DEFAULT_LEN = sizeof(default_name) - 1 };

/* The entry "default" of the root tree's directory leads to the subvolume. */
static int default_entry(struct tree *t, const struct key *location, u64 transid, struct err *err)
{
	struct key key = KEY(BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_DIR_ITEM_KEY, hash_name(default_name, DEFAULT_LEN));
	struct disk_dir_item d = { .location = key_disk(*location), .transid = le64_of(transid), .name_len = le16_of(DEFAULT_LEN), .type = BTRFS_FT_DIR };
	u8 fresh[sizeof(d) + DEFAULT_LEN];
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct dir_entry_view e;
	struct item item;
	u32 pos = 0, from = 0;
	u8 *data;
	int ret = tree_search_cow(t, &key, 0, &p, err);

	memcpy(fresh, &d, sizeof(d));
	memcpy(fresh + sizeof(d), default_name, DEFAULT_LEN);
	if (ret)
		return ret < 0 ? ret : tree_insert(t, &key, fresh, sizeof(fresh), err);
	for (item = path_item(&p); dir_item_next(&item, &pos, &e); from = pos)
		if (e.name_len == DEFAULT_LEN && !memcmp(e.name, default_name, DEFAULT_LEN))
			break;
	if (pos == from)
		return err_set(err, -EUCLEAN, "the root tree's directory has no entry \"default\"");
	data = path_item_mut(t, &p, err);
	if (!data)
		return -ENOMEM;
	((struct disk_dir_item *)(data + from))->location = key_disk(*location);
	return 0;
}

static int set_default(struct txn *txn, u64 id, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct key location = KEY(id, BTRFS_ROOT_ITEM_KEY, -1ULL);
	struct disk_super *sb = txn_super(txn);
	struct root *root;
	int ret = live_root(fs, id, &root, err);

	if (!ret)
		ret = default_entry(&fs->root_tree->tree, &location, txn_id(txn), err);
	if (ret)
		return ret;
	sb->incompat_flags = le64_of(le64_get(sb->incompat_flags) | BTRFS_FEATURE_INCOMPAT_DEFAULT_SUBVOL);
	fs->geo->incompat |= BTRFS_FEATURE_INCOMPAT_DEFAULT_SUBVOL;
	fs->default_subvol = id;
	return 0;
}

int op_subvol_set_default(struct txn *txn, u64 id, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_SUBVOL, 0, &op, err);

	return ret ? ret : op_end(op, set_default(txn, id, err), err);
}

static int set_received(struct txn *txn, u64 id, const u8 uuid[16], u64 stransid, const struct timespec64 *stime, const struct timespec64 *rtime, struct err *err)
{
	struct root *root;
	int ret = live_root(txn_fs(txn), id, &root, err);

	if (!ret)
		ret = uuid_remove(txn, root->item.received_uuid, BTRFS_UUID_KEY_RECEIVED_SUBVOL, id, err);
	if (!ret)
		ret = txn_dirty_root(txn, root, err);
	if (ret)
		return ret;
	memcpy(root->item.received_uuid, uuid, sizeof(root->item.received_uuid));
	root->item.stransid = le64_of(stransid);
	root->item.rtransid = le64_of(txn_id(txn));
	root->item.stime = time_disk(*stime);
	root->item.rtime = rtime ? time_disk(*rtime) : time_now(txn);
	ret = root_store(txn, root, err);
	return ret ? ret : uuid_add(txn, uuid, BTRFS_UUID_KEY_RECEIVED_SUBVOL, id, err);
}

int op_subvol_set_received(struct txn *txn, u64 id, const u8 uuid[16], u64 stransid, const struct timespec64 *stime, const struct timespec64 *rtime, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_SUBVOL, 0, &op, err);

	return ret ? ret : op_end(op, set_received(txn, id, uuid, stransid, stime, rtime, err), err);
}
