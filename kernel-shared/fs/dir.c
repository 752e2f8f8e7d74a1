/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories: iterating, looking up, following an entry. Spec: on-disk-format 3.6, 4.4, 4.7. */
#include "kernel-shared/fs/inode.h"

static void entry_of(const struct dir_entry_view *e, u64 index, struct dirent *out)
{
	*out = (struct dirent){
		.name = e->name, .name_len = e->name_len, .type = e->type, .index = index, .transid = e->transid,
		.is_subvol = e->location.type == BTRFS_ROOT_ITEM_KEY, .ino = e->location.objectid,
	};
}

struct dir_iter dir_open(struct root *root, u64 dir)
{
	return (struct dir_iter){ tree_range(&root->tree, KEY(dir, BTRFS_DIR_INDEX_KEY, 0), KEY(dir, BTRFS_DIR_INDEX_KEY, -1ULL)) };
}

int dir_next(struct dir_iter *d, struct dirent *out, struct err *err)
{
	struct dir_entry_view e;
	struct item item;
	int ret;

	if (d->it.lo.objectid == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID)
		return -ENOENT;
	while (!(ret = tree_next(&d->it, &item, err))) {
		u32 pos = 0;

		/* Exactly one entry an item; a lenient opener may see one that is broken. */
		if (dir_item_next(&item, &pos, &e)) {
			entry_of(&e, item.key.offset, out);
			return 0;
		}
	}
	return ret;
}

void dir_close(struct dir_iter *d)
{
	tree_iter_fini(&d->it);
}

int dir_lookup(struct root *root, u64 dir, const void *name, size_t len, struct dirent *out, struct err *err)
{
	struct key key = KEY(dir, BTRFS_DIR_ITEM_KEY, hash_name(name, len));
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct dir_entry_view e;
	struct item item;
	u32 pos = 0;
	int ret = dir == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID ? -ENOENT : tree_lookup(&root->tree, &key, &p, &item, err);

	if (ret && ret != -ENOENT)
		return err_wrap(err, ret, "cannot look up a name in directory %llu of tree %llu", dir, root->tree.id);
	while (!ret && dir_item_next(&item, &pos, &e)) {
		if (e.name_len != len || memcmp(e.name, name, len))
			continue;
		entry_of(&e, 0, out);
		out->name = name;
		return 0;
	}
	return err_set(err, -ENOENT, "No such file or directory");
}

/* Does the root tree know this very entry? A snapshot copies the entries of nested subvolumes, but they hang below their origin only. */
static int has_root_ref(struct root *root, u64 dir, const struct dirent *d, struct err *err)
{
	struct key key = KEY(root->tree.id, BTRFS_ROOT_REF_KEY, d->ino);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct root_ref_view ref;
	struct item item;
	int ret = tree_lookup(&root->fs->root_tree->tree, &key, &p, &item, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	return root_ref_parse(&item, &ref) && ref.dirid == dir && ref.name_len == d->name_len && !memcmp(ref.name, d->name, ref.name_len);
}

int dirent_follow(struct root *root, u64 dir, const struct dirent *d, struct loc *out, struct err *err)
{
	struct root *child;
	int ret;

	*out = (struct loc){ root, d->ino };
	if (!d->is_subvol)
		return 0;
	out->ino = BTRFS_EMPTY_SUBVOL_DIR_OBJECTID;
	ret = has_root_ref(root, dir, d, err);
	if (ret <= 0)
		return ret;
	ret = fs_subvol_root(root->fs, d->ino, &child, err);
	if (ret)
		return ret == -ENOENT ? 0 : err_wrap(err, ret, "cannot open subvolume %llu", d->ino);
	if (le32_get(child->item.refs))
		*out = (struct loc){ child, BTRFS_FIRST_FREE_OBJECTID };
	return 0;
}
