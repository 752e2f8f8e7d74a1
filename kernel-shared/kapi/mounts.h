/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mount table. */
#ifndef KAPI_MOUNTS_H
#define KAPI_MOUNTS_H

#include "common/vec.h"

struct kmount { char *device, *dir, *options; };
VEC_TYPE(kmounts, struct kmount);
/* Mounted btrfs filesystems, in the order of the table; one entry for each mount. */
int kmounts_read(struct kmounts *out);
void kmounts_fini(struct kmounts *m);
/* The mount point that shows the filesystem of a block device (or of the loop device behind an image file), any of its members: heap text
 * in *dir. 0, -ENOENT: not mounted. */
int kmount_of_device(const char *device, char **dir);
/* A mount point that shows the top of this subvolume of the filesystem, whose path from the top level is given: heap text in *dir. -ENOENT. */
int kmount_of_subvol(const u8 fsid[16], u64 id, const char *path, char **dir);
/* The options of the mount that path lies in: heap text. -ENOENT. */
int kmount_options(const char *path, char **options);

/* Is anything, of any type, mounted below the directory? True also when it cannot be told. */
bool kmounts_below(const char *dir);

#endif
