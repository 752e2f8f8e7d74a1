/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include "tests/unit/unit.h"
#include "tests/unit/synth.h"

enum { N = 20000 };

struct sums { pthread_mutex_t lock; u64 items, sum, blocks, bad, dones, drops, results; u64 next; bool disorder; u64 stop_work, stop_done; };

static void sums_init(struct sums *m)
{
	*m = (struct sums){ .stop_work = -2ULL, .stop_done = -2ULL };
	pthread_mutex_init(&m->lock, NULL);
}

static int sum_work(void *arg, struct scan_block *b, unsigned worker)
{
	struct sums *m = arg;
	u64 sum = 0, n = b->data ? block_nritems(b->data) : 0;

	for (u64 i = 0; i < n && !block_level(b->data); i++)
		sum += get_le64(block_item(b->data, i).data);
	pthread_mutex_lock(&m->lock);
	m->items += n;
	m->sum += sum;
	m->blocks++;
	m->bad += !b->data && b->ret == -EIO && strstr(b->error, "checksum verify failed");
	m->results++;
	pthread_mutex_unlock(&m->lock);
	b->result = malloc(16);
	return b->index == m->stop_work ? -EXDEV : 0;
}

static void sum_drop(void *arg, struct scan_block *b)
{
	struct sums *m = arg;

	free(b->result);
	m->drops++;
}

static int sum_done(void *arg, struct scan_block *b)
{
	struct sums *m = arg;

	if (b->index == m->stop_done) {
		free(b->result);
		m->dones++;
		return -EXDEV;
	}
	m->disorder |= b->index != m->next++;
	free(b->result);
	m->dones++;
	return 0;
}

static const struct scan_ops sum_ops = { sum_work, sum_done, sum_drop };

TEST(a_scan_sees_every_leaf_once_for_any_number_of_threads)
{
	for (unsigned jobs = 1; jobs <= 4; jobs++)
		for (int order = SCAN_DISK; order <= SCAN_LIST; order++) {
			struct err err = ERR_INIT;
			struct sums m;
			struct synth s;
			struct tree t;

			sums_init(&m);
			synth_init(&s, jobs, MiB(1));
			synth_tree(&s, &t, N);
			CHECK_OK(tree_scan(&t, order, &sum_ops, &m, &err), &err);
			CHECK_EQ(m.items, N);
			CHECK_EQ(m.sum, (u64)N * (N - 1) / 2);
			CHECK_EQ(m.blocks, div_round_up(N, SYNTH_LEAF));
			CHECK_EQ(m.dones, m.blocks);
			CHECK_EQ(m.drops, 0);
			if (order == SCAN_LIST)
				CHECK(!m.disorder);
			synth_fini(&s);
		}
}

/* Blocks of a list in any order of addresses come back in list order. */
TEST(list_order_is_that_of_the_list)
{
	struct block_refs refs;
	struct err err = ERR_INIT;
	struct sums m;
	struct synth s;
	struct tree t;

	sums_init(&m);
	synth_init(&s, 2, MiB(1));
	synth_tree(&s, &t, N);
	CHECK_OK(tree_level_refs(&t, 0, &refs, NULL, NULL, &err), &err);
	CHECK_EQ(refs.len, div_round_up(N, SYNTH_LEAF));
	for (size_t i = 0; i < refs.len; i++) {
		size_t j = (i * 7919) % refs.len;
		struct block_ref swap = refs.v[i];

		refs.v[i] = refs.v[j];
		refs.v[j] = swap;
	}
	CHECK_OK(tree_scan_blocks(&s.store, refs.v, refs.len, SCAN_LIST, &sum_ops, &m, &err), &err);
	CHECK(!m.disorder);
	CHECK_EQ(m.sum, (u64)N * (N - 1) / 2);
	CHECK_OK(tree_scan_blocks(&s.store, refs.v, 0, SCAN_LIST, &sum_ops, &m, &err), &err);
	vec_fini(&refs);
	synth_fini(&s);
}

static void wipe(struct synth *s, u64 bytenr, int copies)
{
	u8 zero[SYNTH_NODE] = { 0 };

	for (int i = 0; i < copies; i++)
		bdev_write(s->dev, MiB(1) + i * SYNTH_LEN + bytenr - SYNTH_START, zero, sizeof(zero), NULL);
}

TEST(bad_blocks_are_healed_or_told)
{
	for (int order = SCAN_DISK; order <= SCAN_LIST; order++)
		for (unsigned jobs = 1; jobs <= 2; jobs++) {
			struct err err = ERR_INIT;
			struct sums m;
			struct synth s;
			struct tree t;

			sums_init(&m);
			synth_init(&s, jobs, MiB(1));
			synth_tree(&s, &t, N);
			wipe(&s, SYNTH_START + 3 * SYNTH_NODE, 1);
			wipe(&s, SYNTH_START + 7 * SYNTH_NODE, 2);
			CHECK_OK(tree_scan(&t, order, &sum_ops, &m, &err), &err);
			CHECK_EQ(m.bad, 1);
			CHECK_EQ(m.items, N - SYNTH_LEAF);
			CHECK_EQ(m.dones, div_round_up(N, SYNTH_LEAF));
			CHECK_EQ(s.nsaid, 3);
			synth_fini(&s);
		}
}

static void count_error(void *arg, const struct block_ref *ref, int ret, const char *text) { ++*(u64 *)arg; }

