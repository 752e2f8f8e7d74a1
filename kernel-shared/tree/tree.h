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
	struct node *node;    /* the root block once read or changed; held */
	struct block_source *source; /* where copy-on-write takes blocks from; NULL: reading only */
	void *owner;          /* the upper room's struct */
};
void tree_init(struct tree *t, struct nstore *s, u64 id, u64 bytenr, u64 generation, u8 level);
void tree_fini(struct tree *t);
struct block_ref tree_root_ref(const struct tree *t);

/* From the root to a slot. nodes[level] are held. */
struct path { struct node *nodes[BTRFS_MAX_LEVEL]; int slots[BTRFS_MAX_LEVEL]; };
#define PATH_INIT { { NULL }, { 0 } }
void path_fini(struct path *p); /* puts all; the path can be used again */

/* 0: found. 1: not there; the slot is where it would be inserted, possibly nritems of that leaf. <0: error. */
int tree_search(struct tree *t, const struct key *key, struct path *p, struct err *err);
/* To the same or the next / previous item that exists. 0, 1: none, <0. */
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
 *     if (ret != -ENOENT) return ret; */
struct tree_iter { struct tree *tree; struct key lo, hi; struct path path; bool started, done, reverse; };
struct tree_iter tree_range(struct tree *t, struct key lo, struct key hi);
struct tree_iter tree_range_reverse(struct tree *t, struct key lo, struct key hi); /* from hi down */
int tree_next(struct tree_iter *it, struct item *item, struct err *err); /* 0, -ENOENT at the end, <0; item valid until the next call */
void tree_iter_fini(struct tree_iter *it);

/* Many blocks at once, past the cache: read in large requests in disk order, gated, worked on in parallel. */
struct scan_block {
	const struct block_ref *ref;
	size_t index;          /* in refs */
	const u8 *data;        /* nodesize bytes; NULL: no copy passed the gate */
	int ret;               /* 0, or why not */
	const char *error;     /* its text */
	struct findings findings; /* lenient stores only */
	void *result;          /* what work() leaves for done() */
};
enum scan_order {
	SCAN_DISK,             /* work() in disk order, done() unordered, serialised */
	SCAN_LIST,             /* done() in the order of refs */
};
struct scan_ops {
	int (*work)(void *arg, struct scan_block *b, unsigned worker); /* parallel; negative ends the scan */
	int (*done)(void *arg, struct scan_block *b);                  /* serialised; may be NULL */
};
int tree_scan_blocks(struct nstore *s, const struct block_ref *refs, size_t n, enum scan_order order, const struct scan_ops *ops, void *arg, struct err *err);

VEC_TYPE(block_refs, struct block_ref);
/* The references to all blocks of one level of a tree, in key order: interior levels are read by scanning, level by level. Blocks that
 * cannot be read are reported through on_error (may be NULL: then they fail the call) and skipped. level 0: the leaves. */
int tree_level_refs(struct tree *t, u8 level, struct block_refs *out, void (*on_error)(void *arg, const struct block_ref *ref, int ret, const char *text), void *arg, struct err *err);
/* Every item of a whole tree in parallel, leaves in disk order (or in key order when ordered): fn gets a whole gated leaf. */
int tree_scan(struct tree *t, enum scan_order order, const struct scan_ops *ops, void *arg, struct err *err);

#endif
