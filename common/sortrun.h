/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sorting more fixed-size records than memory holds: runs are sorted in memory, spilled to an unlinked temporary file when
 * the bound is passed, and merged on reading. Records compare by memcmp of their first keylen bytes (so big-endian fields
 * sort naturally), equal keys in an order that depends on the bytes alone. */
#ifndef COMMON_SORTRUN_H
#define COMMON_SORTRUN_H

#include "common/base.h"
#include "common/env.h"

struct sortrun;
/* size, keylen: bytes, keylen <= size. memory: bytes held before spilling; env->tempdir NULL means $TMPDIR or /tmp. */
struct sortrun *sortrun_new(struct env *env, size_t size, size_t keylen, u64 memory);
void sortrun_free(struct sortrun *s);
/* Thread-safe when each thread passes its own worker number below env->jobs. */
int sortrun_add(struct sortrun *s, const void *record, unsigned worker);
/* Ends adding; sorts (in parallel on env->pool). */
int sortrun_finish(struct sortrun *s, struct err *err);
/* The next record in order, valid until the next call; NULL at the end or on a read failure (then *err is set). */
const void *sortrun_next(struct sortrun *s, struct err *err);
u64 sortrun_count(const struct sortrun *s);

#endif
