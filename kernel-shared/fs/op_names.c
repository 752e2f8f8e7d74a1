/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making, linking and removing names. Spec: on-disk-format 4.4, 4.5. */
#include "kernel-shared/fs/change.h"

#include <sys/stat.h>

enum { LEAVES_NAME = 12 /* two entries, reference, two inode items, root item, each perhaps split */ };

static u8 ft_of_mode(u32 mode)
{
	for (u8 ft = 1; ft < BTRFS_FT_MAX; ft++)
		if (inode_mode_of_ft(ft) && inode_mode_of_ft(ft) == (mode & S_IFMT))
			return ft;
	return BTRFS_FT_UNKNOWN;
}

int dir_load(const struct loc *dir, bool append, struct winode *out, struct err *err)
{
	int ret = may_change(dir, err);

	if (!ret)
		ret = winode_load(dir->root, dir->ino, out, err);
	if (!ret && !S_ISDIR(winode_mode(out)))
		ret = err_set(err, -ENOTDIR, "Not a directory");
	return ret ? ret : may_change_inode(out, append, err);
}

int name_free(const struct loc *dir, const void *name, size_t len, struct err *err)
{
	struct dirent there;
	int ret = name_check(name, len, err);

	if (!ret)
		ret = dir_lookup(dir->root, dir->ino, name, len, &there, err);
	if (!ret)
		return err_set(err, -EEXIST, "File exists");
	return ret == -ENOENT ? 0 : ret;
}

/* One more name of inode w in dir. */
static int name_give(struct txn *txn, struct winode *dir, struct winode *w, const void *name, size_t len, struct err *err)
{
	struct key location = KEY(w->ino, BTRFS_INODE_ITEM_KEY, 0);
	u64 index;
	int ret = entry_add(txn, dir->root, dir->ino, name, len, &location, ft_of_mode(winode_mode(w)), &index, err);

	if (!ret)
		ret = ref_add(txn, dir->root, w->ino, dir->ino, index, name, len, err);
	if (ret)
		return ret;
	dir_count(txn, dir, len, 1);
	return winode_store(txn, dir, err);
}

static void inode_init(struct txn *txn, struct winode *w, const struct new_inode *ni, const struct inherited *in)
{
	struct disk_timespec now = time_now(txn);

	memset(&w->d, 0, sizeof(w->d));
	w->d.generation = le64_of(txn_id(txn));
	w->d.nlink = le32_of(1);
	w->d.uid = le32_of(ni->uid);
	w->d.gid = le32_of(in->gid);
	w->d.mode = le32_of(in->mode);
	w->d.flags = le64_of(in->flags | ni->flags);
	w->d.rdev = le64_of(S_ISCHR(in->mode) || S_ISBLK(in->mode) ? ni->rdev : 0);
	w->d.atime = ni->has_times ? time_disk(ni->atime) : now;
	w->d.mtime = ni->has_times ? time_disk(ni->mtime) : now;
	w->d.ctime = ni->has_times ? time_disk(ni->ctime) : now;
	w->d.otime = ni->has_times ? time_disk(ni->otime) : now;
}

static int create(struct txn *txn, struct loc dir, const void *name, size_t len, const struct new_inode *ni, u64 *ino, struct err *err)
{
	struct winode d, w = { .root = dir.root };
	struct inherited in = { ni->mode, ni->gid, 0 };
	u32 mode;
	int ret = dir_load(&dir, true, &d, err);

	if (!ret)
		ret = name_free(&dir, name, len, err);
	if (!ret && !ft_of_mode(ni->mode))
		ret = err_set(err, -EINVAL, "mode 0%o has no file type", ni->mode);
	if (!ret && ni->inherit)
		ret = inherit_inode(txn, &d, ni->mode, ni->gid, &in, err);
	if (!ret)
		ret = inode_next(dir.root, &w.ino, err);
	if (ret)
		return ret;
	inode_init(txn, &w, ni, &in);
	ret = winode_create(txn, &w, err);
	mode = in.mode;
	if (!ret && ni->inherit)
		ret = inherit_xattrs(txn, dir.root, dir.ino, w.ino, &mode, err);
	if (!ret && mode != in.mode) {
		w.d.mode = le32_of(mode);
		ret = winode_store(txn, &w, err);
	}
	if (!ret)
		ret = name_give(txn, &d, &w, name, len, err);
	*ino = w.ino;
	return ret;
}

