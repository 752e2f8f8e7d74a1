/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a filesystem: devices are wiped, chunks laid out, trees loaded bottom-up, superblocks written last. Until then the devices carry
 * the temporary magic, which nothing mounts.
 *
 *     maker_new(env, &params, &m, err);        the devices' old content is gone from here on
 *     populate(m, ...);                        or not: then the top level is an empty directory
 *     maker_finish(m, err);
 *     maker_free(m);
 *
 * Sizes are those of the incumbent (CHUNK_TOOLS); positions too. Spec: on-disk-format 4.2, 4.3, 5.6, 14.3. */
#ifndef MAKE_MAKE_H
#define MAKE_MAKE_H

#include "kernel-shared/volume/volume.h"

struct make_device {
	struct bdev *bdev;       /* taken by maker_new, also when it fails */
	const char *path;        /* borrowed */
	u64 bytes;               /* how much of it is used, a multiple of the sector size */
	u8 uuid[16];
};
enum make_fit {
	MAKE_FIXED,              /* the size given is the size */
	MAKE_GROW,               /* at least the size given; a file is enlarged when more is needed */
	MAKE_FIT,                /* a file that ends where the last chunk does; chunks are no larger than expected */
};
struct make_params {
	u32 nodesize, sectorsize;
	u8 csum_type;
	u64 incompat, compat_ro;
	u64 data, metadata;      /* profiles: BTRFS_BLOCK_GROUP_* or 0 */
	bool mixed, quota, squota;
	const char *label;       /* NULL: none */
	u8 fsid[16];
	struct make_device *devices;
	unsigned ndevs;
	enum make_fit fit;       /* other than MAKE_FIXED: one device only */
	u64 expect_data, expect_metadata; /* bytes that will come, as far as known: chunks are sized for them */
};
struct maker;

/* What a device must have at least. Spec: cli 18.3. */
u64 make_min_size(const struct make_params *p);

int maker_new(struct env *env, const struct make_params *params, struct maker **out, struct err *err);
/* Loads what is left, writes the superblocks with the real magic. */
int maker_finish(struct maker *m, struct err *err);
void maker_free(struct maker *m);

/* After maker_finish: bytes of all chunks of a type (exactly these type bits); all devices together; one device. */
u64 maker_allocated(const struct maker *m, u64 type);
u64 maker_total_bytes(const struct maker *m);
u64 maker_device_bytes(const struct maker *m, unsigned i);

/* Zeroes what old content is recognised by: the ends of the device and of its first `bytes`, and the places of superblocks. */
int make_wipe_device(struct bdev *b, u64 bytes, struct err *err);

#endif
