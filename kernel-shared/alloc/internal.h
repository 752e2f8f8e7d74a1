/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this room share. The room's own. */
#ifndef ALLOC_INTERNAL_H
#define ALLOC_INTERNAL_H

#include "common/hash.h"
#include "common/units.h"
#include "common/vec.h"
#include "kernel-shared/alloc/alloc.h"

VEC_TYPE(block_groups, struct block_group *);

/* One reference that changed. Entries of one extent are chained; 0 ends the chain (indices count from 1). */
struct ref_entry { u64 bytenr; enum ref_kind kind; u64 owner /* root or parent */, objectid, offset; s64 delta; u32 next, prev; };
/* One extent that changed. */
struct ref_head {
	u64 bytenr, len;
	bool tree, new_extent, set_full, live;
	u8 level;
	struct key first;
	u64 charge;           /* simple quota: whom a new data extent is charged to */
	s64 total;
	u32 first_entry, entries;
};

VEC_TYPE(ref_heads, struct ref_head);

/* What a savepoint has to undo, in order. */
enum journal_kind { JOURNAL_REF, JOURNAL_FULL, JOURNAL_SPACE };
struct journal_entry { enum journal_kind kind; struct ref_change change; };

struct hole { u64 devid, start, end; };

struct alloc {
	struct env *env;
	struct volume *vol;
	struct nstore *store;
	const struct geometry *geo;
	struct roots *roots;
	u64 transid;

	struct block_groups groups;      /* ascending */
	u64 reserved[3];                 /* promised bytes: data, system, metadata by type bit */
	u64 profile[3];                  /* profile flags for new chunks, by the same index */
	size_t current[3];               /* the group that served last */
	bool parity_warned;

	/* the queue */
	struct ref_heads heads;
	VEC(struct ref_entry) entries;   /* [0] is not used */
	VEC(u32) free_heads, free_entries;
	struct hmap head_by_bytenr, entry_by_ref;
	u64 live_heads, peak;

	/* savepoints */
	unsigned marks;                  /* active */
	VEC(struct journal_entry) journal; /* empty when none is */

	/* chunks */
	struct disk_super *super;        /* the one that the commit will write: system array, feature bits */
	VEC(struct dev_space) devs;      /* loaded with the first new chunk */
	bool devs_loaded;
	VEC(u64) new_chunks;             /* starts, items not yet written */
	u64 gone_end;                 /* where the last of all chunks that were removed since opening ended */
	VEC(struct chunk *) gone_chunks; /* copies of removed ones, items not yet deleted */
	VEC(struct chunk *) moves;       /* copies of chunks as they were, whose new items are not yet written */
	VEC(u64) left_devices;           /* whose items are not yet deleted */
	VEC(struct hole) holes;          /* dev extents that the last commit still names: free after the commit */

	/* free space tree: a range being collected */
	struct { u64 start, end; bool add; } fst_pending;

	void (*on_dead)(void *arg, u64 bytenr, u64 len, bool tree);
	void *on_dead_arg;
	int (*on_extent)(void *arg, const struct extent_event *e, struct err *err);
	void *on_extent_arg;
	int (*on_ref)(void *arg, const struct ref_change *change);
	void *on_ref_arg;
	bool hush_refs;
};

struct alloc_mark { size_t journal; };

/* 0 data (and mixed), 1 system, 2 metadata. */
static inline unsigned type_index(u64 flags)
{
	return flags & BTRFS_BLOCK_GROUP_DATA ? 0 : flags & BTRFS_BLOCK_GROUP_SYSTEM ? 1 : 2;
}

/* space.c */
int group_load(struct alloc *a, struct block_group *bg, struct err *err);   /* free space known from here on */
int group_add(struct alloc *a, struct block_group *bg);                    /* into the sorted list; takes it */
/* The extent is gone: its space is free at once when it was born in this transaction (`young`), else pinned. Accounts used when `counted`. */
int space_free(struct alloc *a, u64 bytenr, u64 len, bool young, struct err *err);
/* queue.c */
struct ref_head *head_find(struct alloc *a, u64 bytenr);
int journal_add(struct alloc *a, enum journal_kind kind, const struct ref_change *change);
/* Takes the head out of the queue: a copy of it and of its entries. */
struct detached { struct ref_head head; VEC(struct ref_entry) refs; };
int head_detach(struct alloc *a, u32 index, struct detached *out);
/* extent.c: brings the extent tree in line with one detached head. */
int extent_apply(struct alloc *a, struct detached *d, struct err *err);
/* freespace.c: [start, start + len) of an extent is now taken / free in the free space tree (collected, written when the run of ranges breaks). */
int fst_change(struct alloc *a, u64 start, u64 len, bool add, struct err *err);
int fst_flush(struct alloc *a, struct err *err);
/* Free space of one block group into out, without exclusions; from the free space tree, or by walking the extent tree. */
int fst_load(struct alloc *a, struct block_group *bg, struct ranges *out, struct err *err);
int extent_tree_free(struct alloc *a, const struct block_group *bg, struct ranges *out, struct err *err);
/* INFO and EXTENT items of a new block group; removal of an old one's. */
int fst_group_new(struct alloc *a, struct block_group *bg, struct err *err);
int fst_group_drop(struct alloc *a, struct block_group *bg, struct err *err);
/* INFO items whose counts changed. */
int fst_write_infos(struct alloc *a, bool *changed, struct err *err);
/* groups.c */
int groups_load(struct alloc *a, struct err *err);                         /* items and chunks, without free space */
int groups_write(struct alloc *a, bool *changed, struct err *err);         /* items whose used changed, new and removed ones */
int groups_exclude_supers(struct alloc *a);                                /* for all groups; again after new ones came */
void block_group_free(struct block_group *bg);
/* chunk.c */
u64 chunks_available(struct alloc *a, u64 type);                            /* bytes of this type that new chunks could give */
int chunks_write(struct alloc *a, bool *changed, struct err *err);         /* chunk, dev extent and dev items */
void chunks_committed(struct alloc *a);

/* The room on devices: reads all device extents once. dev_space: NULL for what cannot be written. */
int devs_load(struct alloc *a, struct err *err);
struct dev_space *dev_space(struct alloc *a, u64 devid);
/* The device of this filesystem with that number, seeds left aside; NULL. */
struct device *alloc_device(const struct alloc *a, u64 devid);
/* Parts of chunk.c that moving shares. */
int chunk_array_add(struct alloc *a, const struct chunk *c, struct err *err);
void chunk_array_remove(struct alloc *a, u64 start);
void chunk_features(struct alloc *a, u64 flags);
int chunk_item_put(struct alloc *a, const struct chunk *c, struct err *err);
struct disk_chunk *chunk_item_new(const struct alloc *a, u64 flags, const struct chunk_plan *plan, u32 *size);
int dev_extent_write(struct alloc *a, const struct chunk *c, unsigned i, bool add, struct err *err);
/* move.c */
int moves_write(struct alloc *a, bool *changed, struct err *err);
int moves_committed(struct alloc *a);
/* device.c */
int devices_write(struct alloc *a, bool *changed, struct err *err);

#endif
