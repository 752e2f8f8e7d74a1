/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From addresses and inode numbers back to what they belong to, in a mounted filesystem. Root only. */
#ifndef KAPI_RESOLVE_H
#define KAPI_RESOLVE_H

#include "common/err.h"
#include "kernel-shared/format/items.h"

struct klogical {
	u64 logical;
	u64 size;               /* bytes for the kernel's answer; above 64 KiB, as for ignore_offset, kernel 4.15 is needed; 16 MiB at most */
	bool ignore_offset;     /* every reference of the extent that begins at logical, not only those that show this byte */
};
/* Whoever uses a byte of data: fn gets subvolume, inode and file offset; non-zero stops and is returned. *missed: references that did not fit. -ENOENT: no
 * data extent there. -ENOTTY, -EOPNOTSUPP: the kernel is too old for what is asked. */
typedef int (*klogical_fn)(void *arg, u64 root, u64 ino, u64 offset);
int klogical_each(int fd, const struct klogical *ask, klogical_fn fn, void *arg, u64 *missed);

/* All names of an inode in the subvolume that fd lies in, as paths from its top, without a leading slash. -ENOENT: no such inode. */
int kino_names(int fd, u64 ino, int (*fn)(void *arg, const char *path, size_t len), void *arg, struct err *err);

#endif
