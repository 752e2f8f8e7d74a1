/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of volume/. */
#ifndef VOLUME_PRIVATE_H
#define VOLUME_PRIVATE_H

#include <stdio.h>
#include <stdlib.h>
#include "kernel-shared/volume/volume.h"

/* The device of that identity; one that is not known yet becomes a missing one. NULL: no memory. */
struct device *volume_need_device(struct volume *vol, u64 devid, const u8 uuid[16]);
/* A device with its superblock; bdev is taken on success. Fills in one that was missing until now. -EEXIST: another device has its place. */
int devset_add(struct volume *vol, struct bdev *bdev, const char *path, const struct disk_super *sb, u8 valid, struct device **out, struct err *err);
/* -EUCLEAN when a seed device that is there is not what its DEV_ITEM says. */
int devset_check_seeds(const struct volume *vol, struct err *err);
/* Counts missing stripes again after a device came. */
void volume_count_missing(struct volume *vol);
void chunk_free(struct chunk *c);
/* Steps of opening that reloading takes again. */
void volume_choose_main(struct volume *vol, const struct volume_args *args);
int volume_check_generations(const struct volume *vol, struct err *err);
int volume_map_system_chunks(struct volume *vol, struct err *err);
/* The layer that has the device's own name. */
const struct bdev *bdev_bottom(const struct bdev *b);
/* An old-style restored metadata image: every address is its own place, whatever the chunk tree says. Spec: metadump 4.6. */
static inline bool volume_is_flat(const struct volume *vol)
{
	return le64_get(vol->sb.flags) & BTRFS_SUPER_FLAG_METADUMP;
}

/* The newest valid superblock of a device; bit i of *valid: copy i is valid. lenient: for want of a valid one the first that has the
 * magic. 0, -EINVAL (no btrfs), -EUCLEAN, other errors of reading. */
int supers_read(struct bdev *bdev, bool lenient, struct disk_super *out, u8 *valid, struct err *err);
/* Has the device superblock logs, as on real zones (filesystems on emulated zones have ordinary copies)? *sb: one entry. The second
 * looks everywhere: the first zone may have just been reset. */
bool zoned_is_log(struct bdev *bdev, struct disk_super *sb);
bool zoned_find_log(struct bdev *bdev, struct disk_super *sb);
/* The newest superblock in the log of a copy. any: one of the device's, for the zone size. 0, -EINVAL (none), -EUCLEAN. */
int zoned_read_super(struct bdev *bdev, int copy, const struct disk_super *any, struct disk_super *out, struct err *err);
/* The superblock exactly at bytenr. */
int super_read_bytenr(struct bdev *bdev, u64 bytenr, bool lenient, struct disk_super *out, struct err *err);

/* The first piece of [off, off + len) of a chunk; mirror as in rio_map. */
void chunk_map(const struct chunk *c, u64 off, u64 len, unsigned mirror, struct phys *out);
/* Which stripe holds a role in a row of a chunk with parity: 0..data_stripes-1 data, then P, then Q. */
static inline unsigned chunk_role(const struct chunk *c, u64 row, unsigned role)
{
	return (row + role) % c->num_stripes;
}

/* -EIO when the device is missing, too. */
int stripe_read(const struct phys *p, void *buf, struct err *err);
int stripe_write(const struct phys *p, const void *buf, struct err *err);
/* Rebuilds [o, o + len) of data column col of a row, taking that column as lost, and role other (-1: none) too; what cannot be
 * read counts as lost as well. */
int raid_rebuild(const struct chunk *c, u64 row, unsigned col, int other, u32 o, u32 len, void *out, struct err *err);
/* Writes [from, to) of a row (counted in its data bytes) and the parity that follows from it; not to stripes that `but` (may be NULL) has, too. */
int raid_write_row(struct volume *vol, const struct chunk *c, const struct chunk *but, u64 row, u64 from, u64 to, const u8 *buf, struct err *err);

#endif
