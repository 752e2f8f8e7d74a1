/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing blocks where they lie, with no transaction: for repair by hand, and for making broken filesystems to test with. The filesystem is open for writing
 * (FS_OPEN_WRITE) with no transaction open; what is cached of a block is forgotten. Whether the result makes sense is the caller's affair. */
#ifndef FS_INPLACE_H
#define FS_INPLACE_H

#include "kernel-shared/fs/fs.h"

/* The bytes of a tree block as they are: no gate. copy: 1.., or 0 for the first that has a right checksum, else the first. */
int inplace_read(struct fs *fs, u64 bytenr, unsigned copy, void *block, struct err *err);
/* Writes all copies (copy 0) or one. set_csum: the block's checksum is computed first, into block. */
int inplace_write(struct fs *fs, u64 bytenr, unsigned copy, void *block, bool set_csum, struct err *err);
/* Calls change for every superblock copy that is there (copy -1) or one copy (0..2) of all devices, and writes it back. change gets what is on disk; negative ends. */
int inplace_supers(struct fs *fs, int copy, bool set_csum, int (*change)(void *arg, struct disk_super *sb, struct err *err), void *arg, struct err *err);
/* Where the item is: block and slot. 0, -ENOENT. */
int inplace_find(struct tree *t, const struct key *key, u64 *bytenr, unsigned *slot, struct err *err);

#endif
