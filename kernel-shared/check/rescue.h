/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single repairs on their own, for who knows which one is wanted (btrfs rescue). Spec: check.md 2. */
#ifndef CHECK_RESCUE_H
#define CHECK_RESCUE_H

#include "kernel-shared/fs/fs.h"

/* Sizes of devices and of the filesystem in line with the devices and with each other; used: bytes_used of devices and their number as well. *changed:
 * something was. -ENODEV, -EOPNOTSUPP (seeds), -EFBIG (data lies behind the end). */
int device_sizes_fix(struct fs *fs, struct txn *txn, bool used, void (*say)(void *arg, const char *text), void *arg, bool *changed, struct err *err);
/* The UUID tree; the next mount makes another. */
int uuid_tree_clear(struct fs *fs, struct txn *txn, struct err *err);

/* Superblock copies of all devices of an opened volume (lenient): good ones are valid and as new as the newest. */
struct super_place { struct device *dev; int copy; bool good; };
VEC_TYPE(super_places, struct super_place);
int supers_survey(struct volume *vol, struct super_places *out, struct err *err);

/* Every sector of data that has a checksum, every copy. bad: bit i: copy i + 1 does not match or cannot be read. fn non-zero stops. */
struct data_sector { u64 logical; u64 bad; unsigned copies; };
int data_sums_verify(struct fs *fs, int (*fn)(void *arg, const struct data_sector *s, struct err *err), void *arg, struct err *err);
/* The checksum of a sector becomes that of one of its copies. */
int data_sum_take(struct fs *fs, struct txn *txn, u64 logical, unsigned mirror, struct err *err);

#endif
