/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Space and references: which bytes of the logical address space are free, who refers to which extent. Decides nothing about when to commit.
 *
 * Three layers. Space in memory (block groups with their free, pinned and excluded ranges) answers allocations at once. The reference queue collects
 * what has changed. Running the queue brings the extent tree, free space tree and block group items in line; that changes trees, which again takes
 * space and appends to the queue, until nothing is left. Kernel counterpart: extent-tree.c, delayed-ref.c, block-group.c, free-space-tree.c. */
#ifndef ALLOC_ALLOC_H
#define ALLOC_ALLOC_H

#include "common/ranges.h"
#include "kernel-shared/tree/modify.h"
#include "kernel-shared/tree/root.h"

struct block_group {
	u64 start, length, flags;
	u64 used;                     /* as it will be committed */
	u64 used_item;                /* as the item on disk says */
	const struct chunk *chunk;
	bool loaded;                  /* free is known */
	bool readonly;                /* takes no allocations: its chunk lost devices, or it was told so */
	bool item_missing;            /* new: no item on disk yet */
	bool removed;                 /* its items are deleted at the next run */
	struct ranges free;           /* allocatable now; superblock stripes excluded. RAID5/6: whole rows that hold nothing committed, and what is
	                                 left of rows opened in this transaction */
	struct ranges partial;        /* RAID5/6: free space in rows that hold something committed; the fallback, with a warning */
	struct ranges opened;         /* RAID5/6: rows first used in this transaction */
	struct ranges pinned;         /* freed, but the last commit refers to it: free after the commit */
	struct ranges excluded;       /* spec 5.5 */
	bool fst_bitmaps, fst_loaded, fst_dirty; /* free space tree state; dirty: its INFO item must be written */
	u32 fst_extents;
	u64 cursor;                   /* where the next search begins */
	bool changed;                 /* since the last commit */
	bool moving;                  /* its chunk moves with the next commit */
	u64 next_flags;               /* moving: type and profile from then on */
};

enum ref_kind { REF_TREE, REF_SHARED_TREE, REF_DATA, REF_SHARED_DATA };
/* One reference more or less. */
struct ref_change {
	u64 bytenr, len;
	enum ref_kind kind;
	u64 root;                     /* REF_TREE, REF_DATA */
	u64 parent;                   /* REF_SHARED_* */
	u64 objectid, offset;         /* REF_DATA */
	s64 delta;                    /* +n or -n */
	u8 level;                     /* tree blocks */
	bool new_extent;              /* creates the extent item */
	struct key first;             /* tree blocks without SKINNY_METADATA */
	u64 owner;                    /* simple quota: whom the extent is charged to; 0: root */
};

struct alloc;
/* super: what the next commit writes; borrowed. */
int alloc_open(struct env *env, struct volume *vol, struct nstore *store, struct roots *roots, struct disk_super *super, struct alloc **out, struct err *err);
void alloc_close(struct alloc *a);
/* The generation being written: what is freed and younger is free at once. Set at the begin of each transaction. */
void alloc_set_transid(struct alloc *a, u64 transid);
/* Told of every extent that ceases to exist before it was ever committed, and of every one that a run deletes. */
void alloc_on_dead(struct alloc *a, void (*fn)(void *arg, u64 bytenr, u64 len, bool tree), void *arg);

/* Told of every extent item that a run of the queue makes or deletes (simple quota). owner: whom a data extent is charged to, 0: nobody; tree blocks: the
 * tree that makes it, 0 when it goes. The callback changes no tree. */
struct extent_event { u64 bytenr, len, owner, generation; bool tree, born; };
void alloc_on_extent(struct alloc *a, int (*fn)(void *arg, const struct extent_event *e, struct err *err), void *arg);

/* Told of every change of a reference when it is queued, also of those that another one takes back (full quota). Returns 0 or -ENOMEM; changes nothing here. */
void alloc_on_ref(struct alloc *a, int (*fn)(void *arg, const struct ref_change *change), void *arg);

/* While all references of something move as one, so that who refers to how much stays as it is, the callback is not told. */
void alloc_hush_refs(struct alloc *a, bool hush);

