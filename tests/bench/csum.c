/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checksums of bytes in memory, against plainly reading them. Part of `make bench`. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "common/mem.h"
#include "crypto/csum.h"

enum { BYTES = 256 << 20, BLOCK = 4096, ROUNDS = 7 };

static const u8 *data;
static volatile u64 sink; /* so that no round is optimised away */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void plain_read(const void *arg)
{
	const u64 *p = (const u64 *)data;
	u64 a = 0, b = 0, c = 0, d = 0;

	for (size_t i = 0; i < BYTES / 8; i += 4) {
		a ^= p[i];
		b ^= p[i + 1];
		c ^= p[i + 2];
		d ^= p[i + 3];
	}
	sink = a ^ b ^ c ^ d;
}

static void crc_blocks(const void *arg)
{
	const struct crc32c_impl *impl = arg;
	u32 sum = 0;

	for (size_t i = 0; i < BYTES; i += BLOCK)
		sum ^= impl->fn(~0u, data + i, BLOCK);
	sink = sum;
}

static void any_blocks(const void *arg)
{
	unsigned type = *(const unsigned *)arg;
	u8 out[CSUM_SIZE_MAX];

	for (size_t i = 0; i < BYTES; i += BLOCK)
		csum_compute(type, data + i, BLOCK, out);
	sink = out[0];
}

/* The best of several rounds, in GiB/s. */
static double rate(void (*fn)(const void *arg), const void *arg)
{
	double best = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		double begun = now(), secs;

		fn(arg);
		secs = now() - begun;
		best = secs < best ? secs : best;
	}
	return BYTES / best / (1 << 30);
}

int main(void)
{
	double plain;
	u64 *words = mem_alloc_io(BYTES);

	if (!words)
		return 1;
	for (size_t i = 0; i < BYTES / 8; i++)
		words[i] = i * 0x9e3779b97f4a7c15ULL;
	data = (u8 *)words;
	plain = rate(plain_read, NULL);
	printf("%-28s %8s %12s\n", "checksums, blocks of 4 KiB", "GiB/s", "of a read");
	printf("%-28s %8.1f\n", "plain read", plain);
	for (const struct crc32c_impl *c = crc32c_impls; c->name; c++) {
		if (c->usable()) {
			double r = rate(crc_blocks, c);

			printf("crc32c %-21s %8.1f %11.0f%%%s\n", c->name, r, 100 * r / plain, strcmp(c->name, crc32c_impl_name()) ? "" : "  (in use)");
		}
	}
	for (unsigned t = CSUM_XXHASH; t < CSUM_TYPES; t++) {
		double r = rate(any_blocks, &t);

		printf("%-28s %8.1f %11.0f%%\n", csum_types[t].name, r, 100 * r / plain);
	}
	free(words);
	return 0;
}
