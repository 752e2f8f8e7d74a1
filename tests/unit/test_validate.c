/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "tests/unit/leaf.h"

static struct leaf l;

/* What a lenient run met. */
static struct { char ids[32][32]; char texts[32][256]; int slots[32]; unsigned n; } met;

static void collect(struct validator *v, const struct violation *x)
{
	if (met.n == 32)
		return;
	snprintf(met.ids[met.n], sizeof(met.ids[0]), "%s", x->id);
	snprintf(met.texts[met.n], sizeof(met.texts[0]), "%s", x->text);
	met.slots[met.n++] = x->slot;
}

static unsigned run(const struct geometry *geo)
{
	struct validator v = { .geo = geo, .on_violation = collect, .writing = true };

	met.n = 0;
	block_validate(&v, l.block);
	return v.count;
}

static bool has(const char *id)
{
	for (unsigned i = 0; i < met.n; i++)
		if (!strcmp(met.ids[i], id))
			return true;
	return false;
}

static const char *strict(const struct geometry *geo)
{
	static struct err err;
	struct validator v = { .geo = geo, .err = &err, .writing = true };

	err_clear(&err);
	return block_validate(&v, l.block) ? err_text(&err) : "";
}

TEST(every_sample_is_valid)
{
	struct geometry geo = test_geometry();

	for (unsigned i = 0; i < samples()->n; i++) {
		sample_leaf(&l, &samples()->v[i]);
		if (run(&geo))
			printf("# %s: %s: %s\n", samples()->v[i].name, met.ids[0], met.texts[0]);
		CHECK_EQ(met.n, 0);
	}
}

TEST(every_item_type_has_a_sample)
{
	unsigned n;
	const struct item_type *rows = item_type_all(&n);

	for (unsigned i = 0; i < n; i++) {
		bool found = false;

		for (unsigned k = 0; k < samples()->n; k++)
			found |= samples()->v[k].key.type == rows[i].type;
		if (!found)
			printf("# no sample of %s\n", rows[i].name);
		CHECK(found);
		CHECK(item_type(rows[i].type) == &rows[i]);
		CHECK(!i || rows[i - 1].type < rows[i].type);
	}
	CHECK(item_type(2) == NULL);
}

/* One change to one sample, and the rule that it breaks. */
enum where { OBJECTID, OFFSET, DATA, SIZE, GEO_INCOMPAT };
struct mutation { const char *sample, *id; enum where where; u32 at, len; u64 value; };
#define FIELD(type, member) DATA, offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define WHOLE 0, 8
enum { REFS = sizeof(struct disk_extent_item) };

