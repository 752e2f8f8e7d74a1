/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Iterating over a tree that has holes where blocks cannot be read: each hole is told once, with the keys that it may have held, and the
 * items behind it follow. For whoever saves what can be saved. */
#ifndef TREE_SALVAGE_H
#define TREE_SALVAGE_H

#include "kernel-shared/tree/tree.h"

struct salvage {
	struct tree_iter it;
	struct key pos, hi;           /* [pos, hi] is still to come */
	struct key gap_lo, gap_hi;    /* after a gap: the lost keys, inclusive */
	bool done;
};
struct salvage salvage_range(struct tree *t, struct key lo, struct key hi);
void salvage_fini(struct salvage *s);
/* 0: *item, valid until the next call; keys ascend strictly. 1: [gap_lo, gap_hi] cannot be read, err says why; call again to go on (the gap of an
 * item out of order, in a lenient store, is that item's key).
 * -ENOENT: the end. Other failures (no memory, interrupted) end it. */
int salvage_next(struct salvage *s, struct item *item, struct err *err);
/* A lenient store hands out leaves that break rules. What is wrong with the leaf of the current item so that items of objectid may not be what
 * they seem; NULL: nothing. Borrowed until the next call. */
const char *salvage_doubt(const struct salvage *s, u64 objectid);

#endif
