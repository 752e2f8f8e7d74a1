/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compressing file data, the other direction of decompress() in file.h. Knows nothing of extents. Spec: on-disk-format 8. */
#ifndef FS_COMPRESS_OUT_H
#define FS_COMPRESS_OUT_H

#include "common/base.h"
#include "common/err.h"

/* The level that is used when `level` is asked for: the default for 0, the nearest one that the format allows otherwise. */
int compress_level(unsigned type, int level);
/* len bytes (at most 128 KiB) of in, compressed, into at most room bytes of out. *out_len: how many. 0; -E2BIG: it does not get that small; -EOPNOTSUPP: not
 * built in; -ENOMEM. The same input gives the same output on every thread. Thread-safe. */
int compress_data(unsigned type, int level, const void *in, size_t len, void *out, size_t room, u32 sectorsize, size_t *out_len, struct err *err);
/* Looks at samples: is trying to compress this a waste of time? Costs microseconds; wrong now and then in both directions. */
bool looks_incompressible(const u8 *in, size_t len);
/* The incompat feature bit that an algorithm needs; 0: none. */
u64 compress_feature(unsigned type);

#endif
