/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "tests/unit/synth.h"

/* n leaves of one item each at consecutive addresses. */
static void make_leaves(struct synth *s, u64 n)
{
	u8 block[SYNTH_NODE];

	for (u64 i = 0; i < n; i++) {
		synth_block(s, block, SYNTH_TREE, 0);
		synth_add_item(block, synth_key(i), i);
		synth_write(s, block, block_bytenr(block), 0);
	}
}

static struct block_ref leaf_ref(u64 i)
{
	return (struct block_ref){ .bytenr = SYNTH_START + i * SYNTH_NODE, .generation = SYNTH_GEN, .tree = SYNTH_TREE, .has_level = true,
		.first = synth_key(i), .has_first = true };
}

static int get(struct synth *s, u64 i, struct node **n, struct err *err)
{
	struct block_ref ref = leaf_ref(i);

	return node_get(&s->store, &ref, n, err);
}

/* Flips a byte in one copy of a block and leaves its checksum as it was. */
static void damage(struct synth *s, u64 bytenr, unsigned mirror)
{
	u64 at = MiB(1) + (mirror - 1) * SYNTH_LEN + bytenr - SYNTH_START + 3000;
	u8 byte;

	bdev_read(s->dev, at, &byte, 1, NULL);
	byte ^= 1;
	bdev_write(s->dev, at, &byte, 1, NULL);
}

TEST(a_block_is_read_once)
{
	struct err err = ERR_INIT;
	struct node *a, *b;
	struct synth s;
	u64 reads;
	bool same;

	synth_init(&s, 1, MiB(1));
	make_leaves(&s, 1);
	synth_reads = 0;
	CHECK_OK(get(&s, 0, &a, &err), &err);
	CHECK_OK(get(&s, 0, &b, &err), &err);
	same = a == b;
	node_put(a);
	node_put(b);
	CHECK_OK(get(&s, 0, &a, &err), &err);
	reads = synth_reads;
	node_put(a);
	nstore_forget(&s.store, SYNTH_START);
	CHECK_OK(get(&s, 0, &a, &err), &err);
	node_put(a);
	CHECK(same);
	CHECK_EQ(reads, 1);
	CHECK_EQ(synth_reads, 2);
	synth_fini(&s);
}

TEST(the_memory_bound_holds_and_held_nodes_stay)
{
	struct err err = ERR_INIT;
	struct node *held[40], *n;
	struct synth s;
	u64 again = 0;

	synth_init(&s, 1, 16 * SYNTH_NODE);
	make_leaves(&s, 200);
	for (u64 i = 0; i < 40; i++)
		CHECK_OK(get(&s, i, &held[i], &err), &err);
	for (u64 i = 40; i < 200; i++) {
		CHECK_OK(get(&s, i, &n, &err), &err);
		node_put(n);
	}
	synth_reads = 0;
	for (u64 i = 0; i < 40; i++) {
		CHECK_OK(get(&s, i, &n, &err), &err);
		CHECK(n == held[i]);
		CHECK_EQ(get_le64(node_item(n, 0).data), i);
		node_put(n);
		node_put(held[i]);
	}
	CHECK_EQ(synth_reads, 0);
	/* now nobody holds any: the cache shrinks to its bound as others come */
	for (u64 i = 100; i < 116; i++) {
		CHECK_OK(get(&s, i, &n, &err), &err);
		node_put(n);
	}
	synth_reads = 0;
	for (u64 i = 0; i < 100; i++) {
		CHECK_OK(get(&s, i, &n, &err), &err);
		node_put(n);
	}
	again = synth_reads;
	CHECK(again >= 100 - 16);
	synth_fini(&s);
}

TEST(what_is_used_again_survives_a_long_walk)
{
	struct err err = ERR_INIT;
	struct node *n;
	struct synth s;

	synth_init(&s, 1, 16 * SYNTH_NODE);
	make_leaves(&s, 1000);
	synth_reads = 0;
	for (u64 i = 1; i < 1000; i++) {
		CHECK_OK(get(&s, 0, &n, &err), &err);
		node_put(n);
		CHECK_OK(get(&s, i, &n, &err), &err);
		node_put(n);
	}
	CHECK_EQ(synth_reads, 1000);
	synth_fini(&s);
}

