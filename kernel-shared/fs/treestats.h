/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the blocks of one tree lie on the disk: sizes, seeks between siblings, runs of neighbours. */
#ifndef FS_TREESTATS_H
#define FS_TREESTATS_H

#include "kernel-shared/fs/fs.h"

struct seek_count { u64 distance, count; };
struct tree_stats {
	u64 nodes[BTRFS_MAX_LEVEL];  /* per level */
	unsigned levels;
	u64 total_nodes, total_bytes, inline_bytes;
	/* Between the end of a block and the start of its next sibling (for the first: its parent). */
	u64 seeks, forward, backward, seek_bytes, max_seek;
	VEC(struct seek_count) distances; /* ascending */
	u64 clusters, cluster_bytes, min_cluster, max_cluster; /* runs of adjacent siblings that a seek ended */
	u64 lowest, highest;         /* addresses */
	u64 read_usec;
};
/* Blocks that cannot be read fail the call. */
int tree_stats_read(struct tree *tree, struct tree_stats *out, struct err *err);
void tree_stats_fini(struct tree_stats *s);

#endif
