/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A regular file whose content is being changed by one operation: what writing, truncating, punching and cloning share. The room's own. */
#ifndef FS_WFILE_H
#define FS_WFILE_H

#include "kernel-shared/fs/store.h"

struct wfile {
	struct txn *txn;
	struct fs *fs;
	struct winode w;
	struct store store;
	u64 size;              /* i_size as it will be */
	u64 freed;             /* bytes of extents that went, for nbytes */
	u32 sector;
	bool fresh;            /* no items yet */
	bool is_inline;        /* begins with an inline extent */
	bool regular;          /* this operation needs regular extents: nothing becomes inline any more */
	bool has_prealloc;     /* preallocated extents were made */
};
/* append: only behind the present end, as append-only files allow. */
int wfile_open(struct txn *txn, const struct write_opts *o, struct loc loc, bool append, struct wfile *f, struct err *err);
void wfile_fini(struct wfile *f);
/* The content has changed: times follow, file capabilities go (set-id bits stay, as for root on a mounted filesystem). */
int wfile_modified(struct wfile *f, struct err *err);
/* Stores the inode: size, bytes, times, flags. */
int wfile_end(struct wfile *f, struct err *err);

/* Reads present content; what lies behind the present end reads as zeros. */
int wfile_read(struct wfile *f, u64 off, void *buf, u32 len, struct err *err);
int wfile_drop(struct wfile *f, u64 from, u64 end, struct err *err);
/* An inline extent becomes a regular one, and stays one in this operation. */
int wfile_outline(struct wfile *f, struct err *err);
/* Gives the file a whole new content of at most a sector if that may be inline. 1: done; 0: it may not be. */
int wfile_inline(struct wfile *f, const void *data, u64 size, struct err *err);
/* Writes bytes into the file: whole sectors are replaced, others completed from what is there; zeros when data is NULL (then at most a sector). The range
 * ends at `size` of the file or before. */
int wfile_write(struct wfile *f, u64 off, const void *data, u64 len, struct err *err);
/* Nothing but zeros behind the end in the last sector, holes from there to `to`: the file is about to grow beyond. */
int wfile_grow(struct wfile *f, u64 to, struct err *err);
/* Without NO_HOLES: items for the gaps in [from, end), whole sectors. */
int wfile_fill_gaps(struct wfile *f, u64 from, u64 end, struct err *err);
/* Does any item reach beyond `at`? */
int wfile_reaches(struct wfile *f, u64 at, bool *beyond, struct err *err);
/* Collects the ranges of [from, end) that no item covers. */
struct gap { u64 start, end; };
VEC_TYPE(gap_list, struct gap);
int wfile_gaps(struct wfile *f, u64 from, u64 end, struct gap_list *out, struct err *err);

/* How many leaves a change of `bytes` bytes in pieces of `piece` may touch, in the file's own tree, the csum tree and those that the commit changes. */
unsigned wfile_leaves(const struct fs *fs, u64 bytes, u64 piece);
/* Runs one operation; one that found no room for data tries again when space freed earlier in the transaction has been settled. */
int wfile_op(struct txn *txn, unsigned leaves, unsigned flags, int (*fn)(void *arg, struct err *err), void *arg, struct err *err);
static inline u64 sector_down(const struct wfile *f, u64 x) { return round_down_p2(x, f->sector); }
static inline u64 sector_up(const struct wfile *f, u64 x) { return round_up_p2(x, f->sector); }
/* The largest size of a file. */
#define FILE_MAX ((u64)INT64_MAX)

#endif
