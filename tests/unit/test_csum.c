/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "common/pool.h"
#include "crypto/csum.h"

/* The digest of s in hexadecimal. */
static const char *hex(unsigned type, const char *s)
{
	static char text[2 * CSUM_SIZE_MAX + 1];
	u8 sum[CSUM_SIZE_MAX];

	csum_compute(type, s, strlen(s), sum);
	for (unsigned i = 0; i < csum_types[type].size; i++)
		sprintf(text + 2 * i, "%02x", sum[i]);
	return text;
}

TEST(published_vectors)
{
	CHECK_STR(hex(CSUM_CRC32C, "123456789"), "839206e3"); /* little-endian */
	CHECK_STR(hex(CSUM_CRC32C, ""), "00000000");
	CHECK_STR(hex(CSUM_XXHASH, ""), "99e9d85137db46ef"); /* ef46db3751d8e999, little-endian */
	CHECK_STR(hex(CSUM_XXHASH, "abc"), "990977adf52cbc44");
	CHECK_STR(hex(CSUM_SHA256, ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK_STR(hex(CSUM_SHA256, "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK_STR(hex(CSUM_BLAKE2, ""), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
	CHECK_STR(hex(CSUM_BLAKE2, "abc"), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(names_and_sizes)
{
	static const struct { const char *name; int type; } cases[] = {
		{ "crc32c", CSUM_CRC32C }, { "CRC32C", CSUM_CRC32C }, { "xxhash", CSUM_XXHASH }, { "xxhash64", CSUM_XXHASH },
		{ "sha256", CSUM_SHA256 }, { "blake2", CSUM_BLAKE2 }, { "Blake2b", CSUM_BLAKE2 }, { "md5", -EINVAL }, { "", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_EQ(csum_type_by_name(cases[i].name), (u64)cases[i].type);
	CHECK_STR(csum_types[CSUM_BLAKE2].name, "blake2b");
	CHECK_EQ(csum_types[CSUM_XXHASH].size, 8);
	CHECK_STR(crypto_provider(), "libgcrypt");
}

static void fill(u8 *p, size_t len)
{
	u32 x = 7;

	while (len--) {
		x = x * 1664525 + 1013904223;
		*p++ = x >> 24;
	}
}

TEST(many_blocks_are_many_single_blocks)
{
	static const size_t sizes[] = { 1, 100, 512, 4096, 4097, 16384 };
	static u8 data[16384 * 33], packed[33 * CSUM_SIZE_MAX], single[CSUM_SIZE_MAX];

	fill(data, sizeof(data));
	for (unsigned type = 0; type < CSUM_TYPES; type++)
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
			for (size_t n = 0; n <= 33; n += 1 + n / 4) {
				size_t size = csum_types[type].size;

				memset(packed, 0xaa, sizeof(packed));
				csum_compute_blocks(type, data, sizes[s], n, packed);
				for (size_t i = 0; i < n; i++) {
					csum_compute(type, data + i * sizes[s], sizes[s], single);
					CHECK(!memcmp(single, packed + i * size, size));
				}
				for (size_t i = n * size; i < sizeof(packed); i++)
					CHECK_EQ(packed[i], 0xaa);
			}
}

static u8 shared[64 << 10];

static int sum_in_thread(void *arg, u64 i, unsigned worker)
{
	u8 sum[CSUM_SIZE_MAX], (*want)[CSUM_SIZE_MAX] = arg;

	csum_compute(i % CSUM_TYPES, shared + i % 64, 8192, sum);
	return memcmp(sum, want[i], csum_types[i % CSUM_TYPES].size) ? -EIO : 0;
}

TEST(threads_agree_with_one)
{
	static u8 want[400][CSUM_SIZE_MAX];
	struct pool *pool = pool_new(4);

	fill(shared, sizeof(shared));
	for (unsigned i = 0; i < 400; i++)
		csum_compute(i % CSUM_TYPES, shared + i % 64, 8192, want[i]);
	CHECK_EQ(pool_for(pool, 400, sum_in_thread, want), 0);
	pool_free(pool);
}

UNIT_MAIN
