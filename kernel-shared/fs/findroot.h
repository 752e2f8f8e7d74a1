/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking through all metadata chunks for blocks that may be the root of a tree, without any tree. */
#ifndef FS_FINDROOT_H
#define FS_FINDROOT_H

#include "kernel-shared/fs/fs.h"

struct root_search {
	u64 objectid;            /* the tree, as block headers name their owner */
	u64 min_generation;
	u8 min_level;
	bool has_wanted, stop;   /* stop at the block that is just what is wanted */
	u64 wanted_generation;
	u8 wanted_level;
};
struct root_candidate { u64 bytenr, generation; u8 level; };
VEC_TYPE(root_candidates, struct root_candidate);
/* Of each generation the blocks of the highest level, newest first, then by falling address. *found: the wanted one, when stop was asked
 * for; it is not in the list. Only the chunk map is needed. 0, -ENOMEM, -EINTR. */
int find_tree_roots(struct fs *fs, const struct root_search *search, struct root_candidates *out, struct root_candidate *found, struct err *err);

#endif