static const struct mutation mutations[] = {
	{ "inode", "item-size", SIZE, WHOLE, 159 },
	{ "inode", "inode-objectid", OBJECTID, WHOLE, 255 },
	{ "inode", "inode-offset", OFFSET, WHOLE, 1 },
	{ "inode", "inode-generation", FIELD(disk_inode_item, generation), 102 },
	{ "inode", "inode-transid", FIELD(disk_inode_item, transid), 102 },
	{ "inode", "inode-mode-bits", FIELD(disk_inode_item, mode), 0240755 },
	{ "inode", "inode-mode", FIELD(disk_inode_item, mode), 0755 },
	{ "inode", "inode-mode", FIELD(disk_inode_item, mode), 0170755 },
	{ "inode", "inode-nlink", FIELD(disk_inode_item, nlink), 2 },
	{ "inode", "inode-flags", FIELD(disk_inode_item, flags), 1ULL << 12 },
	{ "inode", "inode-ro-flags", FIELD(disk_inode_item, flags), 1ULL << 33 },
	{ "inode-ref", "item-size", SIZE, WHOLE, 10 },
	{ "inode-ref", "inode-ref-overflow", SIZE, WHOLE, 17 },
	{ "inode-ref", "inode-ref-name", FIELD(disk_inode_ref, name_len), 7 },
	{ "inode-ref", "inode-ref-length", FIELD(disk_inode_ref, name_len), 0 },
	{ "inode-extref", "inode-ref-overflow", SIZE, WHOLE, 17 },
	{ "inode-extref", "inode-ref-name", FIELD(disk_inode_extref, name_len), 65535 },
	{ "dir", "dir-header", SIZE, WHOLE, 29 },
	{ "dir", "dir-boundary", SIZE, WHOLE, 32 },
	{ "dir", "dir-boundary", FIELD(disk_dir_item, name_len), 4 },
	{ "dir", "dir-name-len", FIELD(disk_dir_item, name_len), 256 },
	{ "dir", "dir-data", FIELD(disk_dir_item, data_len), 1 },
	{ "dir", "dir-location-type", FIELD(disk_dir_item, location.type), 2 },
	{ "dir", "dir-location-objectid", FIELD(disk_dir_item, location.objectid), 5 },
	{ "dir", "dir-location-offset", FIELD(disk_dir_item, location.offset), 1 },
	{ "dir", "dir-type", FIELD(disk_dir_item, type), 0 },
	{ "dir", "dir-type", FIELD(disk_dir_item, type), 9 },
	{ "dir", "dir-type-key", FIELD(disk_dir_item, type), BTRFS_FT_XATTR },
	{ "dir", "dir-hash", DATA, 31, 1, 'x' },
	{ "dir", "dir-hash", OFFSET, WHOLE, 0x12345 },
	{ "dir-subvol", "dir-location-root", FIELD(disk_dir_item, location.objectid), 0 },
	{ "dir-subvol", "dir-location-root", FIELD(disk_dir_item, location.objectid), 1ULL << 48 },
	{ "xattr", "xattr-location", FIELD(disk_dir_item, location.objectid), 257 },
	{ "xattr", "dir-type-key", FIELD(disk_dir_item, type), BTRFS_FT_REG_FILE },
	{ "xattr", "dir-hash", DATA, 35, 1, 'x' },
	{ "xattr", "dir-data-len", FIELD(disk_dir_item, data_len), 16221 },
	{ "extent-regular", "item-size", SIZE, WHOLE, 20 },
	{ "extent-regular", "file-extent-size", SIZE, WHOLE, 52 },
	{ "extent-regular", "file-extent-key-align", OFFSET, WHOLE, 4095 },
	{ "extent-regular", "file-extent-type", FIELD(disk_file_extent_item, type), 3 },
	{ "extent-regular", "file-extent-compression", FIELD(disk_file_extent_item, compression), 4 },
	{ "extent-regular", "file-extent-encryption", FIELD(disk_file_extent_item, encryption), 1 },
	{ "extent-regular", "file-extent-ram-align", FIELD(disk_file_extent_item, ram_bytes), 5242881 },
	{ "extent-regular", "file-extent-bytenr-align", FIELD(disk_file_extent_item, disk_bytenr), 512 },
	{ "extent-regular", "file-extent-disk-align", FIELD(disk_file_extent_item, disk_num_bytes), 2048 },
	{ "extent-regular", "file-extent-offset-align", FIELD(disk_file_extent_item, offset), 1 },
	{ "extent-regular", "file-extent-num-align", FIELD(disk_file_extent_item, num_bytes), 1 },
	{ "extent-regular", "file-extent-overflow", FIELD(disk_file_extent_item, num_bytes), -4096ULL },
	{ "extent-inline", "file-extent-inline-offset", OFFSET, WHOLE, 4096 },
	{ "extent-inline", "file-extent-inline-size", FIELD(disk_file_extent_item, ram_bytes), 7 },
	{ "csum", "csum-objectid", OBJECTID, WHOLE, 256 },
	{ "csum", "csum-key-align", OFFSET, WHOLE, 1 },
	{ "csum", "csum-size", SIZE, WHOLE, 7 },
	{ "root", "item-size", SIZE, WHOLE, 238 },
	{ "root", "root-size", SIZE, WHOLE, 438 },
	{ "root", "root-objectid", OBJECTID, WHOLE, 0 },
	{ "root", "root-generation", FIELD(disk_root_item, generation), 102 },
	{ "root", "root-generation-v2", FIELD(disk_root_item, generation_v2), 102 },
	{ "root", "root-last-snapshot", FIELD(disk_root_item, last_snapshot), 102 },
	{ "root", "root-bytenr", FIELD(disk_root_item, bytenr), 30507009 },
	{ "root", "root-level", FIELD(disk_root_item, level), 8 },
	{ "root", "root-drop-level", FIELD(disk_root_item, drop_level), 8 },
	{ "root", "root-drop-progress", FIELD(disk_root_item, drop_progress.objectid), 1 },
	{ "root", "root-flags", FIELD(disk_root_item, flags), 2 },
	{ "root-reloc", "root-reloc", OFFSET, WHOLE, 0 },
	{ "root-reloc", "root-reloc", OFFSET, WHOLE, 4 },
	{ "root-ref", "item-size", SIZE, WHOLE, 18 },
	{ "root-ref", "root-ref-size", SIZE, WHOLE, 21 },
	{ "root-backref", "root-ref-size", FIELD(disk_root_ref, name_len), 3 },
	{ "root-backref", "root-ref-name-len", FIELD(disk_root_ref, name_len), 256 },
	{ "extent-data", "item-size", SIZE, WHOLE, 23 },
	{ "extent-data", "extent-bytenr", OBJECTID, WHOLE, 13631489 },
	{ "extent-data", "extent-data-length", OFFSET, WHOLE, 4097 },
	{ "extent-data", "extent-generation", FIELD(disk_extent_item, generation), 102 },
	{ "extent-data", "extent-flags", FIELD(disk_extent_item, flags), 3 },
	{ "extent-data", "extent-flags", FIELD(disk_extent_item, flags), 0 },
	{ "extent-data", "extent-full-backref", FIELD(disk_extent_item, flags), 0x101 },
	{ "extent-data", "extent-refs", FIELD(disk_extent_item, refs), 3 },
	{ "extent-data", "inline-ref-type", DATA, REFS + 9, 1, 173 },
	{ "extent-data", "inline-ref-overflow", SIZE, WHOLE, REFS + 9 + 28 },
	{ "extent-data", "data-ref-root", DATA, REFS + 10, 8, 2 },
	{ "extent-data", "data-ref-objectid", DATA, REFS + 18, 8, 255 },
	{ "extent-data", "data-ref-offset", DATA, REFS + 26, 8, 1 },
	{ "extent-data", "data-ref-count", DATA, REFS + 34, 4, 0 },
	{ "extent-data", "shared-ref-parent", DATA, REFS + 39, 8, 0x1d68001 },
	{ "extent-data", "shared-ref-count", DATA, REFS + 47, 4, 0 },
	{ "extent-data", "inline-ref-seq-order", DATA, REFS + 39, 8, 0x1d60000 },
	{ "extent-data", "inline-ref-type-order", DATA, REFS, 1, BTRFS_SHARED_BLOCK_REF_KEY },
	{ "extent-tree", "extent-tree-length", OFFSET, WHOLE, 4096 },
	{ "extent-tree", "extent-info-level", DATA, REFS + 17, 1, 8 },
	{ "extent-tree", "extent-info-size", SIZE, WHOLE, REFS + 17 },
	{ "metadata", "extent-level", OFFSET, WHOLE, 8 },
	{ "metadata", "extent-data-key", FIELD(disk_extent_item, flags), 1 },
	{ "metadata", "extent-skinny", GEO_INCOMPAT, 0, 0, BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA },
	{ "tree-block-ref", "item-size", SIZE, WHOLE, 1 },
	{ "tree-block-ref", "ref-bytenr", OBJECTID, WHOLE, 1 },
	{ "shared-block-ref", "shared-ref-parent", OFFSET, WHOLE, 1 },
	{ "shared-data-ref", "item-size", SIZE, WHOLE, 5 },
	{ "shared-data-ref", "shared-ref-count", DATA, 0, 4, 0 },
	{ "data-ref", "data-ref-size", SIZE, WHOLE, 27 },
	{ "data-ref", "ref-bytenr", OBJECTID, WHOLE, 1 },
	{ "data-ref", "data-ref-root", DATA, 0, 8, 3 },
	{ "data-ref", "data-ref-objectid", DATA, 8, 8, -255ULL },
	{ "data-ref", "data-ref-offset", DATA, 16, 8, 1 },
	{ "data-ref", "data-ref-count", DATA, 24, 4, 0 },
	{ "chunk", "chunk-size", SIZE, WHOLE, 111 },
	{ "chunk", "chunk-size", FIELD(disk_chunk, num_stripes), 3 },
	{ "chunk", "chunk-logical", OFFSET, WHOLE, 1 },
	{ "chunk", "chunk-sectorsize", FIELD(disk_chunk, sector_size), 512 },
	{ "chunk", "chunk-length", FIELD(disk_chunk, length), 0 },
	{ "chunk", "chunk-length", FIELD(disk_chunk, length), 4097 },
	{ "chunk", "chunk-overflow", OFFSET, WHOLE, -4096ULL },
	{ "chunk", "chunk-stripe-len", FIELD(disk_chunk, stripe_len), 4096 },
	{ "chunk", "chunk-too-long", FIELD(disk_chunk, length), 0xffffffffULL << 16 },
	{ "chunk", "chunk-type-unknown", FIELD(disk_chunk, type), 1ULL << 13 | 34 },
	{ "chunk", "chunk-profile", FIELD(disk_chunk, type), 0x32 },
	{ "chunk", "chunk-type-missing", FIELD(disk_chunk, type), 0x20 },
	{ "chunk", "chunk-type-conflict", FIELD(disk_chunk, type), 0x23 },
	{ "chunk", "chunk-type-mixed", FIELD(disk_chunk, type), 0x25 },
	{ "chunk", "chunk-copies", FIELD(disk_chunk, type), 0x202 },
	{ "chunk", "chunk-parity", FIELD(disk_chunk, type), 0x102 },
	{ "chunk", "chunk-stripes", FIELD(disk_chunk, type), 2 },
	{ "chunk", "chunk-stripes", FIELD(disk_chunk, type), 0x42 },
	{ "block-group", "item-size", SIZE, WHOLE, 23 },
	{ "block-group", "bg-size", SIZE, WHOLE, 24 },
	{ "block-group", "bg-length", OFFSET, WHOLE, 0 },
	{ "block-group", "bg-chunk-objectid", FIELD(disk_block_group_item, chunk_objectid), 255 },
	{ "block-group", "bg-used", FIELD(disk_block_group_item, used), 8388609 },
	{ "block-group", "bg-profile", FIELD(disk_block_group_item, flags), 0x31 },
	{ "block-group", "bg-type", FIELD(disk_block_group_item, flags), 3 },
	{ "block-group", "bg-type", FIELD(disk_block_group_item, flags), 0x10 },
	{ "raid-stripe", "raid-stripe-align", OBJECTID, WHOLE, 1 },
	{ "raid-stripe", "raid-stripe-feature", GEO_INCOMPAT, 0, 0, BTRFS_FEATURE_INCOMPAT_RAID_STRIPE_TREE },
	{ "remap", "remap-feature", GEO_INCOMPAT, 0, 0, BTRFS_FEATURE_INCOMPAT_REMAP_TREE },
	{ "remap", "item-size", SIZE, WHOLE, 7 },
	{ "remap", "remap-length", OFFSET, WHOLE, 0 },
	{ "remap", "remap-align", OFFSET, WHOLE, 1 },
	{ "remap-backref", "remap-overflow", OBJECTID, WHOLE, -4096ULL },
	{ "identity-remap", "item-size", SIZE, WHOLE, 1 },
	{ "dev", "item-size", SIZE, WHOLE, 97 },
	{ "dev", "dev-objectid", OBJECTID, WHOLE, 2 },
	{ "dev", "dev-devid", OFFSET, WHOLE, 2 },
	{ "dev", "dev-bytes-used", FIELD(disk_dev_item, bytes_used), 114294785 },
	{ "dev-extent", "item-size", SIZE, WHOLE, 47 },
	{ "dev-extent", "dev-extent-tree", FIELD(disk_dev_extent, chunk_tree), 4 },
	{ "dev-extent", "dev-extent-objectid", FIELD(disk_dev_extent, chunk_objectid), 4 },
	{ "dev-extent", "dev-extent-offset", OFFSET, WHOLE, 1 },
	{ "dev-extent", "dev-extent-chunk-offset", FIELD(disk_dev_extent, chunk_offset), 1 },
	{ "dev-extent", "dev-extent-length", FIELD(disk_dev_extent, length), 1 },
	{ "free-space-info", "item-size", SIZE, WHOLE, 9 },
	{ "free-space-info", "free-space-start", OBJECTID, WHOLE, 1 },
	{ "free-space-info", "free-space-length", OFFSET, WHOLE, 1 },
	{ "free-space-info", "free-space-flags", FIELD(disk_free_space_info, flags), 2 },
	{ "free-space-info", "free-space-count", FIELD(disk_free_space_info, extent_count), 2049 },
	{ "free-space-extent", "item-size", SIZE, WHOLE, 1 },
	{ "free-space-extent", "free-space-start", OBJECTID, WHOLE, 1 },
	{ "free-space-bitmap", "free-space-length", OFFSET, WHOLE, 1 },
	{ "free-space-bitmap", "free-space-bitmap-empty", OFFSET, WHOLE, 0 },
	{ "free-space-bitmap", "free-space-bitmap-size", SIZE, WHOLE, 255 },
};