TEST(an_unreadable_interior_block_comes_without_data)
{
	struct block_refs refs;
	struct err err = ERR_INIT;
	struct sums m;
	struct synth s;
	struct tree t;
	u64 errors = 0, leaves = div_round_up(N, SYNTH_LEAF);

	sums_init(&m);
	synth_init(&s, 2, MiB(1));
	synth_tree(&s, &t, N);
	CHECK_EQ(t.level, 2);
	wipe(&s, SYNTH_START + leaves * SYNTH_NODE, 2); /* the first node of level 1, with as many leaves as fit */
	CHECK_OK(tree_scan(&t, SCAN_DISK, &sum_ops, &m, &err), &err);
	CHECK_EQ(m.bad, 1);
	CHECK_EQ(m.blocks, leaves - (SYNTH_NODE - 101) / 33 + 1);
	CHECK_EQ(tree_level_refs(&t, 0, &refs, NULL, NULL, &err), -EIO);
	CHECK(strstr(err_text(&err), "no good copy"));
	CHECK_OK(tree_level_refs(&t, 0, &refs, count_error, &errors, &err), &err);
	CHECK_EQ(errors, 1);
	CHECK_EQ(refs.len, leaves - (SYNTH_NODE - 101) / 33);
	vec_fini(&refs);
	CHECK_OK(tree_level_refs(&t, 3, &refs, NULL, NULL, &err), &err);
	CHECK_EQ(refs.len, 0);
	synth_fini(&s);
}

TEST(a_scan_that_is_stopped_drops_what_it_has)
{
	for (int order = SCAN_DISK; order <= SCAN_LIST; order++)
		for (int by_done = 0; by_done < 2; by_done++)
			for (unsigned jobs = 1; jobs <= 3; jobs++) {
				struct err err = ERR_INIT;
				struct sums m;
				struct synth s;
				struct tree t;

				sums_init(&m);
				*(by_done ? &m.stop_done : &m.stop_work) = 100;
				synth_init(&s, jobs, MiB(1));
				synth_tree(&s, &t, N);
				CHECK_EQ(tree_scan(&t, order, &sum_ops, &m, &err), -EXDEV);
				CHECK_EQ(m.dones + m.drops, m.results);
				CHECK(order == SCAN_DISK || m.dones <= 101);
				synth_fini(&s);
			}
}

TEST(a_dirty_block_is_taken_from_the_cache)
{
	for (int order = SCAN_DISK; order <= SCAN_LIST; order++) {
		struct err err = ERR_INIT;
		struct node *n;
		struct sums m;
		struct synth s;
		struct tree t;

		sums_init(&m);
		synth_init(&s, 2, MiB(1));
		synth_tree(&s, &t, N);
		n = node_new(&s.store, SYNTH_START);
		synth_read(&s, n->data, SYNTH_START);
		put_le64((u8 *)node_item(n, 0).data, 1000000); /* not on disk, and without a checksum */
		n->dirty = true;
		nstore_enter(&s.store, n);
		node_put(n);
		CHECK_OK(tree_scan(&t, order, &sum_ops, &m, &err), &err);
		CHECK_EQ(m.sum, (u64)N * (N - 1) / 2 + 1000000);
		synth_fini(&s);
	}
}

TEST(an_interrupt_ends_a_scan)
{
	struct err err = ERR_INIT;
	int interrupted = 1;
	struct sums m;
	struct synth s;
	struct tree t;

	sums_init(&m);
	synth_init(&s, 2, MiB(1));
	synth_tree(&s, &t, N);
	s.env.interrupted = &interrupted;
	CHECK_EQ(tree_scan(&t, SCAN_DISK, &sum_ops, &m, &err), -EINTR);
	CHECK_EQ(tree_scan(&t, SCAN_LIST, &sum_ops, &m, &err), -EINTR);
	CHECK(err.len);
	CHECK_EQ(m.blocks, 0);
	synth_fini(&s);
}

TEST(a_level_that_refers_twice_to_a_block_is_told)
{
	struct block_refs refs;
	struct err err = ERR_INIT;
	u8 block[SYNTH_NODE];
	u64 leaf[3], errors;
	struct synth s;
	struct tree t;

	for (int lenient = 0; lenient < 2; lenient++) {
		synth_init(&s, 1, MiB(1));
		s.store.lenient = lenient;
		for (int i = 0; i < 3; i++) {
			synth_block(&s, block, SYNTH_TREE, 0);
			synth_add_item(block, synth_key(i), i);
			leaf[i] = block_bytenr(block);
			synth_write(&s, block, leaf[i], 0);
		}
		/* two parents share leaf 2 */
		for (int i = 0; i < 2; i++) {
			synth_block(&s, block, SYNTH_TREE, 1);
			synth_add_ptr(block, synth_key(i), leaf[i], s.generation);
			synth_add_ptr(block, synth_key(2), leaf[2], s.generation);
			synth_write(&s, block, block_bytenr(block), 0);
		}
		synth_block(&s, block, SYNTH_TREE, 2);
		synth_add_ptr(block, synth_key(0), SYNTH_START + 3 * SYNTH_NODE, s.generation);
		synth_add_ptr(block, synth_key(1), SYNTH_START + 4 * SYNTH_NODE, s.generation);
		synth_write(&s, block, block_bytenr(block), 0);
		tree_init(&t, &s.store, SYNTH_TREE, block_bytenr(block), s.generation, 2);
		errors = 0;
		CHECK_OK(tree_level_refs(&t, 0, &refs, count_error, &errors, &err), &err);
		/* strict: neither leaf 1 nor leaf 2 comes after leaf 2; lenient: each block once */
		CHECK_EQ(errors, lenient ? 1 : 2);
		CHECK_EQ(refs.len, lenient ? 3 : 2);
		vec_fini(&refs);
		CHECK_EQ(tree_level_refs(&t, 0, &refs, NULL, NULL, &err), -EUCLEAN);
		synth_fini(&s);
	}
}

UNIT_MAIN
