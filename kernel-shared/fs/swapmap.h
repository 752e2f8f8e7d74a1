/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a swap file begins on its device, as resume_offset= of the kernel needs it. */
#ifndef FS_SWAPMAP_H
#define FS_SWAPMAP_H

#include "kernel-shared/fs/file.h"

/* The physical byte at which the file starts. -EINVAL for what cannot be a swap file: err says why. */
int swapfile_map(struct fs *fs, const struct inode *inode, u64 *physical, struct err *err);

/* The rules alone, for other sources of extents: begin, each extent in order, end. Each says why not in err (-EINVAL), or returns what find did. */
struct swapmap_place { u64 profile, devid, physical; };
struct swapmap {
	/* Where a logical address lies; profile: BTRFS_BLOCK_GROUP_* bits, 0 single. -ENOENT: no chunk has it. */
	int (*find)(void *arg, u64 logical, struct swapmap_place *out, struct err *err);
	void *arg;
	/* private */
	bool begun;
	u64 devid, physical, size, end; /* end: in the file, so far */
};
int swapmap_begin(struct swapmap *m, u64 flags, bool regular, u64 size, struct err *err); /* flags: BTRFS_INODE_* */
int swapmap_extent(struct swapmap *m, const struct file_extent_view *x, struct err *err);
int swapmap_end(const struct swapmap *m, u64 *physical, struct err *err);

#endif
