/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The old free space cache goes as soon as anything is written: it cannot know what changed. Spec: on-disk-format 3.16. */
#include "kernel-shared/alloc/internal.h"

static struct tree *root_tree(const struct alloc *a)
{
	return &a->roots->root_tree->tree;
}

/* The first header there is. -ENOENT: none. */
static int header_first(struct alloc *a, struct key *key, u64 *ino, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key from = KEY(BTRFS_FREE_SPACE_OBJECTID, 0, 0);
	struct item item;
	int ret = tree_lookup_ge(root_tree(a), &from, &p, &item, err);

	if (ret || item.key.objectid != BTRFS_FREE_SPACE_OBJECTID || item.key.type)
		return ret ? ret : -ENOENT;
	*key = item.key;
	*ino = 0;
	if (item.size >= sizeof(struct disk_free_space_header)) {
		struct key at = key_get(&((const struct disk_free_space_header *)item.data)->location);

		*ino = at.type == BTRFS_INODE_ITEM_KEY ? at.objectid : 0;
	}
	return 0;
}

static int extents_give_up(struct alloc *a, u64 ino, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(root_tree(a), KEY(ino, BTRFS_EXTENT_DATA_KEY, 0), KEY(ino, BTRFS_EXTENT_DATA_KEY, -1ULL));
	struct file_extent_view f;
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) == 0) {
		struct ref_change c = { .kind = REF_DATA, .root = BTRFS_ROOT_TREE_OBJECTID, .objectid = ino, .delta = -1 };

		if (file_extent_parse(&item, &f))
			return err_set(err, -EUCLEAN, "file extent (%llu %llu) of a free space cache cannot be read", ino, item.key.offset);
		if (f.type == BTRFS_FILE_EXTENT_INLINE || !f.disk_bytenr)
			continue;
		c.bytenr = f.disk_bytenr;
		c.len = f.disk_num_bytes;
		c.offset = f.start - f.offset;
		ret = ref_queue(a, &c, err);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

/* Subvolumes may have the same number: only what belongs to an inode is deleted. */
static int inode_delete(struct alloc *a, u64 ino, struct err *err)
{
	struct key inode = KEY(ino, BTRFS_INODE_ITEM_KEY, 0), orphan = KEY(BTRFS_ORPHAN_OBJECTID, BTRFS_ORPHAN_ITEM_KEY, ino);
	struct key lo = KEY(ino, BTRFS_EXTENT_DATA_KEY, 0), hi = KEY(ino, BTRFS_EXTENT_DATA_KEY, -1ULL);
	int ret = tree_delete(root_tree(a), &inode, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	ret = tree_delete(root_tree(a), &orphan, err);
	if (!ret || ret == -ENOENT)
		ret = extents_give_up(a, ino, err);
	return ret ? ret : tree_delete_range(root_tree(a), &lo, &hi, NULL, err);
}

int cache_v1_clear(struct alloc *a, struct err *err)
{
	struct key key;
	u64 ino;
	int ret;

	while (!(ret = header_first(a, &key, &ino, err))) {
		a->super->cache_generation = le64_of(a->roots->free_space_tree ? 0 : -1ULL);
		if (ino >= BTRFS_FIRST_FREE_OBJECTID)
			ret = inode_delete(a, ino, err);
		if (!ret)
			ret = tree_delete(root_tree(a), &key, err);
		if (ret)
			return err_wrap(err, ret, "cannot delete the old free space cache");
	}
	return ret == -ENOENT ? 0 : ret;
}
