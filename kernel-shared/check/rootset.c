/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of trees, each kept once and known by a number; the union of two is computed once. Numbers depend on the order in which threads come,
 * what they stand for does not. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>
#include "common/mem.h"

void rootsets_init(struct rootsets *s)
{
	pthread_mutex_init(&s->lock, NULL);
	arena_init(&s->arena);
}

void rootsets_fini(struct rootsets *s)
{
	pthread_mutex_destroy(&s->lock);
	arena_fini(&s->arena);
	vec_fini(&s->sets);
	hmap_fini(&s->by_hash);
	hmap_fini(&s->unions);
}

static bool same_set(const struct rootset *a, const u32 *v, u32 n)
{
	return a->n == n && !memcmp(a->v, v, n * sizeof(*v));
}

/* The number of a set that has at least one member; 0: no memory. */
static u32 intern(struct rootsets *s, const u32 *v, u32 n)
{
	u64 hash = hash_bytes(v, n * sizeof(*v));
	struct rootset set = { .n = n };
	u64 *slot;
	bool fresh;

	for (;; hash++) {
		slot = hmap_put(&s->by_hash, hash, &fresh);
		if (!slot)
			return 0;
		if (fresh)
			break;
		if (same_set(&s->sets.v[*slot], v, n))
			return *slot;
	}
	set.v = arena_dup(&s->arena, v, n * sizeof(*v));
	if (!s->sets.len && vec_push(&s->sets, ((struct rootset){ NULL, 0 })))
		return 0;
	if (!set.v || vec_push(&s->sets, set))
		return 0;
	*slot = s->sets.len - 1;
	return *slot;
}

u32 rootset_one(struct rootsets *s, u32 tree)
{
	u32 id;

	pthread_mutex_lock(&s->lock);
	id = intern(s, &tree, 1);
	pthread_mutex_unlock(&s->lock);
	return id;
}

static u32 merge(struct rootsets *s, u32 a, u32 b)
{
	const struct rootset *x = &s->sets.v[a], *y = &s->sets.v[b];
	u32 *v = mem_alloc((size_t)x->n + y->n, sizeof(*v)), n = 0, i = 0, j = 0, id;

	if (!v)
		return 0;
	while (i < x->n || j < y->n) {
		if (j == y->n || (i < x->n && x->v[i] < y->v[j])) {
			v[n++] = x->v[i++];
		} else {
			if (i < x->n && x->v[i] == y->v[j])
				i++;
			v[n++] = y->v[j++];
		}
	}
	id = intern(s, v, n);
	free(v);
	return id;
}

u32 rootset_union(struct rootsets *s, u32 a, u32 b)
{
	u64 key = a < b ? (u64)a << 32 | b : (u64)b << 32 | a, *slot;
	u32 id;

	if (a == b || !b)
		return a;
	if (!a)
		return b;
	pthread_mutex_lock(&s->lock);
	slot = hmap_get(&s->unions, key);
	id = slot ? *slot : 0;
	if (!id) {
		id = merge(s, a, b);
		slot = id ? hmap_put(&s->unions, key, NULL) : NULL;
		if (slot)
			*slot = id;
	}
	pthread_mutex_unlock(&s->lock);
	return id;
}

bool rootset_has(const struct rootsets *s, u32 set, u32 tree)
{
	const struct rootset *r = &s->sets.v[set];
	u32 lo = 0, hi = set ? r->n : 0;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (r->v[mid] < tree)
			lo = mid + 1;
		else
			hi = mid;
	}
	return set && lo < r->n && r->v[lo] == tree;
}
