/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The variants of the parity arithmetic, one per width of vectors; parity.c chooses. Inside volume/, and for tests. */
#ifndef VOLUME_PARITY_H
#define VOLUME_PARITY_H

#include "common/base.h"

struct parity_impl {
	const char *name;
	bool (*usable)(void);
	/* A column that is NULL counts as zeros; so does q == NULL as not wanted, p likewise. */
	void (*gen)(unsigned n, size_t len, u8 *const *d, u8 *p, u8 *q);
	/* x = a * (x ^ q) */
	void (*solve_one)(size_t len, u8 a, u8 *x, const u8 *q);
	/* With u = x ^ p and v = y ^ q: x = a * u ^ b * v, y = u ^ x. */
	void (*solve_two)(size_t len, u8 a, u8 b, u8 *x, u8 *y, const u8 *p, const u8 *q);
};
/* Fastest first; the last is usable everywhere. */
extern const struct parity_impl parity_impls[];
extern const unsigned parity_impls_count;

/* The arithmetic of volume.h with a given variant. */
void parity_recover_p(const struct parity_impl *impl, unsigned n, size_t len, u8 **d, const u8 *p, unsigned x);
void parity_recover_q(const struct parity_impl *impl, unsigned n, size_t len, u8 **d, const u8 *q, unsigned x);
void parity_recover_pq(const struct parity_impl *impl, unsigned n, size_t len, u8 **d, const u8 *p, const u8 *q, unsigned x, unsigned y);

#endif
