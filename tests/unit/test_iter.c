/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "tests/unit/synth.h"
#include "kernel-shared/tree/salvage.h"

/* Is what the range gives exactly the numbers first..last-1, in this direction? */
static int range_gives(struct tree *t, struct key lo, struct key hi, bool reverse, u64 first, u64 last)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = reverse ? tree_range_reverse(t, lo, hi) : tree_range(t, lo, hi);
	struct err err = ERR_INIT;
	struct item item;
	int ret;

	for (u64 i = first; i < last; i++) {
		if (tree_next(&it, &item, &err) || get_le64(item.data) != (reverse ? last - 1 - (i - first) : i))
			return -EUCLEAN;
	}
	ret = tree_next(&it, &item, &err);
	if (ret == -ENOENT)
		ret = tree_next(&it, &item, &err);
	return ret == -ENOENT ? 0 : -EUCLEAN;
}

static int ranges(struct tree *t, u64 n, u64 seed)
{
	for (int k = 0; k < 300; k++) {
		u64 a, b;
		struct key lo, hi;
		int gap_lo, gap_hi;

		seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
		a = seed % (n + 1);
		b = a + (seed >> 20) % (n + 1 - a);
		gap_lo = seed >> 50 & 1;
		gap_hi = seed >> 51 & 1;
		/* lo: at a or just behind it; hi: at b or just before it */
		lo = gap_lo ? key_next(synth_key(a)) : synth_key(a);
		hi = gap_hi ? key_prev(synth_key(b)) : synth_key(b);
		for (int reverse = 0; reverse < 2; reverse++) {
			u64 first = min_t(u64, a + gap_lo, n), last = min_t(u64, b + !gap_hi, n);

			if (range_gives(t, lo, hi, reverse, first, max_t(u64, first, last)))
				return k + 1;
		}
	}
	return 0;
}

TEST(ranges_give_what_is_in_them_in_both_directions)
{
	static const u64 sizes[] = { 0, 1, 2, SYNTH_LEAF - 1, SYNTH_LEAF, SYNTH_LEAF + 1, 5000, 30000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned jobs = 1; jobs < 3; jobs++) {
			struct synth s;
			struct tree t;

			/* a small cache, so that leaves are read again and again */
			synth_init(&s, jobs, 64 * SYNTH_NODE);
			synth_tree(&s, &t, sizes[i]);
			CHECK_EQ(range_gives(&t, KEY_MIN, KEY_MAX, false, 0, sizes[i]), 0);
			CHECK_EQ(range_gives(&t, KEY_MIN, KEY_MAX, true, 0, sizes[i]), 0);
			CHECK_EQ(range_gives(&t, KEY_MAX, KEY_MIN, false, 0, 0), 0);
			CHECK_EQ(ranges(&t, sizes[i], 12345 + i), 0);
			synth_fini(&s);
		}
}

TEST(leaves_are_read_ahead_but_not_beyond_the_range)
{
	struct err err = ERR_INIT;
	struct tree_iter it;
	struct item item;
	struct synth s;
	struct tree t;
	u64 cached;

	synth_init(&s, 1, MiB(4));
	synth_tree(&s, &t, 5000);
	/* the range ends in the fourth of 42 leaves: two interior reads at most, and not more leaves than that */
	it = tree_range(&t, KEY_MIN, synth_key(SYNTH_LEAF * 3 + 50));
	synth_reads = 0;
	while (!tree_next(&it, &item, &err))
		;
	tree_iter_fini(&it);
	CHECK(synth_reads <= 4u + t.level);
	it = tree_range(&t, KEY_MIN, KEY_MAX);
	while (!tree_next(&it, &item, &err))
		;
	tree_iter_fini(&it);
	cached = synth_reads;
	CHECK_EQ(range_gives(&t, KEY_MIN, KEY_MAX, true, 0, 5000), 0);
	CHECK_EQ(synth_reads, cached);
	synth_fini(&s);
}

static void wipe(struct synth *s, u64 bytenr)
{
	u8 zero[SYNTH_NODE] = { 0 };

	bdev_write(s->dev, MiB(1) + bytenr - SYNTH_START, zero, sizeof(zero), NULL);
	bdev_write(s->dev, MiB(1) + SYNTH_LEN + bytenr - SYNTH_START, zero, sizeof(zero), NULL);
}

