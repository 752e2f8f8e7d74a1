/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What search and iterators share. The room's own. */
#ifndef TREE_WALK_H
#define TREE_WALK_H

#include "kernel-shared/tree/tree.h"

/* tree_search into an empty path; after an error what was reached stays held, so that path_step goes on behind the bad block. */
int path_descend(struct tree *t, const struct key *key, struct path *p, struct err *err);
/* To the first item of the next leaf (dir 1) or the last of the one before (dir -1). limit: the last key that the walk wants, so that
 * nothing beyond is read ahead; NULL: unknown. 0; 1: none; <0. */
int path_step(struct tree *t, struct path *p, int dir, const struct key *limit, struct err *err);

#endif
