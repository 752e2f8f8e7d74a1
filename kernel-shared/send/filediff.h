/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content of one file in two snapshots: its extents, new and old, come in order of their offsets; two cursors move along them and tell, range by range, what
 * covers it on either side. Nothing is kept but the two extents at hand. */
#ifndef SEND_FILEDIFF_H
#define SEND_FILEDIFF_H

#include "kernel-shared/fs/file.h"

struct filediff {
	u32 sectorsize;
	u64 pos;                    /* all before is done */
	bool have_left, have_right;
	struct file_extent_view left, right; /* what covers pos, or comes behind it */
	u8 *inlined;                /* a copy of left's inline bytes */
	/* [from, to) on which neither side changes; NULL: a hole, or nothing that differs. Non-zero stops and is returned. */
	int (*range)(void *arg, u64 from, u64 to, const struct file_extent_view *left, const struct file_extent_view *right);
	void *arg;
};
/* For the next file; room is kept. */
void filediff_begin(struct filediff *d, u32 sectorsize, int (*range)(void *, u64, u64, const struct file_extent_view *, const struct file_extent_view *), void *arg);
void filediff_fini(struct filediff *d);
/* All extents that begin before `to` have been given. */
int filediff_advance(struct filediff *d, u64 to);
/* The next EXTENT_DATA item, where filediff_advance has gone to: of left, of right, or (same) alike in both. */
int filediff_set(struct filediff *d, const struct item *left, const struct item *right, bool same, struct err *err);

/* It holds bytes: no hole, not preallocated. */
bool filediff_has_bytes(const struct file_extent_view *x);
/* Both show the same bytes of one extent on disk. */
bool filediff_same_bytes(const struct file_extent_view *l, const struct file_extent_view *r);

#endif
