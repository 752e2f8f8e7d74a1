/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node cache. Shards, each a hash table with a lock of its own; in each shard the nodes form a ring over which a clock
 * hand passes: what was used since the last pass gets a second chance. The cache counts as a holder of its nodes, so one that
 * only the cache holds can be evicted: nobody can become a holder but under the shard's lock. */
#include "kernel-shared/tree/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include "common/hash.h"
#include "common/mem.h"

enum { SHARDS_MAX = 64, SHARD_NODES = 64 /* fewer are not worth a shard */, NODE_ALIGN = 64 };

struct shard {
	pthread_mutex_t lock;
	struct node **buckets;
	struct node *hand;    /* the clock's; NULL: empty */
	u64 count;
} __attribute__((aligned(NODE_ALIGN)));

struct ncache {
	unsigned shards;      /* a power of two, as buckets */
	unsigned buckets;     /* of one shard */
	u64 capacity;
	_Atomic u64 count;
	struct shard *shard;
	pthread_mutex_t report; /* one caller of on_bad_copy at a time */
};

struct ncache *ncache_new(u32 nodesize, u64 memory)
{
	struct ncache *c = mem_zalloc(sizeof(*c));

	if (!c)
		return NULL;
	c->capacity = max_t(u64, memory / nodesize, 8);
	c->shards = 1;
	while (c->shards < SHARDS_MAX && c->shards * SHARD_NODES < c->capacity)
		c->shards *= 2;
	c->buckets = 16;
	while ((u64)c->buckets * c->shards < c->capacity && c->buckets < 1U << 24)
		c->buckets *= 2;
	c->shard = aligned_alloc(NODE_ALIGN, c->shards * sizeof(*c->shard));
	if (!c->shard) {
		free(c);
		return NULL;
	}
	memset(c->shard, 0, c->shards * sizeof(*c->shard));
	pthread_mutex_init(&c->report, NULL);
	for (unsigned i = 0; i < c->shards; i++)
		pthread_mutex_init(&c->shard[i].lock, NULL);
	for (unsigned i = 0; i < c->shards; i++) {
		c->shard[i].buckets = mem_calloc(c->buckets, sizeof(struct node *));
		if (!c->shard[i].buckets) {
			ncache_free(c);
			return NULL;
		}
	}
	return c;
}

void ncache_free(struct ncache *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->shards; i++) {
		struct shard *sh = &c->shard[i];

		while (sh->hand) {
			struct node *n = sh->hand;

			sh->hand = n->clock_next == n ? NULL : n->clock_next;
			n->clock_prev->clock_next = n->clock_next;
			n->clock_next->clock_prev = n->clock_prev;
			node_put(n);
		}
		free(sh->buckets);
		pthread_mutex_destroy(&sh->lock);
	}
	pthread_mutex_destroy(&c->report);
	free(c->shard);
	free(c);
}

void nstore_bad_copy(struct nstore *s, u64 bytenr, unsigned mirror, int code, const char *text)
{
	if (!s->on_bad_copy)
		return;
	pthread_mutex_lock(&s->cache->report);
	s->on_bad_copy(s, bytenr, mirror, code, text);
	pthread_mutex_unlock(&s->cache->report);
}

u64 ncache_capacity(const struct ncache *c)
{
	return c->capacity;
}

/* The shard by the hash's low bits, the bucket by higher ones. */
static struct shard *shard_of(struct ncache *c, u64 bytenr, struct node ***bucket)
{
	u64 h = hash_mix(bytenr);
	struct shard *sh = &c->shard[h & (c->shards - 1)];

	*bucket = &sh->buckets[(h >> 8) & (c->buckets - 1)];
	return sh;
}

static struct node *bucket_find(struct node *n, u64 bytenr)
{
	while (n && n->bytenr != bytenr)
		n = n->hash_next;
	return n;
}

struct node *ncache_get(struct ncache *c, u64 bytenr)
{
	struct node **bucket, *n;
	struct shard *sh = shard_of(c, bytenr, &bucket);

	pthread_mutex_lock(&sh->lock);
	n = bucket_find(*bucket, bytenr);
	if (n) {
		atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
		n->hot = true;
	}
	pthread_mutex_unlock(&sh->lock);
	return n;
}

struct node *ncache_get_dirty(struct ncache *c, u64 bytenr)
{
	struct node **bucket, *n;
	struct shard *sh = shard_of(c, bytenr, &bucket);

	pthread_mutex_lock(&sh->lock);
	n = bucket_find(*bucket, bytenr);
	if (n && n->dirty)
		atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
	else
		n = NULL;
	pthread_mutex_unlock(&sh->lock);
	return n;
}