TEST(a_bad_copy_is_told_and_healed_by_the_other)
{
	struct err err = ERR_INIT;
	struct node *n;
	struct synth s;

	synth_init(&s, 1, MiB(1));
	make_leaves(&s, 1);
	damage(&s, SYNTH_START, 1);
	CHECK_OK(get(&s, 0, &n, &err), &err);
	CHECK_EQ(n->mirror, 2);
	CHECK(!n->bad);
	CHECK_EQ(s.nsaid, 1);
	CHECK_EQ(s.mirrors[0], 1);
	CHECK(!strncmp(s.said[0], "checksum verify failed on 1048576 wanted 0x", 43));
	node_put(n);
	synth_fini(&s);
}

TEST(when_every_copy_is_bad_the_error_tells_of_each)
{
	struct err err = ERR_INIT;
	struct node *n = NULL;
	struct synth s;

	synth_init(&s, 1, MiB(1));
	make_leaves(&s, 1);
	damage(&s, SYNTH_START, 1);
	damage(&s, SYNTH_START, 2);
	CHECK_EQ(get(&s, 0, &n, &err), -EIO);
	CHECK(!strncmp(err_text(&err), "no good copy of tree block 1048576: mirror 1: checksum verify failed on ", 72));
	CHECK(strstr(err_text(&err), "; mirror 2: checksum verify failed on 1048576"));
	CHECK_EQ(s.nsaid, 2);
	synth_fini(&s);
}

TEST(addresses_that_cannot_be_are_refused)
{
	struct block_ref ref = { .bytenr = SYNTH_START + 1 };
	struct err err = ERR_INIT;
	struct node *n;
	struct synth s;

	synth_init(&s, 1, MiB(1));
	CHECK_EQ(node_get(&s.store, &ref, &n, &err), -EIO);
	CHECK_STR(err_text(&err), "tree block bytenr 1048577 is not aligned to sectorsize 4096");
	ref.bytenr = 0;
	CHECK_EQ(node_get(&s.store, &ref, &n, &err), -EIO);
	CHECK_STR(err_text(&err), "Couldn't map the block 0");
	ref.bytenr = -4096ULL;
	CHECK_EQ(node_get(&s.store, &ref, &n, &err), -EIO);
	synth_fini(&s);
}

TEST(a_cached_block_must_meet_the_claims_of_each_parent)
{
	struct block_ref good = leaf_ref(0), bad = good;
	struct err err = ERR_INIT;
	struct node *n, *m;
	struct synth s;

	synth_init(&s, 1, MiB(1));
	make_leaves(&s, 1);
	CHECK_OK(node_get(&s.store, &good, &n, &err), &err);
	bad.level = 1;
	CHECK_EQ(node_get(&s.store, &bad, &m, &err), -EIO);
	bad = good;
	bad.first.offset++;
	CHECK_EQ(node_get(&s.store, &bad, &m, &err), -EIO);
	bad = good;
	bad.generation++;
	CHECK_EQ(node_get(&s.store, &bad, &m, &err), -EIO);
	bad = good;
	bad.tree = BTRFS_FS_TREE_OBJECTID;
	CHECK_EQ(node_get(&s.store, &bad, &m, &err), -EIO);
	/* a lenient store takes it with a finding, once and for all, but for another level */
	s.store.lenient = true;
	bad = good;
	bad.generation++;
	CHECK_OK(node_get(&s.store, &bad, &m, &err), &err);
	CHECK(m->bad && m->findings.len == 1);
	CHECK_STR(m->findings.v[0].text, "parent transid verify failed on 1048576 wanted 51 found 50");
	node_put(m);
	synth_reads = 0;
	CHECK_OK(node_get(&s.store, &bad, &m, &err), &err);
	CHECK_EQ(synth_reads, 0);
	node_put(m);
	bad.level = 1;
	CHECK_EQ(node_get(&s.store, &bad, &m, &err), -EIO);
	node_put(n);
	synth_fini(&s);
}