TEST(iteration_goes_on_behind_a_block_that_cannot_be_read)
{
	enum { N = 1000 };
	struct err err = ERR_INIT;
	struct item item;
	struct synth s;
	struct tree t;

	synth_init(&s, 2, MiB(4));
	synth_tree(&s, &t, N);
	wipe(&s, SYNTH_START);                  /* the first leaf */
	wipe(&s, SYNTH_START + 3 * SYNTH_NODE); /* one in the middle */
	for (int reverse = 0; reverse < 2; reverse++) {
		struct tree_iter it = reverse ? tree_range_reverse(&t, KEY_MIN, KEY_MAX) : tree_range(&t, KEY_MIN, KEY_MAX);
		u64 items = 0, errors = 0;
		int ret;

		while ((ret = tree_next(&it, &item, &err)) != -ENOENT && errors < 10) {
			errors += ret != 0;
			items += ret == 0;
		}
		tree_iter_fini(&it);
		CHECK_EQ(errors, 2);
		CHECK_EQ(items, N - 2 * SYNTH_LEAF);
	}
	synth_fini(&s);
}

static bool same_key(struct key a, struct key b) { return key_eq(&a, &b); }

TEST(salvage_tells_which_keys_were_lost)
{
	enum { N = 40000 };
	const u64 wide = (SYNTH_NODE - sizeof(struct disk_header)) / sizeof(struct disk_key_ptr); /* leaves below a node of level 1 */
	const u64 leaves = div_round_up(N, SYNTH_LEAF);
	/* the first leaf; two neighbours; one node of level 1; the last leaf */
	const struct { u64 block, first, last; } lost[] = {
		{ 0, 0, SYNTH_LEAF }, { 5, 5 * SYNTH_LEAF, 6 * SYNTH_LEAF }, { 6, 6 * SYNTH_LEAF, 7 * SYNTH_LEAF },
		{ leaves + 1, wide * SYNTH_LEAF, 2 * wide * SYNTH_LEAF }, { leaves - 1, (leaves - 1) * SYNTH_LEAF, N },
	};
	struct err err = ERR_INIT;
	struct salvage v;
	struct item item;
	struct synth s;
	struct tree t;
	size_t gap = 0;
	u64 next = 0;
	int ret;

	synth_init(&s, 2, MiB(4));
	synth_tree(&s, &t, N);
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++)
		wipe(&s, SYNTH_START + lost[i].block * SYNTH_NODE);
	v = salvage_range(&t, KEY_MIN, KEY_MAX);
	while ((ret = salvage_next(&v, &item, &err)) >= 0) {
		if (!ret) {
			CHECK_EQ(get_le64(item.data), next);
			next++;
			continue;
		}
		CHECK(gap < ARRAY_SIZE(lost));
		CHECK_EQ(lost[gap].first, next);
		CHECK(same_key(v.gap_lo, next ? key_next(synth_key(next - 1)) : KEY_MIN) || lost[gap - 1].last == next);
		next = lost[gap].last;
		CHECK(same_key(v.gap_hi, next < N ? key_prev(synth_key(next)) : KEY_MAX));
		CHECK(strstr(err_text(&err), "no good copy"));
		gap++;
	}
	salvage_fini(&v);
	CHECK_EQ(ret, -ENOENT);
	CHECK_EQ(next, N);
	CHECK_EQ(gap, ARRAY_SIZE(lost));
	/* a lost root loses all */
	wipe(&s, t.bytenr);
	nstore_forget(&s.store, t.bytenr);
	v = salvage_range(&t, synth_key(3), synth_key(9));
	CHECK_EQ(salvage_next(&v, &item, &err), 1);
	CHECK(same_key(v.gap_lo, synth_key(3)) && same_key(v.gap_hi, synth_key(9)));
	CHECK_EQ(salvage_next(&v, &item, &err), -ENOENT);
	salvage_fini(&v);
	synth_fini(&s);
}

TEST(going_backward_it_is_known_what_comes_next)
{
	struct err err = ERR_INIT;
	struct tree_iter it;
	struct item item;
	struct key at;
	struct synth s;
	struct tree t;

	synth_init(&s, 1, MiB(4));
	synth_tree(&s, &t, 1000);
	wipe(&s, SYNTH_START + 3 * SYNTH_NODE);
	wipe(&s, SYNTH_START);
	it = tree_range_reverse(&t, KEY_MIN, KEY_MAX);
	while (!tree_next(&it, &item, &err))
		;
	CHECK(tree_iter_resumes_at(&it, &at));
	CHECK(same_key(at, key_prev(synth_key(3 * SYNTH_LEAF))));
	while (!tree_next(&it, &item, &err))
		;
	CHECK(!tree_iter_resumes_at(&it, &at));
	tree_iter_fini(&it);
	synth_fini(&s);
}

