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
/* Copies everything in use of a chunk to where it moves (chunk->next). Where copies become fewer, those that stay are verified, too. */
int chunk_copy(struct fs *fs, const struct chunk *c, struct progress *progress, struct err *err);

#endif
