/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "common/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { ITEMS = 100000, THREADS_MAX = 8 };

struct tally {
	struct pool *pool;
	_Atomic u8 seen[ITEMS];
	_Atomic unsigned busy[THREADS_MAX]; /* calls at this moment, by worker */
	_Atomic unsigned clashes;
	u64 fails_from;
};

static int tally_item(void *arg, u64 i, unsigned worker)
{
	struct tally *t = arg;

	if (worker >= THREADS_MAX || atomic_fetch_add(&t->busy[worker], 1))
		t->clashes++;
	t->seen[i]++;
	t->busy[worker]--;
	return i >= t->fails_from ? -(int)(i - t->fails_from) - 1 : 0;
}

static struct tally *tally_new(unsigned threads)
{
	struct tally *t = calloc(1, sizeof(*t));

	t->pool = pool_new(threads);
	t->fails_from = ~0ULL;
	return t;
}

static void tally_free(struct tally *t)
{
	pool_free(t->pool);
	free(t);
}

static unsigned tally_count(const struct tally *t, u64 n)
{
	unsigned once = 0;

	for (u64 i = 0; i < n; i++)
		once += t->seen[i] == 1;
	return once;
}

TEST(a_loop_runs_every_item_once_with_any_number_of_threads)
{
	static const u64 counts[] = { 0, 1, 2, 3, 7, 64, 1000, ITEMS };

	for (unsigned threads = 1; threads <= THREADS_MAX; threads++)
		for (size_t c = 0; c < ARRAY_SIZE(counts); c++) {
			struct tally *t = tally_new(threads);

			CHECK_EQ(pool_threads(t->pool), threads);
			CHECK_EQ(pool_for(t->pool, counts[c], tally_item, t), 0);
			CHECK_EQ(tally_count(t, counts[c]), counts[c]);
			CHECK_EQ(t->clashes, 0);
			tally_free(t);
		}
}

TEST(a_loop_without_a_pool_runs_in_the_caller)
{
	struct tally *t = calloc(1, sizeof(*t));

	t->fails_from = ~0ULL;
	CHECK_EQ(pool_threads(NULL), 1);
	CHECK_EQ(pool_for(NULL, 100, tally_item, t), 0);
	CHECK_EQ(tally_count(t, 100), 100);
	free(t);
}

TEST(the_failure_of_the_lowest_item_is_returned_whatever_the_timing)
{
	for (unsigned threads = 1; threads <= THREADS_MAX; threads++)
		for (u64 from = 0; from < 2000; from += 97) {
			struct tally *t = tally_new(threads);

			t->fails_from = from;
			CHECK_EQ(pool_for(t->pool, 2000, tally_item, t), (u64)-1);
			CHECK_EQ(tally_count(t, from + 1), from + 1);
			tally_free(t);
		}
}

TEST(a_failure_stops_the_loop)
{
	struct tally *t = tally_new(2);

	t->fails_from = 10;
	pool_for(t->pool, ITEMS, tally_item, t);
	CHECK(tally_count(t, ITEMS) < ITEMS / 2);
	tally_free(t);
}

struct nested {
	struct pool *pool;
	_Atomic u64 sum;
	_Atomic unsigned strays;
};

struct nested_inner {
	struct nested *outer;
	unsigned worker;
};

static int nested_inner(void *arg, u64 i, unsigned worker)
{
	struct nested_inner *in = arg;

	in->outer->strays += worker != in->worker;
	in->outer->sum += i;
	return 0;
}

static int nested_outer(void *arg, u64 i, unsigned worker)
{
	struct nested_inner in = { arg, worker };

	return pool_for(in.outer->pool, 100, nested_inner, &in);
}

TEST(a_loop_inside_a_job_runs_in_the_caller)
{
	for (unsigned threads = 1; threads <= 4; threads++) {
		struct nested n = { .pool = pool_new(threads) };

		CHECK_EQ(pool_for(n.pool, 200, nested_outer, &n), 0);
		CHECK_EQ(n.sum, 200 * 4950);
		CHECK_EQ(n.strays, 0);
		pool_free(n.pool);
	}
}

static void *outside_caller(void *arg)
{
	struct tally *t = arg;

	for (int round = 0; round < 20; round++)
		pool_for(t->pool, 1000, tally_item, t);
	return NULL;
}

TEST(several_outside_threads_may_loop_at_once_and_never_share_a_worker_number)
{
	for (unsigned threads = 1; threads <= 3; threads++) {
		struct tally *t = tally_new(threads);
		pthread_t callers[4];

		for (int i = 0; i < 4; i++)
			pthread_create(&callers[i], NULL, outside_caller, t);
		for (int i = 0; i < 4; i++)
			pthread_join(callers[i], NULL);
		CHECK_EQ(t->clashes, 0);
		for (u64 i = 0; i < 1000; i++)
			CHECK_EQ(t->seen[i], 80);
		tally_free(t);
	}
}

/* ---- ordered queues ---- */

struct line {
	struct pool *pool;
	u64 next;                 /* the job that done() must get now */
	u64 stop_at;              /* done() of this job fails */
	_Atomic u64 worked, flying, most_flying, disorder;
	u64 done, dropped;
	unsigned inner;           /* jobs of a queue of its own that work() runs */
};

struct job {
	u64 number, result;
};

static struct ordq *line_queue(struct line *l, unsigned window);

