/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "tests/unit/synth.h"

static const u64 sizes[] = { 0, 1, 2, SYNTH_LEAF - 1, SYNTH_LEAF, SYNTH_LEAF + 1, 1000, 30000 };

/* Every key that exists, the gap behind each, and both ends of the key space. */
static int probe(struct tree *t, u64 n, struct err *err)
{
	struct path p = PATH_INIT;
	struct item item;
	int bad = 0;

	for (u64 i = 0; i < n && !bad; i++) {
		struct key key = synth_key(i), gap = key_next(key);

		bad |= tree_search(t, &key, &p, err) || get_le64(path_item(&p).data) != i;
		bad |= tree_lookup(t, &key, &p, &item, err) || get_le64(item.data) != i;
		bad |= tree_search(t, &gap, &p, err) != 1;
		bad |= tree_lookup(t, &gap, &p, &item, err) != -ENOENT;
		bad |= tree_lookup_le(t, &gap, &p, &item, err) || get_le64(item.data) != i;
		bad |= tree_lookup_le(t, &key, &p, &item, err) || get_le64(item.data) != i;
		bad |= tree_lookup_ge(t, &key, &p, &item, err) || get_le64(item.data) != i;
		if (i + 1 < n)
			bad |= tree_lookup_ge(t, &gap, &p, &item, err) || get_le64(item.data) != i + 1;
		else
			bad |= tree_lookup_ge(t, &gap, &p, &item, err) != -ENOENT;
	}
	bad |= tree_lookup_le(t, &KEY_MIN, &p, &item, err) != -ENOENT;
	bad |= tree_lookup_ge(t, &KEY_MAX, &p, &item, err) != -ENOENT;
	bad |= tree_lookup_ge(t, &KEY_MIN, &p, &item, err) != (n ? 0 : -ENOENT) || (n && get_le64(item.data) != 0);
	bad |= tree_lookup_le(t, &KEY_MAX, &p, &item, err) != (n ? 0 : -ENOENT) || (n && get_le64(item.data) != n - 1);
	path_fini(&p);
	return bad;
}

TEST(keys_are_found_in_trees_of_every_height)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct err err = ERR_INIT;
		struct synth s;
		struct tree t;

		synth_init(&s, 1, MiB(16));
		synth_tree(&s, &t, sizes[i]);
		CHECK_EQ(probe(&t, sizes[i], &err), 0);
		tree_fini(&t);
		synth_fini(&s);
	}
}

TEST(a_path_walks_to_both_ends_and_back)
{
	enum { N = 3000 };
	struct path p = PATH_INIT;
	struct err err = ERR_INIT;
	struct key key = synth_key(0);
	struct synth s;
	struct tree t;

	synth_init(&s, 1, MiB(16));
	synth_tree(&s, &t, N);
	CHECK_EQ(tree_search(&t, &key, &p, &err), 0);
	for (u64 i = 1; i < N; i++) {
		CHECK_EQ(path_next(&t, &p, &err), 0);
		CHECK_EQ(get_le64(path_item(&p).data), i);
	}
	CHECK_EQ(path_next(&t, &p, &err), 1);
	CHECK_EQ(path_next(&t, &p, &err), 1);
	for (u64 i = N; i-- > 0;) {
		CHECK_EQ(path_prev(&t, &p, &err), 0);
		CHECK_EQ(get_le64(path_item(&p).data), i);
	}
	CHECK_EQ(path_prev(&t, &p, &err), 1);
	CHECK_EQ(path_next(&t, &p, &err), 0);
	CHECK_EQ(get_le64(path_item(&p).data), 0);
	/* back and forth over a leaf's edge */
	key = synth_key(SYNTH_LEAF - 1);
	CHECK_EQ(tree_search(&t, &key, &p, &err), 0);
	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < i; k++)
			CHECK_EQ(path_next(&t, &p, &err), 0);
		for (int k = 0; k < i; k++)
			CHECK_EQ(path_prev(&t, &p, &err), 0);
		CHECK_EQ(get_le64(path_item(&p).data), SYNTH_LEAF - 1);
	}
	path_fini(&p);
	synth_fini(&s);
}

TEST(a_path_on_an_empty_tree_has_no_neighbours)
{
	struct path p = PATH_INIT;
	struct err err = ERR_INIT;
	struct key key = synth_key(0);
	struct synth s;
	struct tree t;

	synth_init(&s, 1, MiB(1));
	synth_tree(&s, &t, 0);
	CHECK_EQ(tree_search(&t, &key, &p, &err), 1);
	CHECK_EQ(path_settle(&t, &p, &err), 1);
	CHECK_EQ(path_next(&t, &p, &err), 1);
	CHECK_EQ(path_prev(&t, &p, &err), 1);
	path_fini(&p);
	CHECK_EQ(path_next(&t, &p, &err), 1);
	synth_fini(&s);
}

TEST(a_search_through_a_bad_block_fails_and_leaves_nothing_held)
{
	struct path p = PATH_INIT;
	struct err err = ERR_INIT;
	struct key key = synth_key(0);
	u8 zero[SYNTH_NODE] = { 0 };
	struct synth s;
	struct tree t;

	synth_init(&s, 1, MiB(16));
	synth_tree(&s, &t, 1000);
	bdev_write(s.dev, MiB(1), zero, sizeof(zero), NULL);
	bdev_write(s.dev, MiB(1) + SYNTH_LEN, zero, sizeof(zero), NULL);
	CHECK_EQ(tree_search(&t, &key, &p, &err), -EIO);
	for (int i = 0; i < BTRFS_MAX_LEVEL; i++)
		CHECK(!p.nodes[i]);
	synth_fini(&s);
}

UNIT_MAIN
