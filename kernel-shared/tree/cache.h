/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node cache: nodes by address under a memory bound. The room's own. All functions are thread-safe. */
#ifndef TREE_CACHE_H
#define TREE_CACHE_H

#include "kernel-shared/tree/node.h"

struct ncache;
struct ncache *ncache_new(u32 nodesize, u64 memory); /* NULL: no memory */
void ncache_free(struct ncache *c);
/* Nodes that fit. */
u64 ncache_capacity(const struct ncache *c);

/* Held, or NULL. */
struct node *ncache_get(struct ncache *c, u64 bytenr);
struct node *ncache_get_dirty(struct ncache *c, u64 bytenr); /* only a dirty one */
bool ncache_has(struct ncache *c, u64 bytenr);
/* Enters n, which the caller holds and goes on holding. If another node of that address is there, it is thrown out (replace) or wins:
 * then n is put, and the other is returned, held. */
struct node *ncache_insert(struct ncache *c, struct node *n, bool replace);
void ncache_forget(struct ncache *c, u64 bytenr);

/* Calls s->on_bad_copy, one caller at a time. */
void nstore_bad_copy(struct nstore *s, u64 bytenr, unsigned mirror, int code, const char *text);

#endif
