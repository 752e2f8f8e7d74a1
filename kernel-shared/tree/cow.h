/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making blocks writable. The room's own. */
#ifndef TREE_COW_H
#define TREE_COW_H

#include "kernel-shared/tree/edit.h"
#include "kernel-shared/tree/modify.h"

/* Keeps the node's image for a savepoint before it is changed. The node must be writable. */
static inline int node_touch(struct block_source *bs, struct node *n, struct err *err)
{
	return likely(n->touch_epoch == bs->epoch) ? 0 : bs->touch(bs, n, err);
}
/* May t change n in place? Only what was born in this transaction, is not on disk yet and is not shared with a snapshot taken since. */
static inline bool node_writable(const struct tree *t, const struct node *n)
{
	return n->dirty && !n->written && n->birth > t->snap_birth;
}
/* Makes the node at p->nodes[level] writable: copies it if need be, links the copy into its parent (writable already). */
int path_cow(struct tree *t, struct path *p, int level, struct err *err);
/* The child at slot of the writable node p->nodes[level], made writable, held. */
int child_cow(struct tree *t, struct node *parent, int slot, struct node **out, struct err *err);
/* Makes n the root block of t (held by the tree from now on). */
int tree_set_root(struct tree *t, struct node *n, struct err *err);

#endif
