/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast the checksums are, in GB/s: each CRC-32C variant of this processor and the other types, for sectors, tree blocks
 * and large buffers, beside the yardstick, a plain read of the same bytes. Build: make build/bench/crc. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "common/endian.h"
#include "common/mem.h"
#include "crypto/csum.h"

enum { BYTES = 64 << 20 }; /* beyond the caches */

static volatile u64 sink;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Eight sums side by side, so that nothing but memory limits. */
static void read_plain(const u8 *p, size_t len, const void *arg)
{
	typedef u64 vec __attribute__((vector_size(16), aligned(1)));
	vec a = { 0 }, b = a, c = a, d = a, e = a, f = a, g = a, h = a;

	for (const u8 *end = p + len / 128 * 128; p < end; p += 128) {
		const vec *v = (const vec *)p;

		a += v[0], b += v[1], c += v[2], d += v[3], e += v[4], f += v[5], g += v[6], h += v[7];
	}
	a += b + c + d + e + f + g + h;
	sink += a[0] + a[1];
}

static void crc_variant(const u8 *p, size_t len, const void *arg)
{
	sink += ((const struct crc32c_impl *)arg)->fn(~0u, p, len);
}

static void csum(const u8 *p, size_t len, const void *arg)
{
	u8 out[CSUM_SIZE_MAX];

	csum_compute(*(const unsigned *)arg, p, len, out);
	sink += out[0];
}

/* GB/s for blocks of len bytes, over the buffer or again and again over its start; the best of several rounds. */
static double rate(void (*fn)(const u8 *, size_t, const void *), const void *arg, const u8 *buf, size_t len, size_t span)
{
	size_t bytes = span < (8u << 20) ? 8u << 20 : span;
	double best = 0;

	for (int round = 0; round < 7; round++) {
		double start = now(), took;

		for (size_t done = 0; done < bytes; done += len)
			fn(buf + done % span, len, arg);
		took = now() - start;
		if (bytes / took / 1e9 > best)
			best = bytes / took / 1e9;
	}
	return best;
}

static void row(const char *name, void (*fn)(const u8 *, size_t, const void *), const void *arg, const u8 *buf)
{
	static const size_t lens[] = { 128, 4096, 16384, 1 << 20 };

	printf("%-16s", name);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		size_t warm = lens[i] < 65536 ? 65536 : lens[i];

		printf(" %8.2f", rate(fn, arg, buf, lens[i], warm));
	}
	for (size_t i = 1; i < ARRAY_SIZE(lens); i++)
		printf(" %8.2f", rate(fn, arg, buf, lens[i], BYTES));
	printf("\n");
	fflush(stdout);
}

int main(void)
{
	static const unsigned types[] = { CSUM_XXHASH, CSUM_SHA256, CSUM_BLAKE2 };
	u8 *buf = mem_alloc_io(BYTES);

	if (!buf)
		return 1;
	for (size_t i = 0; i < BYTES; i += 8)
		put_le64(buf + i, i * 0x9e3779b97f4a7c15ULL);
	printf("GB/s              in cache                            from memory\n");
	printf("%-16s %8s %8s %8s %8s %8s %8s %8s\n", "", "128", "4K", "16K", "1M", "4K", "16K", "1M");
	row("read", read_plain, NULL, buf);
	for (const struct crc32c_impl *impl = crc32c_impls; impl->name; impl++)
		if (impl->usable())
			row(impl->name, crc_variant, impl, buf);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		row(csum_types[types[i]].name, csum, &types[i], buf);
	free(buf);
	return 0;
}