int op_create(struct txn *txn, struct loc dir, const void *name, size_t len, const struct new_inode *ni, u64 *ino, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_NAME, 0, &op, err);

	return ret ? ret : op_end(op, create(txn, dir, name, len, ni, ino, err), err);
}

static int symlink(struct txn *txn, struct loc dir, const void *name, size_t len, const char *target, size_t target_len, const struct new_inode *ni, u64 *ino,
		   struct err *err)
{
	u32 max = min_t(u32, geo_max_inline_data(dir.root->fs->geo), 4095);
	u8 buf[BTRFS_FILE_EXTENT_INLINE_DATA_START + 4096];
	struct disk_file_extent_item f = { .generation = le64_of(txn_id(txn)), .ram_bytes = le64_of(target_len), .type = BTRFS_FILE_EXTENT_INLINE };
	struct key key;
	struct winode w;
	int ret;

	if (!target_len || memchr(target, 0, target_len))
		return err_set(err, target_len ? -EINVAL : -ENOENT, "not a valid target of a symbolic link");
	if (target_len > max)
		return err_set(err, -ENAMETOOLONG, "the target of a symbolic link has at most %u bytes, not %zu", max, target_len);
	ret = create(txn, dir, name, len, ni, ino, err);
	if (!ret)
		ret = winode_load(dir.root, *ino, &w, err);
	if (ret)
		return ret;
	memcpy(buf, &f, BTRFS_FILE_EXTENT_INLINE_DATA_START);
	memcpy(buf + BTRFS_FILE_EXTENT_INLINE_DATA_START, target, target_len);
	key = KEY(*ino, BTRFS_EXTENT_DATA_KEY, 0);
	ret = tree_insert(&dir.root->tree, &key, buf, BTRFS_FILE_EXTENT_INLINE_DATA_START + target_len, err);
	w.d.size = w.d.nbytes = le64_of(target_len);
	return ret ? ret : winode_store(txn, &w, err);
}

int op_symlink(struct txn *txn, struct loc dir, const void *name, size_t len, const char *target, size_t target_len, const struct new_inode *ni, u64 *ino,
	       struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_NAME + 2, 0, &op, err);

	return ret ? ret : op_end(op, symlink(txn, dir, name, len, target, target_len, ni, ino, err), err);
}

static int link_name(struct txn *txn, struct loc target, struct loc dir, const void *name, size_t len, struct err *err)
{
	struct winode d, w;
	int ret = dir_load(&dir, true, &d, err);

	if (!ret)
		ret = name_free(&dir, name, len, err);
	if (!ret && target.root != dir.root)
		ret = err_set(err, -EXDEV, "a hard link cannot lead into another subvolume");
	if (!ret)
		ret = winode_load(target.root, target.ino, &w, err);
	if (!ret && S_ISDIR(winode_mode(&w)))
		ret = err_set(err, -EPERM, "a directory cannot have hard links");
	if (!ret)
		ret = may_change_inode(&w, false, err);
	if (!ret && le32_get(w.d.nlink) >= BTRFS_LINK_MAX)
		ret = err_set(err, -EMLINK, "Too many links");
	if (ret)
		return ret;
	w.d.nlink = le32_of(le32_get(w.d.nlink) + 1);
	winode_touch(txn, &w, false);
	ret = winode_store(txn, &w, err);
	return ret ? ret : name_give(txn, &d, &w, name, len, err);
}

int op_link(struct txn *txn, struct loc target, struct loc dir, const void *name, size_t len, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_NAME, 0, &op, err);

	return ret ? ret : op_end(op, link_name(txn, target, dir, name, len, err), err);
}

/* A name goes; the inode keeps what it has otherwise. */
static int name_take(struct txn *txn, struct winode *dir, u64 ino, const void *name, size_t len, struct err *err)
{
	u64 index;
	int ret = ref_remove(txn, dir->root, ino, dir->ino, name, len, &index, err);

	if (!ret)
		ret = entry_remove(txn, dir->root, dir->ino, name, len, index, err);
	if (ret)
		return ret;
	dir_count(txn, dir, len, -1);
	return winode_store(txn, dir, err);
}

