/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/fs/inplace.h"

#include "common/mem.h"

int inplace_read(struct fs *fs, u64 bytenr, unsigned copy, void *block, struct err *err)
{
	unsigned copies = rio_copies(fs->vol, bytenr);
	int ret;

	if (!copies)
		return err_set(err, -ENOENT, "no chunk maps logical %llu", bytenr);
	for (unsigned i = 1; !copy && i <= copies; i++)
		if (!rio_read(fs->vol, bytenr, fs->geo->nodesize, i, block, NULL) && block_check_csum(fs->geo, block, NULL))
			return 0;
	ret = rio_read(fs->vol, bytenr, fs->geo->nodesize, copy ? copy : 1, block, err);
	return ret ? err_wrap(err, ret, "cannot read block %llu", bytenr) : 0;
}

int inplace_write(struct fs *fs, u64 bytenr, unsigned copy, void *block, bool set_csum, struct err *err)
{
	int ret;

	if (set_csum)
		block_set_csum(fs->geo, block);
	if (copy)
		ret = rio_write_mirror(fs->vol, bytenr, fs->geo->nodesize, copy, block, err);
	else
		ret = rio_write(fs->vol, bytenr, fs->geo->nodesize, block, err);
	nstore_forget(&fs->store, bytenr);
	if (!ret)
		ret = volume_flush(fs->vol, err);
	return ret ? err_wrap(err, ret, "cannot write block %llu", bytenr) : 0;
}

static int change_super(struct device *d, unsigned i, bool set_csum, int (*change)(void *arg, struct disk_super *sb, struct err *err), void *arg,
			struct err *err)
{
	struct disk_super sb;
	int ret = bdev_read(d->bdev, btrfs_super_offset[i], &sb, sizeof(sb), err);

	if (ret)
		return ret;
	ret = change(arg, &sb, err);
	if (!ret && set_csum)
		super_set_csum(&sb);
	return ret ? ret : bdev_write(d->bdev, btrfs_super_offset[i], &sb, sizeof(sb), err);
}

int inplace_supers(struct fs *fs, int copy, bool set_csum, int (*change)(void *arg, struct disk_super *sb, struct err *err), void *arg, struct err *err)
{
	unsigned n = 0;
	int ret = 0;

	for (size_t k = 0; k < fs->vol->devices.len; k++) {
		struct device *d = fs->vol->devices.v[k];

		for (int i = 0; !ret && d->bdev && !d->seed && i < BTRFS_SUPER_MIRROR_MAX; i++) {
			/* by hand: whatever lies there; else those that are superblocks */
			if ((copy >= 0 ? i != copy : !(d->sb_valid & 1 << i)) || btrfs_super_offset[i] + sizeof(struct disk_super) > d->bdev->size)
				continue;
			ret = change_super(d, i, set_csum, change, arg, err);
			n++;
		}
	}
	if (!ret && !n)
		ret = err_set(err, -ENOENT, "no device has superblock copy %d", copy);
	return ret ? ret : volume_flush(fs->vol, err);
}

int inplace_find(struct tree *t, const struct key *key, u64 *bytenr, unsigned *slot, struct err *err)
{
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup(t, key, &path, &item, err);

	if (ret)
		return ret;
	*bytenr = path.nodes[0]->bytenr;
	*slot = path.slots[0];
	return 0;
}