TEST(salvage_passes_by_a_key_out_of_order)
{
	struct err err = ERR_INIT;
	u8 block[SYNTH_NODE];
	struct salvage v;
	struct item item;
	struct synth s;
	struct tree t;
	u64 items = 0, gaps = 0;
	int ret;

	synth_init(&s, 1, MiB(4));
	s.store.lenient = true;
	synth_tree(&s, &t, 300);
	synth_read(&s, block, SYNTH_START);
	((struct disk_item *)block_items(block))[50].key = key_disk(synth_key(3));
	synth_write(&s, block, SYNTH_START, 0);
	v = salvage_range(&t, KEY_MIN, KEY_MAX);
	while ((ret = salvage_next(&v, &item, &err)) >= 0) {
		items += !ret;
		gaps += ret == 1;
	}
	salvage_fini(&v);
	CHECK_EQ(items, 299);
	CHECK_EQ(gaps, 1);
	CHECK(strstr(err_text(&err), "is out of order"));
	synth_fini(&s);
}

/* Parents that share all their children but the first: within the rules of each block, and without end if followed. Levels 1 to 5 have 30 nodes
 * each; each node's first child has the key that makes it differ, the others are those of all. */
static void make_bomb(struct synth *s, struct tree *t, bool keys_fall)
{
	enum { WIDE = 30, HIGH = 5 };
	u64 below[WIDE], here[WIDE];
	u8 block[SYNTH_NODE];

	for (u64 i = 0; i < WIDE; i++) {
		synth_block(s, block, SYNTH_TREE, 0);
		synth_add_item(block, KEY(i + 1, BTRFS_STRING_ITEM_KEY, 0), i);
		below[i] = block_bytenr(block);
		synth_write(s, block, below[i], 0);
	}
	for (u8 level = 1; level <= HIGH; level++) {
		for (u64 i = 0; i < WIDE; i++) {
			synth_block(s, block, SYNTH_TREE, level);
			for (u64 k = keys_fall ? 0 : i; k < WIDE; k++)
				synth_add_ptr(block, KEY(k + 1, BTRFS_STRING_ITEM_KEY, 0), below[k], s->generation);
			here[i] = block_bytenr(block);
			synth_write(s, block, here[i], 0);
		}
		memcpy(below, here, sizeof(below));
	}
	tree_init(t, &s->store, SYNTH_TREE, below[0], s->generation, HIGH);
}

TEST(trees_that_share_children_without_end_are_ended)
{
	for (int lenient = 0; lenient < 2; lenient++)
		for (int fall = 0; fall < 2; fall++)
			for (int reverse = 0; reverse < 2; reverse++) {
				struct err err = ERR_INIT;
				struct tree_iter it;
				struct item item;
				struct synth s;
				struct tree t;
				u64 steps = 0;
				int ret;

				synth_init(&s, 1, MiB(4));
				s.store.lenient = lenient;
				make_bomb(&s, &t, fall);
				it = reverse ? tree_range_reverse(&t, KEY_MIN, KEY_MAX) : tree_range(&t, KEY_MIN, KEY_MAX);
				while ((ret = tree_next(&it, &item, &err)) != -ENOENT && steps < 1000)
					steps++;
				tree_iter_fini(&it);
				CHECK(steps < 1000);
				if (!lenient)
					CHECK(strstr(err_text(&err), fall ? "first key mismatch" : "is out of order"));
				synth_fini(&s);
			}
}

TEST(a_block_that_is_its_own_child_is_refused)
{
	struct err err = ERR_INIT;
	u8 block[SYNTH_NODE];
	struct path p = PATH_INIT;
	struct key key = synth_key(0);
	struct synth s;
	struct tree t;

	for (int lenient = 0; lenient < 2; lenient++) {
		synth_init(&s, 1, MiB(1));
		s.store.lenient = lenient;
		synth_block(&s, block, SYNTH_TREE, 1);
		synth_add_ptr(block, synth_key(0), SYNTH_START, s.generation);
		synth_write(&s, block, SYNTH_START, 0);
		tree_init(&t, &s.store, SYNTH_TREE, SYNTH_START, s.generation, 1);
		CHECK_EQ(tree_search(&t, &key, &p, &err), -EIO);
		CHECK(strstr(err_text(&err), "level mismatch, want=0, have=1"));
		synth_fini(&s);
	}
}

UNIT_MAIN
