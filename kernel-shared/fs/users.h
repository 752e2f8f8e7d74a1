/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an address back to who uses it, by the back references of the extent tree: which roots reach a block, which file
 * positions use a data extent, is an extent shared. Reading only. Spec: on-disk-format 10. Kernel counterpart: backref.c. */
#ifndef FS_USERS_H
#define FS_USERS_H

#include "kernel-shared/fs/inode.h"

/* The extent that holds logical. 0, -ENOENT, -EUCLEAN, -EIO. */
int extent_find(struct fs *fs, u64 logical, struct extent_view *out, struct err *err);
/* All references of the extent that starts at bytenr, those inside its item first, then those with keys of their own. fn non-zero
 * stops and is returned. -ENOENT: no such extent. */
int extent_refs_each(struct fs *fs, u64 bytenr, int (*fn)(void *arg, const struct extent_ref_view *ref), void *arg, struct err *err);

/* Work that repeats for neighbours is remembered here. Not thread-safe. */
struct resolver {
	struct fs *fs;
	struct hmap roots;     /* block -> index + 1 into sets */
	VEC(struct root_set *) sets;
	struct hmap shared;    /* block -> 1 own, 2 shared */
};
void resolver_init(struct resolver *r, struct fs *fs);
void resolver_fini(struct resolver *r);

/* Every place that uses the data extent at bytenr: fn gets subvolume, inode and file offset. within: a byte of the extent; only file
 * extents that show this byte count, and offset is where it is in the file. -1ULL: all, offset is the file extent's start.
 * fn non-zero stops and is returned. */
typedef int (*extent_user_fn)(void *arg, u64 root, u64 ino, u64 offset);
int extent_users(struct resolver *r, const struct extent_view *ext, u64 within, extent_user_fn fn, void *arg, struct err *err);

/* Is a data extent used by anybody but this inode of this subvolume, at another position too? path: the item's, held by the caller's
 * iterator: blocks above it that are shared share the extent. 1, 0, <0. */
int extent_shared(struct resolver *r, const struct path *path, u64 root, u64 ino, u64 bytenr, struct err *err);

#endif
