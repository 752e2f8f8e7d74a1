/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files can be read, and what they hold: taken before and after a repair, so that none is lost unseen. By metadata alone: a repair changes no data, so a
 * file holds what it held if it has the same extents with the same checksums in the same places. The room's own.
 *
 * A file counts as readable when its name is found by hash, leads through directories that are found likewise to an inode whose type is that of the entry,
 * and every extent up to its size has a chunk, a known form, no overlap, and checksums (unless it does without). Memory: 32 bytes a directory. */
#ifndef CHECK_INVENTORY_H
#define CHECK_INVENTORY_H

#include "kernel-shared/check/repair_internal.h"

/* One name; sorted by path. */
struct inv_file { u8 path[16]; u64 content; u64 tree, ino; u64 readable; };

/* All names of one subvolume. fs: opened raw. */
int inventory_tree(struct repair *r, struct fs *fs, u64 id, struct sortrun *out, struct err *err);
/* Has every sector of these bytes a checksum? */
bool sums_cover(struct fs *fs, u64 from, u64 to);
/* Compares the devices as they are with what the overlays hold. *lost: files that would be; each of the first ones is told with its path. */
int inventory_compare(struct repair *r, u64 *lost, struct err *err);

#endif
