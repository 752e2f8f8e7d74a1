/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "crypto/csum.h"
#include "tests/unit/unit.h"

TEST(pieces_give_the_digest_of_the_whole)
{
	static u8 data[10000];
	u8 whole[32], pieces[32];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + i / 251;
	csum_compute(CSUM_SHA256, data, sizeof(data), whole);
	for (size_t step = 1; step < 700; step += 61) {
		struct sha256 *s = sha256_new();

		CHECK(s);
		for (size_t pos = 0; pos < sizeof(data); pos += step)
			sha256_add(s, data + pos, min_t(size_t, step, sizeof(data) - pos));
		sha256_end(s, pieces);
		CHECK(!memcmp(whole, pieces, 32));
	}
}

TEST(abc_as_published)
{
	static const u8 expected[32] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
		0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
	};
	struct sha256 *s = sha256_new();
	u8 out[32];

	CHECK(s);
	sha256_add(s, "ab", 2);
	sha256_add(s, "c", 1);
	sha256_end(s, out);
	CHECK(!memcmp(out, expected, 32));
}

UNIT_MAIN
