/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that move things share. The room's own. */
#ifndef CHUNKS_WORK_H
#define CHUNKS_WORK_H

#include "common/mem.h"
#include "common/vec.h"
#include "kernel-shared/chunks/chunks.h"
#include "kernel-shared/chunks/window.h"

VEC_TYPE(addresses, u64);

/* Commits, unless somebody else has touched the devices meanwhile. */
int work_commit(struct fs *fs, struct txn *txn, struct err *err);
/* Ends a transaction that moved or removed n chunks: gives it up if ret is not 0. */
int work_end(struct fs *fs, struct txn *txn, int ret, u64 n, struct chunks_work *w, struct err *err);
/* Copies everything in use of a chunk to where it moves (chunk->next). Where copies become fewer, those that stay are verified, too. */
int chunk_copy(struct fs *fs, const struct chunk *c, struct progress *progress, struct err *err);

/* Gives everything in these block groups (which take no allocations) another logical address, in one transaction. -ENOSPC: nothing was changed, unless
 * writer_dead. */
int groups_empty(struct fs *fs, const struct addresses *groups, struct chunks_work *w, struct err *err);
/* The same, and removes the empty groups with their chunks. avoid: groups that nothing is to be moved to, either; may be NULL. */
int groups_relocate(struct fs *fs, const struct addresses *groups, const struct addresses *avoid, struct chunks_work *w, struct err *err);
/* What an interrupted mount would clean up goes first: deleted subvolumes that are not yet dropped, files without names. -EBUSY: a balance of the kernel is under way. */
int relocate_begin(struct fs *fs, struct err *err);

#endif
