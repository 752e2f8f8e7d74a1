/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening: system chunks, chunk tree, root tree, the trees it names. Spec: on-disk-format 14.1 (as far as reading needs it), 4.1; texts:
 * check.md 1.10. */
#include "kernel-shared/fs/open.h"

/* What is to become of a tree that cannot be had: left out with a warning, or the end. */
static int open_skip(struct fs *fs, bool optional, const char *name, int ret, struct err *err)
{
	if (ret != -ENOMEM && (optional || fs->flags & FS_OPEN_PARTIAL)) {
		env_msg(fs->env, MSG_WARNING, "could not setup %s tree, skipping it", name);
		return 0;
	}
	return err_wrap(err, ret, "could not setup %s tree", name);
}

static int add_dev_item(struct fs *fs, const struct item *item, struct err *err)
{
	const struct disk_dev_item *dev = (const void *)item->data;

	if (item->size < sizeof(*dev))
		return err_set(err, -EUCLEAN, "device item %llu has %u bytes", item->key.offset, item->size);
	return volume_add_dev_item(fs->vol, dev, err);
}

static int add_chunk_item(struct fs *fs, const struct item *item, struct err *err)
{
	const struct disk_chunk *chunk = (const void *)item->data;

	if (item->size < sizeof(*chunk) || item->size != sizeof(*chunk) + (size_t)le16_get(chunk->num_stripes) * sizeof(struct disk_stripe))
		return err_set(err, -EUCLEAN, "chunk item %llu has %u bytes", item->key.offset, item->size);
	return volume_add_chunk(fs->vol, item->key.offset, chunk, err);
}

/* Devices sort before chunks. */
static int read_chunk_items(struct fs *fs, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&fs->chunk_tree->tree, KEY_MIN, KEY_MAX);
	bool forgiving = fs->flags & (FS_OPEN_PARTIAL | FS_OPEN_LENIENT);
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) != -ENOENT) {
		if (!ret && item.key.type == BTRFS_DEV_ITEM_KEY)
			ret = add_dev_item(fs, &item, err);
		else if (!ret && item.key.type == BTRFS_CHUNK_ITEM_KEY)
			ret = add_chunk_item(fs, &item, err);
		if (ret && (!forgiving || ret == -ENOMEM))
			return err_wrap(err, ret, "Couldn't read chunk tree");
		if (ret)
			env_msg(fs->env, MSG_WARNING, "chunk tree: %s", err_text(err));
	}
	return 0;
}

/* The chunk root as the superblock has it, or by hand. A filesystem opened from a backup may need an older one. */
static int find_chunk_root(struct fs *fs, const struct fs_open_args *args, struct err *err)
{
	const struct disk_super *sb = fs->sb;
	int ret;

	if (args->chunk_root)
		return root_add_bare(fs, BTRFS_CHUNK_TREE_OBJECTID, args->chunk_root, 0, 0, &fs->chunk_tree, err);
	ret = root_add_bare(fs, BTRFS_CHUNK_TREE_OBJECTID, le64_get(sb->chunk_root), le64_get(sb->chunk_root_generation), sb->chunk_root_level,
			    &fs->chunk_tree, err);
	for (int i = 0; ret && fs->flags & FS_OPEN_BACKUP_ROOT && i < BTRFS_NUM_BACKUP_ROOTS; i++) {
		const struct disk_root_backup *b = &sb->super_roots[i];

		if (le64_get(b->chunk_root) && le64_get(b->chunk_root) != le64_get(sb->chunk_root))
			ret = root_add_bare(fs, BTRFS_CHUNK_TREE_OBJECTID, le64_get(b->chunk_root), le64_get(b->chunk_root_gen),
					    b->chunk_root_level, &fs->chunk_tree, err);
	}
	return ret;
}

int open_chunk_tree(struct fs *fs, const struct fs_open_args *args, struct err *err)
{
	/* Restored by an old tool: logical is physical, and the chunk tree speaks of devices that are not there. */
	bool flat = le64_get(fs->sb->flags) & BTRFS_SUPER_FLAG_METADUMP;
	int ret = find_chunk_root(fs, args, err);

	if (ret && ret != -ENOMEM && (flat || fs->flags & FS_OPEN_PARTIAL)) {
		env_msg(fs->env, MSG_WARNING, "cannot read chunk root, only system chunks are known");
		return 0;
	}
	if (ret)
		return err_wrap(err, ret, "cannot read chunk root");
	return flat ? 0 : read_chunk_items(fs, err);
}

static int open_root_tree(struct fs *fs, const struct fs_open_args *args, struct err *err)
{
	const struct disk_super *sb = fs->sb;
	const struct disk_root_backup *b;
	int ret;

	if (args->tree_root)
		return root_add_bare(fs, BTRFS_ROOT_TREE_OBJECTID, args->tree_root, 0, 0, &fs->root_tree, err);
	if (fs->flags & FS_OPEN_BACKUP_ROOT) {
		ret = backup_choose(fs, &fs->backup_slot, err);
		if (ret && ret != -ENOENT)
			return ret;
	}
	if (fs->backup_slot < 0)
		return root_add_bare(fs, BTRFS_ROOT_TREE_OBJECTID, le64_get(sb->root), le64_get(sb->generation), sb->root_level,
				     &fs->root_tree, err);
	b = &sb->super_roots[fs->backup_slot];
	return root_add_bare(fs, BTRFS_ROOT_TREE_OBJECTID, le64_get(b->tree_root), le64_get(b->tree_root_gen), b->tree_root_level,
			     &fs->root_tree, err);
}