/* --- space in memory --- */
struct block_group *alloc_block_group(struct alloc *a, u64 bytenr);         /* the one that holds bytenr, NULL */
/* From min to want bytes in a block group of these type bits (DATA, METADATA, SYSTEM), contiguous; the longest piece at hand up to want. Makes a new chunk
 * (usable at once, its items queued) when none has room. Tree blocks: min = want = nodesize, never across a 64 KiB stripe. hint: an address to be near,
 * 0 none. -ENOSPC with figures. */
int alloc_space(struct alloc *a, u64 type, u64 want, u64 min, u64 hint, u64 *bytenr, u64 *len, struct err *err);
/* Gives back what was just taken and nobody refers to. */
int alloc_unspace(struct alloc *a, u64 bytenr, u64 len);
/* Log replay: bytes that no extent item knows, but that are in use. Pinned: not to be allocated before the commit (what is taken by an extent is passed
 * over). Claimed: as if alloc_space had handed out just these. */
int alloc_pin(struct alloc *a, u64 bytenr, u64 len, struct err *err);
int alloc_claim(struct alloc *a, u64 bytenr, u64 len, struct err *err);
/* Free bytes of a type that could be had: in block groups, and as chunks that would fit on the devices. */
void alloc_available(struct alloc *a, u64 type, u64 *in_groups, u64 *in_chunks);
/* Promises metadata (and system) space: others' alloc_space fails when only promised bytes are left. */
int alloc_reserve(struct alloc *a, u64 type, u64 bytes, struct err *err);
void alloc_unreserve(struct alloc *a, u64 type, u64 bytes);

/* --- chunks --- */
/* A chunk of this type and profile, sized by spec 5.6; in memory now (chunk map, block group, free space), its items are written by alloc_write_items. */
int chunk_create(struct alloc *a, u64 flags, struct block_group **out, struct err *err);
/* Removes an empty block group with its chunk at the next alloc_write_items. -EBUSY when it is in use. */
int chunk_remove(struct alloc *a, u64 start, struct err *err);
/* A chunk that moves to other stripes, with another profile perhaps, at the same logical place: planned here, the bytes are the caller's to copy (rio_write_next)
 * before the transaction is committed, and before anything else is. Stripes that are good where they are stay there. 0; -EALREADY: all is as it is to be;
 * -ENOSPC: no place for it; -EDOM: its length does not divide among as many devices as the profile would take. */
enum {
	MOVE_LOOSE = 1,     /* then fewer devices do */
	MOVE_RESTRIPE = 2,  /* stripes over fewer devices than there are now are as it is not to be */
};
int chunk_move(struct alloc *a, u64 start, u64 profile, unsigned how, struct err *err);
/* No new chunk, and no stripe of one that moves, reaches beyond this many bytes of the device. Stripes that do are in the wrong place. */
int alloc_device_limit(struct alloc *a, u64 devid, u64 bytes, struct err *err);
/* Takes no allocations (or does again, if its chunk is complete). Free space as it is. */
void alloc_set_readonly(struct alloc *a, u64 start, bool readonly);
/* Must the chunk move, because of a missing device or such a limit? */
bool chunk_is_misplaced(struct alloc *a, const struct chunk *c);
/* Profile bits of new chunks of a type from now on. */
void alloc_set_profile(struct alloc *a, u64 type, u64 profile);
/* Feature bits of profiles that no block group has any more go from the superblock. */
void alloc_trim_features(struct alloc *a);

/* The size and devices that a new chunk gets, from sizes and holes alone. No tree, no allocation state: mkfs uses it, too. */
enum chunk_policy { CHUNK_KERNEL, CHUNK_TOOLS }; /* the two columns of spec 5.6 */
struct dev_space { u64 devid, total_bytes; struct ranges used; }; /* used: dev extents and what must stay free */
struct chunk_plan { u64 length, stripe_length; u16 num_stripes, sub_stripes; struct { u64 devid, physical; } stripes[BTRFS_CHUNK_STRIPES_MAX]; };
int chunk_plan(const struct geometry *geo, enum chunk_policy policy, u64 flags, u64 fs_bytes, const struct dev_space *devs, unsigned ndevs, struct chunk_plan *out, struct err *err);

