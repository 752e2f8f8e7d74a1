/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing trees: copy-on-write, insertion, deletion, splitting, merging. One thread at a time (the transaction's).
 *
 * A tree takes its blocks from a block_source and tells it about every block that it copies, makes or gives up; what that means for references and
 * space is the source's affair (alloc/). No call of the source changes a tree: it takes from free space in memory and appends to a queue, so that a
 * path held here stays valid. Kernel counterpart: ctree.c. */
#ifndef TREE_MODIFY_H
#define TREE_MODIFY_H

#include "kernel-shared/tree/tree.h"

struct block_source {
	u64 transid;
	u64 births;           /* blocks given out so far: node->birth of the newest */
	u64 epoch;            /* grows with each savepoint */
	/* Commit-time trees are neither merged nor shrunk while the commit loops (emptied leaves are still removed). */
	bool no_merge;
	/* A fresh dirty node: zeroed, header filled in (bytenr, generation, owner = t->id, fsid, chunk uuid, WRITTEN flag, revision 1, level). Held. -ENOSPC. */
	int (*alloc)(struct block_source *bs, struct tree *t, u8 level, u64 hint, struct node **out, struct err *err);
	/* fresh holds a copy of old (which may be shared with other trees) and takes its place in t: references move as spec 6.3 says, t's own reference on old
	 * is dropped. Called after the content was copied, before it is changed. is_root: old was the root block. */
	int (*replace)(struct block_source *bs, struct tree *t, struct node *old, struct node *fresh, bool is_root, struct err *err);
	/* fresh is in t for the first time and holds no copy (a split's right half, a new root): its own reference. Its children's references follow the
	 * header owner and do not change. */
	int (*created)(struct block_source *bs, struct tree *t, struct node *fresh, struct err *err);
	/* t no longer reaches node (emptied leaf, collapsed root); node is dirty. Its references to children are gone already. */
	int (*release)(struct block_source *bs, struct tree *t, struct node *node, struct err *err);
	/* Called before the first change of a dirty node after a savepoint: keeps its image. node->touch_epoch != bs->epoch tells. */
	int (*touch)(struct block_source *bs, struct node *node, struct err *err);
	/* The root block of t is about to change to another (t's fields still hold the old one). */
	int (*root_changed)(struct block_source *bs, struct tree *t, struct err *err);
};

/* Makes the way to key writable (copying what is not) with room for an item of `room` bytes of data more (room < 0: a deletion follows, keep the
 * leaf from being emptied needlessly; 0: change in place). 0 found, 1 not there (slot = place for it), <0. */
int tree_search_cow(struct tree *t, const struct key *key, s32 room, struct path *p, struct err *err);

/* Inserts one item. -EEXIST, -EOVERFLOW (larger than a leaf holds), -ENOSPC. */
int tree_insert(struct tree *t, const struct key *key, const void *data, u32 size, struct err *err);
/* The same, leaving the path at the new item and its bytes (zeroed) to be filled in. */
int tree_insert_empty(struct tree *t, const struct key *key, u32 size, struct path *p, u8 **data, struct err *err);
/* Many items in ascending order; as fast as the leaves allow. Stops at the first failure. */
struct new_item { struct key key; const void *data; u32 size; };
int tree_insert_batch(struct tree *t, const struct new_item *items, size_t n, struct err *err);
/* Deletes the item with this key. -ENOENT. */
int tree_delete(struct tree *t, const struct key *key, struct err *err);
/* Deletes nr items from the path's slot on (path from tree_search_cow with room < 0, all in that leaf). The path then points at what followed, which may
 * be beyond the leaf's end; it is emptied when the leaf went away (p->nodes[0] == NULL). */
int tree_delete_at(struct tree *t, struct path *p, int nr, struct err *err);
/* Deletes every item of [lo, hi]. *count (may be NULL): how many. */
int tree_delete_range(struct tree *t, const struct key *lo, const struct key *hi, u64 *count, struct err *err);
/* The item's bytes, to be written; the path comes from tree_search_cow or an insertion. Touches the node. NULL: no memory for the savepoint. */
u8 *path_item_mut(struct tree *t, struct path *p, struct err *err);
/* Replaces an item's data by data of any size (insert or replace when create). */
int tree_put(struct tree *t, const struct key *key, const void *data, u32 size, bool create, struct err *err);
/* Grows the item at the path by `bytes` at its end (path from tree_search_cow with room >= bytes), or cuts it to size at its end or at its front. */
int tree_extend_at(struct tree *t, struct path *p, u32 bytes, struct err *err);
int tree_truncate_at(struct tree *t, struct path *p, u32 size, bool front, struct err *err);
/* Gives the item at the path another key that keeps the order. */
int tree_set_key_at(struct tree *t, struct path *p, const struct key *key, struct err *err);
/* Gives a fresh, empty root leaf to a new tree (t->id set): for new subvolumes and internal trees. */
int tree_new_root(struct tree *t, struct err *err);
/* Gives dst (dst->id set) a copy of the root block of src: a snapshot, spec 4.7 steps 3 and 4. src->last_snapshot must have been set. The caller adds the new
 * root block's references to its children (ref_children). */
int tree_snapshot_root(struct tree *src, struct tree *dst, struct err *err);

#endif