static void mutate(const struct mutation *m, struct geometry *geo)
{
	struct sample x = *sample(m->sample);
	u8 value[8];

	*geo = test_geometry();
	put_le64(value, m->value);
	switch (m->where) {
	case OBJECTID: x.key.objectid = m->value; break;
	case OFFSET: x.key.offset = m->value; break;
	case DATA: memcpy(x.data + m->at, value, m->len); break;
	case SIZE: x.size = m->value; break;
	case GEO_INCOMPAT: geo->incompat &= ~m->value; break;
	}
	sample_leaf(&l, &x);
}

TEST(every_broken_rule_is_caught_by_its_id)
{
	struct geometry geo;
	unsigned failures = 0;

	for (size_t i = 0; i < ARRAY_SIZE(mutations); i++) {
		mutate(&mutations[i], &geo);
		run(&geo);
		if (has(mutations[i].id) && *strict(&geo))
			continue;
		failures++;
		printf("# %s: %s not met, but %u others: %s %s\n", mutations[i].sample, mutations[i].id, met.n, met.n ? met.ids[0] : "", met.n ? met.texts[0] : "");
	}
	CHECK_EQ(failures, 0);
}

TEST(messages_name_place_value_and_rule)
{
	struct geometry geo = test_geometry();
	struct sample x = *sample("extent-regular");

	put_le64(x.data + offsetof(struct disk_file_extent_item, num_bytes), 8193);
	sample_leaf(&l, &x);
	CHECK_STR(strict(&geo), "corrupt leaf: root=5 block=30408704 slot=0 ino=258 file_offset=4096, invalid num_bytes for file extent, have 8193, "
				"should be aligned to 4096");
	x = *sample("dir");
	x.key.offset = 7;
	sample_leaf(&l, &x);
	CHECK_STR(strict(&geo), "corrupt leaf: root=5 block=30408704 slot=0 ino=256, name hash mismatch with key, have 0x00000000957ac39c expect "
				"0x0000000000000007");
	leaf_init(&l, 16384, BTRFS_FS_TREE_OBJECTID);
	CHECK_STR(strict(&geo), "corrupt leaf: root=5 block=30408704 slot=0, invalid root, root 5 must never be empty");
}

