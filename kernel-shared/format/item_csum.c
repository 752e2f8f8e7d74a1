/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EXTENT_CSUM, CSUM_ITEM. Spec: on-disk-format 7, 13.6. */
#include "kernel-shared/format/rows.h"

/* The end of the data that a csum item covers. */
static u64 csum_end(const struct geometry *geo, const struct item *item)
{
	return item->key.offset + (geo->csum_size ? (u64)item->size / geo->csum_size * geo->sectorsize : 0);
}

int extent_csum_validate(struct validator *v, const struct item *item, const struct item *prev)
{
	const struct key *k = &item->key;

	if (k->objectid != BTRFS_EXTENT_CSUM_OBJECTID &&
	    violate(v, item, "csum-objectid", "invalid key objectid for csum item, have %llu expect %llu", k->objectid, BTRFS_EXTENT_CSUM_OBJECTID))
		return -EUCLEAN;
	if (unaligned(v, k->offset) &&
	    violate(v, item, "csum-key-align", "unaligned key offset for csum item, have %llu should be aligned to %u", k->offset, v->geo->sectorsize))
		return -EUCLEAN;
	if (v->geo->csum_size && item->size % v->geo->csum_size &&
	    violate(v, item, "csum-size", "unaligned item size for csum item, have %u should be aligned to %u", item->size, v->geo->csum_size))
		return -EUCLEAN;
	if (!prev || prev->key.type != BTRFS_EXTENT_CSUM_KEY || likely(csum_end(v->geo, prev) <= k->offset))
		return 0;
	return violate(v, item, "csum-overlap", "csum end range (%llu) goes beyond the start range (%llu) of the next csum item", csum_end(v->geo, prev),
		       k->offset);
}
