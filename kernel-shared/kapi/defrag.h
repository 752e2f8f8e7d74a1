/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Defragmenting a file, or (of a directory) the metadata of its subvolume. Spec: cli 8.8. */
#ifndef KAPI_DEFRAG_H
#define KAPI_DEFRAG_H

#include "common/base.h"

struct kdefrag {
	u64 start, len;        /* bytes; len -1: to the end */
	u32 extent_thresh;     /* extents as large as this stay; 0: the kernel's choice */
	u8 compress;           /* BTRFS_COMPRESS_*; NONE: as the file has it */
	int level;             /* 0: the default. Kernel 6.15 */
	bool nocomp;           /* store it plain. Kernel 6.17 */
	bool flush;            /* start writing at once */
};
/* -EOPNOTSUPP: the kernel does not know an option; -ENOTTY: the whole call. */
int kdefrag(int fd, const struct kdefrag *d);

#endif
