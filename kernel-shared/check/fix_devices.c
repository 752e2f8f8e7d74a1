/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device items, the superblock's counters of devices, its copy of the system chunks. */
#include "kernel-shared/check/repair_internal.h"

static void say(void *arg, const char *text)
{
	repair_say(arg, "%s", text);
}

/* The system chunks of the chunk tree, as the superblock carries them. */
static int fix_system_array(struct repair *r, struct fs *fs, struct disk_super *sb, bool *changed, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&fs->chunk_tree->tree, KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, 0),
								 KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, -1ULL));
	u8 array[BTRFS_SYSTEM_CHUNK_ARRAY_SIZE] = { 0 };
	const struct disk_chunk *c;
	struct item item;
	u32 at = 0;
	int ret;

	while (!(ret = tree_next(&it, &item, err))) {
		struct disk_key key = key_disk(item.key);

		c = item_struct(&item, struct disk_chunk);
		if (!c || !(le64_get(c->type) & BTRFS_BLOCK_GROUP_SYSTEM))
			continue;
		if (at + sizeof(key) + item.size > sizeof(array))
			return err_set(err, -EFBIG, "the system chunks do not fit into the superblock");
		memcpy(array + at, &key, sizeof(key));
		memcpy(array + at + sizeof(key), item.data, item.size);
		at += sizeof(key) + item.size;
	}
	if (ret != -ENOENT || !at || (le32_get(sb->sys_chunk_array_size) == at && !memcmp(sb->sys_chunk_array, array, at)))
		return ret == -ENOENT ? 0 : ret;
	memcpy(sb->sys_chunk_array, array, sizeof(array));
	sb->sys_chunk_array_size = le32_of(at);
	repair_say(r, "Rewrote the system chunk array of the superblock");
	*changed = true;
	return 0;
}

int fix_devices(struct repair *r, bool *changed, struct err *err)
{
	struct txn *txn;
	struct fs *fs;
	bool array = false;
	int ret = repair_open_txn(r, &fs, &txn, err);

	if (ret)
		return ret;
	ret = device_sizes_fix(fs, txn, true, say, r, changed, err);
	if (!ret)
		ret = fix_system_array(r, fs, txn_super(txn), &array, err);
	ret = repair_close_txn(fs, txn, ret, err);
	*changed = !ret && (*changed || array);
	return ret;
}
