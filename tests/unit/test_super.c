/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "kernel-shared/format/items.h"
#include "kernel-shared/format/super.h"

static struct disk_super sb;

static void put_chunk(u32 at, u64 logical, u64 type)
{
	struct disk_key key = key_disk(KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, logical));
	struct disk_chunk c = {
		.length = le64_of(8388608), .owner = le64_of(2), .stripe_len = le64_of(65536), .type = le64_of(type), .io_align = le32_of(65536),
		.io_width = le32_of(65536), .sector_size = le32_of(4096), .num_stripes = le16_of(1), .sub_stripes = le16_of(1),
	};
	struct disk_stripe stripe = { le64_of(1), le64_of(logical), { 0x99 } };

	memcpy(sb.sys_chunk_array + at, &key, sizeof(key));
	memcpy(sb.sys_chunk_array + at + sizeof(key), &c, sizeof(c));
	memcpy(sb.sys_chunk_array + at + sizeof(key) + sizeof(c), &stripe, sizeof(stripe));
}

static void valid(void)
{
	memset(&sb, 0, sizeof(sb));
	memset(sb.fsid, 0x11, 16);
	sb.bytenr = le64_of(65536);
	sb.flags = le64_of(BTRFS_HEADER_FLAG_WRITTEN);
	sb.magic = le64_of(BTRFS_MAGIC);
	sb.generation = le64_of(9);
	sb.root = le64_of(30523392);
	sb.chunk_root = le64_of(22036480);
	sb.total_bytes = le64_of(114294784);
	sb.bytes_used = le64_of(536576);
	sb.root_dir_objectid = le64_of(6);
	sb.num_devices = le64_of(1);
	sb.sectorsize = sb.stripesize = le32_of(4096);
	sb.nodesize = sb.leafsize = le32_of(16384);
	sb.sys_chunk_array_size = le32_of(97);
	sb.chunk_root_generation = le64_of(9);
	sb.compat_ro_flags = le64_of(0xb);
	sb.incompat_flags = le64_of(0x361);
	memset(sb.dev_item.fsid, 0x11, 16);
	sb.dev_item.devid = le64_of(1);
	put_chunk(0, 22020096, BTRFS_BLOCK_GROUP_SYSTEM);
	super_set_csum(&sb);
}

static const char *verdict(void)
{
	static struct err err;

	err_clear(&err);
	super_set_csum(&sb);
	return super_validate(&sb, 65536, &err) || super_check_mountable(&sb, &err) ? err_text(&err) : "";
}

#define REFUSED(change, text) do { valid(); change; CHECK_STR(verdict(), text); } while (0)
#define INVALID(change, text) REFUSED(change, "superblock checksum matches but it has invalid members: " text)

TEST(a_good_one_passes)
{
	valid();
	CHECK_STR(verdict(), "");
}

TEST(magic_and_checksum_come_first)
{
	struct err err = ERR_INIT;

	valid();
	sb.magic = le64_of(BTRFS_MAGIC_TEMPORARY);
	CHECK_EQ(super_validate(&sb, 65536, &err), (u64)-EINVAL);
	CHECK_STR(err_text(&err), "superblock magic doesn't match");
	valid();
	sb.label[0] ^= 1;
	CHECK_EQ(super_validate(&sb, 65536, &err), (u64)-EUCLEAN);
	CHECK_STR(err_text(&err), "superblock checksum mismatch");
	valid();
	sb.csum_type = le16_of(4);
	CHECK_EQ(super_validate(&sb, 65536, &err), (u64)-EUCLEAN);
	CHECK_STR(err_text(&err), "unsupported checksum algorithm 4");
}

TEST(each_checksum_type_is_padded_with_zeros)
{
	u8 zeros[32] = { 0 }, computed[32];

	for (unsigned type = 0; type < 4; type++) {
		static const u8 size[] = { 4, 8, 32, 32 };

		valid();
		memset(sb.csum, 0xee, 32);
		sb.csum_type = le16_of(type);
		super_set_csum(&sb);
		CHECK(super_check_csum(&sb, computed));
		CHECK(!memcmp(computed, sb.csum, 32));
		CHECK(!memcmp(sb.csum + size[type], zeros, 32 - size[type]));
		sb.padding[564] ^= 1;
		CHECK(!super_check_csum(&sb, NULL));
	}
}

