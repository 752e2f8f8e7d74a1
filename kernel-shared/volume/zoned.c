/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Superblock logs of zoned devices: a pair of zones for each copy, supers appended 4 KiB apart, the newest the last one of either zone.
 * A conventional first zone holds one super, which is the same with a log of one entry. Read from the bytes alone: behind the write
 * pointer a device gives zeros, and so does an image of it. Spec: on-disk-format 11. */
#include "kernel-shared/volume/private.h"

static const u64 log_place[BTRFS_SUPER_MIRROR_MAX] = { 0, 512ULL << 30, 4ULL << 40 };

/* Is there a super of this copy at a place of the log? The bytenr inside is the traditional one. */
static bool log_entry(struct bdev *bdev, u64 at, int copy, struct disk_super *sb)
{
	return at <= bdev->size && bdev->size - at >= sizeof(*sb) && !bdev_read(bdev, at, sb, sizeof(*sb), NULL) && super_has_magic(sb) &&
	       le64_get(sb->bytenr) == btrfs_super_offset[copy] && le64_get(sb->incompat_flags) & BTRFS_FEATURE_INCOMPAT_ZONED &&
	       super_check_csum(sb, NULL);
}

/* On a zoned filesystem each stripe is one zone. */
static u64 zone_size(const struct disk_super *sb)
{
	const struct disk_chunk *chunk;
	struct key key;
	u32 pos = 0, size;
	u64 zone;

	if (super_sys_chunk_next(sb, &pos, &key, &chunk, &size, NULL) <= 0)
		return 0;
	zone = le64_get(chunk->length) / profile_data_stripes(profile_of(le64_get(chunk->type)), le16_get(chunk->num_stripes));
	return is_p2(zone) && zone >= MiB(4) && zone <= GiB(8) ? zone : 0;
}

/* The last super of one zone; entries have no gaps. */
static bool last_entry(struct bdev *bdev, u64 zone, u64 size, int copy, struct disk_super *out)
{
	u64 lo = 0, hi = size / BTRFS_SUPER_INFO_SIZE;
	struct disk_super sb;

	if (!log_entry(bdev, zone, copy, out))
		return false;
	while (hi - lo > 1) {
		u64 mid = lo + (hi - lo) / 2;

		if (log_entry(bdev, zone + mid * BTRFS_SUPER_INFO_SIZE, copy, &sb)) {
			lo = mid;
			*out = sb;
		} else {
			hi = mid;
		}
	}
	return true;
}

bool zoned_is_log(struct bdev *bdev, struct disk_super *sb)
{
	return log_entry(bdev, log_place[0], 0, sb);
}

bool zoned_find_log(struct bdev *bdev, struct disk_super *sb)
{
	for (int copy = 0; copy < BTRFS_SUPER_MIRROR_MAX; copy++) {
		if (log_entry(bdev, log_place[copy], copy, sb))
			return true;
		for (u64 zone = MiB(4); zone <= GiB(8); zone <<= 1)
			if (log_entry(bdev, log_place[copy] + zone, copy, sb) && zone_size(sb) == zone)
				return true;
	}
	return false;
}

int zoned_read_super(struct bdev *bdev, int copy, const struct disk_super *any, struct disk_super *out, struct err *err)
{
	u64 size = zone_size(any), first;
	struct disk_super a, b;
	bool in_a, in_b;
	int ret;

	if (!size)
		return err_set(err, -EUCLEAN, "%s has a zoned superblock log, but its zone size cannot be told", bdev->name);
	first = log_place[copy] / size * size;
	in_a = last_entry(bdev, first, size, copy, &a);
	in_b = last_entry(bdev, first + size, size, copy, &b);
	if (!in_a && !in_b)
		return err_set(err, -EINVAL, "%s has no superblock in the log of copy %d", bdev->name, copy);
	*out = !in_b || (in_a && le64_get(a.generation) >= le64_get(b.generation)) ? a : b;
	ret = super_validate(out, btrfs_super_offset[copy], err);
	return ret ? err_wrap(err, ret, "the zoned superblock log of %s", bdev->name) : 0;
}
