/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "kernel-shared/format/key.h"

TEST(hashes_match_the_vectors_of_the_format)
{
	CHECK_EQ(hash_name("default", 7), 0x8DBFC2D2u);
	CHECK_EQ(hash_name("foo", 3), 0x957AC39Cu);
	CHECK_EQ(hash_name("user.a", 6), 0x61C12200u);
	CHECK_EQ(hash_extref(256, "foo", 3), 0xBC029510u);
	CHECK_EQ(hash_data_ref(5, 257, 0), 0x0DFB591FA80D95EAULL);
	CHECK_EQ(hash_data_ref(5, 257, 4096), 0x0DFB591F34566F4CULL);
}

TEST(extref_hash_takes_the_low_half_of_the_parent)
{
	CHECK_EQ(hash_extref(0xffffffff00000100ULL, "foo", 3), 0xBC029510u);
}

TEST(order_is_objectid_type_offset_all_unsigned)
{
	struct key sorted[] = { KEY_MIN, KEY(1, 0, 0), KEY(1, 0, -1ULL), KEY(1, 1, 0), KEY(1, 255, 5), KEY(2, 0, 0), KEY(1ULL << 63, 0, 0), KEY_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++)
		for (size_t k = 0; k < ARRAY_SIZE(sorted); k++) {
			int c = key_cmp(&sorted[i], &sorted[k]);

			CHECK((c < 0) == (i < k) && (c > 0) == (i > k) && key_eq(&sorted[i], &sorted[k]) == (i == k));
		}
}

TEST(neighbours_carry_through_type_and_objectid)
{
	struct key a = key_next(KEY(5, 255, -1ULL)), b = key_prev(KEY(6, 0, 0)), c = key_next(KEY(5, 1, -1ULL)), d = key_next(KEY_MAX);

	CHECK(key_eq(&a, &KEY(6, 0, 0)));
	CHECK(key_eq(&b, &KEY(5, 255, -1ULL)));
	CHECK(key_eq(&c, &KEY(5, 2, 0)));
	CHECK(key_eq(&d, &KEY_MIN));
}

TEST(disk_form_is_little_endian_and_packed)
{
	struct disk_key d = key_disk(KEY(0x0102030405060708ULL, 0x84, 0x1112131415161718ULL));
	static const u8 want[17] = { 8, 7, 6, 5, 4, 3, 2, 1, 0x84, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11 };
	struct key back = key_get(&d);

	CHECK(!memcmp(&d, want, sizeof(want)));
	CHECK(key_eq(&back, &KEY(0x0102030405060708ULL, 0x84, 0x1112131415161718ULL)));
}

UNIT_MAIN