/* What the filesystem uses of a device, a multiple of the sector size: in memory now, the items follow with the commit. Chunks stay where they are. The device
 * itself is as long as the caller has made it. -ENODEV; -EROFS: missing or a seed; -ENOSPC: larger than the device; -EBUSY: a chunk lies behind size, *last is the
 * smallest size that is possible without moving one. */
int device_resize(struct alloc *a, u64 devid, u64 size, u64 *last, struct err *err);

/* A new device: known at once, its items and superblock come with the commit. Takes bdev on success. -EOVERFLOW. */
int device_add(struct alloc *a, struct bdev *bdev, const char *path, u64 size, const u8 uuid[16], struct device **out, struct err *err);
/* A device that no chunk uses, nor one of the last commit: its items go with the commit, its superblocks are the caller's affair then. -EBUSY; -EINVAL: the last one. */
int device_drop(struct alloc *a, struct device *dev, struct err *err);

/* --- data checksums: items of the csum tree --- */
/* sums: one per sector of [bytenr, bytenr + len), none of which has one. Merges with what ends at bytenr. */
int csum_insert(struct alloc *a, u64 bytenr, u64 len, const u8 *sums, struct err *err);
int csum_delete(struct alloc *a, u64 bytenr, u64 len, struct err *err);

/* --- references --- */
int ref_queue(struct alloc *a, const struct ref_change *change, struct err *err);
/* Sets FULL_BACKREF on a block's extent item. */
int ref_queue_full_backref(struct alloc *a, u64 bytenr, u8 level, struct err *err);
/* References and flags of an extent: item plus queue. -ENOENT when there is none. */
int ref_info(struct alloc *a, u64 bytenr, bool metadata, u64 *refs, u64 *flags, u64 *generation, struct err *err);
/* Adds (+1) or removes (-1) the references of all that a block points to: full (SHARED_*, parent = the block) or implicit (header owner). */
int ref_children(struct alloc *a, const void *block, bool full, int delta, struct err *err);
/* Runs the queue until it is empty (limit > 0: until that many extents were dealt with). */
int ref_run(struct alloc *a, u64 limit, struct err *err);
bool ref_pending(const struct alloc *a);
u64 alloc_queue_len(const struct alloc *a);                     /* extents in the queue */
/* All references of an extent as the extent tree and the queue state them. fn non-zero stops. */
int ref_each(struct alloc *a, u64 bytenr, int (*fn)(void *arg, const struct extent_ref_view *ref), void *arg, struct err *err);

/* Chunks or devices that came, went or moved, of which the trees do not know yet. */
bool alloc_has_news(const struct alloc *a);
/* The superblock's bytes_used. */
u64 alloc_bytes_used(const struct alloc *a);
/* Everything else that is dirty here: block group items, chunk and device items, free space tree. *changed: a tree was touched. */
int alloc_write_items(struct alloc *a, bool *changed, struct err *err);

/* --- commit and savepoints, called by txn --- */
struct alloc_mark;  /* lengths of the journals */
int alloc_mark(struct alloc *a, struct alloc_mark **out);
int alloc_rollback(struct alloc *a, struct alloc_mark *m, struct err *err);
int alloc_release(struct alloc *a, struct alloc_mark *m, struct err *err);
/* After the superblocks are on disk: pinned space is free. fn (may be NULL) sees each range, for discard. */
int alloc_committed(struct alloc *a, int (*fn)(void *arg, u64 bytenr, u64 len), void *arg);

/* --- free space tree, v1 cache --- */
/* Fills roots->free_space_tree (new and empty) from the extent tree. The feature bits are the caller's affair. */
int free_space_tree_fill(struct alloc *a, struct err *err);
/* What is known of it is forgotten: it is no more, or was not filled. */
void free_space_tree_forget(struct alloc *a);
/* Inodes, headers and extents in the root tree; cache_generation. Costs one search where there are none; each commit calls it. */
int cache_v1_clear(struct alloc *a, struct err *err);
/* Moves the BLOCK_GROUP_ITEMs that are on disk from one tree to another; the caller changes roots->block_group_tree. */
int block_group_items_move(struct alloc *a, struct tree *from, struct tree *to, struct err *err);

#endif
