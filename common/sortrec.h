/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sorting arrays of records of one size in memory, by memcmp of the whole record: a big-endian key in front makes the order,
 * the rest decides between equal keys, so the result depends on the bytes alone. */
#ifndef COMMON_SORTREC_H
#define COMMON_SORTREC_H

#include "common/base.h"

/* tmp: as large as the records, its content is lost. Linear in the bytes, several times faster than qsort(). */
void sortrec(void *records, void *tmp, size_t n, size_t size);

/* How many of n sorted records are less than key, or, with equal, not greater than key. */
size_t sortrec_bound(const void *records, size_t n, size_t size, const void *key, bool equal);

#endif