TEST(every_broken_member_is_named)
{
	INVALID(sb.bytenr = le64_of(67108864), "superblock bytenr mismatch, have 67108864 expect 65536");
	INVALID(sb.root_level = 8, "tree_root level too big: 8 >= 8");
	INVALID(sb.chunk_root_level = 9, "chunk_root level too big: 9 >= 8");
	INVALID(sb.log_root_level = 255, "log_root level too big: 255 >= 8");
	INVALID(sb.root = le64_of(30523393), "tree_root block unaligned: 30523393");
	INVALID(sb.chunk_root = le64_of(512), "chunk_root block unaligned: 512");
	INVALID(sb.log_root = le64_of(512), "log_root block unaligned: 512");
	INVALID(sb.root = le64_of(0), "tree_root block is 0");
	INVALID(sb.chunk_root = le64_of(0), "chunk_root block is 0");
	INVALID(sb.sectorsize = le32_of(0), "invalid sectorsize: 0");
	INVALID(sb.sectorsize = le32_of(6000), "invalid sectorsize: 6000");
	INVALID(sb.sectorsize = le32_of(131072), "invalid sectorsize: 131072");
	INVALID(sb.nodesize = le32_of(0), "nodesize too small: 0 < 4096");
	INVALID(sb.nodesize = le32_of(131072), "nodesize too big: 131072 > 65536");
	INVALID(sb.nodesize = le32_of(5000), "nodesize unaligned: 5000");
	INVALID(sb.sectorsize = le32_of(65536), "nodesize unaligned: 16384");
	INVALID(sb.total_bytes = le64_of(0), "invalid total_bytes 0");
	INVALID(sb.bytes_used = le64_of(98303), "invalid bytes_used 98303");
	INVALID(sb.stripesize = le32_of(4097), "invalid stripesize 4097");
	INVALID(sb.dev_item.fsid[0] = 0, "dev_item UUID does not match fsid: 11111111-1111-1111-1111-111111111111 != 00111111-1111-1111-1111-111111111111");
	INVALID(sb.sys_chunk_array_size = le32_of(96), "system chunk array too small 96 < 97");
	INVALID(sb.sys_chunk_array_size = le32_of(2049), "system chunk array too big 2049 > 2048");
	INVALID(sb.sys_chunk_array[8] = 1, "unexpected item type 1 in sys_array at offset 17");
	INVALID(put_le16(sb.sys_chunk_array + 17 + 44, 0), "invalid number of stripes 0 in sys_array at offset 17");
	INVALID(put_le16(sb.sys_chunk_array + 17 + 44, 2), "sys_array too short to read 112 bytes at offset 17");
	INVALID(sb.sys_chunk_array_size = le32_of(100), "sys_array too short to read 17 bytes at offset 97");
	INVALID(put_chunk(0, 22020096, BTRFS_BLOCK_GROUP_DATA), "invalid chunk type 0x1 in sys_array at offset 17");
	INVALID(put_le64(sb.sys_chunk_array + 17 + 16, 4096),
		"corrupt superblock syschunk array: chunk_start=22020096, invalid chunk stripe length: 4096");
}

TEST(what_only_the_kernel_refuses)
{
	REFUSED(sb.flags = le64_of(1ULL << 36 | 1), "unrecognized or unsupported super flag: 0x1000000000");
	REFUSED(sb.leafsize = le32_of(4096), "invalid leafsize 4096, should be 16384");
	REFUSED(sb.num_devices = le64_of(0), "number of devices is 0");
	REFUSED(sb.incompat_flags = le64_of(0x365), "unequal nodesize/sectorsize (16384 != 4096) are not allowed for mixed block groups");
	REFUSED(sb.incompat_flags = le64_of(0x161), "block-group-tree feature requires free-space-tree and no-holes");
	REFUSED(sb.compat_ro_flags = le64_of(9), "block-group-tree feature requires free-space-tree and no-holes");
}

TEST(metadata_uuid_is_what_headers_carry)
{
	valid();
	CHECK(super_metadata_uuid(&sb) == sb.fsid);
	sb.incompat_flags = le64_of(0x361 | BTRFS_FEATURE_INCOMPAT_METADATA_UUID);
	CHECK(super_metadata_uuid(&sb) == sb.metadata_uuid);
	CHECK(strstr(verdict(), "dev_item UUID does not match fsid: 00000000") != NULL);
	memset(sb.metadata_uuid, 0x11, 16);
	memset(sb.fsid, 0x33, 16);
	CHECK_STR(verdict(), "");
	sb.dev_item.fsid[0] = 0; /* a change in progress may leave it behind */
	sb.flags = le64_of(BTRFS_SUPER_FLAG_CHANGING_FSID_V2 | 1);
	super_set_csum(&sb);
	CHECK_EQ(super_validate(&sb, 65536, NULL), 0);
}

