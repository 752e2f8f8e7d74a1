/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One damaged tree block in memory: what can be saved of it, what its rules and its neighbourhood say about fields that are wrong. The room's own. */
#ifndef CHECK_MEND_H
#define CHECK_MEND_H

#include "common/mem.h"
#include "kernel-shared/check/survey.h"

struct mended_item { struct key key; const u8 *data; u32 size; };
VEC_TYPE(mended_items, struct mended_item);

struct mend {
	struct repair *r;
	struct fs *fs;                /* as it is, lenient: for looking things up */
	u64 transid;
	struct arena arena;           /* bytes of items that were changed; lives as long as the mend */
	u64 fixed, dropped;           /* items */
	u64 told_tree;                /* whose inode cache was told of last */
	const struct blockmap *live;  /* NULL: unknown */
	bool scan_all;                /* the extent tree has holes */
	struct hmap suspects;         /* inodes whose file extents are doubted */
	struct data_refs *refs;       /* mend_extent.c: of these; made when first asked for */
	struct found_index *index;    /* orphans.c: made when first asked for */
};
void mend_init(struct mend *m, struct repair *r, struct fs *fs);
void mend_fini(struct mend *m);

/* Where a block stands in its tree. */
struct place { u64 tree; struct key first, bound; bool has_first, any_owner; u64 bytenr, generation; u8 level; };

/* The best copy of the block at p, its header made right: nodesize bytes into buf. -ENOENT: no copy is that block. */
int mend_read(struct mend *m, const struct place *p, u8 *buf, struct err *err);
/* The items of a leaf in order, each by its rules; data points into the block, or into the arena. Says what was changed. */
int mend_leaf(struct mend *m, const struct place *p, const u8 *block, struct mended_items *out, struct err *err);
/* One item by its rule. 0: good, or made good (it may have moved to other bytes, and have another key; of two that overlap prev may be cut); 1: beyond help.
 * -ENOMEM. */
int mend_item(struct mend *m, u64 tree, struct mended_item *item, struct mended_item *prev, const struct mended_item *next);
/* mend_key.c: sorted, each key once, none that belongs to the right neighbour; keys that are wrong put right where it can be told. */
void mend_keys(struct mend *m, const struct place *p, struct mended_items *v);
/* Does an item hold by its own rule, behind prev (NULL: whatever)? */
bool mend_item_holds(struct mend *m, u64 tree, const struct mended_item *it, const struct mended_item *prev);
/* Is such an item known in that tree? */
bool mend_belongs(u64 tree, u64 objectid, u8 type);
void mend_tell_item(struct mend *m, const struct place *p, const char *what, const struct key *key);
/* mend_extent.c: a file extent that the check doubts, by what other records say. leaf: where it lies; next: what follows, NULL: nothing. */
int mend_extent(struct mend *m, u64 leaf, struct mended_item *it, const struct mended_item *next, struct err *err);
void mend_extents_fini(struct mend *m);
/* One flipped bit that makes bytes match their CRC-32C (first 4 bytes of the block): turned back. False: none does. */
bool mend_flip(const struct geometry *geo, u8 *block);
/* Which S_IFMT bits the inode must have, from names that lead to it and from its items. */
u32 mend_file_type(struct mend *m, u64 tree, u64 ino);


/* --- orphans.c: blocks that nothing good leads to any more --- */

struct found_block { struct key first, last; u64 bytenr, generation, owner; u8 level; };
VEC_TYPE(found_blocks, struct found_block);
/* Blocks of that level that belonged below the block at p (p.level > level), by their extent items, or, where the extent tree has holes, by reading all
 * space for metadata. In key order, disjoint, between p.first and p.bound; of two that overlap the newer one. */
int orphans_below(struct mend *m, const struct place *p, u8 level, struct found_blocks *out, struct err *err);
/* Every block that was found, into a set. */
int orphans_mark(struct mend *m, struct blockmap *map, struct err *err);
void orphans_fini(struct mend *m);
/* The newest root block of a tree: highest level, then newest. -ENOENT. */
int orphans_root(struct mend *m, u64 tree, struct found_block *out, struct err *err);
/* All trees (fs trees and internal ones) that have blocks. */
struct tree_ids { u64 *v; size_t len, cap; };
int orphans_trees(struct mend *m, struct tree_ids *out, struct err *err);

/* Which of a header's flags to keep: of flags that nobody has defined none is believed. */
static inline u64 mend_flags(const void *block)
{
	u64 flags = block_flags(block);

	return flags & ~(u64)(BTRFS_HEADER_FLAG_WRITTEN | BTRFS_HEADER_FLAG_RELOC) ? 0 : flags & BTRFS_HEADER_FLAG_RELOC;
}

#endif
