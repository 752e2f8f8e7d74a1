/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a swap file begins on its device, as resume_offset= of the kernel needs it. */
#ifndef FS_SWAPMAP_H
#define FS_SWAPMAP_H

#include "kernel-shared/fs/file.h"

/* The physical byte at which the file starts. -EINVAL for what cannot be a swap file: err says why. */
int swapfile_map(struct fs *fs, const struct inode *inode, u64 *physical, struct err *err);

#endif
