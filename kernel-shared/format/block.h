/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the parts of a tree block that lies in memory (nodesize bytes). These trust nritems and offsets: only for
 * blocks that passed block_validate(), or for slots the caller has checked. */
#ifndef FORMAT_BLOCK_H
#define FORMAT_BLOCK_H

#include "kernel-shared/format/geometry.h"
#include "kernel-shared/format/key.h"

/* One item of a leaf, as the rows of items.def, the iterators and the printers see it. Borrowed from the block. */
struct item {
	struct key key;
	const u8 *data;
	u32 size;
	int slot;
};

static inline const struct disk_header *block_header(const void *block) { return block; }
static inline u64 block_bytenr(const void *b) { return le64_get(block_header(b)->bytenr); }
static inline u64 block_generation(const void *b) { return le64_get(block_header(b)->generation); }
static inline u64 block_owner(const void *b) { return le64_get(block_header(b)->owner); }
static inline u64 block_flags(const void *b) { return le64_get(block_header(b)->flags) & ((1ULL << 56) - 1); }
static inline u8 block_backref_rev(const void *b) { return le64_get(block_header(b)->flags) >> 56; }
static inline u32 block_nritems(const void *b) { return le32_get(block_header(b)->nritems); }
static inline u8 block_level(const void *b) { return block_header(b)->level; }

static inline const struct disk_key_ptr *block_ptrs(const void *b)
{
	return (const struct disk_key_ptr *)((const u8 *)b + sizeof(struct disk_header));
}
static inline const struct disk_item *block_items(const void *b)
{
	return (const struct disk_item *)((const u8 *)b + sizeof(struct disk_header));
}
static inline const u8 *block_item_data(const void *b, int slot)
{
	return (const u8 *)b + sizeof(struct disk_header) + le32_get(block_items(b)[slot].offset);
}
static inline struct key block_key(const void *b, int slot)
{
	return block_level(b) ? key_get(&block_ptrs(b)[slot].key) : key_get(&block_items(b)[slot].key);
}
static inline struct item block_item(const void *b, int slot)
{
	const struct disk_item *i = &block_items(b)[slot];
	return (struct item){ key_get(&i->key), block_item_data(b, slot), le32_get(i->size), slot };
}
/* Free bytes of a leaf, free pointers of a node; what dump-tree calls free space. May be negative for broken leaves. */
s64 block_free_space(const struct geometry *geo, const void *block);
/* First slot whose key is >= key; *exact says whether it is equal. Binary search; any level. */
int block_search(const void *block, const struct key *key, bool *exact);
/* Computes and stores the checksum. */
void block_set_csum(const struct geometry *geo, void *block);
/* Does the stored checksum match? computed (may be NULL) receives csum_size bytes. */
bool block_check_csum(const struct geometry *geo, const void *block, u8 *computed);

#endif
