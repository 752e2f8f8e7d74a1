/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Emptying block groups: between its files. The room's own. */
#ifndef CHUNKS_RELOC_H
#define CHUNKS_RELOC_H

#include "common/hash.h"
#include "kernel-shared/chunks/work.h"

struct moved_data { u64 old, len, new; };
/* A block of subvolumes that was written anew. root: index in roots of the first tree that reached it. */
struct moved_block { u64 old, new, generation, owner; struct key first; u32 root; u8 level; };
struct inner_block { u64 bytenr, tree; u8 level; };
/* shares: has new blocks that others share, or that state their references in full. */
struct reloc_root { struct root *root; bool shares; };
struct sum_run { u64 bytenr; u32 sectors; };
VEC_TYPE(ref_list, struct extent_ref_view);

struct reloc {
	struct fs *fs;
	struct txn *txn;
	struct alloc *a;
	struct ranges area;             /* what is being emptied */
	u64 oldest;                     /* generation of the oldest extent in it */
	bool fs_blocks;                 /* blocks of subvolumes are in it */
	VEC(struct moved_data) data;    /* by old address */
	VEC(struct moved_block) moved;
	struct hmap moved_at;           /* old address of a block -> index in moved + 1; 0: it was looked at, and stays */
	VEC(struct inner_block) inner;
	VEC(struct reloc_root) roots;
	u32 root;                       /* the one that is being walked */
	struct ref_list refs;
	VEC(struct sum_run) sums;       /* at new addresses; sum_bytes in the same order */
	VEC(u8) sum_bytes;
};
/* The data extent that holds the byte, or NULL. */
struct moved_data *reloc_data(const struct reloc *r, u64 bytenr);
/* reloc_copy.c: the data of all groups to their new places, every byte verified; and the checksums there. */
int reloc_copy(struct reloc *r, const struct addresses *groups, struct progress *progress, struct err *err);
int reloc_sums_store(struct reloc *r, struct err *err);

#endif