TEST(lenient_collects_all_and_strict_stops_at_the_first)
{
	struct geometry geo = test_geometry();
	struct sample x = *sample("inode");
	struct err err = ERR_INIT;
	struct validator v = { .geo = &geo, .err = &err };

	put_le64(x.data + offsetof(struct disk_inode_item, generation), 1000);
	put_le64(x.data + offsetof(struct disk_inode_item, flags), 1 << 13);
	leaf_init(&l, 16384, 5);
	leaf_add(&l, x.key, x.data, x.size);
	x.key.objectid = 300;
	leaf_add(&l, x.key, x.data, x.size);
	CHECK_EQ(run(&geo), 4);
	CHECK_EQ(met.slots[0], 0);
	CHECK_EQ(met.slots[3], 1);
	CHECK_EQ(block_validate(&v, l.block), (u64)-EUCLEAN);
	CHECK_EQ(v.count, 1);
	CHECK(!v.structural);
}

TEST(readers_tolerate_ro_flags_of_the_future)
{
	struct geometry geo = test_geometry();
	struct sample x = *sample("inode");
	struct validator v = { .geo = &geo };

	put_le64(x.data + offsetof(struct disk_inode_item, flags), 1ULL << 40);
	sample_leaf(&l, &x);
	CHECK_EQ(block_validate(&v, l.block), 0);
	v.writing = true;
	CHECK_EQ(block_validate(&v, l.block), (u64)-EUCLEAN);
}