static const char *features_verdict(u64 incompat, u64 ro, bool write)
{
	static struct err err;

	valid();
	sb.incompat_flags = le64_of(incompat);
	sb.compat_ro_flags = le64_of(ro);
	err_clear(&err);
	return super_check_features(&sb, write, &err) ? err_text(&err) : "";
}

TEST(unsupported_features_are_refused_by_name)
{
	CHECK_STR(features_verdict(0x361, 0xb, true), "");
	CHECK_STR(features_verdict(BTRFS_FEATURE_INCOMPAT_EXTENT_TREE_V2, 0, false), "unsupported feature for reading: EXTENT_TREE_V2");
	CHECK_STR(features_verdict(BTRFS_FEATURE_INCOMPAT_REMAP_TREE | 1ULL << 40, 0, false),
		  "unsupported feature for reading: REMAP_TREE, unknown incompat bit 0x10000000000");
	CHECK_STR(features_verdict(1 << 15, 0, false), "unsupported feature for reading: unknown incompat bit 0x8000");
	CHECK_STR(features_verdict(BTRFS_FEATURE_INCOMPAT_ZONED, 0, false), "");
	CHECK_STR(features_verdict(BTRFS_FEATURE_INCOMPAT_ZONED, 0, true), "unsupported feature for writing: ZONED");
	CHECK_STR(features_verdict(1, 1 << 4, false), "");
	CHECK_STR(features_verdict(1, 1 << 4, true), "unsupported feature for writing: unknown compat_ro bit 0x10");
}

TEST(features_are_found_by_option_and_alias)
{
	CHECK_STR(feature_by_option("fst", 3)->name, "FREE_SPACE_TREE");
	CHECK_STR(feature_by_option("block-group-tree", 16)->name, "BLOCK_GROUP_TREE");
	CHECK(feature_by_option("quota", 5)->incompat == 0);
	CHECK(feature_by_option("bgt-", 3) == feature_by_option("bgt", 3));
	CHECK(feature_by_option("bg", 2) == NULL);
	CHECK(feature_by_option("", 0) == NULL);
}

TEST(every_known_bit_has_a_name)
{
	for (int i = 0; i < 64; i++) {
		CHECK_EQ(feature_bit_name(1ULL << i, 0) != NULL, !!(SUPER_INCOMPAT_KNOWN & 1ULL << i));
		CHECK_EQ(feature_bit_name(0, 1ULL << i) != NULL, !!(SUPER_COMPAT_RO_KNOWN & 1ULL << i));
	}
	CHECK_STR(feature_bit_name(0, 1), "FREE_SPACE_TREE");
	CHECK_STR(feature_bit_name(0, 2), "FREE_SPACE_TREE_VALID");
}

TEST(the_array_is_iterated_to_its_end)
{
	const struct disk_chunk *chunk;
	u32 pos = 0, size;
	struct key key;

	valid();
	put_chunk(97, 30408704, BTRFS_BLOCK_GROUP_SYSTEM);
	sb.sys_chunk_array_size = le32_of(194);
	CHECK_EQ(super_sys_chunk_next(&sb, &pos, &key, &chunk, &size, NULL), 1);
	CHECK_EQ(key.offset, 22020096);
	CHECK_EQ(size, 80);
	CHECK_EQ(super_sys_chunk_next(&sb, &pos, &key, &chunk, &size, NULL), 1);
	CHECK_EQ(key.offset, 30408704);
	CHECK_EQ(le64_get(chunk->stripes[0].offset), 30408704);
	CHECK_EQ(super_sys_chunk_next(&sb, &pos, &key, &chunk, &size, NULL), 0);
	CHECK_EQ(pos, 194);
}

TEST(geometry_is_what_the_superblock_says)
{
	struct geometry geo;

	valid();
	sb.csum_type = le16_of(2);
	geometry_from_super(&geo, &sb);
	CHECK_EQ(geo.nodesize, 16384);
	CHECK_EQ(geo.sectorsize, 4096);
	CHECK_EQ(geo.csum_size, 32);
	CHECK_EQ(geo.generation, 9);
	CHECK(geo_incompat(&geo, BTRFS_FEATURE_INCOMPAT_NO_HOLES) && !geo_incompat(&geo, BTRFS_FEATURE_INCOMPAT_ZONED));
	CHECK(geo_compat_ro(&geo, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE));
}

UNIT_MAIN
