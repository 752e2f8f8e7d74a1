/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wrong extents, references, counters and free space: all of it follows from the live trees, so it is made anew. */
#include "kernel-shared/check/rebuild.h"

int fix_space_too(struct repair *r, bool devices, bool *changed, struct err *err)
{
	bool want[16] = { [BTRFS_ROOT_TREE_OBJECTID] = true, [BTRFS_EXTENT_TREE_OBJECTID] = true };
	struct fs *fs = NULL;
	int ret = repair_open_raw(r, &fs, err);

	if (!ret) {
		want[BTRFS_BLOCK_GROUP_TREE_OBJECTID] = geo_compat_ro(fs->geo, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE);
		want[BTRFS_FREE_SPACE_TREE_OBJECTID] = geo_compat_ro(fs->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE);
		want[BTRFS_DEV_TREE_OBJECTID] = devices;
		ret = rebuild_run(r, fs, want, err);
	}
	fs_close(fs);
	*changed = !ret;
	if (!ret)
		repair_say(r, "Repaired extent references: the extent, block group and free space trees were made anew");
	return ret;
}

int fix_space(struct repair *r, bool *changed, struct err *err)
{
	return fix_space_too(r, repair_devices_wrong(r), changed, err);
}
