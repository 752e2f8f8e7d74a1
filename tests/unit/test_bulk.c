/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees built from the bottom up: read back in order, as many blocks as counted before, every leaf but the last full. */
#include "tests/unit/unit.h"
#include "tests/unit/synth.h"
#include "kernel-shared/tree/bulk.h"

struct sink { struct bulk_sink s; struct synth *synth; u64 blocks, leaves; };
static int place(struct bulk_sink *s, u8 level, u64 *bytenr, struct err *err)
{
	struct sink *k = container_of(s, struct sink, s);

	*bytenr = k->synth->next;
	k->synth->next += SYNTH_NODE;
	return 0;
}
static int emit(struct bulk_sink *s, u8 level, u64 bytenr, const struct key *first, const void *block, struct err *err)
{
	struct sink *k = container_of(s, struct sink, s);
	u8 copy[SYNTH_NODE];

	memcpy(copy, block, SYNTH_NODE);
	synth_write(k->synth, copy, bytenr, 0);
	k->blocks++;
	k->leaves += !level;
	return 0;
}

static u32 size_of(u64 i) { return i * 37 % 90 + (i % 500 ? 0 : 2000); }

static void build(u64 n)
{
	struct synth s;
	struct sink k = { .s = { place, emit }, .synth = &s };
	u8 uuid[16] = { 7 }, data[4096], level, levels;
	struct bulk_args args = { .id = BTRFS_QUOTA_TREE_OBJECTID, .transid = SYNTH_GEN, .chunk_uuid = uuid, .sink = &k.s };
	struct bulk_count c;
	struct err err = ERR_INIT;
	struct bulk *b;
	struct tree t;
	struct item item;
	u64 bytenr, i = 0;

	synth_init(&s, 1, MiB(8));
	args.geo = &s.vol->geo;
	args.fsid = s.vol->fsids[0];
	bulk_count_init(&c, SYNTH_NODE);
	CHECK_EQ(bulk_new(&args, &b), 0);
	for (i = 0; i < n; i++) {
		struct key key = KEY(i / 100, BTRFS_QGROUP_RELATION_KEY, i % 100);

		bulk_count_item(&c, size_of(i));
		memset(data, (int)i, sizeof(data));
		CHECK_OK(bulk_add(b, &key, data, size_of(i), &err), &err);
		CHECK_EQ(bulk_add(b, &key, data, 1, &err), -EINVAL);
	}
	CHECK_OK(bulk_finish(b, &bytenr, &level, &err), &err);
	bulk_free(b);
	CHECK_EQ(k.blocks, bulk_count_blocks(&c, &levels));
	CHECK_EQ(level, levels);
	tree_init(&t, &s.store, args.id, bytenr, SYNTH_GEN, level);
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&t, KEY_MIN, KEY_MAX);
	for (i = 0; tree_next(&it, &item, &err) == 0; i++) {
		CHECK_EQ(item.key.objectid, i / 100);
		CHECK_EQ(item.key.offset, i % 100);
		CHECK_EQ(item.size, size_of(i));
		CHECK(!item.size || (item.data[0] == (u8)i && item.data[item.size - 1] == (u8)i));
	}
	CHECK_EQ(i, n);
	tree_iter_fini(&it);
	tree_fini(&t);
	synth_fini(&s);
}

TEST(an_empty_tree_is_one_leaf) { build(0); }
TEST(one_item) { build(1); }
TEST(two_levels) { build(3000); }
TEST(three_levels) { build(40000); }

UNIT_MAIN
