/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FREE_SPACE_INFO, FREE_SPACE_EXTENT, FREE_SPACE_BITMAP, and the v1 cache header (untyped). Spec: on-disk-format 3.15, 3.16, 13.17. */
#include "kernel-shared/format/rows.h"

static int check_range(struct validator *v, const struct item *item)
{
	const struct key *k = &item->key;

	if (unaligned(v, k->objectid) &&
	    violate(v, item, "free-space-start", "invalid key objectid for free space item, have %llu expect to be aligned to %u", k->objectid,
		    v->geo->sectorsize))
		return -EUCLEAN;
	if (unaligned(v, k->offset))
		return violate(v, item, "free-space-length", "invalid key offset for free space item, have %llu expect to be aligned to %u", k->offset,
			       v->geo->sectorsize);
	return 0;
}

int free_space_info_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	const struct disk_free_space_info *info = (const void *)item->data;
	u32 count = le32_get(info->extent_count), flags = le32_get(info->flags);

	if (check_range(v, item))
		return -EUCLEAN;
	if ((flags & ~BTRFS_FREE_SPACE_USING_BITMAPS) &&
	    violate(v, item, "free-space-flags", "unknown flags for free space info, have 0x%x expect mask 0x%x", flags, BTRFS_FREE_SPACE_USING_BITMAPS))
		return -EUCLEAN;
	if (count > item->key.offset / v->geo->sectorsize)
		return violate(v, item, "free-space-count", "suspicious extent count for free space info, have %u expect at most %llu", count,
			       item->key.offset / v->geo->sectorsize);
	return 0;
}

int free_space_range_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	u64 expect = div_round_up(item->key.offset / v->geo->sectorsize, 8);

	if (check_range(v, item))
		return -EUCLEAN;
	if (item->key.type != BTRFS_FREE_SPACE_BITMAP_KEY)
		return 0;
	if (!item->key.offset && violate(v, item, "free-space-bitmap-empty", "invalid key offset for free space bitmap, have 0"))
		return -EUCLEAN;
	if (item->size != expect)
		return violate(v, item, "free-space-bitmap-size", "invalid item size for free space bitmap, have %u expect %llu", item->size, expect);
	return 0;
}
