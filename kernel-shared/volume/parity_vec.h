/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernels of parity.c for one width of vectors: VEC_BYTES, the TARGET attribute and NAME() are set by whoever includes this, once
 * for each width. Only the compiler's own vector arithmetic is used, so any processor with vectors of that width will do. */

typedef u8 NAME(vec) __attribute__((vector_size(VEC_BYTES)));
typedef signed char NAME(svec) __attribute__((vector_size(VEC_BYTES)));

TARGET static inline NAME(vec) NAME(load)(const u8 *p)
{
	NAME(vec) v;

	memcpy(&v, p, sizeof(v));
	return v;
}

TARGET static inline void NAME(store)(u8 *p, NAME(vec) v)
{
	memcpy(p, &v, sizeof(v));
}

/* Every byte times 2: shifted, and reduced where the top bit went out. */
TARGET static inline NAME(vec) NAME(mul2)(NAME(vec) v)
{
	NAME(vec) over = (NAME(vec))((NAME(svec))v < 0);

	return (v + v) ^ (over & 0x1d);
}

/* Every byte times c, bit by bit from the top. */
TARGET static inline NAME(vec) NAME(mul)(u8 c, NAME(vec) v)
{
	NAME(vec) r = { 0 };

	for (int bit = 7; bit >= 0; bit--) {
		r = NAME(mul2)(r);
		if (c >> bit & 1)
			r ^= v;
	}
	return r;
}

/* Two vectors at a time hide the latency of the chain of mul2. */
TARGET static void NAME(gen)(unsigned n, size_t len, u8 *const *d, u8 *p, u8 *q)
{
	size_t i = 0;

	for (; i + 2 * VEC_BYTES <= len; i += 2 * VEC_BYTES) {
		NAME(vec) p0 = { 0 }, p1 = { 0 }, q0 = { 0 }, q1 = { 0 };

		for (unsigned k = n; k-- > 0;) {
			NAME(vec) a, b;

			q0 = NAME(mul2)(q0);
			q1 = NAME(mul2)(q1);
			if (!d[k])
				continue;
			a = NAME(load)(d[k] + i);
			b = NAME(load)(d[k] + i + VEC_BYTES);
			p0 ^= a;
			p1 ^= b;
			q0 ^= a;
			q1 ^= b;
		}
		if (p) {
			NAME(store)(p + i, p0);
			NAME(store)(p + i + VEC_BYTES, p1);
		}
		if (q) {
			NAME(store)(q + i, q0);
			NAME(store)(q + i + VEC_BYTES, q1);
		}
	}
	gen_bytes(n, i, len, d, p, q);
}

TARGET static void NAME(solve_one)(size_t len, u8 a, u8 *x, const u8 *q)
{
	size_t i = 0;

	for (; i + VEC_BYTES <= len; i += VEC_BYTES)
		NAME(store)(x + i, NAME(mul)(a, NAME(load)(x + i) ^ NAME(load)(q + i)));
	for (; i < len; i++)
		x[i] = gf_mul(a, x[i] ^ q[i]);
}

TARGET static void NAME(solve_two)(size_t len, u8 a, u8 b, u8 *x, u8 *y, const u8 *p, const u8 *q)
{
	size_t i = 0;

	for (; i + VEC_BYTES <= len; i += VEC_BYTES) {
		NAME(vec) u = NAME(load)(x + i) ^ NAME(load)(p + i), v = NAME(load)(y + i) ^ NAME(load)(q + i), r;

		r = NAME(mul)(a, u) ^ NAME(mul)(b, v);
		NAME(store)(x + i, r);
		NAME(store)(y + i, u ^ r);
	}
	for (; i < len; i++) {
		u8 u = x[i] ^ p[i], v = y[i] ^ q[i];

		x[i] = gf_mul(a, u) ^ gf_mul(b, v);
		y[i] = u ^ x[i];
	}
}

#undef VEC_BYTES
#undef TARGET
#undef NAME
