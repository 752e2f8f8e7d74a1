/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two trees walked side by side in key order: every item that one has and the other has not, or that they have with different bytes. Blocks that both
 * share, by address, are passed over whole, so the cost is that of what differs. Kernel counterpart: btrfs_compare_trees. */
#ifndef SEND_TREEDIFF_H
#define SEND_TREEDIFF_H

#include "kernel-shared/tree/tree.h"

struct diff_cursor {
	struct tree *tree;
	struct node *nodes[BTRFS_MAX_LEVEL]; /* held, from level to the root */
	int slots[BTRFS_MAX_LEVEL];
	int ahead[BTRFS_MAX_LEVEL];          /* children below this slot were asked for */
	int level;                           /* what stands at nodes[level], slots[level] comes next: an item, or all below a pointer */
	bool end;
	struct key last;                     /* of the last item: keys must ascend */
	bool any;
};
struct treediff {
	struct diff_cursor left, right;
	bool started;
	int step;                            /* bit 0: left stands at the item delivered last, bit 1: right does */
	bool with_right;
};
/* Items of unshared leaves that are alike in both are delivered, too: same. */
struct diff_item {
	struct item left, right;             /* valid until the next call */
	bool in_left, in_right, same;
};
static inline struct key diff_key(const struct diff_item *i) { return i->in_left ? i->left.key : i->right.key; }

/* right NULL: every item of left is delivered. Both trees of one filesystem. */
void treediff_init(struct treediff *d, struct tree *left, struct tree *right);
void treediff_fini(struct treediff *d);
/* 0; -ENOENT at the end; <0 (a block that cannot be read, or keys that do not ascend: -EUCLEAN). */
int treediff_next(struct treediff *d, struct diff_item *out, struct err *err);

#endif
