/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which CRC-32C runs here, and the arithmetic that needs no data. */
#include "crypto/crc32c.h"
#include "crypto/cpu.h"

#include <stdatomic.h>

static bool always(void)
{
	return true;
}

/* Fastest first. */
const struct crc32c_impl crc32c_impls[] = {
#ifdef __x86_64__
	{ "vpclmul-avx512", cpu_has_vpclmul_avx512, crc32c_vpclmul_avx512 },
	{ "vpclmul-avx2", cpu_has_vpclmul_avx2, crc32c_vpclmul_avx2 },
	{ "pclmul", cpu_has_pclmul, crc32c_pclmul },
#endif
#if defined(__x86_64__) || (defined(__aarch64__) && defined(__linux__))
	{ "instruction", cpu_has_crc32, crc32c_instruction },
#endif
	{ "table", always, crc32c_table },
	{ NULL, NULL, NULL },
};

static const struct crc32c_impl *best_impl(void)
{
	const struct crc32c_impl *impl = crc32c_impls;

	while (!impl->usable())
		impl++;
	return impl;
}

static u32 resolve(u32 seed, const void *data, size_t len);

/* Every thread that gets to resolve() stores the same value, so no order is needed. */
static u32 (*_Atomic crc32c_fn)(u32, const void *, size_t) = resolve;

static u32 resolve(u32 seed, const void *data, size_t len)
{
	u32 (*fn)(u32, const void *, size_t) = best_impl()->fn;

	atomic_store_explicit(&crc32c_fn, fn, memory_order_relaxed);
	return fn(seed, data, len);
}

u32 crc32c_raw(u32 seed, const void *data, size_t len)
{
	return atomic_load_explicit(&crc32c_fn, memory_order_relaxed)(seed, data, len);
}

const char *crc32c_impl_name(void)
{
	return best_impl()->name;
}

/* a * b mod the polynomial. */
static u32 gf_multiply(u32 a, u32 b)
{
	u32 product = 0;

	for (; b; b <<= 1) {
		if (b & 0x80000000u)
			product ^= a;
		a = a >> 1 ^ (a & 1 ? CRC32C_POLY : 0);
	}
	return product;
}

/* x^(2^k) mod the polynomial. The list closes: x^(2^31) is x again. */
static const u32 x_to_2_to[31] = {
	0x40000000, 0x20000000, 0x08000000, 0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18,
	0x510ac59a, 0xb82be955, 0xb8fdb1e7, 0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a, 0x35d73a62,
	0x28461564, 0xbf455269, 0xe2ea32dc, 0xfe7740e6, 0xf946610b, 0x3c204f8f, 0x538586e3, 0x59726915,
	0x734d5309, 0xbc1ac763, 0x7d0722cc, 0xd289cabe, 0xe94ca9bc, 0x05b74f3f, 0xa51e1f42,
};

/* A zero byte multiplies the register by x^8, so len of them by the product of x^(8 * 2^k) over the bits k of len. */
u32 crc32c_zeros(u32 seed, u64 len)
{
	for (unsigned k = 3; len && seed; len >>= 1, k++)
		if (len & 1)
			seed = gf_multiply(x_to_2_to[k % 31], seed);
	return seed;
}
