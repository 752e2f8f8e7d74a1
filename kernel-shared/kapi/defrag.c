/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/defrag.h"
#include "kernel-shared/kapi/call.h"

#include <linux/btrfs.h>

/* Newer than the headers of some distributions. */
enum { RANGE_COMPRESS_LEVEL = 1 << 2, RANGE_NOCOMPRESS = 1 << 3 };

int kdefrag(int fd, const struct kdefrag *d)
{
	struct btrfs_ioctl_defrag_range_args args = { .start = d->start, .len = d->len, .extent_thresh = d->extent_thresh };

	if (d->compress)
		args.flags |= BTRFS_DEFRAG_RANGE_COMPRESS;
	args.compress_type = d->compress;
	if (d->level) {
		args.flags |= RANGE_COMPRESS_LEVEL;
		args.compress_type |= (u32)(u8)d->level << 8; /* the field's second byte */
	}
	if (d->nocomp)
		args.flags |= RANGE_NOCOMPRESS;
	if (d->flush)
		args.flags |= BTRFS_DEFRAG_RANGE_START_IO;
	return kcall(fd, BTRFS_IOC_DEFRAG_RANGE, &args);
}
