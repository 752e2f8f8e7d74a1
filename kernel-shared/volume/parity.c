/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parity of rows: GF(2^8) with the polynomial 0x11D, generator 2. */
#include "kernel-shared/volume/private.h"

/* Eight bytes times 2 at once. */
static inline u64 mul2(u64 v)
{
	u64 high = v & 0x8080808080808080ULL;

	return (v << 1 & 0xfefefefefefefefeULL) ^ (high >> 7) * 0x1d;
}
static u8 gf_mul(u8 a, u8 b)
{
	u8 r = 0;

	for (; b; b >>= 1, a = a << 1 ^ (a & 0x80 ? 0x1d : 0))
		if (b & 1)
			r ^= a;
	return r;
}

static u8 gf_pow2(unsigned n)
{
	u8 r = 1;

	for (n %= 255; n; n--)
		r = gf_mul(r, 2);
	return r;
}

static u8 gf_inv(u8 a)
{
	u8 r = 1;

	for (int i = 0; i < 254; i++)
		r = gf_mul(r, a);
	return r;
}

void raid_gen_p(unsigned n, size_t len, u8 *const *d, u8 *p)
{
	for (size_t i = 0; i < len; i++) {
		u8 v = 0;

		for (unsigned k = 0; k < n; k++)
			v ^= d[k][i];
		p[i] = v;
	}
}

void raid_gen_pq(unsigned n, size_t len, u8 *const *d, u8 *p, u8 *q)
{
	for (size_t i = 0; i < len; i++) {
		u8 v = 0, w = 0;

		for (unsigned k = n; k-- > 0;) {
			v ^= d[k][i];
			w = mul2(w) ^ d[k][i];
		}
		p[i] = v;
		q[i] = w;
	}
}

void raid_recover_p(unsigned n, size_t len, u8 **d, const u8 *p, unsigned x)
{
	for (size_t i = 0; i < len; i++) {
		u8 v = p[i];

		for (unsigned k = 0; k < n; k++)
			if (k != x)
				v ^= d[k][i];
		d[x][i] = v;
	}
}

void raid_recover_q(unsigned n, size_t len, u8 **d, const u8 *q, unsigned x)
{
	u8 inv = gf_inv(gf_pow2(x));

	for (size_t i = 0; i < len; i++) {
		u8 w = 0;

		for (unsigned k = n; k-- > 0;)
			w = mul2(w) ^ (k == x ? 0 : d[k][i]);
		d[x][i] = gf_mul(inv, w ^ q[i]);
	}
}

void raid_recover_pq(unsigned n, size_t len, u8 **d, const u8 *p, const u8 *q, unsigned x, unsigned y)
{
	u8 gyx = gf_pow2(y - x), gx = gf_inv(gf_pow2(x)), inv = gf_inv(gyx ^ 1);
	u8 a = gf_mul(gyx, inv), b = gf_mul(gx, inv);

	for (size_t i = 0; i < len; i++) {
		u8 v = p[i], w = 0;

		for (unsigned k = n; k-- > 0;) {
			u8 c = k == x || k == y ? 0 : d[k][i];

			v ^= c;
			w = mul2(w) ^ c;
		}
		d[x][i] = gf_mul(a, v) ^ gf_mul(b, w ^ q[i]);
		d[y][i] = v ^ d[x][i];
	}
}
