/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees: search, iterate, scan. Changing them is in modify.h. Kernel counterpart: ctree.c. */
#ifndef TREE_TREE_H
#define TREE_TREE_H

#include "kernel-shared/tree/node.h"

/* One tree. Plain data: upper rooms fill it from a root item or the superblock and keep what else they know beside it. */
struct tree {
	struct nstore *store;
	u64 id;               /* objectid of its root item: 5, 256.., 2, ... */
	u64 offset;           /* offset of its ROOT_ITEM key */
	u64 bytenr, generation;
	u8 level;
	bool any_owner;       /* log and relocation trees */
	bool shareable;       /* reference-counted: subvolumes, relocation trees */
	u64 last_snapshot;
	u64 seq_leaf; int seq_slot; /* the last insertion: runs of insertions in order split leaves in another way */
	u64 snap_birth;       /* dirty nodes born until then may be shared with a snapshot taken in this transaction */
	struct node *node;    /* the root block once read or changed; held */
	struct block_source *source; /* where copy-on-write takes blocks from; NULL: reading only */
	void *owner;          /* the upper room's struct */
};
void tree_init(struct tree *t, struct nstore *s, u64 id, u64 bytenr, u64 generation, u8 level);
void tree_fini(struct tree *t);
struct block_ref tree_root_ref(const struct tree *t);
struct block_ref tree_child(const struct tree *t, const void *block, int slot);
/* The root block. Held. */
int tree_root_node(struct tree *t, struct node **out, struct err *err);

/* From the root to a slot. nodes[level] are held. */
struct path {
	struct node *nodes[BTRFS_MAX_LEVEL];
	int slots[BTRFS_MAX_LEVEL];
	/* of walking along: direction, leaves read ahead, the outermost key of the leaves left behind */
	int dir;
	unsigned ahead;
	struct key edge;
};
#define PATH_INIT { { NULL }, { 0 }, 0, 0, { 0, 0, 0 } }
void path_fini(struct path *p); /* puts all; the path can be used again */

/* 0: found. 1: not there; the slot is where it would be inserted, possibly nritems of that leaf. <0: error. */
int tree_search(struct tree *t, const struct key *key, struct path *p, struct err *err);
/* To the same or the next / previous item that exists. 0; 1: none, the path then stands behind the last or before the first item; <0.
 * Leaves come in key order, each once, whatever the disk holds: one that does not fit is -EUCLEAN, or passed over by a lenient store.
 * After -EIO the next call goes on behind the block that could not be read. */
int path_settle(struct tree *t, struct path *p, struct err *err);   /* a slot past its leaf's end moves to the next leaf */
int path_next(struct tree *t, struct path *p, struct err *err);
int path_prev(struct tree *t, struct path *p, struct err *err);
static inline struct item path_item(const struct path *p) { return node_item(p->nodes[0], p->slots[0]); }
static inline struct key path_key(const struct path *p) { return node_key(p->nodes[0], p->slots[0]); }

/* Exactly this item. 0, -ENOENT, <0. *item is valid while p is held. */
int tree_lookup(struct tree *t, const struct key *key, struct path *p, struct item *item, struct err *err);
/* The last item with key <= this one; the first with key >= . 0, -ENOENT, <0. */
int tree_lookup_le(struct tree *t, const struct key *key, struct path *p, struct item *item, struct err *err);
int tree_lookup_ge(struct tree *t, const struct key *key, struct path *p, struct item *item, struct err *err);

/* All items of [lo, hi], ascending. Reads ahead.
 *     struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(tree, lo, hi);
 *     while ((ret = tree_next(&it, &item, err)) == 0) ...
 *     if (ret != -ENOENT) return ret;
 * After -EIO tree_next may be called again: it goes on behind the block that could not be read. */
struct tree_iter {
	struct tree *tree;
	struct key lo, hi;
	struct path path;
	int left;             /* items of this leaf still to come */
	bool started, done, reverse;
};
struct tree_iter tree_range(struct tree *t, struct key lo, struct key hi);
struct tree_iter tree_range_reverse(struct tree *t, struct key lo, struct key hi); /* from hi down */
int tree_next(struct tree_iter *it, struct item *item, struct err *err); /* 0, -ENOENT at the end, <0; item valid until the next call */
void tree_iter_fini(struct tree_iter *it);
/* After an error: the first key (going backward: the last) of what comes next. False: nothing does. */
bool tree_iter_resumes_at(const struct tree_iter *it, struct key *at);

/* Many blocks at once, past the cache: read in large requests in disk order, gated, worked on in parallel. */
struct scan_block {
	const struct block_ref *ref;
	size_t index;          /* in refs; -1 for an interior block of tree_scan */
	const u8 *data;        /* nodesize bytes; NULL: no copy passed the gate */
	int ret;               /* 0, or why not */
	char *error;           /* its text */
	struct findings findings; /* lenient stores only */
	void *result;          /* what work() leaves for done() */
};
enum scan_order {
	SCAN_DISK,             /* work() in disk order, done() unordered, serialised */
	SCAN_LIST,             /* done() in the order of refs */
};
struct scan_ops {
	int (*work)(void *arg, struct scan_block *b, unsigned worker); /* parallel; negative ends the scan */
	int (*done)(void *arg, struct scan_block *b);                  /* serialised; negative ends the scan; may be NULL */
	void (*drop)(void *arg, struct scan_block *b);                 /* instead of done() when the scan ends early: frees result; may be NULL */
};
/* worker: below pool_threads(env->pool). Memory: a few MiB a thread, however large n. A block that cannot be read is no failure of the scan:
 * work() gets it with data NULL. 0, what work() or done() returned, -ENOMEM, -EINTR. */
int tree_scan_blocks(struct nstore *s, const struct block_ref *refs, size_t n, enum scan_order order, const struct scan_ops *ops, void *arg, struct err *err);

VEC_TYPE(block_refs, struct block_ref);
/* The references to all blocks of one level of a tree, in key order: interior levels are read by scanning, level by level. Blocks that
 * cannot be read, or that lie out of order or twice in the tree, are reported through on_error (may be NULL: then they fail the call) and
 * skipped. level 0: the leaves (not read). A level above the root's is empty. */
typedef void (*block_error_fn)(void *arg, const struct block_ref *ref, int ret, const char *text);
int tree_level_refs(struct tree *t, u8 level, struct block_refs *out, block_error_fn on_error, void *arg, struct err *err);
/* Every leaf of a whole tree, as tree_scan_blocks does it. An interior block that cannot be read comes first, with data NULL. */
int tree_scan(struct tree *t, enum scan_order order, const struct scan_ops *ops, void *arg, struct err *err);

#endif
