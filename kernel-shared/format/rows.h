/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between items.def and the item_<family>.c files: declarations of all row functions, and what several families share.
 * Private to format/. */
#ifndef FORMAT_ROWS_H
#define FORMAT_ROWS_H

#include "kernel-shared/format/items.h"

#define NONE
#define VALIDATE(f) int f##_validate(struct validator *v, const struct item *item, const struct item *prev);
#define PRINT(f) void f##_print(struct print_ctx *p, const struct item *item);
#define FIELDS(f) int f##_fields(const struct item *item, field_fn fn, void *arg);
#define ITEM(key, name, min, max, validate, print, fields) validate print fields
#include "kernel-shared/format/items.def"
#undef ITEM
#undef FIELDS
#undef PRINT
#undef VALIDATE
#undef NONE

/* The tree whose rules apply: the header's owner, or for a single item the tree that it is meant for. */
static inline u64 validator_owner(const struct validator *v)
{
	return v->block ? block_owner(v->block) : v->tree;
}
static inline bool unaligned(const struct validator *v, u64 x)
{
	return x & (v->geo->sectorsize - 1);
}
/* Generations may be one ahead of the superblock: the running transaction's, and those of log trees. */
static inline bool too_new(const struct validator *v, u64 generation)
{
	return generation > v->geo->generation && generation - v->geo->generation > 1;
}
/* Items of an inode follow one another: in a subvolume's leaf the item before one of these belongs to the same inode. */
static inline bool inode_rule_broken(const struct validator *v, const struct item *item, const struct item *prev)
{
	return prev && prev->key.objectid != item->key.objectid && is_fstree(validator_owner(v));
}
int violate_inode_rule(struct validator *v, const struct item *item, const struct item *prev);
/* Inode numbers that an item may name: of files, of the root tree's directory, of the obsolete inode cache. */
static inline bool inode_number_valid(u64 ino)
{
	return (ino >= BTRFS_FIRST_FREE_OBJECTID && ino <= BTRFS_LAST_FREE_OBJECTID) || ino == BTRFS_ROOT_TREE_DIR_OBJECTID ||
	       ino == BTRFS_FREE_INO_OBJECTID;
}

#endif
