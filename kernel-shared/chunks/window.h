/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a piece of logical address space must hold: which of its sectors are in use, and by what each is known to be whole. The extent tree and the checksum
 * tree are walked side by side, so that one chunk costs one pass over each. Scrub and everything that copies chunks judge bytes by this alone. */
#ifndef CHUNKS_WINDOW_H
#define CHUNKS_WINDOW_H

#include "kernel-shared/fs/fs.h"

enum sector_kind {
	SECTOR_FREE,
	SECTOR_UNSUMMED,   /* in use, nothing says what it must hold: data without checksums, preallocated space */
	SECTOR_SUMMED,     /* data with a checksum */
	SECTOR_NODE,       /* the first of a tree block */
	SECTOR_NODE_REST,
};

struct window {
	u64 start;
	u32 len, sectors;
	u8 *kind;          /* of each sector */
	u8 *sums;          /* csum_size bytes a sector, of summed ones */
	u64 *generation;   /* of the first sector of each tree block */
	u8 *first;         /* 1: an extent begins in this sector */
	u32 used;          /* sectors that are not free */
};
void window_fini(struct window *w);

struct used_walk {
	struct fs *fs;
	u64 end;
	struct tree_iter extents, sums;
	bool have, have_sums, tree;
	u64 start, len, generation;  /* the extent at hand */
	u64 sums_start; u32 nsums;   /* the checksum item at hand */
	const u8 *sums_data;
};
/* start: where a chunk begins (no extent reaches over its ends); end: where it ends. 0 or an error. */
int used_walk_init(struct used_walk *w, struct fs *fs, u64 start, u64 end, struct err *err);
void used_walk_fini(struct used_walk *w);
/* Where the next extent begins or, when one reaches over the last window's end, goes on. Not below pos. False: nothing more is in use. */
bool used_walk_next(const struct used_walk *w, u64 pos, u64 *at);
/* Fills in what [start, start + len) holds; windows are asked for in ascending order and do not overlap. A tree block that lies only partly in the window is
 * unsummed there. */
int used_walk_window(struct used_walk *w, u64 start, u32 len, struct window *out, struct err *err);

/* Judges what was read of sectors [from, from + n) of a window (whole tree blocks), lying at buf: bad[i] becomes 1 for sector from + i when its bytes are not
 * what they must be. Returns how many are bad. Thread-safe. */
unsigned window_judge(const struct fs *fs, const struct window *w, u32 from, u32 n, const u8 *buf, u8 *bad);
/* How many sectors belong together with this one: the rest of its tree block, or 1. */
u32 window_unit(const struct fs *fs, const struct window *w, u32 sector);
/* The next run of sectors in use at or after *from: *from, *n. False: none. */
bool window_run(const struct window *w, u32 *from, u32 *n);
/* Reads all that is in use into buf (len bytes; what is free becomes zeros or, if raw, what lies there, as far as it can be read), each sector from a copy in which it is whole. -EIO names a place that no copy
 * holds whole. Thread-safe. */
int window_read(struct fs *fs, const struct window *w, bool raw, u8 *buf, struct err *err);

/* A window on its way through an ordered queue. */
struct window_job { struct window w; u8 *buf; int ret; struct err err; };
/* Reads what is in use of it, into a buffer of its own; what fails is kept in ret and err. raw: as window_read. */
void window_job_read(struct window_job *p, struct fs *fs, bool raw);
void window_job_free(struct window_job *p);
void window_job_drop(void *job, void *arg);  /* the queue's `drop` */

#endif