TEST(generation_may_be_one_ahead)
{
	struct geometry geo = test_geometry();
	struct sample x = *sample("inode");

	put_le64(x.data, 101);
	sample_leaf(&l, &x);
	CHECK_EQ(run(&geo), 0);
	geo.generation = -1ULL;
	put_le64(x.data, -1ULL);
	sample_leaf(&l, &x);
	CHECK_EQ(run(&geo), 0);
}

static void two(const char *first, const char *second, u64 owner)
{
	const struct sample *a = sample(first), *b = sample(second);

	leaf_init(&l, 16384, owner);
	leaf_add(&l, a->key, a->data, a->size);
	leaf_add(&l, b->key, b->data, b->size);
}

TEST(items_of_an_inode_follow_each_other_in_subvolumes)
{
	struct geometry geo = test_geometry();

	two("inode", "inode-ref", 5);
	CHECK_EQ(run(&geo), 1);
	CHECK(has("inode-previous"));
	CHECK_EQ(met.slots[0], 1);
	two("inode", "inode-ref", BTRFS_TREE_LOG_OBJECTID);
	CHECK_EQ(run(&geo), 0);
	two("inode", "dir", 5);
	CHECK_EQ(run(&geo), 0);
	two("inode", "xattr", 300);
	CHECK(run(&geo) == 1 && has("inode-previous"));
	two("inode", "extent-inline", 300);
	CHECK(run(&geo) == 1 && has("inode-previous"));
}

