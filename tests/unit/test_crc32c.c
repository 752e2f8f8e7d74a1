/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "common/endian.h"
#include "crypto/csum.h"

/* The definition, bit by bit: what every variant is held against. */
static u32 reference(u32 crc, const void *data, size_t len)
{
	const u8 *p = data;

	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

static void fill(u8 *p, size_t len)
{
	u32 x = 1;

	while (len--) {
		x = x * 1664525 + 1013904223;
		*p++ = x >> 24;
	}
}

TEST(names_and_references_hash_as_the_format_says)
{
	u8 root[8], inode[8], offset[8];

	CHECK_EQ(crc32c("123456789", 9), 0xE3069283u);
	CHECK_EQ(crc32c("", 0), 0);
	CHECK_EQ(crc32c_raw(0xFFFFFFFE, "default", 7), 0x8DBFC2D2u);
	CHECK_EQ(crc32c_raw(0xFFFFFFFE, "foo", 3), 0x957AC39Cu);
	CHECK_EQ(crc32c_raw(0xFFFFFFFE, "user.a", 6), 0x61C12200u);
	CHECK_EQ(crc32c_raw(256, "foo", 3), 0xBC029510u);
	put_le64(root, 5);
	put_le64(inode, 257);
	put_le64(offset, 0);
	CHECK_EQ((u64)crc32c_raw(~0u, root, 8) << 31 ^ crc32c_raw(crc32c_raw(~0u, inode, 8), offset, 8), 0x0DFB591FA80D95EAULL);
	put_le64(offset, 4096);
	CHECK_EQ((u64)crc32c_raw(~0u, root, 8) << 31 ^ crc32c_raw(crc32c_raw(~0u, inode, 8), offset, 8), 0x0DFB591F34566F4CULL);
}

TEST(every_variant_agrees_with_the_definition_at_every_length_and_alignment)
{
	static u8 buf[2048];

	fill(buf, sizeof(buf));
	for (const struct crc32c_impl *impl = crc32c_impls; impl->name; impl++) {
		if (!impl->usable())
			continue;
		for (size_t len = 0; len <= 300; len++)
			for (size_t at = 0; at < 64; at++)
				CHECK_EQ(impl->fn(0x12345678, buf + at, len), reference(0x12345678, buf + at, len));
	}
}

TEST(every_variant_agrees_with_the_definition_on_long_blocks)
{
	static const size_t lens[] = { 511, 512, 1023, 1024, 2048, 4064, 4096, 8191, 16352, 16384, 65504, 65536, 99991 };
	static u8 buf[100000];

	fill(buf, sizeof(buf));
	for (const struct crc32c_impl *impl = crc32c_impls; impl->name; impl++) {
		if (!impl->usable())
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++)
			for (size_t at = 0; at < 9; at++)
				CHECK_EQ(impl->fn(~0u, buf + at, lens[i]), reference(~0u, buf + at, lens[i]));
	}
}

TEST(every_length_up_to_several_blocks)
{
	static u8 buf[9000];
	u32 expected = 0xdeadbeef;

	fill(buf, sizeof(buf));
	for (size_t len = 0; len < sizeof(buf); len++) {
		for (const struct crc32c_impl *impl = crc32c_impls; impl->name; impl++)
			if (impl->usable())
				CHECK_EQ(impl->fn(0xdeadbeef, buf, len), expected);
		expected = reference(expected, buf + len, 1);
	}
}

TEST(zeros_advance_as_zero_bytes_do)
{
	static const u8 zeros[70000];

	for (u64 len = 0; len < 1000; len++)
		CHECK_EQ(crc32c_zeros(0xcafef00d, len), reference(0xcafef00d, zeros, len));
	CHECK_EQ(crc32c_zeros(0xcafef00d, sizeof(zeros)), reference(0xcafef00d, zeros, sizeof(zeros)));
	CHECK_EQ(crc32c_zeros(0, 12345), 0);
	/* Lengths no buffer has: what n and m zeros do, n + m do. */
	for (unsigned shift = 10; shift < 63; shift++) {
		u64 n = (1ULL << shift) + 17, m = (1ULL << shift) - 5;

		CHECK_EQ(crc32c_zeros(crc32c_zeros(0xcafef00d, n), m), crc32c_zeros(0xcafef00d, n + m));
	}
}

TEST(the_variant_in_use_is_the_first_usable)
{
	CHECK(crc32c_impl_name());
	for (const struct crc32c_impl *impl = crc32c_impls; impl->name; impl++)
		if (impl->usable()) {
			CHECK_STR(crc32c_impl_name(), impl->name);
			return;
		}
	CHECK(!"no variant is usable");
}

UNIT_MAIN
