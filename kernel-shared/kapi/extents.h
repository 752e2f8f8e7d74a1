/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a file's data lies, and sharing it. */
#ifndef KAPI_EXTENTS_H
#define KAPI_EXTENTS_H

#include "common/base.h"

struct kextent { u64 logical, physical, len; u32 flags; }; /* flags: FIEMAP_EXTENT_* */
/* Each extent of the file in order, as FIEMAP tells. fn non-zero stops and is returned. -errno. */
typedef int (*kextent_fn)(void *arg, const struct kextent *e);
int kextents_each(int fd, kextent_fn fn, void *arg);
/* Does it lie on the disk, in blocks of its own (and not in metadata, or in memory only)? And is it used elsewhere, too? */
bool kextent_on_disk(const struct kextent *e);
bool kextent_shared(const struct kextent *e);

/* What chattr calls C and c. */
int kfile_nocow(int fd, bool *nocow, bool *compressed);
/* New data of an empty file is neither copied on write nor summed nor compressed. */
int kset_nocow(int fd);
/* Shares len bytes (0: to the end) of src with dst: offsets are multiples of the sector size. -EXDEV, -EINVAL, -ETXTBSY, ... */
int kclone(int src, u64 src_off, u64 len, int dst, u64 dst_off);

#endif