TEST(ranges_must_not_overlap_the_item_before)
{
	struct geometry geo = test_geometry();
	struct sample x = *sample("extent-regular");

	leaf_init(&l, 16384, 5);
	leaf_add(&l, x.key, x.data, x.size); /* 4096 + 8192 */
	x.key.offset = 8192;
	leaf_add(&l, x.key, x.data, x.size);
	CHECK(run(&geo) == 1 && has("file-extent-overlap"));
	leaf_slot(&l, 1)->key.offset = le64_of(12288);
	CHECK_EQ(run(&geo), 0);

	x = *sample("csum"); /* 8192 bytes of data */
	leaf_init(&l, 16384, 7);
	leaf_add(&l, x.key, x.data, x.size);
	x.key.offset += 4096;
	leaf_add(&l, x.key, x.data, x.size);
	CHECK(run(&geo) == 1 && has("csum-overlap"));

	x = *sample("metadata"); /* nodesize bytes */
	leaf_init(&l, 16384, 2);
	leaf_add(&l, x.key, x.data, x.size);
	x.key.objectid += 4096;
	leaf_add(&l, x.key, x.data, x.size);
	CHECK(run(&geo) == 1 && has("extent-item-overlap"));

	x = *sample("dev-extent");
	leaf_init(&l, 16384, 4);
	leaf_add(&l, x.key, x.data, x.size);
	x.key.offset += 4096;
	leaf_add(&l, x.key, x.data, x.size);
	CHECK(run(&geo) == 1 && has("dev-extent-overlap"));
	leaf_slot(&l, 1)->key.objectid = le64_of(2);
	CHECK_EQ(run(&geo), 0);
}

TEST(an_inline_extent_reaches_to_the_end_of_its_sector)
{
	struct geometry geo = test_geometry();
	struct sample x = *sample("extent-inline"), y = *sample("extent-regular");

	leaf_init(&l, 16384, 5);
	leaf_add(&l, x.key, x.data, x.size);
	y.key.objectid = x.key.objectid;
	y.key.offset = 4096;
	leaf_add(&l, y.key, y.data, y.size);
	CHECK_EQ(run(&geo), 0);
	put_le64(x.data + 8, 4097);
	x.data[16] = BTRFS_COMPRESS_ZLIB;
	leaf_init(&l, 16384, 5);
	leaf_add(&l, x.key, x.data, x.size);
	leaf_add(&l, y.key, y.data, y.size);
	CHECK(run(&geo) == 1 && has("file-extent-overlap"));
}

