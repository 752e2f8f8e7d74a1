/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "tests/unit/leaf.h"

static struct leaf l;

static void fill(u32 n)
{
	leaf_init(&l, 16384, 5);
	for (u32 i = 0; i < n; i++)
		leaf_add(&l, KEY(256, BTRFS_DIR_INDEX_KEY, 10 * i + 10), "0123456789", i % 11);
}

TEST(search_finds_every_key_and_the_place_of_every_other)
{
	bool exact;

	for (u32 n = 0; n < 40; n++) {
		fill(n);
		for (u32 i = 0; i <= n; i++) {
			struct key before = KEY(256, BTRFS_DIR_INDEX_KEY, 10 * i + 9), at = KEY(256, BTRFS_DIR_INDEX_KEY, 10 * i + 10);

			CHECK_EQ(block_search(l.block, &before, &exact), i);
			CHECK(!exact);
			CHECK_EQ(block_search(l.block, &at, &exact), i);
			CHECK_EQ(exact, i < n);
		}
	}
}

TEST(search_in_a_node_uses_the_pointers)
{
	struct disk_key_ptr *ptrs = (struct disk_key_ptr *)(l.block + sizeof(struct disk_header));
	bool exact;

	leaf_init(&l, 4096, 5);
	leaf_header(&l)->level = 1;
	leaf_header(&l)->nritems = le32_of(121);
	for (u32 i = 0; i < 121; i++)
		ptrs[i] = (struct disk_key_ptr){ key_disk(KEY(i, 1, 0)), le64_of(4096 * (i + 1)), le64_of(9) };
	CHECK_EQ(block_search(l.block, &KEY(77, 1, 0), &exact), 77);
	CHECK(exact);
	CHECK_EQ(block_search(l.block, &KEY(77, 0, 5), &exact), 77);
	CHECK_EQ(block_search(l.block, &KEY(1000, 0, 5), &exact), 121);
	CHECK(!exact);
}

TEST(free_space_counts_headers_and_data)
{
	struct geometry geo = test_geometry();

	fill(0);
	CHECK_EQ(block_free_space(&geo, l.block), 16283);
	fill(3); /* 0 + 1 + 2 bytes */
	CHECK_EQ(block_free_space(&geo, l.block), 16283 - 3 * 25 - 3);
	leaf_header(&l)->level = 1;
	CHECK_EQ(block_free_space(&geo, l.block), 493 - 3);
	leaf_header(&l)->level = 0;
	leaf_header(&l)->nritems = le32_of(-1u); /* no read outside the block */
	CHECK(block_free_space(&geo, l.block) < 0);
}

TEST(limits_follow_from_the_node_size)
{
	static const u32 table[][6] = { /* node size, leaf data, largest item, most pointers, largest xattr, inline references */
		{ 4096, 3995, 3970, 121, 3940, 224 }, { 8192, 8091, 8066, 245, 8036, 480 }, { 16384, 16283, 16258, 493, 16228, 992 },
		{ 32768, 32667, 32642, 989, 32612, 2016 }, { 65536, 65435, 65410, 1982, 65380, 4064 },
	};
	struct geometry geo = test_geometry();

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		geo.nodesize = table[i][0];
		CHECK_EQ(geo_leafdata(&geo), table[i][1]);
		CHECK_EQ(geo_max_item(&geo), table[i][2]);
		CHECK_EQ(geo_max_ptrs(&geo), table[i][3]);
		CHECK_EQ(geo_max_xattr(&geo), table[i][4]);
		CHECK_EQ(geo_max_inline_refs(&geo), table[i][5]);
	}
	geo.nodesize = 4096;
	CHECK_EQ(geo_max_inline_data(&geo), 3970 - 21);
	geo.nodesize = 16384;
	CHECK_EQ(geo_max_inline_data(&geo), 4095);
}

TEST(checksum_covers_all_but_itself_and_pads_with_zeros)
{
	struct geometry geo = test_geometry();
	u8 sum[4], zeros[28] = { 0 };

	fill(5);
	memset(leaf_header(&l)->csum, 0xee, 32);
	block_set_csum(&geo, l.block);
	CHECK(block_check_csum(&geo, l.block, sum));
	CHECK(!memcmp(sum, l.block, 4));
	CHECK(!memcmp(l.block + 4, zeros, 28));
	l.block[16383] ^= 1;
	CHECK(!block_check_csum(&geo, l.block, NULL));
	l.block[16383] ^= 1;
	l.block[32] ^= 1;
	CHECK(!block_check_csum(&geo, l.block, NULL));
}

TEST(flags_and_revision_share_a_word)
{
	fill(0);
	CHECK_EQ(block_flags(l.block), BTRFS_HEADER_FLAG_WRITTEN);
	CHECK_EQ(block_backref_rev(l.block), BTRFS_MIXED_BACKREF_REV);
}

UNIT_MAIN
