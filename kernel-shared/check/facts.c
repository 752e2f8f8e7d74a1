/* SPDX-License-Identifier: GPL-2.0-or-later */
/* References as numbers: each has a hash, a file extent or pointer adds it, the extent tree subtracts it. What is left of an extent after
 * all is zero, or the extent is looked at exactly. What the parties must agree on (kind, length, level, generation) is part of each hash. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>

static u64 hash_ref(const struct check *c, const struct ref *r, bool data)
{
	if (r->parent)
		return hash_mix2(c->seed ^ (data ? 1 : 2), r->parent);
	if (!data)
		return hash_mix2(c->seed ^ 3, r->root);
	return hash_mix2(hash_mix2(hash_mix2(c->seed ^ 4, r->root), r->owner), r->offset);
}

/* What the extent item says of the extent, and whoever refers to it: of data its length, of a tree block its level and generation. */
struct shape { bool data; u64 len, generation; u8 level; };

static u64 hash_shape(const struct check *c, const struct shape *s)
{
	return s->data ? hash_mix2(c->seed ^ 5, s->len) : hash_mix2(hash_mix2(c->seed ^ 6, s->level), s->generation);
}

static bool is_bad(const struct check *c, u64 bytenr)
{
	size_t lo = 0, hi = c->nbad;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->bad[mid] < bytenr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->nbad && c->bad[lo] == bytenr;
}

static int add_sum(struct check *c, unsigned worker, u64 bytenr, u64 sum, s64 count)
{
	struct ref_fact f = { .sum = sum, .count = count };

	put_be64(f.bytenr, bytenr);
	return sortrun_add(c->refs, &f, worker);
}

static int add_exact(struct check *c, unsigned worker, const struct exact_ref *r)
{
	if (!is_bad(c, r->bytenr))
		return 0;
	return vec_push(&c->workers[worker].exact, *r);
}

static int found_ref(struct check *c, unsigned worker, u64 bytenr, const struct shape *s, const struct ref *r)
{
	struct exact_ref x = { .bytenr = bytenr, .root = r->root, .owner = r->owner, .offset = r->offset, .parent = r->parent, .count = r->count,
			       .data = s->data, .found = true, .len = s->len, .level = s->level, .generation = s->generation };

	if (!c->exact)
		return add_sum(c, worker, bytenr, hash_ref(c, r, s->data) + hash_shape(c, s), r->count);
	return add_exact(c, worker, &x);
}

int fact_data_ref(struct check *c, unsigned worker, u64 bytenr, u64 len, const struct ref *ref)
{
	return found_ref(c, worker, bytenr, &(struct shape){ .data = true, .len = len }, ref);
}

int fact_tree_ref(struct check *c, unsigned worker, u64 bytenr, u8 level, u64 generation, const struct ref *ref)
{
	return found_ref(c, worker, bytenr, &(struct shape){ .level = level, .generation = generation }, ref);
}

/* --- the extent tree's side --- */

static void ref_of_view(const struct extent_ref_view *v, struct ref *r, bool *data)
{
	bool shared = v->type == BTRFS_SHARED_BLOCK_REF_KEY || v->type == BTRFS_SHARED_DATA_REF_KEY;

	*data = v->type == BTRFS_EXTENT_DATA_REF_KEY || v->type == BTRFS_SHARED_DATA_REF_KEY;
	*r = (struct ref){ .count = v->count };
	if (shared)
		r->parent = v->parent;
	else
		r->root = v->root;
	if (*data && !shared) {
		r->owner = v->objectid;
		r->offset = v->offset;
	}
}

/* Sums up the references of an item, or lists them in the exact pass. */
static int item_refs(struct leaf_ctx *l, const struct item *item, u32 pos, u64 bytenr, u64 *sum, bool keyed)
{
	struct extent_ref_view v;

	while (extent_ref_next(item, &pos, &v)) {
		struct ref r;
		bool data;

		if (v.type == BTRFS_EXTENT_OWNER_REF_KEY)
			continue;
		ref_of_view(&v, &r, &data);
		*sum -= hash_ref(l->c, &r, data) * r.count;
		if (l->c->exact) {
			struct exact_ref x = { .bytenr = bytenr, .root = r.root, .owner = r.owner, .offset = r.offset, .parent = r.parent,
					       .count = r.count, .data = data, .keyed = keyed };
			int ret = add_exact(l->c, l->worker, &x);

			if (ret)
				return ret;
		}
	}
	return 0;
}

static int note_extent(struct leaf_ctx *l, const struct item *item, const struct extent_view *v)
{
	struct extent_fact f = { .kind = item->key.type | (v->is_data ? EXTENT_IS_DATA : 0) };
	u64 newest = l->c->geo->generation + 1;

	put_be64(f.bytenr, v->bytenr);
	put_be64(f.len, v->len);
	if (v->generation > newest) {
		struct where w = { .tree = BTRFS_EXTENT_TREE_OBJECTID, .key = item->key, .block = l->bytenr, .bytenr = v->bytenr, .len = v->len,
				   .have = v->generation, .want = newest };

		REPORT(l->c, CHECK_EXTENTS, EXTENT_GENERATION, w, v->bytenr, v->generation, newest);
	}
	if (v->flags & BTRFS_BLOCK_FLAG_FULL_BACKREF && blockmap_set(&l->c->full, v->bytenr) < 0)
		return -ENOMEM;
	return sortrun_add(l->c->extents, &f, l->worker);
}

int fact_extent_item(struct leaf_ctx *l, const struct item *item)
{
	struct check *c = l->c;
	struct extent_view v;
	struct shape shape;
	u64 sum = 0;
	int ret;

	if (extent_item_parse(c->geo, item, &v))
		return 0;
	shape = (struct shape){ v.is_data, v.len, v.generation, v.level };
	ret = item_refs(l, item, v.refs_start, v.bytenr, &sum, false);
	if (ret)
		return ret;
	if (c->exact) {
		struct exact_ref x = { .bytenr = v.bytenr, .len = v.len, .data = v.is_data, .item = true, .level = v.level, .refs = v.refs,
				       .generation = v.generation };

		return add_exact(c, l->worker, &x);
	}
	ret = note_extent(l, item, &v);
	if (!ret)
		ret = quota_extent(l, item, &v);
	sum += !v.refs; /* an item without references never adds up */
	return ret ? ret : add_sum(c, l->worker, v.bytenr, sum - hash_shape(c, &shape) * v.refs, -(s64)v.refs);
}

int fact_keyed_ref(struct leaf_ctx *l, const struct item *item)
{
	u64 sum = 0;
	int ret = item_refs(l, item, 0, item->key.objectid, &sum, true);

	if (ret || l->c->exact)
		return ret;
	return add_sum(l->c, l->worker, item->key.objectid, sum, 0);
}
