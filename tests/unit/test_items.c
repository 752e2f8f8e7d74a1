/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The views of composite items. */
#include "tests/unit/unit.h"
#include "tests/unit/leaf.h"

static struct item item_of(const struct sample *x)
{
	return (struct item){ x->key, x->data, x->size, 0 };
}

TEST(rows_by_type)
{
	CHECK_STR(item_type(BTRFS_INODE_ITEM_KEY)->name, "INODE_ITEM");
	CHECK_EQ(item_type(BTRFS_INODE_ITEM_KEY)->min_size, 160);
	CHECK_EQ(item_type(BTRFS_TREE_BLOCK_REF_KEY)->max_size, 0);
	CHECK_EQ(item_type(BTRFS_DIR_ITEM_KEY)->max_size, ITEM_SIZE_ANY);
	CHECK_STR(item_type(0)->name, "UNTYPED");
	CHECK(item_type(254) == NULL);
}

TEST(a_structure_only_if_the_item_is_long_enough)
{
	struct item i = item_of(sample("inode"));

	CHECK(item_struct(&i, struct disk_inode_item) == (const void *)i.data);
	i.size--;
	CHECK(item_struct(&i, struct disk_inode_item) == NULL);
}

TEST(directory_entries_one_after_the_other)
{
	struct dir_entry_view e;
	struct item i;
	u8 buf[512];
	u32 n, pos = 0;

	n = sample_dir_entry(buf, KEY(257, BTRFS_INODE_ITEM_KEY, 0), BTRFS_FT_REG_FILE, "foo", "");
	n += sample_dir_entry(buf + n, KEY(0, 0, 0), BTRFS_FT_XATTR | 0x80, "user.x", "value");
	i = (struct item){ KEY(256, BTRFS_DIR_ITEM_KEY, 1), buf, n, 0 };
	CHECK(dir_item_next(&i, &pos, &e));
	CHECK_EQ(e.name_len, 3);
	CHECK(!memcmp(e.name, "foo", 3));
	CHECK_EQ(e.location.objectid, 257);
	CHECK_EQ(e.transid, 9);
	CHECK(dir_item_next(&i, &pos, &e));
	CHECK_EQ(e.type, BTRFS_FT_XATTR); /* without the encryption bit */
	CHECK_EQ(e.data_len, 5);
	CHECK(!memcmp(e.data, "value", 5));
	CHECK(!dir_item_next(&i, &pos, &e));
	CHECK_EQ(pos, i.size);
	for (i.size = 0; i.size < n; i.size++) { /* cut anywhere: whole entries, then an end that is not the item's */
		unsigned entries = 0;

		for (pos = 0; dir_item_next(&i, &pos, &e);)
			entries++;
		CHECK(pos <= i.size && entries == (i.size >= 33));
		CHECK_EQ(pos == i.size, i.size == 0 || i.size == 33);
	}
}

TEST(inode_references_of_both_kinds)
{
	struct item i = item_of(sample("inode-ref"));
	struct inode_ref_view r;
	u32 pos = 0;

	CHECK(inode_ref_next(&i, &pos, &r));
	CHECK_EQ(r.parent, 256);
	CHECK_EQ(r.index, 2);
	CHECK_EQ(r.name_len, 6);
	CHECK(!inode_ref_next(&i, &pos, &r) && pos == i.size);
	i = item_of(sample("inode-extref"));
	i.key.offset = 7;
	pos = 0;
	CHECK(inode_ref_next(&i, &pos, &r));
	CHECK_EQ(r.parent, 256);
	CHECK_EQ(r.index, 5);
	CHECK(!memcmp(r.name, "a\\ b\x01\n", 6));
	i.size--;
	pos = 0;
	CHECK(!inode_ref_next(&i, &pos, &r) && pos == 0);
}

TEST(inline_references)
{
	struct geometry geo = test_geometry();
	struct item i = item_of(sample("extent-data"));
	struct extent_view e;
	struct extent_ref_view r;
	u32 pos;

	CHECK_EQ(extent_item_parse(&geo, &i, &e), 0);
	CHECK(e.is_data && !e.has_tree_info);
	CHECK_EQ(e.bytenr, 13631488);
	CHECK_EQ(e.len, 5242880);
	CHECK_EQ(e.refs, 4);
	pos = e.refs_start;
	CHECK(extent_ref_next(&i, &pos, &r));
	CHECK(r.type == BTRFS_EXTENT_OWNER_REF_KEY && r.root == 256 && r.pos == 24);
	CHECK(extent_ref_next(&i, &pos, &r));
	CHECK(r.type == BTRFS_EXTENT_DATA_REF_KEY && r.root == 256 && r.objectid == 258 && r.offset == 0 && r.count == 1);
	CHECK_EQ(r.seq, hash_data_ref(256, 258, 0));
	CHECK(extent_ref_next(&i, &pos, &r));
	CHECK(r.type == BTRFS_SHARED_DATA_REF_KEY && r.parent == 0x1d68000 && r.count == 2 && r.seq == 0x1d68000);
	CHECK(extent_ref_next(&i, &pos, &r));
	CHECK(!extent_ref_next(&i, &pos, &r));
	CHECK_EQ(pos, i.size);
}

