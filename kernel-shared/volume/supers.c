/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The superblocks of one device: finding the newest valid copy. Spec: on-disk-format 1.1, 11. */
#include "common/units.h"
#include "kernel-shared/volume/private.h"

/* Reads the block at bytenr. 0 valid; -EINVAL no superblock there, -EUCLEAN a broken one (then *sb holds it); others: cannot be read. */
static int read_super_at(struct bdev *bdev, u64 bytenr, struct disk_super *sb, struct err *err)
{
	int ret;

	memset(sb, 0, sizeof(*sb));
	if (bdev->size < BTRFS_SUPER_INFO_SIZE || bytenr > bdev->size - BTRFS_SUPER_INFO_SIZE)
		return err_set(err, -EINVAL, "superblock bytenr %llu is larger than device size %llu", bytenr, bdev->size);
	ret = bdev_read(bdev, bytenr, sb, sizeof(*sb), err);
	if (ret)
		return ret;
	if (le64_get(sb->magic) == BTRFS_MAGIC_TEMPORARY)
		return err_set(err, -EUCLEAN, "%s holds a filesystem whose making was interrupted (temporary mkfs magic)", bdev->name);
	return super_validate(sb, bytenr, err);
}

static bool same_filesystem(const struct disk_super *a, const struct disk_super *b)
{
	return !memcmp(super_metadata_uuid(a), super_metadata_uuid(b), BTRFS_FSID_SIZE) &&
	       !memcmp(a->dev_item.uuid, b->dev_item.uuid, BTRFS_UUID_SIZE);
}

/* One copy, by the layout of the device. log: one of the supers of its logs, NULL if it has ordinary copies. */
static int read_copy(struct bdev *bdev, int copy, const struct disk_super *log, struct disk_super *sb, struct err *err)
{
	return log ? zoned_read_super(bdev, copy, log, sb, err) : read_super_at(bdev, btrfs_super_offset[copy], sb, err);
}

/* What reading all copies gives. */
struct copies {
	struct disk_super newest, broken;
	struct err err;        /* why the broken one is */
	u8 valid;
	int code;
};

static void read_copies(struct bdev *bdev, const struct disk_super *log, struct copies *c)
{
	struct disk_super sb;

	*c = (struct copies){ .code = -EINVAL };
	for (int i = 0; i < BTRFS_SUPER_MIRROR_MAX; i++) {
		struct err e = ERR_INIT;
		int ret = read_copy(bdev, i, log, &sb, &e);

		if (!ret) {
			/* Copies of a filesystem that was here before are none of this one's. */
			if (c->valid && !same_filesystem(&sb, &c->newest))
				continue;
			if (!c->valid || le64_get(sb.generation) > le64_get(c->newest.generation))
				c->newest = sb;
			c->valid |= 1 << i;
		} else if (ret != -EINVAL && c->code == -EINVAL) {
			c->code = ret;
			c->err = e;
			c->broken = sb;
		}
	}
}

int supers_read(struct bdev *bdev, bool lenient, struct disk_super *out, u8 *valid, struct err *err)
{
	struct disk_super logged;
	struct copies c;

	read_copies(bdev, zoned_is_log(bdev, &logged) ? &logged : NULL, &c);
	if (!c.valid && c.code == -EINVAL && zoned_find_log(bdev, &logged))
		read_copies(bdev, &logged, &c);
	*valid = c.valid;
	*out = c.valid ? c.newest : c.broken;
	if (c.valid || (lenient && super_has_magic(&c.broken)))
		return 0;
	if (c.code == -EINVAL)
		return err_set(err, c.code, "No valid Btrfs found on %s", bdev->name);
	if (err)
		*err = c.err;
	return err_wrap(err, c.code, "No valid Btrfs found on %s", bdev->name);
}

int volume_read_super(struct bdev *bdev, int copy, struct disk_super *out, struct err *err)
{
	struct disk_super logged;
	u8 valid;

	if (copy < 0)
		return supers_read(bdev, false, out, &valid, err);
	if (copy < BTRFS_SUPER_MIRROR_MAX && zoned_is_log(bdev, &logged))
		return zoned_read_super(bdev, copy, &logged, out, err);
	if (copy >= BTRFS_SUPER_MIRROR_MAX)
		return err_set(err, -EINVAL, "there is no superblock copy %d: they are 0 to %d", copy, BTRFS_SUPER_MIRROR_MAX - 1);
	return super_read_bytenr(bdev, btrfs_super_offset[copy], false, out, err);
}

int super_read_bytenr(struct bdev *bdev, u64 bytenr, bool lenient, struct disk_super *out, struct err *err)
{
	int ret = read_super_at(bdev, bytenr, out, err);

	if (ret == -EUCLEAN && lenient && super_has_magic(out))
		return 0;
	return ret ? err_wrap(err, ret, "no valid superblock at %llu of %s", bytenr, bdev->name) : 0;
}
