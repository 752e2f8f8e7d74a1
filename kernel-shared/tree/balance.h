/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Splitting and merging along a path all of whose blocks are writable. The room's own. */
#ifndef TREE_BALANCE_H
#define TREE_BALANCE_H

#include "kernel-shared/tree/cow.h"

/* Makes need bytes free in the leaf where key belongs: before the slot (insertion, need includes the item header), or for the item at the slot to
 * grow (grows). The path follows. -EOVERFLOW when one leaf cannot hold it. */
int leaf_make_room(struct tree *t, struct path *p, const struct key *key, u32 need, bool grows, struct err *err);
/* The emptied leaf at the path goes away, and nodes above that become empty with it. Empties the path. The root leaf stays. */
int leaf_drop(struct tree *t, struct path *p, struct err *err);
/* After a deletion: a leaf that is nearly empty moves into a neighbour that has room; then the path is emptied. */
int leaf_merge(struct tree *t, struct path *p, struct err *err);
/* The block below p->nodes[level] begins with another key: sets it there, and above while it is the first slot. */
int path_fix_keys(struct tree *t, struct path *p, int level, const struct key *key, struct err *err);

#endif
