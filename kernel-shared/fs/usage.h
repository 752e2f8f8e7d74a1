/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the space of a filesystem is used: by type and profile, by device, reserved and free. Filled here from the trees of an
 * unmounted filesystem; the reports compute from these numbers alone, so another source (ioctls) can fill the same struct.
 * Kernel counterpart: space-info.c, super.c (statfs). */
#ifndef FS_USAGE_H
#define FS_USAGE_H

#include "common/ranges.h"
#include "kernel-shared/fs/fs.h"

/* flags: type | profile; bytes of logical space. seeded: free bytes on seed devices, which nothing is written to; known offline only. */
struct space_usage { u64 flags, total, used, seeded; };
struct chunk_usage { u64 flags, devid, size; u16 num_stripes; }; /* size: bytes on that device, of all chunks with these stripes */
struct device_usage {
	u64 devid;
	char *path;            /* heap; "" when unknown */
	u64 size;              /* what the filesystem uses of the device */
	u64 real_size;         /* the device's or file's own size, 0 when missing */
	u64 allocated;         /* in chunks */
	bool missing, writeable;
};
struct fs_usage {
	u8 fsid[16];
	char label[BTRFS_LABEL_SIZE + 1];
	u64 bytes_used;        /* of the superblock */
	u32 sectorsize;
	bool mixed;            /* data and metadata share block groups */
	bool anonymous;        /* chunks could not be read: their bytes are computed and belong to devid 0 */
	VEC(struct space_usage) spaces;    /* in the kernel's order, without the reserve */
	u64 reserve_size, reserve_used;    /* the global reserve */
	u64 statfs_avail;      /* bytes, what df calls available */
	bool seeds;            /* there are some; they are not among the devices, but the chunks on them count */
	VEC(struct device_usage) devices;  /* by devid */
	VEC(struct chunk_usage) chunks;    /* by type (data, system, metadata), profile, stripes, devid */
};
/* Block groups without an item count as empty and are said by env_msg. 0, -EUCLEAN, -EIO, -ENOMEM. */
int fs_usage_read(struct fs *fs, struct fs_usage *out, struct err *err);
void fs_usage_fini(struct fs_usage *u);
/* For other sources: the part of a chunk on one device (-ENOMEM); the order of devices and chunks. */
int fs_usage_add_stripe(struct fs_usage *u, u64 flags, u64 devid, u64 size, u16 num_stripes);
void fs_usage_sort(struct fs_usage *u);

/* Bytes used of the block group behind a chunk. -ENOENT where it has no item: said by env_msg, *used is 0. */
int fs_block_group_used(struct fs *fs, const struct chunk *chunk, u64 *used, struct err *err);

/* One type, all of its profiles. */
struct type_usage { u64 total, used, raw_total, raw_used; };
/* What `filesystem usage` says at its top. Raw: bytes on devices. */
struct usage_overall {
	u64 size, allocated, unallocated, missing, slack, used;
	u64 free_estimated, free_min;
	double data_ratio, metadata_ratio;
	u64 multiple;          /* BTRFS_BLOCK_GROUP_{DATA,METADATA,SYSTEM}: types with several profiles */
};
void fs_usage_overall(const struct fs_usage *u, struct usage_overall *out);
/* Types with more than one profile, as BTRFS_BLOCK_GROUP_* type bits. */
u64 fs_usage_multiple(const struct fs_usage *u);
/* Bytes of one type and profile on a device (devid 0: on all). */
u64 fs_usage_chunk_bytes(const struct fs_usage *u, u64 flags, u64 devid);

/* The smallest size that a device could be shrunk to. devid that does not exist: 1 MiB. */
int fs_min_dev_size(struct fs *fs, u64 devid, u64 *out, struct err *err);
/* The same for another source: what its device extents take, added item by item in ascending order. */
VEC_TYPE(dev_spans, struct range);
int dev_spans_add(struct dev_spans *out, const struct item *dev_extent, struct err *err);
int dev_spans_min_size(const struct dev_spans *extents, u64 *out); /* -ENOMEM */

/* Error counters of one device as last committed; zero where nothing was recorded. */
struct dev_stats { u64 write, read, flush, corruption, generation; };
int fs_dev_stats(struct fs *fs, u64 devid, struct dev_stats *out, struct err *err);

/* One device extent with the chunk behind it. */
struct chunk_place { u64 devid, physical, length, logical, flags, used, chunk_length; };
VEC_TYPE(chunk_places, struct chunk_place);
/* All, by devid and physical address. */
int fs_chunk_places(struct fs *fs, struct chunk_places *out, struct err *err);
void chunk_places_sort(struct chunk_places *places);

#endif
