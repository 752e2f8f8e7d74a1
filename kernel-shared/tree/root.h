/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tree with its root item (owned by struct fs, borrowed until fs_close), and the internal trees of one filesystem by name. */
#ifndef TREE_ROOT_H
#define TREE_ROOT_H

#include "kernel-shared/tree/tree.h"

struct fs;
struct root {
	struct tree tree;
	struct fs *fs;
	struct disk_root_item item;   /* 439-byte form, invalid v2 fields zeroed; zero for root, chunk and log root trees */
	bool legacy;                  /* the item on disk is the short form */
	bool newest;                  /* no ROOT_ITEM of this objectid has a greater offset */
	bool dirty;                   /* the item must be written at the commit */
	bool listed;                  /* known to the open transaction as changed */
	bool item_missing;            /* new: no item on disk yet */
	struct root *next;            /* of the same objectid */
};

/* NULL when absent (or unreadable, when opened partially). */
#define ROOTS_MEMBERS \
	struct root *root_tree, *chunk_tree, *extent_tree, *dev_tree, *csum_tree, *quota_tree, *uuid_tree, *free_space_tree, *block_group_tree, \
		*stripe_tree, *data_reloc_tree, *fs_tree, *log_root_tree
struct roots { ROOTS_MEMBERS; };

#endif
