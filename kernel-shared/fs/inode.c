/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inode items and the names that lead to an inode: see inode.h. */
#include "kernel-shared/fs/inode.h"

#include <sys/stat.h>

int inode_parse(struct root *root, const struct item *item, struct inode *out, struct err *err)
{
	const struct disk_inode_item *d = (const void *)item->data;

	if (item->size < sizeof(*d))
		return err_set(err, -EUCLEAN, "INODE_ITEM of inode %llu in tree %llu has only %u bytes", item->key.objectid, root->tree.id, item->size);
	*out = (struct inode){
		.root = root, .ino = item->key.objectid,
		.generation = le64_get(d->generation), .transid = le64_get(d->transid), .size = le64_get(d->size), .nbytes = le64_get(d->nbytes),
		.rdev = le64_get(d->rdev), .flags = le64_get(d->flags), .sequence = le64_get(d->sequence),
		.nlink = le32_get(d->nlink), .uid = le32_get(d->uid), .gid = le32_get(d->gid), .mode = le32_get(d->mode),
		.atime = time_get(&d->atime), .ctime = time_get(&d->ctime), .mtime = time_get(&d->mtime), .otime = time_get(&d->otime),
	};
	return 0;
}

int inode_get(struct root *root, u64 ino, struct inode *out, struct err *err)
{
	struct key key = KEY(ino, BTRFS_INODE_ITEM_KEY, 0);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret;

	if (ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID) {
		*out = (struct inode){ .root = root, .ino = ino, .nlink = 1, .mode = S_IFDIR | 0755 };
		return 0;
	}
	ret = tree_lookup(&root->tree, &key, &p, &item, err);
	if (ret == -ENOENT)
		return err_set(err, ret, "inode %llu does not exist in tree %llu", ino, root->tree.id);
	if (ret)
		return err_wrap(err, ret, "cannot read inode %llu of tree %llu", ino, root->tree.id);
	return inode_parse(root, &item, out, err);
}

u32 inode_mode_of_ft(u8 ft)
{
	static const u32 modes[BTRFS_FT_MAX] = {
		[BTRFS_FT_REG_FILE] = S_IFREG, [BTRFS_FT_DIR] = S_IFDIR, [BTRFS_FT_CHRDEV] = S_IFCHR, [BTRFS_FT_BLKDEV] = S_IFBLK,
		[BTRFS_FT_FIFO] = S_IFIFO, [BTRFS_FT_SOCK] = S_IFSOCK, [BTRFS_FT_SYMLINK] = S_IFLNK,
	};

	return ft < BTRFS_FT_MAX ? modes[ft] : 0;
}

int inode_refs(struct root *root, u64 ino, int (*fn)(void *arg, const struct inode_ref_view *ref), void *arg, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) =
		tree_range(&root->tree, KEY(ino, BTRFS_INODE_REF_KEY, 0), KEY(ino, BTRFS_INODE_EXTREF_KEY, -1ULL));
	struct item item;
	int ret;

	while (!(ret = tree_next(&it, &item, err))) {
		struct inode_ref_view ref;
		u32 pos = 0;

		while (!ret && inode_ref_next(&item, &pos, &ref))
			ret = fn(arg, &ref);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : err_wrap(err, ret, "cannot read the names of inode %llu of tree %llu", ino, root->tree.id);
}