bool ncache_has(struct ncache *c, u64 bytenr)
{
	struct node **bucket;
	struct shard *sh = shard_of(c, bytenr, &bucket);
	bool has;

	pthread_mutex_lock(&sh->lock);
	has = bucket_find(*bucket, bytenr);
	pthread_mutex_unlock(&sh->lock);
	return has;
}

/* Out of table and ring; the cache's hold passes to the caller. */
static void shard_remove(struct ncache *c, struct shard *sh, struct node **bucket, struct node *n)
{
	while (*bucket != n)
		bucket = &(*bucket)->hash_next;
	*bucket = n->hash_next;
	if (sh->hand == n)
		sh->hand = n->clock_next == n ? NULL : n->clock_next;
	n->clock_prev->clock_next = n->clock_next;
	n->clock_next->clock_prev = n->clock_prev;
	n->hash_next = n->clock_prev = n->clock_next = NULL;
	sh->count--;
	atomic_fetch_sub_explicit(&c->count, 1, memory_order_relaxed);
}

static void shard_add(struct ncache *c, struct shard *sh, struct node **bucket, struct node *n)
{
	n->hash_next = *bucket;
	*bucket = n;
	if (sh->hand) {
		/* just behind the hand: the last to be looked at */
		n->clock_next = sh->hand;
		n->clock_prev = sh->hand->clock_prev;
		n->clock_prev->clock_next = n;
		sh->hand->clock_prev = n;
	} else {
		n->clock_prev = n->clock_next = n;
		sh->hand = n;
	}
	sh->count++;
	atomic_fetch_add_explicit(&c->count, 1, memory_order_relaxed);
}

/* Evicts from this shard while the cache as a whole is over its bound: at most two rounds of the hand. The victims are chained
 * through hash_next, to be put without the lock. */
static struct node *shard_shrink(struct ncache *c, struct shard *sh)
{
	struct node *victims = NULL;

	for (u64 steps = 2 * sh->count; steps && sh->hand; steps--) {
		struct node *n = sh->hand, **bucket;

		if (atomic_load_explicit(&c->count, memory_order_relaxed) <= c->capacity)
			break;
		sh->hand = n->clock_next;
		if (n->dirty || atomic_load_explicit(&n->refs, memory_order_acquire) > 1)
			continue;
		if (n->hot) {
			n->hot = false;
			continue;
		}
		shard_of(c, n->bytenr, &bucket);
		shard_remove(c, sh, bucket, n);
		n->hash_next = victims;
		victims = n;
	}
	return victims;
}

struct node *ncache_insert(struct ncache *c, struct node *n, bool replace)
{
	struct node **bucket, *old, *victims = NULL;
	struct shard *sh = shard_of(c, n->bytenr, &bucket);

	pthread_mutex_lock(&sh->lock);
	old = bucket_find(*bucket, n->bytenr);
	if (old && !replace) {
		atomic_fetch_add_explicit(&old->refs, 1, memory_order_relaxed);
	} else {
		if (old)
			shard_remove(c, sh, bucket, old);
		atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
		shard_add(c, sh, bucket, n);
		victims = shard_shrink(c, sh);
	}
	pthread_mutex_unlock(&sh->lock);
	while (victims) {
		struct node *next = victims->hash_next;

		node_put(victims);
		victims = next;
	}
	if (old && !replace) {
		node_put(n);
		return old;
	}
	node_put(old);
	return n;
}

void ncache_forget(struct ncache *c, u64 bytenr)
{
	struct node **bucket, *n;
	struct shard *sh = shard_of(c, bytenr, &bucket);

	pthread_mutex_lock(&sh->lock);
	n = bucket_find(*bucket, bytenr);
	if (n)
		shard_remove(c, sh, bucket, n);
	pthread_mutex_unlock(&sh->lock);
	node_put(n);
}

struct node *node_new(struct nstore *s, u64 bytenr)
{
	/* Not aligned_alloc: it splits what it takes, so that what is freed does not fit the next one, and memory falls to pieces. */
	struct node *n = malloc(sizeof(*n) + NODE_ALIGN + s->geo->nodesize);

	if (!n)
		return NULL;
	memset(n, 0, sizeof(*n));
	n->data = (u8 *)round_up_p2((uintptr_t)(n + 1), NODE_ALIGN);
	n->bytenr = bytenr;
	n->store = s;
	atomic_init(&n->refs, 1);
	return n;
}

struct node *node_hold(struct node *n)
{
	atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
	return n;
}

void node_put(struct node *n)
{
	if (!n || atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) != 1)
		return;
	findings_fini(&n->findings);
	free(n);
}

void node_putp(struct node **n)
{
	node_put(*n);
	*n = NULL;
}
