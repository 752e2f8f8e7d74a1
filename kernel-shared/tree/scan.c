/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many blocks past the cache: cut into batches, each read in one go into a buffer that is used again, gated and worked on in
 * place, several batches at once. In disk order the batches are a parallel loop; in list order they pass through an ordered queue. */
#include "kernel-shared/tree/read.h"

#include <pthread.h>
#include "common/mem.h"
#include "common/pool.h"
#include "kernel-shared/tree/cache.h"
#include "kernel-shared/tree/tree.h"

enum {
	BATCH_BYTES = 2 << 20,  /* two requests of rio_read_batch; fits a core's cache */
	BATCH_MIN = 16,         /* blocks; fewer are not worth a job */
};

struct batch {
	size_t index, first, n; /* its number; its blocks in scan order */
	int ret;                /* what ended it early */
	struct err err;
	size_t worked;          /* blocks that went through work() */
	u8 *buf;
	struct rio_req *reqs;
	struct scan_block *blocks;
	struct node **dirty;    /* a transaction's blocks: newer in the cache than on disk; NULL: as on disk */
	struct batch *next;     /* free ones */
};

struct scan {
	struct nstore *s;
	const struct block_ref *refs;
	const size_t *by_disk;  /* scan order to index; NULL: the same */
	size_t n, per_batch;
	const struct scan_ops *ops;
	void *arg;
	struct batch *spare;
	struct batch **by_worker;
	pthread_mutex_t lock;   /* done(), failure */
	size_t failed;          /* the first batch that failed, -1 none */
	struct err *err;
};

static void batch_free(struct batch *b)
{
	if (!b)
		return;
	free(b->buf);
	free(b->reqs);
	free(b->blocks);
	free(b->dirty);
	free(b);
}

static struct batch *batch_new(const struct scan *sc)
{
	struct batch *b = mem_zalloc(sizeof(*b));

	if (!b)
		return NULL;
	b->buf = mem_alloc_io(sc->per_batch * sc->s->geo->nodesize);
	b->reqs = mem_calloc(sc->per_batch, sizeof(*b->reqs));
	b->blocks = mem_calloc(sc->per_batch, sizeof(*b->blocks));
	b->dirty = mem_calloc(sc->per_batch, sizeof(*b->dirty));
	if (b->buf && b->reqs && b->blocks && b->dirty)
		return b;
	batch_free(b);
	return NULL;
}

static void batch_set(const struct scan *sc, struct batch *b, size_t index)
{
	b->index = index;
	b->first = index * sc->per_batch;
	b->n = min_t(size_t, sc->per_batch, sc->n - b->first);
	b->ret = 0;
	b->worked = 0;
}

/* The first read went to whichever copy was near; if that one is bad, all are tried. */
static int batch_retry(struct scan *sc, struct batch *b, struct scan_block *blk, void *buf)
{
	int ret = block_read_copies(sc->s, blk->ref, buf, &blk->findings, NULL, &b->err);

	if (!ret || ret == -ENOMEM || ret == -EINTR)
		return ret;
	blk->data = NULL;
	blk->ret = ret;
	blk->error = mem_strdup(err_text(&b->err));
	err_clear(&b->err);
	return blk->error ? 0 : err_nomem(&b->err);
}

static int batch_block(struct scan *sc, struct batch *b, size_t i, unsigned worker)
{
	struct scan_block *blk = &b->blocks[i];
	struct rio_req *req = &b->reqs[i];
	int ret = 0;

	b->worked = i + 1;
	blk->data = b->dirty[i] ? b->dirty[i]->data : req->buf;
	if (unlikely(!b->dirty[i] && (req->ret || node_gate(sc->s, req->buf, blk->ref, NULL, NULL))))
		ret = batch_retry(sc, b, blk, req->buf);
	if (!ret && sc->ops->work)
		ret = sc->ops->work(sc->arg, blk, worker);
	return ret;
}

/* Reads the batch, then gates and works on block after block while they are warm. */
static void batch_work(struct scan *sc, struct batch *b, unsigned worker)
{
	u32 nodesize = sc->s->geo->nodesize;

	err_clear(&b->err);
	for (size_t i = 0; i < b->n; i++) {
		size_t index = sc->by_disk ? sc->by_disk[b->first + i] : b->first + i;

		b->blocks[i] = (struct scan_block){ .ref = &sc->refs[index], .index = index };
		b->reqs[i] = (struct rio_req){ .start = sc->refs[index].bytenr, .len = nodesize, .buf = b->buf + i * nodesize };
		b->dirty[i] = ncache_get_dirty(sc->s->cache, sc->refs[index].bytenr);
	}
	b->ret = env_check_interrupt(sc->s->env, &b->err);
	if (!b->ret)
		b->ret = rio_read_batch(sc->s->vol, b->reqs, b->n, &b->err);
	for (size_t i = 0; !b->ret && i < b->n; i++)
		b->ret = batch_block(sc, b, i, worker);
}