/* One name less of inode w; the last one ends it. */
static int link_drop(struct txn *txn, struct winode *w, struct err *err)
{
	u32 nlink = le32_get(w->d.nlink);

	if (nlink <= 1)
		return inode_destroy(txn, w->root, w->ino, err);
	w->d.nlink = le32_of(nlink - 1);
	winode_touch(txn, w, false);
	return winode_store(txn, w, err);
}

static int entry_find(const struct loc *dir, const void *name, size_t len, struct dirent *e, struct err *err)
{
	int ret = name_check(name, len, err);

	return ret ? ret : dir_lookup(dir->root, dir->ino, name, len, e, err);
}

static int unlink_name(struct txn *txn, struct loc dir, const void *name, size_t len, struct err *err)
{
	struct winode d, w;
	struct dirent e;
	int ret = dir_load(&dir, false, &d, err);

	if (!ret)
		ret = entry_find(&dir, name, len, &e, err);
	if (!ret && (e.is_subvol || e.type == BTRFS_FT_DIR))
		ret = err_set(err, -EISDIR, "Is a directory");
	if (!ret)
		ret = winode_load(dir.root, e.ino, &w, err);
	if (!ret)
		ret = may_change_inode(&w, false, err);
	if (!ret)
		ret = name_take(txn, &d, e.ino, name, len, err);
	return ret ? ret : link_drop(txn, &w, err);
}

int op_unlink(struct txn *txn, struct loc dir, const void *name, size_t len, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_NAME, OP_FREES, &op, err);

	return ret ? ret : op_end(op, unlink_name(txn, dir, name, len, err), err);
}

static int dir_empty(struct root *root, u64 ino, struct err *err)
{
	struct dir_iter it CLEANUP(dir_close) = dir_open(root, ino);
	struct dirent e;
	int ret = dir_next(&it, &e, err);

	return ret == -ENOENT ? 0 : ret ? ret : err_set(err, -ENOTEMPTY, "Directory not empty");
}

/* The entry of a subvolume that the snapshot has not got: the entry is all there is. */
static int dangling_remove(struct txn *txn, struct winode *d, const struct dirent *e, const void *name, size_t len, struct err *err)
{
	u64 index;
	int ret = entry_index(d->root, d->ino, e, &index, err);

	if (!ret)
		ret = entry_remove(txn, d->root, d->ino, name, len, index, err);
	if (ret)
		return ret;
	dir_count(txn, d, len, -1);
	return winode_store(txn, d, err);
}

static int remove_dir(struct txn *txn, struct loc dir, const void *name, size_t len, struct err *err)
{
	struct winode d, w;
	struct dirent e;
	struct loc to;
	int ret = dir_load(&dir, false, &d, err);

	if (!ret)
		ret = entry_find(&dir, name, len, &e, err);
	if (!ret && e.type != BTRFS_FT_DIR)
		ret = err_set(err, -ENOTDIR, "Not a directory");
	if (!ret && e.is_subvol) {
		ret = dirent_follow(dir.root, dir.ino, &e, &to, err);
		if (!ret && to.ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID)
			return dangling_remove(txn, &d, &e, name, len, err);
		if (!ret)
			ret = err_set(err, -EPERM, "a subvolume is deleted with `subvolume delete`");
	}
	if (!ret)
		ret = winode_load(dir.root, e.ino, &w, err);
	if (!ret)
		ret = may_change_inode(&w, false, err);
	if (!ret)
		ret = dir_empty(dir.root, e.ino, err);
	if (!ret)
		ret = name_take(txn, &d, e.ino, name, len, err);
	return ret ? ret : inode_destroy(txn, dir.root, e.ino, err);
}

int op_rmdir(struct txn *txn, struct loc dir, const void *name, size_t len, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_NAME, OP_FREES, &op, err);

	return ret ? ret : op_end(op, remove_dir(txn, dir, name, len, err), err);
}
