/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended attributes. Spec: on-disk-format 3.6. */
#include "common/mem.h"
#include "kernel-shared/fs/inode.h"

int xattr_each(struct root *root, u64 ino, xattr_fn fn, void *arg, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) =
		tree_range(&root->tree, KEY(ino, BTRFS_XATTR_ITEM_KEY, 0), KEY(ino, BTRFS_XATTR_ITEM_KEY, -1ULL));
	struct item item;
	int ret;

	if (ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID)
		return 0;
	while (!(ret = tree_next(&it, &item, err))) {
		struct dir_entry_view e;
		u32 pos = 0;

		while (!ret && dir_item_next(&item, &pos, &e))
			ret = fn(arg, e.name, e.name_len, e.data, e.data_len);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : err_wrap(err, ret, "cannot read the extended attributes of inode %llu of tree %llu", ino, root->tree.id);
}

int xattr_get(struct root *root, u64 ino, const char *name, char **value, size_t *len, struct err *err)
{
	size_t name_len = strlen(name);
	struct key key = KEY(ino, BTRFS_XATTR_ITEM_KEY, hash_name(name, name_len));
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct dir_entry_view e;
	struct item item;
	u32 pos = 0;
	int ret = ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID ? -ENOENT : tree_lookup(&root->tree, &key, &p, &item, err);

	if (ret && ret != -ENOENT)
		return err_wrap(err, ret, "cannot read attribute %s of inode %llu of tree %llu", name, ino, root->tree.id);
	while (!ret && dir_item_next(&item, &pos, &e)) {
		if (e.name_len != name_len || memcmp(e.name, name, name_len))
			continue;
		*value = mem_strndup((const char *)e.data, e.data_len);
		*len = e.data_len;
		return *value ? 0 : err_nomem(err);
	}
	return err_set(err, -ENODATA, "No data available");
}
