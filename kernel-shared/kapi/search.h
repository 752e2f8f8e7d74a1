/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items of a mounted filesystem's trees, in key order: the kernel's tree search as an iterator. Every item has passed the rules of its
 * row (format/validate.h), as offline. Needs CAP_SYS_ADMIN, but for the subvolume that fd lies in (tree 0).
 *
 *     struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(fd, BTRFS_ROOT_TREE_OBJECTID, lo, hi);
 *     while ((ret = ksearch_next(&s, &item, err)) == 0) { ... }
 *     if (ret != -ENOENT) return ret;
 *
 * The filesystem may change meanwhile: each item was so when it was read. */
#ifndef KAPI_SEARCH_H
#define KAPI_SEARCH_H

#include "kernel-shared/format/items.h"

struct ksearch {
	int fd;
	u64 tree, min_transid;  /* min_transid: only from blocks written since */
	struct key next, last;
	struct geometry geo;
	u8 *buf;
	u32 filled, pos, items;
	u32 at_most;            /* items that the kernel is asked for at once; 0: what fits */
	bool ready, old, end;   /* old: the kernel has the first form of the ioctl only */
};

static inline struct ksearch ksearch_range(int fd, u64 tree, struct key lo, struct key hi)
{
	return (struct ksearch){ .fd = fd, .tree = tree, .next = lo, .last = hi };
}
/* 0; -ENOENT at the end; -EPERM; -EUCLEAN (an item breaks its rules). item is valid until the next call. */
int ksearch_next(struct ksearch *s, struct item *item, struct err *err);
void ksearch_fini(struct ksearch *s);
/* The first item of a range, its payload copied into buf: *size receives what the item has (at most max are copied). -ENOENT. */
int ksearch_first(int fd, u64 tree, struct key lo, struct key hi, struct key *found, void *buf, u32 max, u32 *size, struct err *err);

/* Sizes and features of a mounted filesystem. Generations are not bounded: they go on. */
int kgeometry(int fd, struct geometry *geo);

#endif