TEST(only_inode_ref_limits_the_length_of_a_name)
{
	static const struct { u32 len; bool good; } cases[] = { { 0, false }, { 1, true }, { 255, true }, { 256, false } };
	struct geometry geo = test_geometry();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		u8 *p;

		leaf_init(&l, 16384, 5);
		p = leaf_add(&l, KEY(257, BTRFS_INODE_REF_KEY, 256), NULL, sizeof(struct disk_inode_ref) + cases[i].len);
		put_le16(p + 8, cases[i].len);
		CHECK_EQ(run(&geo) == 0, cases[i].good);
		leaf_init(&l, 16384, 5);
		p = leaf_add(&l, KEY(257, BTRFS_INODE_EXTREF_KEY, 0), NULL, sizeof(struct disk_inode_extref) + cases[i].len);
		put_le16(p + 16, cases[i].len);
		CHECK_EQ(run(&geo), 0);
	}
}

TEST(which_trees_may_be_empty)
{
	static const u64 never[] = { 0, 1, 2, 3, 4, 5, BTRFS_DATA_RELOC_TREE_OBJECTID };
	static const u64 may[] = { 7, 8, 9, 10, 11, 12, 13, 256, BTRFS_TREE_LOG_OBJECTID };
	struct geometry geo = test_geometry();

	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		leaf_init(&l, 16384, never[i]);
		CHECK(run(&geo) == 1 && has("leaf-empty"));
	}
	leaf_header(&l)->flags = le64_of(BTRFS_HEADER_FLAG_WRITTEN | BTRFS_HEADER_FLAG_RELOC);
	CHECK_EQ(run(&geo), 0);
	for (size_t i = 0; i < ARRAY_SIZE(may); i++) {
		leaf_init(&l, 16384, may[i]);
		CHECK_EQ(run(&geo), 0);
	}
	geo.incompat |= BTRFS_FEATURE_INCOMPAT_EXTENT_TREE_V2;
	leaf_init(&l, 16384, 2);
	CHECK_EQ(run(&geo), 0);
}

TEST(leaf_layout)
{
	struct geometry geo = test_geometry();
	struct err err = ERR_INIT;
	struct validator v = { .geo = &geo, .err = &err };

	two("inode", "dir", 5);
	leaf_header(&l)->flags = le64_of(0);
	CHECK(run(&geo) == 1 && has("header-written"));

	two("dir", "inode", 5);
	CHECK(run(&geo) == 1 && has("key-order"));
	two("inode", "inode", 5);
	CHECK(run(&geo) == 1 && has("key-order"));

	two("inode", "dir", 5);
	leaf_slot(&l, 0)->offset = le32_of(le32_get(leaf_slot(&l, 0)->offset) - 1);
	run(&geo);
	CHECK(has("item-end"));

	two("inode", "dir", 5);
	leaf_slot(&l, 1)->size = le32_of(-1u);
	CHECK_EQ(block_validate(&v, l.block), (u64)-EUCLEAN);
	CHECK(v.structural);
	CHECK(run(&geo) == 1 && has("item-outside"));
	CHECK(strstr(err_text(&err), "slot=1 ino=256, slot end outside of leaf, have 429498") != NULL);

	leaf_init(&l, 16384, 5);
	leaf_header(&l)->nritems = le32_of(652);
	run(&geo);
	CHECK(has("leaf-nritems"));

	leaf_init(&l, 16384, 1);
	leaf_add(&l, KEY(1, BTRFS_STRING_ITEM_KEY, 0), NULL, 16383 - 101); /* reaches into its own header */
	CHECK(run(&geo) == 1 && has("item-overlap"));

	leaf_init(&l, 16384, 1);
	leaf_add(&l, KEY_MIN, "", 0);
	CHECK(run(&geo) == 1 && has("key-order"));
}

static void node_init(u32 n)
{
	struct disk_key_ptr *ptrs = (struct disk_key_ptr *)(l.block + sizeof(struct disk_header));

	leaf_init(&l, 16384, 5);
	leaf_header(&l)->level = 1;
	leaf_header(&l)->nritems = le32_of(n);
	for (u32 i = 0; i < n; i++)
		ptrs[i] = (struct disk_key_ptr){ key_disk(KEY(256 + i, 1, 0)), le64_of(4096 * (i + 1)), le64_of(9) };
}