/* Hands the blocks to done(), or from the first failure on to drop(). */
static int batch_finish(struct scan *sc, struct batch *b)
{
	const struct scan_ops *ops = sc->ops;
	int ret = b->ret;

	for (size_t i = 0; i < b->worked; i++) {
		struct scan_block *blk = &b->blocks[i];

		if (!ret && ops->done)
			ret = ops->done(sc->arg, blk);
		else if (ret && ops->drop)
			ops->drop(sc->arg, blk);
		findings_fini(&blk->findings);
		free(blk->error);
	}
	b->worked = 0;
	for (size_t i = 0; i < b->n; i++)
		node_putp(&b->dirty[i]);
	if (ret && b->index <= sc->failed) {
		sc->failed = b->index;
		if (b->ret && b->err.len && sc->err)
			*sc->err = b->err;
	}
	return ret;
}

/* Disk order: each worker has one batch of its own. */
static int scan_disk_job(void *arg, u64 i, unsigned worker)
{
	struct scan *sc = arg;
	struct batch *b = sc->by_worker[worker];
	int ret;

	if (!b) {
		b = sc->by_worker[worker] = batch_new(sc);
		if (!b)
			return err_nomem(NULL);
	}
	batch_set(sc, b, i);
	batch_work(sc, b, worker);
	pthread_mutex_lock(&sc->lock);
	ret = batch_finish(sc, b);
	pthread_mutex_unlock(&sc->lock);
	return ret;
}

struct place { u64 at; size_t index; };

static int place_cmp(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static size_t *scan_sort(const struct scan *sc)
{
	struct place *places = mem_alloc(sc->n, sizeof(*places));
	size_t *by_disk = mem_alloc(sc->n, sizeof(*by_disk));

	if (!places || !by_disk) {
		free(places);
		free(by_disk);
		return NULL;
	}
	for (size_t i = 0; i < sc->n; i++)
		places[i] = (struct place){ rio_disk_order(sc->s->vol, sc->refs[i].bytenr), i };
	qsort(places, sc->n, sizeof(*places), place_cmp);
	for (size_t i = 0; i < sc->n; i++)
		by_disk[i] = places[i].index;
	free(places);
	return by_disk;
}

static int scan_disk(struct scan *sc)
{
	unsigned threads = pool_threads(sc->s->env->pool);
	size_t *by_disk = scan_sort(sc);
	int ret;

	sc->by_disk = by_disk;
	sc->by_worker = mem_calloc(threads, sizeof(*sc->by_worker));
	if (!by_disk || !sc->by_worker) {
		free(by_disk);
		free(sc->by_worker);
		return err_nomem(sc->err);
	}
	ret = pool_for(sc->s->env->pool, div_round_up(sc->n, sc->per_batch), scan_disk_job, sc);
	for (unsigned i = 0; i < threads; i++)
		batch_free(sc->by_worker[i]);
	free(sc->by_worker);
	free(by_disk);
	return ret;
}

static void scan_list_work(void *job, void *arg, unsigned worker)
{
	batch_work(arg, job, worker);
}

/* In the thread that pushes: the list of spare batches needs no lock. */
static int scan_list_done(void *job, void *arg)
{
	struct scan *sc = arg;
	struct batch *b = job;
	int ret = batch_finish(sc, b);

	b->next = sc->spare;
	sc->spare = b;
	return ret;
}

static void scan_list_drop(void *job, void *arg)
{
	struct scan *sc = arg;
	struct batch *b = job;

	if (!b->ret)
		b->ret = -ECANCELED;
	err_clear(&b->err);
	b->index = -1;
	batch_finish(sc, b);
	batch_free(b);
}

static int scan_list(struct scan *sc)
{
	static const struct ordq_ops ops = { scan_list_work, scan_list_done, scan_list_drop };
	struct ordq *q = ordq_new(sc->s->env->pool, 2 * pool_threads(sc->s->env->pool) + 1, &ops, sc);
	int ret = q ? 0 : err_nomem(sc->err);

	for (size_t i = 0; !ret && i < div_round_up(sc->n, sc->per_batch); i++) {
		struct batch *b = sc->spare;

		if (b)
			sc->spare = b->next;
		else
			b = batch_new(sc);
		if (!b) {
			ret = err_nomem(sc->err);
			break;
		}
		batch_set(sc, b, i);
		ret = ordq_push(q, b);
	}
	if (!ret)
		ret = ordq_finish(q);
	ordq_free(q);
	while (sc->spare) {
		struct batch *b = sc->spare;

		sc->spare = b->next;
		batch_free(b);
	}
	return ret;
}

int tree_scan_blocks(struct nstore *s, const struct block_ref *refs, size_t n, enum scan_order order, const struct scan_ops *ops, void *arg,
		     struct err *err)
{
	struct scan sc = { .s = s, .refs = refs, .n = n, .ops = ops, .arg = arg, .failed = -1, .err = err };
	unsigned threads = pool_threads(s->env->pool);
	int ret;

	if (!n)
		return 0;
	/* small scans are shared out as well */
	sc.per_batch = min_t(size_t, BATCH_BYTES / s->geo->nodesize, max_t(size_t, div_round_up(n, 4 * threads), BATCH_MIN));
	sc.per_batch = min_t(size_t, sc.per_batch, n);
	pthread_mutex_init(&sc.lock, NULL);
	ret = order == SCAN_DISK ? scan_disk(&sc) : scan_list(&sc);
	pthread_mutex_destroy(&sc.lock);
	return ret;
}
