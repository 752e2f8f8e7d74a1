/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a tree block does not go into a dump. Spec: metadump 2.1. */
#include "kernel-shared/dump/internal.h"

bool clean_zero(void *p, size_t len)
{
	const u8 *b = p;

	if (!len || (!b[0] && !memcmp(b, b + 1, len - 1)))
		return false;
	memset(p, 0, len);
	return true;
}

static bool clean_item(const struct cleaner *cl, u64 tree, const struct item *item, struct clean_counts *counts)
{
	u8 *data = (u8 *)item->data;

	switch (item->key.type) {
	case BTRFS_EXTENT_DATA_KEY:
		if (!cl->contents && item->size > BTRFS_FILE_EXTENT_INLINE_DATA_START && ((struct disk_file_extent_item *)data)->type == BTRFS_FILE_EXTENT_INLINE)
			return clean_zero(data + BTRFS_FILE_EXTENT_INLINE_DATA_START, item->size - BTRFS_FILE_EXTENT_INLINE_DATA_START);
		return false;
	case BTRFS_CSUM_ITEM_KEY:
		return clean_zero(data, item->size);
	}
	return cl->names && clean_names(cl, tree, item, counts);
}

static bool clean_leaf(const struct cleaner *cl, void *block, struct clean_counts *counts)
{
	u32 n = block_nritems(block), table = sizeof(struct disk_header) + n * sizeof(struct disk_item), data = cl->geo->nodesize;
	bool changed = false;

	for (u32 i = 0; i < n; i++) {
		struct item item = block_item(block, i);

		data = min_t(u32, data, item.data - (const u8 *)block);
		/* A broken leaf's data may lie over its item table, which is still needed. */
		if (item.data >= (const u8 *)block + table)
			changed |= clean_item(cl, block_owner(block), &item, counts);
		else if (cl->names)
			counts->odd_names++;
	}
	return data > table ? clean_zero((u8 *)block + table, data - table) | changed : changed;
}

void clean_block(const struct cleaner *cl, void *block, struct clean_counts *counts)
{
	u32 used = sizeof(struct disk_header) + block_nritems(block) * sizeof(struct disk_key_ptr);
	bool changed;

	if (block_level(block) || !block_nritems(block))
		changed = clean_zero((u8 *)block + used, cl->geo->nodesize - used);
	else
		changed = clean_leaf(cl, block, counts);
	if (changed)
		block_set_csum(cl->geo, block);
}
