/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is compressed decompresses to the same, is refused where it does not get small enough, and noise is recognised. */
#include "unit.h"

#include <stdlib.h>
#include "kernel-shared/format/disk.h"
#include "kernel-shared/fs/compress_out.h"
#include "kernel-shared/fs/file.h"

enum { LEN = BTRFS_MAX_UNCOMPRESSED };

static void noise(u8 *buf, size_t len, u64 seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		buf[i] = seed >> 56;
	}
}

static void text(u8 *buf, size_t len)
{
	static const char words[8][9] = { "extent  ", "inode   ", "of the  ", "chunk   ", "mirror  ", "a device", "is read ", "not     " };

	noise(buf, len, 7);
	for (size_t i = 0; i < len; i++)
		buf[i] = words[buf[i & ~7] & 7][i & 7];
}

static bool built(unsigned type)
{
	return (type != BTRFS_COMPRESS_LZO || HAVE_LZO) && (type != BTRFS_COMPRESS_ZSTD || HAVE_ZSTD);
}

static void round_trip(unsigned type, int level, const u8 *in, size_t len, u32 sector)
{
	u8 *out = malloc(LEN), *back = malloc(LEN);
	struct err err = ERR_INIT;
	size_t got;

	CHECK_EQ(compress_data(type, level, in, len, out, len - 1, sector, &got, &err), 0);
	CHECK(got < len);
	CHECK_EQ(decompress(type, out, got, back, len, sector, len <= sector, &err), 0);
	CHECK(!memcmp(in, back, len));
	CHECK_EQ(compress_data(type, level, in, len, out, got / 2, sector, &got, &err), -E2BIG);
	free(out);
	free(back);
}

TEST(every_algorithm_level_and_length_comes_back)
{
	static const size_t lens[] = { 300, 4095, 4096, 4097, 20000, 65536, LEN - 1, LEN };
	u8 *in = malloc(LEN);

	text(in, LEN);
	for (unsigned type = BTRFS_COMPRESS_ZLIB; type < BTRFS_COMPRESS_TYPES; type++)
		for (size_t i = 0; i < ARRAY_SIZE(lens) && built(type); i++)
			for (int level = -1; level <= 16; level += 4)
				for (u32 sector = 4096; sector <= 65536; sector *= 4)
					round_trip(type, level, in, lens[i], sector);
	free(in);
}

TEST(noise_does_not_get_smaller)
{
	u8 *in = malloc(LEN), *out = malloc(LEN);
	struct err err = ERR_INIT;
	size_t got;

	noise(in, LEN, 1);
	for (unsigned type = BTRFS_COMPRESS_ZLIB; type < BTRFS_COMPRESS_TYPES; type++)
		if (built(type))
			CHECK_EQ(compress_data(type, 0, in, LEN, out, LEN - 4096, 4096, &got, &err), -E2BIG);
	CHECK_EQ(compress_data(BTRFS_COMPRESS_NONE, 0, in, LEN, out, LEN, 4096, &got, &err), -EOPNOTSUPP);
	CHECK_EQ(compress_data(200, 0, in, LEN, out, LEN, 4096, &got, &err), -EOPNOTSUPP);
	free(in);
	free(out);
}

TEST(sampling_tells_noise_from_the_rest)
{
	u8 *in = malloc(LEN);

	for (u64 seed = 1; seed < 50; seed++) {
		noise(in, LEN, seed);
		CHECK(looks_incompressible(in, LEN));
		CHECK(looks_incompressible(in, 5000));
	}
	CHECK(!looks_incompressible(in, 500)); /* trying is as cheap */
	for (size_t i = 3000; i < LEN; i++)
		in[i] = in[i - 3000];
	CHECK(!looks_incompressible(in, LEN)); /* it repeats */
	text(in, LEN);
	CHECK(!looks_incompressible(in, LEN));
	memset(in, 0, LEN);
	CHECK(!looks_incompressible(in, LEN));
	free(in);
}

TEST(what_comes_out_does_not_depend_on_what_went_before)
{
	u8 *in = malloc(LEN), *bad = malloc(LEN), *first = malloc(LEN), *again = malloc(LEN);
	struct err err = ERR_INIT;
	size_t one, two, none;

	text(in, LEN);
	noise(bad, LEN, 3);
	for (unsigned type = BTRFS_COMPRESS_ZLIB; type < BTRFS_COMPRESS_TYPES; type++) {
		for (size_t len = 1000; len < LEN && built(type); len *= 2) {
			CHECK_EQ(compress_data(type, 0, in, 4096, first, 4095, 4096, &one, &err), 0);
			CHECK_EQ(compress_data(type, 9, bad, len, again, len / 2, 4096, &none, &err), -E2BIG);
			CHECK_EQ(compress_data(type, 0, in, 4096, again, 4095, 4096, &two, &err), 0);
			CHECK_EQ(one, two);
			CHECK(!memcmp(first, again, one));
		}
	}
	free(in);
	free(bad);
	free(first);
	free(again);
}

TEST(levels_are_brought_into_range)
{
	CHECK_EQ(compress_level(BTRFS_COMPRESS_ZLIB, 0), 3);
	CHECK_EQ(compress_level(BTRFS_COMPRESS_ZLIB, 12), 9);
	CHECK_EQ(compress_level(BTRFS_COMPRESS_ZSTD, 0), 3);
	CHECK_EQ(compress_level(BTRFS_COMPRESS_ZSTD, 99), 15);
	CHECK_EQ(compress_level(BTRFS_COMPRESS_ZSTD, -99), -15);
	CHECK_EQ(compress_level(BTRFS_COMPRESS_LZO, 5), 0);
}

UNIT_MAIN
