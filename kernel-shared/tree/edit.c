/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items and pointers of one block in memory. A leaf's item headers grow from the front, its data from the end; item i's data ends where
 * that of item i-1 begins. */
#include "kernel-shared/tree/edit.h"

static struct disk_item *leaf_items(void *block)
{
	return (struct disk_item *)((u8 *)block + sizeof(struct disk_header));
}

static struct disk_key_ptr *node_ptrs(void *block)
{
	return (struct disk_key_ptr *)((u8 *)block + sizeof(struct disk_header));
}

static u8 *leaf_data(void *block)
{
	return (u8 *)block + sizeof(struct disk_header);
}

void block_set_nritems(void *block, u32 nritems)
{
	((struct disk_header *)block)->nritems = le32_of(nritems);
}

/* Where the data of the items from slot on ends, relative to the end of the header. */
static u32 data_top(const struct geometry *geo, const void *block, int slot)
{
	return slot ? le32_get(block_items(block)[slot - 1].offset) : geo_leafdata(geo);
}

static u32 data_bottom(const struct geometry *geo, const void *block)
{
	return data_top(geo, block, block_nritems(block));
}

u32 leaf_bytes(const void *block, int from, int nr)
{
	u32 bytes = 0;

	for (int i = from; i < from + nr; i++)
		bytes += sizeof(struct disk_item) + le32_get(block_items(block)[i].size);
	return bytes;
}

u32 leaf_free(const struct geometry *geo, const void *block)
{
	return data_bottom(geo, block) - block_nritems(block) * sizeof(struct disk_item);
}

/* Moves the data of all items from slot on by delta bytes (negative: towards the header). */
static void shift_data(const struct geometry *geo, void *block, int slot, s32 delta)
{
	u32 nr = block_nritems(block), bottom = data_bottom(geo, block), top = data_top(geo, block, slot);
	struct disk_item *items = leaf_items(block);

	memmove(leaf_data(block) + bottom + delta, leaf_data(block) + bottom, top - bottom);
	for (u32 i = slot; i < nr; i++)
		items[i].offset = le32_of(le32_get(items[i].offset) + delta);
}

u8 *leaf_open(const struct geometry *geo, void *block, int slot, const struct key *key, u32 size)
{
	struct disk_item *items = leaf_items(block);
	u32 nr = block_nritems(block), top = data_top(geo, block, slot);

	shift_data(geo, block, slot, -(s32)size);
	memmove(&items[slot + 1], &items[slot], (nr - slot) * sizeof(*items));
	items[slot] = (struct disk_item){ key_disk(*key), le32_of(top - size), le32_of(size) };
	block_set_nritems(block, nr + 1);
	return leaf_data(block) + top - size;
}

void leaf_remove(const struct geometry *geo, void *block, int slot, int nr)
{
	struct disk_item *items = leaf_items(block);
	u32 total = block_nritems(block), bytes = data_top(geo, block, slot) - data_top(geo, block, slot + nr);

	shift_data(geo, block, slot + nr, bytes);
	memmove(&items[slot], &items[slot + nr], (total - slot - nr) * sizeof(*items));
	block_set_nritems(block, total - nr);
}

void leaf_resize(const struct geometry *geo, void *block, int slot, u32 size, bool front)
{
	struct disk_item *item = &leaf_items(block)[slot];
	u32 old = le32_get(item->size), offset = le32_get(item->offset);
	s32 delta = (s32)old - (s32)size;

	if (front) {
		/* the tail stays where it is; what lies below follows it up */
		shift_data(geo, block, slot + 1, delta);
		item->offset = le32_of(offset + delta);
	} else if (delta > 0) {
		memmove(leaf_data(block) + offset + delta, leaf_data(block) + offset, size);
		shift_data(geo, block, slot + 1, delta);
		item->offset = le32_of(offset + delta);
	} else {
		shift_data(geo, block, slot + 1, delta);
		memmove(leaf_data(block) + offset + delta, leaf_data(block) + offset, old);
		item->offset = le32_of(offset + delta);
	}
	item->size = le32_of(size);
}

void leaf_move(const struct geometry *geo, void *dst, bool to_front, void *src, int from, int nr)
{
	u32 dst_nr = block_nritems(dst), bytes = data_top(geo, src, from) - data_top(geo, src, from + nr);
	int at = to_front ? 0 : (int)dst_nr;
	u32 top = data_top(geo, dst, at), src_top = data_top(geo, src, from);
	struct disk_item *items = leaf_items(dst);

	shift_data(geo, dst, at, -(s32)bytes);
	memmove(&items[at + nr], &items[at], (dst_nr - at) * sizeof(*items));
	memcpy(leaf_data(dst) + top - bytes, leaf_data(src) + src_top - bytes, bytes);
	for (int i = 0; i < nr; i++) {
		items[at + i] = leaf_items(src)[from + i];
		items[at + i].offset = le32_of(le32_get(items[at + i].offset) + top - src_top);
	}
	block_set_nritems(dst, dst_nr + nr);
	leaf_remove(geo, src, from, nr);
}

void node_set_ptr(void *block, int slot, u64 bytenr, u64 generation)
{
	node_ptrs(block)[slot].blockptr = le64_of(bytenr);
	node_ptrs(block)[slot].generation = le64_of(generation);
}

void block_set_key(void *block, int slot, const struct key *key)
{
	if (block_level(block))
		node_ptrs(block)[slot].key = key_disk(*key);
	else
		leaf_items(block)[slot].key = key_disk(*key);
}

void node_open_ptr(void *block, int slot, const struct key *key, u64 bytenr, u64 generation)
{
	struct disk_key_ptr *ptrs = node_ptrs(block);
	u32 nr = block_nritems(block);

	memmove(&ptrs[slot + 1], &ptrs[slot], (nr - slot) * sizeof(*ptrs));
	ptrs[slot] = (struct disk_key_ptr){ key_disk(*key), le64_of(bytenr), le64_of(generation) };
	block_set_nritems(block, nr + 1);
}

void node_remove_ptr(void *block, int slot, int nr)
{
	struct disk_key_ptr *ptrs = node_ptrs(block);
	u32 total = block_nritems(block);

	memmove(&ptrs[slot], &ptrs[slot + nr], (total - slot - nr) * sizeof(*ptrs));
	block_set_nritems(block, total - nr);
}

void node_move_ptrs(void *dst, bool to_front, void *src, int from, int nr)
{
	struct disk_key_ptr *ptrs = node_ptrs(dst);
	u32 dst_nr = block_nritems(dst);
	int at = to_front ? 0 : (int)dst_nr;

	memmove(&ptrs[at + nr], &ptrs[at], (dst_nr - at) * sizeof(*ptrs));
	memcpy(&ptrs[at], &node_ptrs(src)[from], nr * sizeof(*ptrs));
	block_set_nritems(dst, dst_nr + nr);
	node_remove_ptr(src, from, nr);
}
