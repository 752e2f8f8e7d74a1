/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parity of rows: GF(2^8) with the polynomial 0x11D, generator 2. Spec: on-disk-format 5.3. */
#include "kernel-shared/volume/parity.h"
#include "kernel-shared/volume/private.h"

static inline u8 gf_mul2(u8 a)
{
	return a << 1 ^ (a & 0x80 ? 0x1d : 0);
}

static u8 gf_mul(u8 a, u8 b)
{
	u8 r = 0;

	for (int bit = 7; bit >= 0; bit--)
		r = gf_mul2(r) ^ (b >> bit & 1 ? a : 0);
	return r;
}

static u8 gf_pow2(unsigned n)
{
	u8 r = 1;

	for (n %= 255; n; n--)
		r = gf_mul2(r);
	return r;
}

/* a^254, as a^255 = 1. */
static u8 gf_inv(u8 a)
{
	u8 r = 1;

	for (int i = 0; i < 254; i++)
		r = gf_mul(r, a);
	return r;
}

/* The bytes that do not fill a vector. */
static void gen_bytes(unsigned n, size_t from, size_t to, u8 *const *d, u8 *p, u8 *q)
{
	for (size_t i = from; i < to; i++) {
		u8 v = 0, w = 0;

		for (unsigned k = n; k-- > 0;) {
			u8 byte = d[k] ? d[k][i] : 0;

			v ^= byte;
			w = gf_mul2(w) ^ byte;
		}
		if (p)
			p[i] = v;
		if (q)
			q[i] = w;
	}
}

#define VEC_BYTES 16
#define TARGET
#define NAME(x) x##_16
#include "kernel-shared/volume/parity_vec.h"

static bool usable_16(void)
{
	return true;
}

#ifdef __x86_64__
#define VEC_BYTES 32
#define TARGET __attribute__((target("avx2")))
#define NAME(x) x##_32
#include "kernel-shared/volume/parity_vec.h"

static bool usable_32(void)
{
	return __builtin_cpu_supports("avx2");
}

#define VEC_BYTES 64
#define TARGET __attribute__((target("avx512f,avx512bw")))
#define NAME(x) x##_64
#include "kernel-shared/volume/parity_vec.h"

static bool usable_64(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}
#endif

const struct parity_impl parity_impls[] = {
#ifdef __x86_64__
	{ "avx512", usable_64, gen_64, solve_one_64, solve_two_64 },
	{ "avx2", usable_32, gen_32, solve_one_32, solve_two_32 },
#endif
	{ "128 bits", usable_16, gen_16, solve_one_16, solve_two_16 },
};
const unsigned parity_impls_count = ARRAY_SIZE(parity_impls);

/* Chosen at first use; threads that race choose the same. */
static const struct parity_impl *parity_impl(void)
{
	static const struct parity_impl *chosen;
	const struct parity_impl *impl = __atomic_load_n(&chosen, __ATOMIC_RELAXED);

	if (impl)
		return impl;
	for (impl = parity_impls; !impl->usable(); impl++)
		;
	__atomic_store_n(&chosen, impl, __ATOMIC_RELAXED);
	return impl;
}

void raid_gen_p(unsigned n, size_t len, u8 *const *d, u8 *p)
{
	parity_impl()->gen(n, len, d, p, NULL);
}

void raid_gen_pq(unsigned n, size_t len, u8 *const *d, u8 *p, u8 *q)
{
	parity_impl()->gen(n, len, d, p, q);
}

/* What P lacks, P and the others have. */
void parity_recover_p(const struct parity_impl *impl, unsigned n, size_t len, u8 **d, const u8 *p, unsigned x)
{
	u8 *out = d[x];

	d[x] = (u8 *)p;
	impl->gen(n, len, d, out, NULL);
	d[x] = out;
}

void parity_recover_q(const struct parity_impl *impl, unsigned n, size_t len, u8 **d, const u8 *q, unsigned x)
{
	u8 *out = d[x];

	d[x] = NULL;
	impl->gen(n, len, d, NULL, out);
	d[x] = out;
	impl->solve_one(len, gf_inv(gf_pow2(x)), out, q);
}

/* The P and Q that the others make are left where the lost ones will be, then the two equations are solved there. */
void parity_recover_pq(const struct parity_impl *impl, unsigned n, size_t len, u8 **d, const u8 *p, const u8 *q, unsigned x, unsigned y)
{
	u8 *dx = d[x], *dy = d[y], gyx = gf_pow2(y - x), inv = gf_inv(gyx ^ 1);

	d[x] = d[y] = NULL;
	impl->gen(n, len, d, dx, dy);
	d[x] = dx;
	d[y] = dy;
	impl->solve_two(len, gf_mul(gyx, inv), gf_mul(gf_inv(gf_pow2(x)), inv), dx, dy, p, q);
}

void raid_recover_p(unsigned n, size_t len, u8 **d, const u8 *p, unsigned x)
{
	parity_recover_p(parity_impl(), n, len, d, p, x);
}

void raid_recover_q(unsigned n, size_t len, u8 **d, const u8 *q, unsigned x)
{
	parity_recover_q(parity_impl(), n, len, d, q, x);
}

void raid_recover_pq(unsigned n, size_t len, u8 **d, const u8 *p, const u8 *q, unsigned x, unsigned y)
{
	parity_recover_pq(parity_impl(), n, len, d, p, q, x, y);
}
