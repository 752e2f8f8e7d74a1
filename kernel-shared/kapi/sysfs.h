/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /sys/fs/btrfs/UUID/... and the sizes of block devices. */
#ifndef KAPI_SYSFS_H
#define KAPI_SYSFS_H

#include "common/base.h"

/* The path of a file below the filesystem's directory; name may be a format. */
enum { KSYSFS_PATH = 256 };
char *ksysfs_path(const u8 fsid[16], const char *name, char buf[KSYSFS_PATH]);
/* The first line; -ENOENT: the kernel has no such file. */
int ksysfs_read(const u8 fsid[16], const char *name, char *buf, size_t len);
int ksysfs_u64(const u8 fsid[16], const char *name, u64 *out);
/* All of a file of several lines, heap. */
int ksysfs_text(const u8 fsid[16], const char *name, char **out);
int ksysfs_write(const u8 fsid[16], const char *name, const char *text);
/* Bytes of a block device (which need not be readable) or regular file. */
int kdevice_size(const char *path, u64 *size);

#endif
