/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees with damaged blocks, written anew where they are damaged: each bad block and all above it once, however many trees share it. What cannot be read is
 * cut out, and what hung below is attached to what is above. Writes blocks into free space only. The room's own. */
#ifndef CHECK_REWRITE_H
#define CHECK_REWRITE_H

#include "kernel-shared/check/mend.h"

/* A pointer to a block of one level. */
struct entry { struct key first; u64 bytenr, generation; };
VEC_TYPE(entries, struct entry);

/* A tree whose root is another block now; create: the root tree may have no item for it. */
struct root_change { u64 id, offset, bytenr, generation; u8 level; bool create; };

struct rewrite {
	struct mend m;
	struct repair *r;
	struct fs *fs;
	struct survey *s;
	struct room room;
	struct hmap touched;          /* blocks that have to be written anew, or have one below them */
	struct hmap memo;             /* of those, what became of them: index into results, from 1 */
	VEC(struct entries) results;
	VEC(struct root_change) roots;
	struct hmap lost;             /* nothing of it was saved; told already */
	u64 written;
	u64 chunks;                   /* found again on the devices */
	u8 chunk_uuid[BTRFS_UUID_SIZE];
};

/* rewrite.c */
/* The block at p and what is below: pointers to what stands in its place, all of p's level. */
int rewrite_tree_block(struct rewrite *w, const struct place *p, struct entries *out, struct err *err);
/* Whatever is below becomes one root block. Nothing at all: -ENOENT. */
int rewrite_tree_root(struct rewrite *w, struct entries *e, u64 tree, u8 level, struct root_change *out, struct err *err);
/* All items below p, mended, each with bytes of its own in the arena. */
int rewrite_tree_collect(struct rewrite *w, const struct place *p, struct mended_items *out, struct err *err);
/* fix_chunks.c: items of the chunk tree that contradict what else is known. *fixed: how many things were put right. */
int chunks_by_witness(struct rewrite *w, struct mended_items *items, u64 *fixed, struct err *err);
/* rewrite_quota.c: the quota tree out of what of it makes sense. */
int rewrite_quota(struct rewrite *w, const struct ctree *t, struct root_change *out, struct err *err);
/* rewrite_pack.c: items as leaves, pointers as nodes. */
int pack_items(struct rewrite *w, u64 owner, u64 flags, const struct mended_items *items, struct entries *out, struct err *err);
int pack_empty(struct rewrite *w, u64 owner, struct entries *out, struct err *err); /* one leaf without items */
int pack_entries(struct rewrite *w, u64 owner, u64 flags, u8 level, const struct entries *in, struct entries *out, struct err *err);
/* Sorted, of each key the first. */
int items_unique(struct mended_items *items);
/* A whole tree. -EIO: no items. */
int rewrite_pack(struct rewrite *w, u64 tree, struct mended_items *items, struct root_change *out, struct err *err);

#endif
