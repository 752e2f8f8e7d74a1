/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inode items on their way to disk, and whether they may be changed at all. Spec: on-disk-format 3.3, 4.5. */
#include "kernel-shared/fs/change.h"

#include <sys/stat.h>

struct disk_timespec time_disk(struct timespec64 t)
{
	return (struct disk_timespec){ le64_of((u64)t.sec), le32_of(t.nsec) };
}

struct disk_timespec time_now(struct txn *txn)
{
	struct timespec64 t;

	env_now(txn_env(txn), &t.sec, &t.nsec);
	return time_disk(t);
}

int winode_load(struct root *root, u64 ino, struct winode *out, struct err *err)
{
	struct key key = KEY(ino, BTRFS_INODE_ITEM_KEY, 0);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup(&root->tree, &key, &p, &item, err);

	if (ret)
		return ret == -ENOENT ? err_set(err, ret, "inode %llu does not exist in tree %llu", ino, root->tree.id) : ret;
	if (item.size < sizeof(out->d))
		return err_set(err, -EUCLEAN, "INODE_ITEM of inode %llu in tree %llu has only %u bytes", ino, root->tree.id, item.size);
	out->root = root;
	out->ino = ino;
	memcpy(&out->d, item.data, sizeof(out->d));
	return 0;
}

int root_touch(struct txn *txn, struct root *root, struct err *err)
{
	int ret;

	if (!is_fstree(root->tree.id) || le64_get(root->item.ctransid) == txn_id(txn))
		return 0;
	ret = txn_dirty_root(txn, root, err);
	if (ret)
		return ret;
	root->item.ctransid = le64_of(txn_id(txn));
	root->item.ctime = time_now(txn);
	return 0;
}

int inode_item_put(struct txn *txn, struct winode *w, bool create, struct err *err)
{
	struct key key = KEY(w->ino, BTRFS_INODE_ITEM_KEY, 0);
	int ret = root_touch(txn, w->root, err);

	if (ret)
		return ret;
	return create ? tree_insert(&w->root->tree, &key, &w->d, sizeof(w->d), err) : tree_put(&w->root->tree, &key, &w->d, sizeof(w->d), false, err);
}

static int winode_put(struct txn *txn, struct winode *w, bool create, struct err *err)
{
	w->d.transid = le64_of(txn_id(txn));
	return inode_item_put(txn, w, create, err);
}

int winode_store(struct txn *txn, struct winode *w, struct err *err)
{
	w->d.sequence = le64_of(le64_get(w->d.sequence) + 1);
	return winode_put(txn, w, false, err);
}

int winode_create(struct txn *txn, struct winode *w, struct err *err)
{
	return winode_put(txn, w, true, err);
}

void winode_touch(struct txn *txn, struct winode *w, bool data)
{
	w->d.ctime = time_now(txn);
	if (data)
		w->d.mtime = w->d.ctime;
}

int inode_next(struct root *root, u64 *ino, struct err *err)
{
	struct key key = KEY(BTRFS_LAST_FREE_OBJECTID, 255, -1ULL);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup_le(&root->tree, &key, &p, &item, err);

	if (ret && ret != -ENOENT)
		return ret;
	*ino = ret || item.key.objectid < BTRFS_FIRST_FREE_OBJECTID ? BTRFS_FIRST_FREE_OBJECTID + 1 : item.key.objectid + 1;
	if (*ino > BTRFS_LAST_FREE_OBJECTID)
		return err_set(err, -ENOSPC, "tree %llu has no inode number left", root->tree.id);
	return 0;
}

int may_change(const struct loc *loc, struct err *err)
{
	if (loc->ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID)
		return err_set(err, -ENOENT, "this entry of a snapshot leads to no subvolume");
	if (le64_get(loc->root->item.flags) & BTRFS_ROOT_SUBVOL_RDONLY)
		return err_set(err, -EROFS, "subvolume %llu is read-only", loc->root->tree.id);
	return 0;
}

int may_change_inode(const struct winode *w, bool append, struct err *err)
{
	u64 flags = winode_flags(w);

	if (flags & BTRFS_INODE_IMMUTABLE || (flags & BTRFS_INODE_APPEND && !append))
		return err_set(err, -EPERM, "inode %llu is %s", w->ino, flags & BTRFS_INODE_IMMUTABLE ? "immutable" : "append-only");
	return 0;
}

int name_check(const void *name, size_t len, struct err *err)
{
	const char *n = name;

	if (!len)
		return err_set(err, -ENOENT, "a name cannot be empty");
	if (len > BTRFS_NAME_LEN)
		return err_set(err, -ENAMETOOLONG, "a name of %zu bytes is longer than %d", len, BTRFS_NAME_LEN);
	if (memchr(n, '/', len) || memchr(n, 0, len) || (n[0] == '.' && (len == 1 || (len == 2 && n[1] == '.'))))
		return err_set(err, -EINVAL, "not a valid name");
	return 0;
}

void dir_count(struct txn *txn, struct winode *dir, size_t name_len, int sign)
{
	u64 size = le64_get(dir->d.size);

	dir->d.size = le64_of(sign > 0 ? size + 2 * name_len : size >= 2 * name_len ? size - 2 * name_len : 0);
	winode_touch(txn, dir, true);
}