TEST(node_rules)
{
	struct disk_key_ptr *ptrs = (struct disk_key_ptr *)(l.block + sizeof(struct disk_header));
	struct geometry geo = test_geometry();

	node_init(493);
	CHECK_EQ(run(&geo), 0);
	leaf_header(&l)->nritems = le32_of(494);
	CHECK(run(&geo) == 1 && has("node-nritems"));
	node_init(0);
	CHECK(run(&geo) == 1 && has("node-nritems"));
	node_init(3);
	leaf_header(&l)->level = 8;
	CHECK(run(&geo) == 1 && has("node-level"));
	node_init(3);
	ptrs[1].key = ptrs[2].key;
	CHECK(run(&geo) == 1 && has("node-key-order"));
	node_init(3);
	ptrs[2].blockptr = le64_of(0); /* the kernel overlooks the last one */
	CHECK(run(&geo) == 1 && has("node-null"));
	node_init(3);
	ptrs[0].blockptr = le64_of(4097);
	CHECK(run(&geo) == 1 && has("node-align"));
	CHECK_STR(strict(&geo), "corrupt node: root=5 block=30408704 slot=0, unaligned pointer, have 4097 should be aligned to 4096");
}

TEST(features_change_the_rules)
{
	struct geometry geo = test_geometry();
	struct sample x = *sample("block-group"), c = *sample("chunk");

	geo.incompat &= ~BTRFS_FEATURE_INCOMPAT_REMAP_TREE;
	x.size = sizeof(struct disk_block_group_item);
	sample_leaf(&l, &x);
	CHECK_EQ(run(&geo), 0);
	put_le64(x.data + 16, BTRFS_BLOCK_GROUP_METADATA_REMAP);
	sample_leaf(&l, &x);
	CHECK(run(&geo) == 1 && has("bg-remap"));

	geo.incompat |= BTRFS_FEATURE_INCOMPAT_EXTENT_TREE_V2;
	geo.nr_global_roots = 4;
	put_le64(x.data + 16, BTRFS_BLOCK_GROUP_DATA);
	put_le64(x.data + 8, 3);
	sample_leaf(&l, &x);
	CHECK_EQ(run(&geo), 0);
	put_le64(x.data + 8, 4);
	sample_leaf(&l, &x);
	CHECK(run(&geo) == 1 && has("bg-global-root"));

	geo.incompat |= BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS;
	put_le64(c.data + offsetof(struct disk_chunk, type), 0x25);
	sample_leaf(&l, &c);
	CHECK_EQ(run(&geo), 0);
	put_le64(c.data + offsetof(struct disk_chunk, type), 0x22 | BTRFS_BLOCK_GROUP_REMAPPED);
	sample_leaf(&l, &c);
	CHECK(run(&geo) == 1 && has("chunk-type-remap"));
	geo.incompat |= BTRFS_FEATURE_INCOMPAT_REMAP_TREE;
	CHECK_EQ(run(&geo), 0);
	c.size = sizeof(struct disk_chunk); /* all its data has moved */
	put_le16(c.data + offsetof(struct disk_chunk, num_stripes), 0);
	sample_leaf(&l, &c);
	CHECK_EQ(run(&geo), 0);
	put_le64(c.data + offsetof(struct disk_chunk, type), 0x22);
	sample_leaf(&l, &c);
	CHECK(run(&geo) == 1 && has("chunk-no-stripes"));
}

TEST(a_single_item_is_judged_by_the_tree_it_is_meant_for)
{
	struct geometry geo = test_geometry();
	const struct sample *a = sample("inode"), *b = sample("inode-ref");
	struct item first = { a->key, a->data, a->size, 0 }, second = { b->key, b->data, b->size, 1 };
	struct validator v = { .geo = &geo, .tree = 5, .on_violation = collect };

	met.n = 0;
	CHECK_EQ(item_validate(&v, &second, NULL), 0);
	CHECK_EQ(item_validate(&v, &second, &first), (u64)-EUCLEAN);
	CHECK(has("inode-previous"));
	v.tree = BTRFS_TREE_LOG_OBJECTID;
	CHECK_EQ(item_validate(&v, &second, &first), 0);
}

UNIT_MAIN
