/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees that follow from what others state, made anew: extents with their references, block groups, free space, device extents; and the root tree, which
 * names them. They list their own blocks: the number of blocks is iterated until it fits, then all is placed and written once. The room's own. */
#ifndef CHECK_REBUILD_H
#define CHECK_REBUILD_H

#include "kernel-shared/check/spool.h"
#include "kernel-shared/check/survey.h"
#include "kernel-shared/tree/bulk.h"

struct rgroup { u64 start, length, flags, used, own; }; /* used: by what stays; own: by the new trees */
struct own_block { u64 bytenr, owner; struct disk_key first; u8 level; };

/* One tree that is made anew. */
struct new_tree { u64 id; u64 blocks; size_t at; /* its first block in own */ u64 per_level[BTRFS_MAX_LEVEL]; u64 bytenr; u8 level; };

/* Takes the items of a tree in key order. data NULL: only the size is asked for. */
typedef int rebuild_sink(void *arg, const struct key *key, const void *data, u32 size, struct err *err);

struct rebuild {
	struct repair *r;
	struct fs *fs;
	struct survey *s;
	struct room room;
	u64 transid;
	bool want[16];
	struct spool *extents;
	VEC(struct rgroup) groups;
	VEC(struct new_tree) trees;   /* in the order in which they are written: the root tree last */
	VEC(struct own_block) own;    /* ascending */
	bool skip_system;
	u64 dropped;                  /* extents left out because they overlap others */
	u8 chunk_uuid[BTRFS_UUID_SIZE];
};

/* rebuild_items.c: facts to extent items; also sums up what each group holds. */
int rebuild_extent_items(struct rebuild *rb, struct err *err);
struct rgroup *rebuild_group(struct rebuild *rb, u64 bytenr);
u32 rebuild_own_item(const struct rebuild *rb, const struct own_block *o, struct key *key, u8 *to);
/* rebuild_trees.c: the items of one of the trees. */
int rebuild_feed(struct rebuild *rb, const struct new_tree *t, rebuild_sink *sink, void *arg, struct err *err);
/* rebuild.c: which trees: want[id]. Says nothing; all is written to fs's devices, superblocks too. */
int rebuild_run(struct repair *r, struct fs *fs, const bool want[16], struct err *err);

#endif
