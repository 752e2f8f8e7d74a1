/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a parent claims about a block, looked at one by one: shared by the gate and by cache hits. */
#ifndef TREE_GATE_H
#define TREE_GATE_H

#include "kernel-shared/tree/node.h"

enum { CLAIM_LEVEL = 1 << 0, CLAIM_GENERATION = 1 << 1, CLAIM_FIRST_KEY = 1 << 2, CLAIM_OWNER = 1 << 3 };

/* The claims of ref that block does not meet. */
unsigned gate_broken_claims(const void *block, const struct block_ref *ref);
/* The claims whose breach this store puts up with. */
static inline unsigned gate_tolerated(const struct nstore *s)
{
	if (s->lenient)
		return CLAIM_GENERATION | CLAIM_FIRST_KEY | CLAIM_OWNER;
	return s->ignore_transid ? CLAIM_GENERATION : 0;
}

#endif
