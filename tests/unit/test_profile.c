/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "kernel-shared/format/profile.h"

TEST(every_flag_finds_its_row)
{
	u64 all = 0;

	for (unsigned i = 0; i < PROFILES; i++) {
		CHECK(profile_of(profiles[i].flag | BTRFS_BLOCK_GROUP_DATA) == &profiles[i]);
		CHECK(profile_by_option(profiles[i].option) == &profiles[i]);
		all |= profiles[i].flag;
	}
	CHECK_EQ(all, BTRFS_BLOCK_GROUP_PROFILE_MASK);
	CHECK(profile_of(1ULL << 60) == &profiles[0]);
}

TEST(options_take_any_case)
{
	CHECK_EQ(profile_by_option("RaId1C3")->flag, BTRFS_BLOCK_GROUP_RAID1C3);
	CHECK_EQ(profile_by_option("SINGLE")->flag, 0);
	CHECK(profile_by_option("raid7") == NULL);
}

TEST(data_stripes_are_what_is_left_without_copies_and_parity)
{
	static const struct { u64 flag; unsigned stripes, data; } cases[] = {
		{ 0, 1, 1 }, { BTRFS_BLOCK_GROUP_DUP, 2, 1 }, { BTRFS_BLOCK_GROUP_RAID0, 5, 5 }, { BTRFS_BLOCK_GROUP_RAID1, 2, 1 },
		{ BTRFS_BLOCK_GROUP_RAID1C4, 4, 1 }, { BTRFS_BLOCK_GROUP_RAID10, 6, 3 }, { BTRFS_BLOCK_GROUP_RAID5, 3, 2 },
		{ BTRFS_BLOCK_GROUP_RAID6, 3, 1 }, { BTRFS_BLOCK_GROUP_RAID6, 10, 8 }, { BTRFS_BLOCK_GROUP_RAID6, 1, 1 }, { BTRFS_BLOCK_GROUP_RAID5, 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_EQ(profile_data_stripes(profile_of(cases[i].flag), cases[i].stripes), cases[i].data);
}

TEST(tolerance_is_copies_less_one_or_parity)
{
	for (unsigned i = 0; i < PROFILES; i++) {
		const struct profile *p = &profiles[i];

		CHECK_EQ(p->tolerated, p->dev_stripes > 1 ? 0 : p->parity ? p->parity : p->copies - 1);
	}
}

TEST(type_names)
{
	CHECK_STR(bg_type_name(BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_RAID1), "Data");
	CHECK_STR(bg_type_name(BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_METADATA), "Data+Metadata");
	CHECK_STR(bg_type_name(BTRFS_BLOCK_GROUP_SYSTEM), "System");
	CHECK_STR(bg_type_name(0), "unknown");
}

UNIT_MAIN
