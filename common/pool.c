/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads: see pool.h.
 *
 * Whatever hands out work is a source: a parallel loop or an ordered queue. Sources with work left are linked in a list that
 * the threads serve in turn. Who waits for a source helps it instead of sleeping, as long as it has work; so waiting inside
 * a job cannot deadlock: everything waited for is already running somewhere, on a thread that waits at most for younger work.
 *
 * Worker numbers: thread i of the pool is worker i, from 1; number 0 belongs to whichever caller from outside holds it. */
#include "common/pool.h"
#include "common/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

struct source {
	struct source *prev, *next;
	bool linked;     /* has work to hand out */
	unsigned active; /* threads inside run() */
	/* Does some of the work. Called and left with the pool locked, unlocks in between, unlinks when nothing is left. */
	void (*run)(struct source *src, unsigned worker);
};

struct pool {
	unsigned threads;
	pthread_mutex_t lock;
	pthread_cond_t work;     /* a source was linked, or stop */
	pthread_cond_t change;   /* some work ended, or number 0 is free */
	struct source list;      /* ring of the linked sources */
	unsigned idle, waiters;  /* threads asleep on work, callers asleep on change */
	bool stop, taken;        /* taken: number 0 is in use by workers[0] */
	pthread_t workers[];
};

static void source_link(struct pool *pool, struct source *src)
{
	src->prev = pool->list.prev;
	src->next = &pool->list;
	src->prev->next = src->next->prev = src;
	src->linked = true;
}

static void source_unlink(struct source *src)
{
	if (!src->linked)
		return;
	src->prev->next = src->next;
	src->next->prev = src->prev;
	src->linked = false;
}

static void tell_waiters(struct pool *pool)
{
	if (pool->waiters)
		pthread_cond_broadcast(&pool->change);
}

static void source_run(struct pool *pool, struct source *src, unsigned worker)
{
	/* To the end of the list, so that the next thread looks at another source first. */
	source_unlink(src);
	source_link(pool, src);
	src->active++;
	src->run(src, worker);
	src->active--;
	tell_waiters(pool);
}

/* The number of the calling thread, or pool->threads. */
static unsigned worker_self(const struct pool *pool)
{
	pthread_t self = pthread_self();
	unsigned i = pool->taken ? 0 : 1;

	while (i < pool->threads && !pthread_equal(pool->workers[i], self))
		i++;
	return i;
}

/* Works on src as long as it has work and the caller may, else sleeps, until ready(src). */
static void source_wait(struct pool *pool, struct source *src, bool (*ready)(const struct source *src))
{
	unsigned self = worker_self(pool);

	while (!ready(src)) {
		if (src->linked && self < pool->threads) {
			source_run(pool, src, self);
		} else if (src->linked && !pool->taken) {
			pool->taken = true;
			pool->workers[0] = pthread_self();
			source_run(pool, src, 0);
			pool->taken = false;
			tell_waiters(pool);
		} else {
			pool->waiters++;
			pthread_cond_wait(&pool->change, &pool->lock);
			pool->waiters--;
		}
	}
}

static bool source_over(const struct source *src)
{
	return !src->linked && !src->active;
}

struct thread_start {
	struct pool *pool;
	unsigned worker;
};

