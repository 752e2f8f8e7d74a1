/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nothing old on a device may be taken for what it holds now. */
#include "common/mem.h"
#include "kernel-shared/make/internal.h"

/* What old content at the ends of a device might be recognised by. */
#define WIPE_LEN MiB(2)

static int wipe(struct bdev *b, u64 off, u64 len, const void *zeros, struct err *err)
{
	u64 start = off, n = len;

	if (off >= b->size)
		return 0;
	len = min_t(u64, len, b->size - off);
	/* a hole reads as zeros already */
	if (!bdev_next_data(b, off, &start, &n) && (!n || start >= off + len))
		return 0;
	return bdev_write(b, off, zeros, len, err);
}

int make_wipe_device(struct bdev *b, u64 bytes, struct err *err)
{
	void *zeros CLEANUP(mem_freep) = mem_zalloc(WIPE_LEN);
	u64 ends[] = { bytes, b->size };
	int ret;

	if (!zeros)
		return err_nomem(err);
	ret = wipe(b, 0, WIPE_LEN, zeros, err);
	for (unsigned i = 0; i < ARRAY_SIZE(ends) && !ret; i++)
		ret = wipe(b, ends[i] > WIPE_LEN ? ends[i] - WIPE_LEN : 0, WIPE_LEN, zeros, err);
	for (int i = 1; i < BTRFS_SUPER_MIRROR_MAX && !ret; i++)
		ret = wipe(b, btrfs_super_offset[i], BTRFS_SUPER_INFO_SIZE, zeros, err);
	return ret;
}
