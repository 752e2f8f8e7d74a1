/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of disjoint ranges [start, end) of u64, in a balanced tree: free space, pinned space, holes. Neighbours merge.
 * Not thread-safe. All updates are O(log n). */
#ifndef COMMON_RANGES_H
#define COMMON_RANGES_H

#include "common/base.h"

struct range { u64 start, end; };
struct range_node;
struct ranges { struct range_node *root; u64 count, bytes; }; /* number of ranges, sum of their lengths */
#define RANGES_INIT { NULL, 0, 0 }

void ranges_fini(struct ranges *r);
/* Adds [start, end); what is there already stays. 0 or -ENOMEM. */
int ranges_add(struct ranges *r, u64 start, u64 end);
/* Removes [start, end) as far as it is there; may split. 0 or -ENOMEM. */
int ranges_del(struct ranges *r, u64 start, u64 end);
/* Is every byte (any byte) of [start, end) in the set? */
bool ranges_has(const struct ranges *r, u64 start, u64 end);
bool ranges_touches(const struct ranges *r, u64 start, u64 end);
/* The first range that ends after pos (so it contains pos or comes next). False: none. */
bool ranges_next(const struct ranges *r, u64 pos, struct range *out);
/* The last range that starts before pos. */
bool ranges_prev(const struct ranges *r, u64 pos, struct range *out);
/* The first range at or after pos with a piece of len bytes whose start is a multiple of align: that piece's start. O(log n)
 * to skip ranges that are too short. False: none. */
bool ranges_find(const struct ranges *r, u64 pos, u64 len, u64 align, u64 *start);
/* The length of the longest range, 0 if empty. O(1). */
u64 ranges_longest(const struct ranges *r);

#endif
