/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trees that account for space come and go: free space tree, block group tree. Spec: on-disk-format 3.14 to 3.16. */
#ifndef FS_SPACETREE_H
#define FS_SPACETREE_H

#include "kernel-shared/fs/write.h"

/* From nothing or from the old cache to the free space tree. -EEXIST. */
int op_free_space_tree_enable(struct txn *txn, struct err *err);
/* Away with it; a mount may make another. -ENOENT; -EINVAL where a block group tree needs it. */
int op_free_space_tree_clear(struct txn *txn, struct err *err);
/* Filled anew from the extent tree. -ENOENT. Done by itself at the first commit where the tree is marked as not valid. */
int op_free_space_tree_rebuild(struct txn *txn, struct err *err);
/* Block group items into a tree of their own, or back into the extent tree. -EEXIST, -ENOENT; -EINVAL without free space tree or NO_HOLES. */
int op_block_group_tree_enable(struct txn *txn, struct err *err);
int op_block_group_tree_clear(struct txn *txn, struct err *err);

/* The room's own: a hook. */
int space_tree_flush(void *arg, struct txn *txn, bool *changed, struct err *err);

#endif
