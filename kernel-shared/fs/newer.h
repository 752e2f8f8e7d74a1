/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File extents that came or changed since a generation. */
#ifndef FS_NEWER_H
#define FS_NEWER_H

#include "kernel-shared/fs/file.h"

/* Calls fn for each file extent of the subvolume whose generation is at least gen, in inode and offset order. Blocks that have not
 * changed since are not read. view->inline_data is valid during the call. fn non-zero stops and is returned. */
int subvol_newer_extents(struct root *root, u64 gen, int (*fn)(void *arg, u64 ino, const struct file_extent_view *view), void *arg, struct err *err);

#endif
