/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a fix needs to know before it writes blocks itself: all that is live, what is free, who refers to whom. The room's own. */
#ifndef CHECK_SURVEY_H
#define CHECK_SURVEY_H

#include "kernel-shared/check/repair_internal.h"

/* One thing that is known about an extent; sorted by extent, then kind, then reference. */
enum xkind { X_ITEM, X_BLOCK, X_TREE, X_SHARED_TREE, X_DATA, X_SHARED_DATA, X_ITEM_DATA, X_ITEM_SHARED_DATA };
struct xfact {
	u8 bytenr[8], kind, pad[7];
	u64 root, owner, offset;      /* of references: root or parent; X_ITEM: whom simple quota charges */
	u64 len, generation, count;   /* X_BLOCK: count 1: its extent item says FULL_BACKREF */
	struct disk_key first;        /* X_BLOCK */
	u8 level, tail[6];
};
_Static_assert(sizeof(struct xfact) == 88, "no padding that is not named");
enum { XFACT_KEY = 40 };

/* An interior block, by address. */
struct inner { u64 bytenr, owner; bool full; };
/* A block that cannot be used as it is, with a claim on it. */
struct bad_block { u64 bytenr, tree; bool lost; };
struct parent_of { u64 child, parent; };

struct survey {
	struct live_watch watch;
	struct repair *r;
	struct fs *fs;
	struct hmap suspects;         /* inodes whose file extents are doubted: their leaves count as bad */
	const bool *skip;             /* trees that are made anew, by id below 16: their blocks are no facts. NULL: none */
	bool facts;                   /* references are wanted */
	struct blockmap live, claimed, full, data; /* blocks reached; blocks that have an extent item; FULL_BACKREF in it; data in mixed groups, by sector */
	bool mixed;
	pthread_mutex_t lock;
	struct hmap inner_at;
	VEC(struct inner) inner;
	VEC(struct ctree) trees;      /* all roots */
	VEC(struct bad_block) bad;
	VEC(struct parent_of) parents; /* of interior and of bad blocks */
	struct sortrun *refs;         /* struct xfact */
};

/* Reads everything that is live. fs: opened raw. The first survey of a repair also fixes what must stay (r->keep). */
int survey_run(struct survey *s, struct repair *r, struct fs *fs, struct err *err);
void survey_fini(struct survey *s);

/* Where new blocks can go: nodes' addresses in block groups of a kind, ascending. */
struct room { struct ranges meta, system; u64 meta_pos, system_pos; };
int room_init(struct room *room, const struct survey *s, struct err *err);
void room_fini(struct room *room);
/* -ENOSPC. */
int room_take(struct room *room, const struct geometry *geo, bool system, u64 *bytenr, struct err *err);

/* A transaction without a transaction: blocks that were written become the filesystem by this superblock. */
int raw_commit(struct repair *r, struct fs *fs, u64 transid, struct err *err);
static inline u64 raw_transid(const struct fs *fs) { return le64_get(fs->sb->generation) + 1; }

#endif
