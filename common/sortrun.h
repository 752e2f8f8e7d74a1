/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sorting more fixed-size records than memory holds: runs are sorted in memory, spilled to an unlinked temporary file when
 * the bound is passed, and merged on reading. Records compare by memcmp of their first keylen bytes (so big-endian fields
 * sort naturally), equal keys in an order that depends on the bytes alone. */
#ifndef COMMON_SORTRUN_H
#define COMMON_SORTRUN_H

#include "common/base.h"
#include "common/env.h"

struct sortrun;
/* size, keylen: bytes, keylen <= size. memory: bytes held, spilling and reading back included (0: 64 MiB, at least 1 MiB), to
 * which comes one record for each 4 to 16 KiB spilled; env->tempdir NULL means $TMPDIR or /tmp. NULL: out of memory. */
struct sortrun *sortrun_new(struct env *env, size_t size, size_t keylen, u64 memory);
void sortrun_free(struct sortrun *s);
/* Thread-safe when each thread passes its own worker number below env->jobs. 0 or -errno, which sortrun_finish() explains. */
int sortrun_add(struct sortrun *s, const void *record, unsigned worker);
/* Ends adding; sorts (in parallel on env->pool, which goes on to work ahead of sortrun_next()). */
int sortrun_finish(struct sortrun *s, struct err *err);
/* The next record in order, valid until the next call; NULL at the end (err->code is then 0) or on a failure. */
const void *sortrun_next(struct sortrun *s, struct err *err);
/* Records added; not while other threads add. */
u64 sortrun_count(const struct sortrun *s);

#endif
