/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moving names: files, directories and subvolumes, over what is there, or in exchange with it. */
#include "kernel-shared/fs/change.h"

#include <sys/stat.h>

enum { LEAVES_RENAME = 24, DEPTH_MAX = 100000 };

/* One side of a rename. */
struct side { struct loc dir; const void *name; size_t len; struct dirent e; bool there; };

/* The directory may get a name where there is none; a name that is there it must be able to lose. */
static int side_load(struct side *s, struct err *err)
{
	struct winode d;
	int ret = dir_load(&s->dir, true, &d, err);

	if (!ret)
		ret = name_check(s->name, s->len, err);
	if (ret)
		return ret;
	ret = dir_lookup(s->dir.root, s->dir.ino, s->name, s->len, &s->e, err);
	s->there = !ret;
	return ret ? (ret == -ENOENT ? 0 : ret) : may_change_inode(&d, false, err);
}

/* The directory above, across subvolumes. 1: this is the top. */
static int parent_of(struct fs *fs, struct loc *at, struct err *err)
{
	struct subvol_info info;
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&at->root->tree, KEY(at->ino, BTRFS_INODE_REF_KEY, 0), KEY(at->ino, BTRFS_INODE_REF_KEY, -1ULL));
	struct item item;
	int ret;

	if (at->ino != BTRFS_FIRST_FREE_OBJECTID) {
		ret = tree_next(&it, &item, err);
		if (!ret)
			at->ino = item.key.offset;
		return ret;
	}
	if (at->root->tree.id == BTRFS_FS_TREE_OBJECTID)
		return 1;
	ret = subvol_info_get(fs, at->root->tree.id, &info, err);
	if (ret)
		return ret;
	at->ino = info.dirid;
	ret = info.parent ? fs_subvol_root(fs, info.parent, &at->root, err) : 1;
	subvol_info_fini(&info);
	return ret;
}

/* -EINVAL when `below` is what moves, or lies below it. */
static int not_below(struct fs *fs, const struct side *moves, struct loc below, struct err *err)
{
	struct loc top = { moves->dir.root, moves->e.ino };
	int ret = 0;

	if (moves->e.type != BTRFS_FT_DIR)
		return 0;
	if (moves->e.is_subvol) {
		ret = fs_subvol_root(fs, moves->e.ino, &top.root, err);
		top.ino = BTRFS_FIRST_FREE_OBJECTID;
	}
	for (unsigned depth = 0; !ret && depth < DEPTH_MAX; depth++) {
		if (below.root == top.root && below.ino == top.ino)
			return err_set(err, -EINVAL, "a directory cannot move below itself");
		ret = parent_of(fs, &below, err);
	}
	return ret < 0 ? ret : ret ? 0 : err_set(err, -ELOOP, "directories lead in a circle");
}

static int dir_changed(struct txn *txn, const struct side *s, int sign, struct err *err)
{
	struct winode d;
	int ret = winode_load(s->dir.root, s->dir.ino, &d, err);

	if (ret)
		return ret;
	dir_count(txn, &d, s->len, sign);
	return winode_store(txn, &d, err);
}

/* Takes the name away from what it leads to, which goes on without it. */
static int detach(struct txn *txn, const struct side *s, struct err *err)
{
	u64 index;
	int ret = s->e.is_subvol ? root_ref_remove(txn, s->dir.root->tree.id, s->e.ino, &index, err)
		: ref_remove(txn, s->dir.root, s->e.ino, s->dir.ino, s->name, s->len, &index, err);

	if (!ret)
		ret = entry_remove(txn, s->dir.root, s->dir.ino, s->name, s->len, index, err);
	return ret ? ret : dir_changed(txn, s, -1, err);
}

