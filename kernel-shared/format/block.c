/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/format/block.h"
#include "crypto/csum.h"

s64 block_free_space(const struct geometry *geo, const void *block)
{
	u32 n = block_nritems(block);

	if (block_level(block))
		return (s64)geo_max_ptrs(geo) - n;
	if (!n)
		return geo_leafdata(geo);
	if ((u64)n * sizeof(struct disk_item) > geo_leafdata(geo))
		return (s64)geo_leafdata(geo) - (s64)((u64)n * sizeof(struct disk_item));
	return (s64)le32_get(block_items(block)[n - 1].offset) - (s64)(n * sizeof(struct disk_item));
}

/* Keys in a block are all at a fixed stride; only the order of (objectid, type, offset) matters. */
int block_search(const void *block, const struct key *key, bool *exact)
{
	size_t stride = block_level(block) ? sizeof(struct disk_key_ptr) : sizeof(struct disk_item);
	const u8 *first = (const u8 *)block + sizeof(struct disk_header);
	u32 lo = 0, hi = block_nritems(block);

	*exact = false;
	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;
		struct key k = key_get((const struct disk_key *)(first + mid * stride));
		int c = key_cmp(&k, key);

		if (!c) {
			*exact = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void compute(const struct geometry *geo, const void *block, u8 *out)
{
	csum_compute(geo->csum_type, (const u8 *)block + BTRFS_CSUM_SIZE, geo->nodesize - BTRFS_CSUM_SIZE, out);
}

void block_set_csum(const struct geometry *geo, void *block)
{
	u8 csum[CSUM_SIZE_MAX] = { 0 };

	compute(geo, block, csum);
	memcpy(((struct disk_header *)block)->csum, csum, sizeof(csum));
}

bool block_check_csum(const struct geometry *geo, const void *block, u8 *computed)
{
	u8 csum[CSUM_SIZE_MAX];

	compute(geo, block, csum);
	if (computed)
		memcpy(computed, csum, geo->csum_size);
	return !memcmp(csum, block_header(block)->csum, geo->csum_size);
}
