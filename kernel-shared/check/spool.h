/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items of a tree to come, in key order: written once, read as often as it takes to know how many blocks they fill. In memory up to a bound, then in a
 * temporary file. The room's own. */
#ifndef CHECK_SPOOL_H
#define CHECK_SPOOL_H

#include "kernel-shared/bdev/bdev.h"
#include "kernel-shared/format/key.h"

struct spool;
int spool_new(struct env *env, struct spool **out, struct err *err);
void spool_free(struct spool *s);
int spool_add(struct spool *s, const struct key *key, const void *data, u32 size, struct err *err);
/* Ends adding; reading begins at the first item. */
int spool_rewind(struct spool *s, struct err *err);
/* 0: *key, *data (valid until the next call), *size; -ENOENT: the end. */
int spool_next(struct spool *s, struct key *key, const u8 **data, u32 *size, struct err *err);
u64 spool_items(const struct spool *s);

#endif