enum need {
	NEEDED,               /* by whoever reads files */
	NEEDED_SPACE,         /* unless FS_OPEN_NO_BLOCK_GROUPS */
	OPTIONAL,             /* may be absent */
};
struct named_tree {
	u64 id;
	const char *name;
	size_t member;
	enum need need;
	u64 incompat, compat_ro; /* exists only with this feature */
};

#define MEMBER(m) offsetof(struct fs, m)
static const struct named_tree named_trees[] = {
	{ BTRFS_EXTENT_TREE_OBJECTID, "extent", MEMBER(extent_tree), NEEDED_SPACE, 0, 0 },
	{ BTRFS_DEV_TREE_OBJECTID, "device", MEMBER(dev_tree), NEEDED, 0, 0 },
	{ BTRFS_CSUM_TREE_OBJECTID, "csum", MEMBER(csum_tree), NEEDED_SPACE, 0, 0 },
	{ BTRFS_QUOTA_TREE_OBJECTID, "quota", MEMBER(quota_tree), OPTIONAL, 0, 0 },
	{ BTRFS_UUID_TREE_OBJECTID, "uuid", MEMBER(uuid_tree), OPTIONAL, 0, 0 },
	{ BTRFS_FREE_SPACE_TREE_OBJECTID, "free space", MEMBER(free_space_tree), NEEDED_SPACE, 0, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE },
	{ BTRFS_BLOCK_GROUP_TREE_OBJECTID, "block group", MEMBER(block_group_tree), NEEDED_SPACE, 0, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE },
	{ BTRFS_RAID_STRIPE_TREE_OBJECTID, "raid stripe", MEMBER(stripe_tree), NEEDED, BTRFS_FEATURE_INCOMPAT_RAID_STRIPE_TREE, 0 },
	{ BTRFS_DATA_RELOC_TREE_OBJECTID, "data reloc", MEMBER(data_reloc_tree), OPTIONAL, 0, 0 },
	{ BTRFS_FS_TREE_OBJECTID, "fs", MEMBER(fs_tree), NEEDED, 0, 0 },
};

static int open_named(struct fs *fs, const struct named_tree *named, struct err *err)
{
	struct root **member = (struct root **)((char *)fs + named->member);
	bool reading = !(fs->flags & FS_OPEN_WRITE);
	bool optional = named->need == OPTIONAL || (named->need == NEEDED_SPACE && fs->flags & FS_OPEN_NO_BLOCK_GROUPS);
	int ret;

	if ((named->incompat && !geo_incompat(fs->geo, named->incompat)) || (named->compat_ro && !geo_compat_ro(fs->geo, named->compat_ro)))
		return 0;
	ret = fs_root_get(fs, named->id, 0, member, err);
	if (ret == -ENOENT && named->need == OPTIONAL)
		return 0;
	return ret ? open_skip(fs, optional && reading, named->name, ret, err) : 0;
}

/* Which subvolume a mount would show: the entry "default" of the root tree's directory. */
static int read_default_subvol(struct fs *fs, struct err *err)
{
	static const char name[] = "default";
	struct key key = KEY(BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_DIR_ITEM_KEY, hash_name(name, sizeof(name) - 1));
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct dir_entry_view entry;
	struct item item;
	u32 pos = 0;
	int ret = tree_lookup(&fs->root_tree->tree, &key, &path, &item, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	while (dir_item_next(&item, &pos, &entry))
		if (entry.name_len == sizeof(name) - 1 && !memcmp(entry.name, name, sizeof(name) - 1) &&
		    entry.location.type == BTRFS_ROOT_ITEM_KEY)
			fs->default_subvol = entry.location.objectid;
	return 0;
}

/* What waits for replay belongs to the superblock's own roots only. Reading shows the last commit, so it can do without. */
static int open_log(struct fs *fs, const struct fs_open_args *args, struct err *err)
{
	const struct disk_super *sb = fs->sb;
	int ret;

	if (!le64_get(sb->log_root) || args->tree_root || fs->backup_slot >= 0)
		return 0;
	ret = root_add_bare(fs, BTRFS_TREE_LOG_OBJECTID, le64_get(sb->log_root), le64_get(sb->generation) + 1, sb->log_root_level,
			    &fs->log_root_tree, err);
	return ret ? open_skip(fs, !(fs->flags & FS_OPEN_WRITE), "log root", ret, err) : 0;
}

int open_trees(struct fs *fs, const struct fs_open_args *args, struct err *err)
{
	int ret = open_root_tree(fs, args, err);

	if (ret && (ret == -ENOMEM || !(fs->flags & FS_OPEN_PARTIAL)))
		return err_wrap(err, ret, "Couldn't read tree root");
	if (ret) {
		env_msg(fs->env, MSG_NOTE, "Couldn't read tree root");
		return open_log(fs, args, err);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(named_trees); i++) {
		ret = open_named(fs, &named_trees[i], err);
		if (ret)
			return ret;
	}
	ret = read_default_subvol(fs, err);
	if (ret && (ret == -ENOMEM || !(fs->flags & FS_OPEN_PARTIAL)))
		return err_wrap(err, ret, "cannot find the default subvolume");
	return open_log(fs, args, err);
}