/* Gives the place's name to what e leads to. */
static int attach(struct txn *txn, const struct side *place, const struct dirent *e, struct err *err)
{
	struct key location = e->is_subvol ? KEY(e->ino, BTRFS_ROOT_ITEM_KEY, -1ULL) : KEY(e->ino, BTRFS_INODE_ITEM_KEY, 0);
	struct root *root = place->dir.root;
	struct winode w;
	u64 index;
	int ret = entry_add(txn, root, place->dir.ino, place->name, place->len, &location, e->type, &index, err);

	if (!ret)
		ret = e->is_subvol ? root_ref_add(txn, root->tree.id, e->ino, place->dir.ino, index, place->name, place->len, err)
			: ref_add(txn, root, e->ino, place->dir.ino, index, place->name, place->len, err);
	if (!ret)
		ret = dir_changed(txn, place, 1, err);
	if (ret || e->is_subvol)
		return ret;
	ret = winode_load(root, e->ino, &w, err);
	if (ret)
		return ret;
	winode_touch(txn, &w, false);
	return winode_store(txn, &w, err);
}

/* A dangling entry of a snapshot leads nowhere and cannot be moved; inodes stay in their subvolume. */
static int may_move(struct fs *fs, const struct side *s, const struct loc *to, struct err *err)
{
	struct winode w;
	struct loc target;
	int ret;

	if (s->e.is_subvol) {
		ret = dirent_follow(s->dir.root, s->dir.ino, &s->e, &target, err);
		return ret ? ret : target.ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID ? err_set(err, -EXDEV, "this entry of a snapshot leads to no subvolume") : 0;
	}
	if (s->dir.root != to->root)
		return err_set(err, -EXDEV, "a file cannot move into another subvolume");
	ret = winode_load(s->dir.root, s->e.ino, &w, err);
	return ret ? ret : may_change_inode(&w, false, err);
}

/* What stands at the new name makes room. */
static int make_way(struct txn *txn, const struct side *from, const struct side *to, unsigned flags, struct err *err)
{
	bool dir = from->e.type == BTRFS_FT_DIR, there_dir = to->e.type == BTRFS_FT_DIR;

	if (!to->there)
		return 0;
	if (flags & RENAME_NOREPLACE_OP || to->e.is_subvol)
		return err_set(err, -EEXIST, "File exists");
	if (dir != there_dir)
		return dir ? err_set(err, -ENOTDIR, "Not a directory") : err_set(err, -EISDIR, "Is a directory");
	return there_dir ? op_rmdir(txn, to->dir, to->name, to->len, err) : op_unlink(txn, to->dir, to->name, to->len, err);
}

static int rename_name(struct txn *txn, struct side *from, struct side *to, unsigned flags, struct err *err)
{
	struct fs *fs = from->dir.root->fs;
	struct dirent moved, other;
	int ret = side_load(from, err);

	if (!ret)
		ret = side_load(to, err);
	if (!ret && (!from->there || (flags & RENAME_EXCHANGE_OP && !to->there)))
		ret = err_set(err, -ENOENT, "No such file or directory");
	if (ret)
		return ret;
	if (to->there && from->e.ino == to->e.ino && from->e.is_subvol == to->e.is_subvol && (from->e.is_subvol || from->dir.root == to->dir.root))
		return 0; /* two names of one file: nothing happens */
	moved = from->e;
	other = to->e;
	ret = may_move(fs, from, &to->dir, err);
	if (!ret)
		ret = not_below(fs, from, to->dir, err);
	if (!ret && flags & RENAME_EXCHANGE_OP) {
		ret = may_move(fs, to, &from->dir, err);
		if (!ret)
			ret = not_below(fs, to, from->dir, err);
		if (!ret)
			ret = detach(txn, to, err);
	} else if (!ret) {
		ret = make_way(txn, from, to, flags, err);
	}
	if (!ret)
		ret = detach(txn, from, err);
	if (!ret)
		ret = attach(txn, to, &moved, err);
	return ret || !(flags & RENAME_EXCHANGE_OP) ? ret : attach(txn, from, &other, err);
}

int op_rename(struct txn *txn, struct loc from, const void *name, size_t len, struct loc to, const void *new_name, size_t new_len, unsigned flags, struct err *err)
{
	struct side a = { .dir = from, .name = name, .len = len }, b = { .dir = to, .name = new_name, .len = new_len };
	struct op *op;
	int ret = op_begin(txn, LEAVES_RENAME, 0, &op, err);

	return ret ? ret : op_end(op, rename_name(txn, &a, &b, flags, err), err);
}
