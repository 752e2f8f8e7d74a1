/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moving the parts of one block about in memory: no tree, no references. The caller has checked that what it asks for fits. */
#ifndef TREE_EDIT_H
#define TREE_EDIT_H

#include "kernel-shared/format/block.h"

/* Bytes that the items from..from+nr-1 take, headers included. */
u32 leaf_bytes(const void *block, int from, int nr);
/* Free bytes of a leaf that passed the gate. */
u32 leaf_free(const struct geometry *geo, const void *block);

/* Opens an item of size bytes at slot; returns its bytes, not initialised. */
u8 *leaf_open(const struct geometry *geo, void *block, int slot, const struct key *key, u32 size);
void leaf_remove(const struct geometry *geo, void *block, int slot, int nr);
/* Grows (at the end) or cuts (at the end, or at the front) the item at slot. */
void leaf_resize(const struct geometry *geo, void *block, int slot, u32 size, bool front);
/* Moves nr items from slot `from` of src to the front or to the end of dst. */
void leaf_move(const struct geometry *geo, void *dst, bool to_front, void *src, int from, int nr);

void node_open_ptr(void *block, int slot, const struct key *key, u64 bytenr, u64 generation);
void node_remove_ptr(void *block, int slot, int nr);
void node_move_ptrs(void *dst, bool to_front, void *src, int from, int nr);
void node_set_ptr(void *block, int slot, u64 bytenr, u64 generation);
void block_set_key(void *block, int slot, const struct key *key);
void block_set_nritems(void *block, u32 nritems);

#endif
