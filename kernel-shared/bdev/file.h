/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside bdev/: the file layer with a locked range, and partitions of disk images. */
#ifndef BDEV_FILE_H
#define BDEV_FILE_H

#include "kernel-shared/bdev/bdev.h"

/* bdev_open_file, but only [off, off + len) is locked against other writers (len 0: to the end): two partitions of one disk
 * image can be written at once. */
int file_open_range(struct env *env, const char *path, unsigned flags, u64 off, u64 len, struct bdev **out, struct err *err);
/* Who besides this process has the regular file open for writing. 1 (*who is heap text), 0, -errno. */
int file_writers(const char *path, int fd, char **who);

#endif