TEST(a_stale_copy_gives_way_to_the_one_that_is_meant)
{
	struct block_ref ref = leaf_ref(0);
	struct err err = ERR_INIT;
	u8 block[SYNTH_NODE];
	struct node *n;
	struct synth s;

	synth_init(&s, 1, MiB(1));
	make_leaves(&s, 1);
	/* copy 2 is one transaction ahead */
	synth_read(&s, block, SYNTH_START);
	((struct disk_header *)block)->generation = le64_of(SYNTH_GEN + 1);
	synth_write(&s, block, SYNTH_START, 2);
	ref.generation = 0;
	ref.has_first = false;
	CHECK_OK(node_get(&s.store, &ref, &n, &err), &err);
	CHECK_EQ(node_generation(n), SYNTH_GEN);
	node_put(n);
	ref.generation = SYNTH_GEN + 1;
	CHECK_OK(node_get(&s.store, &ref, &n, &err), &err);
	CHECK_EQ(node_generation(n), SYNTH_GEN + 1);
	CHECK_EQ(n->mirror, 2);
	node_put(n);
	/* a lenient store, too, prefers the copy without findings */
	nstore_forget(&s.store, SYNTH_START);
	s.store.lenient = true;
	CHECK_OK(node_get(&s.store, &ref, &n, &err), &err);
	CHECK(n->mirror == 2 && !n->bad);
	node_put(n);
	synth_fini(&s);
}

TEST(one_copy_can_be_asked_for)
{
	struct block_ref ref = leaf_ref(0);
	struct err err = ERR_INIT;
	struct node *n;
	struct synth s;

	synth_init(&s, 1, MiB(1));
	make_leaves(&s, 1);
	damage(&s, SYNTH_START, 1);
	CHECK_EQ(node_get_mirror(&s.store, &ref, 1, &n, &err), -EIO);
	CHECK_OK(node_get_mirror(&s.store, &ref, 2, &n, &err), &err);
	CHECK_EQ(n->mirror, 2);
	node_put(n);
	CHECK_EQ(node_get_mirror(&s.store, &ref, 3, &n, &err), -EINVAL);
	CHECK_EQ(s.nsaid, 0);
	synth_fini(&s);
}

TEST(reading_ahead_fills_the_cache_in_large_requests)
{
	struct block_ref refs[300];
	struct err err = ERR_INIT;
	struct node *n;
	struct synth s;

	synth_init(&s, 2, MiB(4));
	make_leaves(&s, 300);
	damage(&s, SYNTH_START + 5 * SYNTH_NODE, 1);
	for (u64 i = 0; i < 300; i++)
		refs[i] = leaf_ref(i);
	refs[7].bytenr = 12345;
	synth_reads = 0;
	nstore_prefetch(&s.store, refs, 300);
	for (u64 i = 0; i < 300; i++) {
		if (i == 5 || i == 7)
			continue;
		CHECK_OK(get(&s, i, &n, &err), &err);
		CHECK_EQ(get_le64(node_item(n, 0).data), i);
		node_put(n);
	}
	/* one piece a block where the layer cannot scatter; no second read of any */
	CHECK(synth_reads <= 299);
	CHECK_EQ(s.nsaid, 0);
	CHECK_OK(get(&s, 5, &n, &err), &err);
	CHECK_EQ(s.nsaid, 1);
	node_put(n);
	synth_fini(&s);
}

static int hammer(void *arg, u64 i, unsigned worker)
{
	struct synth *s = arg;
	u64 x = i * 0x9e3779b97f4a7c15ULL + 1;

	for (int k = 0; k < 400; k++) {
		struct block_ref refs[4];
		struct node *n;
		u64 want;

		x ^= x << 13; x ^= x >> 7; x ^= x << 17;
		want = x % 200;
		if (k % 37 == 0)
			nstore_forget(&s->store, SYNTH_START + want * SYNTH_NODE);
		for (int j = 0; j < 4; j++)
			refs[j] = leaf_ref((want + j) % 200);
		if (k % 11 == 0)
			nstore_prefetch(&s->store, refs, 4);
		if (node_get(&s->store, &refs[0], &n, NULL))
			return -EIO;
		node_hold(n);
		if (n->bytenr != refs[0].bytenr || get_le64(node_item(n, 0).data) != want)
			return -EUCLEAN;
		node_put(n);
		node_put(n);
	}
	return 0;
}

TEST(many_threads_share_a_small_cache)
{
	struct synth s;
	int ret;

	synth_init(&s, 4, 100 * SYNTH_NODE);
	make_leaves(&s, 200);
	damage(&s, SYNTH_START + 9 * SYNTH_NODE, 1);
	ret = pool_for(s.env.pool, 64, hammer, &s);
	CHECK_EQ(ret, 0);
	CHECK(s.nsaid > 0);
	synth_fini(&s);
}

UNIT_MAIN
