/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DEV_ITEM, DEV_EXTENT, PERSISTENT_ITEM (statistics), DEV_REPLACE. Spec: on-disk-format 3.17, 3.18, 3.22, 3.23, 13.10, 13.11. */
#include "kernel-shared/format/rows.h"

int dev_item_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	const struct disk_dev_item *d = (const void *)item->data;
	u64 used = le64_get(d->bytes_used), total = le64_get(d->total_bytes), devid = le64_get(d->devid);

	if (item->key.objectid != BTRFS_DEV_ITEMS_OBJECTID &&
	    violate(v, item, "dev-objectid", "invalid objectid: has=%llu expect=%llu", item->key.objectid, BTRFS_DEV_ITEMS_OBJECTID))
		return -EUCLEAN;
	if (devid != item->key.offset && violate(v, item, "dev-devid", "devid mismatch: key has=%llu item has=%llu", item->key.offset, devid))
		return -EUCLEAN;
	/* total_bytes may be unaligned, and far from what the device has: neither is checked here. */
	if (used > total)
		return violate(v, item, "dev-bytes-used", "invalid bytes used: have %llu expect [0, %llu]", used, total);
	return 0;
}

static int check_dev_extent_place(struct validator *v, const struct item *item, const struct disk_dev_extent *d, const struct item *prev)
{
	const struct disk_dev_extent *before = prev ? (const void *)prev->data : NULL;
	u64 end;

	if (unaligned(v, item->key.offset) &&
	    violate(v, item, "dev-extent-offset", "invalid key offset, have %llu expect to be aligned to %u", item->key.offset, v->geo->sectorsize))
		return -EUCLEAN;
	if (unaligned(v, le64_get(d->chunk_offset)) &&
	    violate(v, item, "dev-extent-chunk-offset", "invalid dev extent chunk offset, have %llu should be aligned to %u", le64_get(d->chunk_offset),
		    v->geo->sectorsize))
		return -EUCLEAN;
	if (unaligned(v, le64_get(d->length)) &&
	    violate(v, item, "dev-extent-length", "invalid dev extent length, have %llu should be aligned to %u", le64_get(d->length), v->geo->sectorsize))
		return -EUCLEAN;
	if (!before || prev->key.type != BTRFS_DEV_EXTENT_KEY || prev->key.objectid != item->key.objectid || prev->size < sizeof(*before))
		return 0;
	if (add_overflows(prev->key.offset, le64_get(before->length), &end) || end > item->key.offset)
		return violate(v, item, "dev-extent-overlap", "dev extent overlap, prev offset %llu len %llu current offset %llu", prev->key.offset,
			       le64_get(before->length), item->key.offset);
	return 0;
}

int dev_extent_validate(struct validator *v, const struct item *item, const struct item *prev)
{
	const struct disk_dev_extent *d = (const void *)item->data;
	u64 tree = le64_get(d->chunk_tree), objectid = le64_get(d->chunk_objectid);

	if (tree != BTRFS_CHUNK_TREE_OBJECTID &&
	    violate(v, item, "dev-extent-tree", "invalid dev extent chunk tree id, have %llu expect %llu", tree, BTRFS_CHUNK_TREE_OBJECTID))
		return -EUCLEAN;
	if (objectid != BTRFS_FIRST_CHUNK_TREE_OBJECTID &&
	    violate(v, item, "dev-extent-objectid", "invalid dev extent chunk objectid, have %llu expect %llu", objectid, BTRFS_FIRST_CHUNK_TREE_OBJECTID))
		return -EUCLEAN;
	return check_dev_extent_place(v, item, d, prev);
}