TEST(tree_blocks_with_and_without_info)
{
	struct geometry geo = test_geometry();
	struct item i = item_of(sample("extent-tree"));
	struct extent_view e;
	struct extent_ref_view r;
	u32 pos;

	CHECK_EQ(extent_item_parse(&geo, &i, &e), 0);
	CHECK(!e.is_data && e.has_tree_info);
	CHECK_EQ(e.level, 1);
	CHECK_EQ(e.tree_first.objectid, 256);
	pos = e.refs_start;
	CHECK(extent_ref_next(&i, &pos, &r) && r.type == BTRFS_TREE_BLOCK_REF_KEY && r.root == 5 && r.count == 1);
	CHECK(extent_ref_next(&i, &pos, &r) && r.type == BTRFS_SHARED_BLOCK_REF_KEY && r.parent == 0x1d68000);
	i.size = 41;
	CHECK_EQ(extent_item_parse(&geo, &i, &e), (u64)-EUCLEAN);
	i = item_of(sample("metadata"));
	CHECK_EQ(extent_item_parse(&geo, &i, &e), 0);
	CHECK(!e.has_tree_info && e.level == 1 && e.len == geo.nodesize);
}

TEST(keyed_references)
{
	static const struct { const char *sample; u64 root, parent; u32 count, end; } cases[] = {
		{ "tree-block-ref", 5, 0, 1, 1 }, { "shared-block-ref", 0, 0x1d68000, 1, 1 }, { "data-ref", 256, 0, 3, 28 },
		{ "shared-data-ref", 0, 0x1d68000, 7, 4 }, { "owner-ref", 256, 0, 1, 8 },
	};

	for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
		struct item i = item_of(sample(cases[k].sample));
		struct extent_ref_view r;
		u32 pos = 0;

		CHECK(extent_ref_next(&i, &pos, &r));
		CHECK_EQ(r.type, i.key.type);
		CHECK_EQ(r.root, cases[k].root);
		CHECK_EQ(r.parent, cases[k].parent);
		CHECK_EQ(r.count, cases[k].count);
		CHECK(!extent_ref_next(&i, &pos, &r));
		CHECK_EQ(pos, cases[k].end);
	}
}

TEST(file_extents_are_told_apart_by_their_type_not_their_size)
{
	struct sample x = *sample("extent-regular");
	struct file_extent_view e;
	struct item i = item_of(&x);

	CHECK_EQ(file_extent_parse(&i, &e), 0);
	CHECK(e.start == 4096 && e.disk_bytenr == 231735296 && e.disk_num_bytes == 5242880 && e.offset == 4096 && e.num_bytes == 8192);
	x.data[offsetof(struct disk_file_extent_item, type)] = BTRFS_FILE_EXTENT_INLINE;
	CHECK_EQ(file_extent_parse(&i, &e), 0);
	CHECK_EQ(e.inline_len, 32);
	CHECK(e.inline_data == x.data + 21 && e.disk_bytenr == 0 && e.num_bytes == e.ram_bytes);
	i.size = 20;
	CHECK_EQ(file_extent_parse(&i, &e), (u64)-EUCLEAN);
	x.data[offsetof(struct disk_file_extent_item, type)] = BTRFS_FILE_EXTENT_PREALLOC;
	i.size = 52;
	CHECK_EQ(file_extent_parse(&i, &e), (u64)-EUCLEAN);
}

TEST(root_items_of_either_length)
{
	struct sample x = *sample("root");
	struct disk_root_item r;
	struct item i = item_of(&x);

	root_item_parse(&i, &r);
	CHECK_EQ(r.uuid[0], 0xab);
	CHECK_EQ(le64_get(r.otransid), 8);
	put_le64(x.data + offsetof(struct disk_root_item, generation_v2), 8); /* an old kernel wrote it last */
	root_item_parse(&i, &r);
	CHECK_EQ(r.uuid[0], 0);
	CHECK_EQ(le64_get(r.generation_v2), 0);
	CHECK_EQ(le64_get(r.bytenr), 30507008);
	i = item_of(sample("root-legacy"));
	root_item_parse(&i, &r);
	CHECK_EQ(le32_get(r.refs), 1);
	CHECK_EQ(le64_get(r.otransid), 0);
	i.size = 100;
	root_item_parse(&i, &r);
	CHECK_EQ(le64_get(r.bytenr), 0);
}

TEST(root_references)
{
	struct item i = item_of(sample("root-ref"));
	struct root_ref_view r;

	CHECK(root_ref_parse(&i, &r));
	CHECK(r.dirid == 256 && r.sequence == 3 && r.name_len == 4 && !memcmp(r.name, "sub2", 4));
	i.size--;
	CHECK(!root_ref_parse(&i, &r));
	i.size = 17;
	CHECK(!root_ref_parse(&i, &r));
}

UNIT_MAIN
