/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bottom-up loader: sorted items are packed into full leaves, leaves into nodes, all blocks placed by the caller in one run.
 *
 * Two steps, because some trees list their own blocks: counting needs item sizes alone, filling needs addresses.
 *
 *     bulk_count_init(&c, nodesize); bulk_count_item(&c, size) ...; n = bulk_count_blocks(&c);
 *     bulk_init(&b, ..., place); bulk_add(&b, &key, data, size) ...; bulk_finish(&b, &root);
 *
 * Leaves are filled to `fill` percent (100 by default) so that a tree that goes on growing does not split at once. */
#ifndef TREE_BULK_H
#define TREE_BULK_H

#include "kernel-shared/tree/tree.h"

struct bulk_count { u32 nodesize, free; u64 items, leaves; };
void bulk_count_init(struct bulk_count *c, u32 nodesize);
void bulk_count_item(struct bulk_count *c, u32 size);
/* All blocks of the tree, interior ones included; at least 1. *levels (may be NULL): levels above the leaves. */
u64 bulk_count_blocks(const struct bulk_count *c, u8 *levels);

struct bulk_sink {
	/* The address of the next block of this level. Called in the order in which blocks are finished: leaves left to right, interior blocks when full. */
	int (*place)(struct bulk_sink *sink, u8 level, u64 *bytenr, struct err *err);
	/* A finished block (nodesize bytes, checksum set, validated), borrowed; may be written at once or kept. */
	int (*emit)(struct bulk_sink *sink, u8 level, u64 bytenr, const struct key *first, const void *block, struct err *err);
};
struct bulk;
/* id: the tree's; header fields as block_source.alloc gives them. */
struct bulk_args { const struct geometry *geo; u64 id, transid; const u8 *fsid, *chunk_uuid; struct bulk_sink *sink; };
int bulk_new(const struct bulk_args *args, struct bulk **out);
/* Ascending keys. -EOVERFLOW for an item larger than a leaf, -EINVAL for one out of order. */
int bulk_add(struct bulk *b, const struct key *key, const void *data, u32 size, struct err *err);
/* The same, with the bytes to be filled in by the caller before the next call. */
int bulk_add_empty(struct bulk *b, const struct key *key, u32 size, u8 **data, struct err *err);
/* Ends the tree; root block's address and level. An empty tree is one empty leaf. */
int bulk_finish(struct bulk *b, u64 *bytenr, u8 *level, struct err *err);
void bulk_free(struct bulk *b);

#endif