static void line_work(void *job, void *arg, unsigned worker)
{
	struct line *l = arg;
	struct job *j = job;

	l->worked++;
	if (j->number % 7 == 0)
		usleep(j->number % 5 * 20);
	if (l->inner) {
		struct line in = { .pool = l->pool, .stop_at = ~0ULL };
		struct ordq *q = line_queue(&in, 3);

		for (unsigned i = 0; i < l->inner; i++) {
			struct job *k = calloc(1, sizeof(*k));

			k->number = i;
			l->disorder += ordq_push(q, k) != 0;
		}
		l->disorder += ordq_finish(q) != 0 || in.done != l->inner || in.disorder;
		ordq_free(q);
	}
	j->result = j->number * 3 + 1;
}

static int line_done(void *job, void *arg)
{
	struct line *l = arg;
	struct job *j = job;
	u64 number = j->number;

	l->disorder += number != l->next++ || j->result != number * 3 + 1;
	l->flying--;
	l->done++;
	free(j);
	return number == l->stop_at ? -EPIPE : 0;
}

static void line_drop(void *job, void *arg)
{
	struct line *l = arg;

	l->flying--;
	l->dropped++;
	free(job);
}

static struct ordq *line_queue(struct line *l, unsigned window)
{
	static const struct ordq_ops ops = { line_work, line_done, line_drop };

	return ordq_new(l->pool, window, &ops, l);
}

/* Pushes n jobs, numbered from first; the first failure. */
static int line_push(struct line *l, struct ordq *q, u64 first, u64 n)
{
	int ret = 0;

	for (u64 i = first; i < first + n; i++) {
		struct job *j = calloc(1, sizeof(*j));
		int r;

		j->number = i;
		if (++l->flying > l->most_flying)
			l->most_flying = l->flying;
		r = ordq_push(q, j);
		if (!ret)
			ret = r;
	}
	return ret;
}

TEST(jobs_are_done_in_the_order_of_pushing)
{
	for (unsigned threads = 0; threads <= 4; threads++)
		for (unsigned window = 1; window <= 9; window += 4) {
			struct line l = { .pool = threads ? pool_new(threads) : NULL, .stop_at = ~0ULL };
			struct ordq *q = line_queue(&l, window);

			CHECK_EQ(line_push(&l, q, 0, 300), 0);
			CHECK_EQ(ordq_finish(q), 0);
			CHECK_EQ(l.done, 300);
			CHECK_EQ(line_push(&l, q, 300, 50), 0); /* again after success */
			CHECK_EQ(ordq_finish(q), 0);
			CHECK_EQ(l.done, 350);
			CHECK_EQ(l.worked, 350);
			CHECK_EQ(l.disorder, 0);
			CHECK_EQ(l.dropped, 0);
			CHECK(l.most_flying <= window + 1); /* the one being pushed is counted here */
			ordq_free(q);
			pool_free(l.pool);
		}
}

TEST(a_failing_done_stops_the_queue_and_later_jobs_are_dropped)
{
	for (unsigned threads = 0; threads <= 4; threads++)
		for (u64 stop = 0; stop < 40; stop += 13) {
			struct line l = { .pool = threads ? pool_new(threads) : NULL, .stop_at = stop };
			struct ordq *q = line_queue(&l, 5);
			int pushed = line_push(&l, q, 0, 30);

			CHECK_EQ(ordq_finish(q), (u64)(stop < 30 ? -EPIPE : 0));
			CHECK(pushed == -EPIPE || stop >= 25); /* the last five may still be in flight */
			CHECK_EQ(l.done, stop < 30 ? stop + 1 : 30);
			CHECK_EQ(l.done + l.dropped, 30);
			CHECK_EQ(l.disorder, 0);
			CHECK_EQ(line_push(&l, q, 30, 1), (u64)(stop < 30 ? -EPIPE : 0));
			ordq_free(q);
			CHECK_EQ(l.flying, 0);
			pool_free(l.pool);
		}
}

TEST(freeing_a_queue_drops_what_is_left)
{
	for (unsigned threads = 2; threads <= 4; threads++) {
		struct line l = { .pool = pool_new(threads), .stop_at = ~0ULL };
		struct ordq *q = line_queue(&l, 100);

		line_push(&l, q, 0, 60);
		ordq_free(q);
		CHECK_EQ(l.done + l.dropped, 60);
		CHECK_EQ(l.flying, 0);
		pool_free(l.pool);
	}
}

TEST(a_queue_inside_a_job_cannot_deadlock)
{
	for (unsigned threads = 1; threads <= 3; threads++) {
		struct line l = { .pool = pool_new(threads), .stop_at = ~0ULL, .inner = 20 };
		struct ordq *q = line_queue(&l, 6);

		line_push(&l, q, 0, 40);
		CHECK_EQ(ordq_finish(q), 0);
		CHECK_EQ(l.done, 40);
		CHECK_EQ(l.disorder, 0);
		ordq_free(q);
		pool_free(l.pool);
	}
}

static void *queue_caller(void *arg)
{
	struct line l = { .pool = arg, .stop_at = ~0ULL };
	struct ordq *q = line_queue(&l, 4);

	line_push(&l, q, 0, 200);
	ordq_finish(q);
	ordq_free(q);
	return (void *)(size_t)(l.disorder || l.done != 200);
}

TEST(several_queues_and_loops_share_a_pool)
{
	struct tally *t = tally_new(3);
	pthread_t callers[3], looper;

	for (int i = 0; i < 3; i++)
		pthread_create(&callers[i], NULL, queue_caller, t->pool);
	pthread_create(&looper, NULL, outside_caller, t);
	for (int i = 0; i < 3; i++) {
		void *wrong;

		pthread_join(callers[i], &wrong);
		CHECK(!wrong);
	}
	pthread_join(looper, NULL);
	CHECK_EQ(t->clashes, 0);
	tally_free(t);
}

UNIT_MAIN