static void *thread_main(void *arg)
{
	struct thread_start start = *(struct thread_start *)arg;
	struct pool *pool = start.pool;

	free(arg);
	pthread_mutex_lock(&pool->lock);
	while (!pool->stop) {
		if (pool->list.next != &pool->list) {
			source_run(pool, pool->list.next, start.worker);
			continue;
		}
		pool->idle++;
		pthread_cond_wait(&pool->work, &pool->lock);
		pool->idle--;
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static int thread_start(struct pool *pool, unsigned worker)
{
	struct thread_start *start = mem_alloc(1, sizeof(*start));
	int ret;

	if (!start)
		return -ENOMEM;
	*start = (struct thread_start){ pool, worker };
	ret = pthread_create(&pool->workers[worker], NULL, thread_main, start);
	if (ret)
		free(start);
	return -ret;
}

static void pool_stop(struct pool *pool, unsigned started)
{
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 1; i < started; i++)
		pthread_join(pool->workers[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_cond_destroy(&pool->change);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct pool *pool_new(unsigned threads)
{
	struct pool *pool;
	sigset_t all, old;
	unsigned i;

	threads = max_t(unsigned, threads, 1);
	pool = mem_zalloc(sizeof(*pool) + threads * sizeof(pool->workers[0]));
	if (!pool)
		return NULL;
	pool->threads = threads;
	pool->list.next = pool->list.prev = &pool->list;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->change, NULL);
	/* Signals are for the threads of the program, which know what to do with them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_mutex_lock(&pool->lock); /* the numbers are read under the lock */
	for (i = 1; i < threads && !thread_start(pool, i); i++)
		;
	pthread_mutex_unlock(&pool->lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (i < threads) {
		pool_stop(pool, i);
		return NULL;
	}
	return pool;
}

void pool_free(struct pool *pool)
{
	if (pool)
		pool_stop(pool, pool->threads);
}

unsigned pool_threads(const struct pool *pool)
{
	return pool ? pool->threads : 1;
}

/* ---- the parallel loop ---- */

struct loop {
	struct source src;
	struct pool *pool;
	int (*fn)(void *arg, u64 i, unsigned worker);
	void *arg;
	u64 n, chunk;
	_Atomic u64 next;   /* handed out so far */
	_Atomic u64 failed; /* the lowest i that failed, ~0 if none */
	int ret;            /* its failure */
};

static void loop_fail(struct loop *loop, u64 i, int ret)
{
	pthread_mutex_lock(&loop->pool->lock);
	if (i < atomic_load_explicit(&loop->failed, memory_order_relaxed)) {
		atomic_store_explicit(&loop->failed, i, memory_order_relaxed);
		loop->ret = ret;
	}
	pthread_mutex_unlock(&loop->pool->lock);
}

/* Work is handed out in order and everything below a failure still runs: so the lowest failure is found whatever the timing. */
static void loop_chunks(struct loop *loop, unsigned worker)
{
	for (;;) {
		u64 i = atomic_fetch_add_explicit(&loop->next, loop->chunk, memory_order_relaxed);
		u64 end = i < loop->n ? i + min_t(u64, loop->chunk, loop->n - i) : i;

		if (i == end)
			return;
		for (; i < end; i++) {
			int ret;

			if (i > atomic_load_explicit(&loop->failed, memory_order_relaxed))
				return;
			ret = loop->fn(loop->arg, i, worker);
			if (ret) {
				loop_fail(loop, i, ret);
				return;
			}
		}
	}
}

static void loop_run(struct source *src, unsigned worker)
{
	struct loop *loop = container_of(src, struct loop, src);

	pthread_mutex_unlock(&loop->pool->lock);
	loop_chunks(loop, worker);
	pthread_mutex_lock(&loop->pool->lock);
	source_unlink(src);
}

static int loop_here(u64 n, int (*fn)(void *arg, u64 i, unsigned worker), void *arg, unsigned worker)
{
	for (u64 i = 0; i < n; i++) {
		int ret = fn(arg, i, worker);

		if (ret)
			return ret;
	}
	return 0;
}

int pool_for(struct pool *pool, u64 n, int (*fn)(void *arg, u64 i, unsigned worker), void *arg)
{
	struct loop loop = { .src = { .run = loop_run }, .pool = pool, .fn = fn, .arg = arg, .n = n, .failed = ~0ULL };
	unsigned self;

	if (!n)
		return 0;
	if (!pool)
		return loop_here(n, fn, arg, 0);
	/* Small enough to share out evenly at the end, large enough that taking one costs nothing. */
	loop.chunk = n / (pool->threads * 64);
	loop.chunk = max_t(u64, min_t(u64, loop.chunk, 1024), 1);
	pthread_mutex_lock(&pool->lock);
	self = worker_self(pool);
	if (self < pool->threads) {
		pthread_mutex_unlock(&pool->lock);
		return loop_here(n, fn, arg, self);
	}
	source_link(pool, &loop.src);
	if (n > 1 && pool->idle)
		pthread_cond_broadcast(&pool->work);
	else if (pool->taken && pool->idle)
		pthread_cond_signal(&pool->work); /* the caller has to leave it to others */
	source_wait(pool, &loop.src, source_over);
	pthread_mutex_unlock(&pool->lock);
	return loop.ret;
}

/* ---- the ordered queue ---- */

/* Jobs lie in a ring, counted from the first ever pushed: [head, started) runs or has run, [started, tail) waits. */
struct ordq {
	struct source src;
	struct pool *pool;
	bool own_pool;
	const struct ordq_ops *ops;
	void *arg;
	u64 head, started, tail;
	unsigned window;
	int ret; /* of the done() that stopped the queue */
	struct ordq_slot { void *job; bool finished; } slots[];
};

static struct ordq_slot *ordq_slot(struct ordq *q, u64 i)
{
	return &q->slots[i % q->window];
}

static void ordq_run(struct source *src, unsigned worker)
{
	struct ordq *q = container_of(src, struct ordq, src);
	struct ordq_slot *slot = ordq_slot(q, q->started++);

	if (q->started == q->tail)
		source_unlink(src);
	pthread_mutex_unlock(&q->pool->lock);
	q->ops->work(slot->job, q->arg, worker);
	pthread_mutex_lock(&q->pool->lock);
	slot->finished = true;
}

static bool ordq_head_finished(const struct source *src)
{
	struct ordq *q = container_of(src, struct ordq, src);

	return q->head < q->tail && ordq_slot(q, q->head)->finished;
}

struct ordq *ordq_new(struct pool *pool, unsigned window, const struct ordq_ops *ops, void *arg)
{
	struct ordq *q;

	window = max_t(unsigned, window, 1);
	q = mem_zalloc(sizeof(*q) + window * sizeof(q->slots[0]));
	if (!q)
		return NULL;
	q->src.run = ordq_run;
	q->own_pool = !pool;
	q->pool = pool ? pool : pool_new(1);
	q->ops = ops;
	q->arg = arg;
	q->window = window;
	if (!q->pool) {
		free(q);
		return NULL;
	}
	return q;
}

/* Drops what has not started and, once it has ended, what has. */
static void ordq_cancel(struct ordq *q)
{
	u64 tail = q->tail;

	source_unlink(&q->src);
	q->tail = q->started;
	source_wait(q->pool, &q->src, source_over);
	pthread_mutex_unlock(&q->pool->lock);
	for (; q->head < tail; q->head++)
		q->ops->drop(ordq_slot(q, q->head)->job, q->arg);
	pthread_mutex_lock(&q->pool->lock);
	q->started = q->tail = q->head;
}

/* Waits for the oldest job and hands it on. */
static void ordq_deliver(struct ordq *q)
{
	struct ordq_slot *slot = ordq_slot(q, q->head);
	int ret;

	source_wait(q->pool, &q->src, ordq_head_finished);
	pthread_mutex_unlock(&q->pool->lock);
	ret = q->ops->done(slot->job, q->arg);
	pthread_mutex_lock(&q->pool->lock);
	q->head++;
	if (ret < 0) {
		q->ret = ret;
		ordq_cancel(q);
	}
}

static void ordq_enqueue(struct ordq *q, void *job)
{
	*ordq_slot(q, q->tail) = (struct ordq_slot){ .job = job };
	q->tail++;
	if (!q->src.linked)
		source_link(q->pool, &q->src);
	if (q->pool->idle)
		pthread_cond_signal(&q->pool->work);
}

int ordq_push(struct ordq *q, void *job)
{
	pthread_mutex_lock(&q->pool->lock);
	while (!q->ret && (q->tail - q->head == q->window || ordq_head_finished(&q->src)))
		ordq_deliver(q);
	if (q->ret) {
		pthread_mutex_unlock(&q->pool->lock);
		q->ops->drop(job, q->arg);
		return q->ret;
	}
	ordq_enqueue(q, job);
	if (q->pool->threads == 1)
		ordq_deliver(q); /* nobody else would start it: best now, while its bytes are in the CPU's cache */
	pthread_mutex_unlock(&q->pool->lock);
	return q->ret;
}

int ordq_finish(struct ordq *q)
{
	pthread_mutex_lock(&q->pool->lock);
	while (q->head < q->tail)
		ordq_deliver(q);
	pthread_mutex_unlock(&q->pool->lock);
	return q->ret;
}

void ordq_free(struct ordq *q)
{
	if (!q)
		return;
	pthread_mutex_lock(&q->pool->lock);
	ordq_cancel(q);
	pthread_mutex_unlock(&q->pool->lock);
	if (q->own_pool)
		pool_free(q->pool);
	free(q);
}
