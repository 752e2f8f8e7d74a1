/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files that open a filesystem. The room's own. */
#ifndef FS_OPEN_H
#define FS_OPEN_H

#include "kernel-shared/fs/fs.h"

/* roots.c. A root without a ROOT_ITEM: chunk, root and log root tree. generation 0: unknown, then the level is, too, and both are taken from
 * the block. Its root block is read. Entered into fs->roots, which owns it. */
int root_add_bare(struct fs *fs, u64 id, u64 bytenr, u64 generation, u8 level, struct root **out, struct err *err);
void roots_free(struct fs *fs);
/* Roots that come and go in a transaction. root_new: not registered. A root that was unregistered stays in memory until fs_close. */
struct root *root_new(struct fs *fs, u64 objectid, u64 offset, u64 bytenr, u64 generation, u8 level);
void root_free(struct root *root);
int fs_root_register(struct fs *fs, struct root *root, struct err *err);   /* takes root, also when it fails */
int fs_root_unregister(struct fs *fs, struct root *root, struct err *err);
void root_leave(struct fs *fs, struct root *root);                         /* out of the table, nothing else */
int root_enter(struct fs *fs, struct root *root, struct err *err);
/* rollback.c: what a failed operation did to struct fs is undone. */
int fs_add_hooks(struct fs *fs, struct err *err);
void fs_change_fini(struct fs *fs);
/* Where the trees opened so far take blocks from. */
void roots_set_source(struct fs *fs, struct block_source *source);

/* open.c: the order in which things are found. */
int open_chunk_tree(struct fs *fs, const struct fs_open_args *args, struct err *err);
int open_trees(struct fs *fs, const struct fs_open_args *args, struct err *err);

/* backup.c: the newest backup slot all of whose roots are readable, into *slot. -ENOENT: no slot is in use. */
int backup_choose(struct fs *fs, int *slot, struct err *err);

#endif
