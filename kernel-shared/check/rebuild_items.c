/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extent items from the references found. Spec: on-disk-format 3.13, 6.2. */
#include "kernel-shared/check/rebuild.h"

#include <stdlib.h>
#include "common/mem.h"

/* All references of one kind and origin. */
struct xref { u8 type; u64 root, owner, offset, seq, count; };
/* One extent as it will be. */
struct extent {
	u64 bytenr, len, generation, charge, refs;
	bool tree, has_block, has_item, full;
	u8 level;
	struct disk_key first;
	VEC(struct xref) v;
};

struct build { struct rebuild *rb; struct extent cur, last; u8 *buf; };

static u8 ref_type(u8 kind)
{
	switch (kind) {
	case X_TREE: return BTRFS_TREE_BLOCK_REF_KEY;
	case X_SHARED_TREE: return BTRFS_SHARED_BLOCK_REF_KEY;
	case X_DATA: return BTRFS_EXTENT_DATA_REF_KEY;
	default: return BTRFS_SHARED_DATA_REF_KEY;
	}
}

static u32 inline_size(u8 type)
{
	switch (type) {
	case BTRFS_EXTENT_DATA_REF_KEY: return 1 + sizeof(struct disk_extent_data_ref);
	case BTRFS_SHARED_DATA_REF_KEY: return sizeof(struct disk_extent_inline_ref) + sizeof(struct disk_shared_data_ref);
	default: return sizeof(struct disk_extent_inline_ref);
	}
}

static int by_order(const void *a, const void *b)
{
	const struct xref *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->seq > y->seq ? -1 : x->seq < y->seq;
}

/* Keyed references ascend. */
static int by_key(const void *a, const void *b)
{
	const struct xref *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int add_ref(struct extent *e, const struct xfact *f)
{
	struct xref r = { ref_type(f->kind), f->root, f->owner, f->offset, f->root, f->count };
	struct xref *last = e->v.len ? &e->v.v[e->v.len - 1] : NULL;

	if (last && last->type == r.type && last->root == r.root && last->owner == r.owner && last->offset == r.offset) {
		/* a tree refers to a block once */
		last->count += f->kind == X_DATA || f->kind == X_SHARED_DATA ? r.count : 0;
		return 0;
	}
	if (f->kind == X_DATA)
		r.seq = hash_data_ref(r.root, r.owner, r.offset);
	return vec_push(&e->v, r);
}

/* --- facts of one extent --- */

/* File extents that disagree: the extent item's length if anyone has it, else the first's. */
static int fold(struct build *b, const struct xfact *f)
{
	struct extent *e = &b->cur;
	bool data = f->kind == X_DATA || f->kind == X_SHARED_DATA;

	switch (f->kind) {
	case X_ITEM:
		e->has_item = true;
		e->generation = f->generation;
		e->charge = f->root;
		e->len = f->len;
		return 0;
	case X_BLOCK:
		e->has_block = e->tree = true;
		e->full = f->count;
		e->level = f->level;
		e->first = f->first;
		e->generation = f->generation;
		e->len = f->len;
		return 0;
	}
	if (!data && !e->v.len) {
		e->tree = true;
		e->len = f->len;
		e->level = e->has_block ? e->level : f->level;
	}
	if (data == e->tree)
		return 0;
	if (data && !e->v.len && !(e->has_item && e->len == f->len)) {
		e->has_item = false;
		e->len = f->len;
		e->generation = f->generation;
	}
	return f->len == e->len ? add_ref(e, f) : 0;
}

/* --- out --- */

struct rgroup *rebuild_group(struct rebuild *rb, u64 bytenr)
{
	size_t lo = 0, hi = rb->groups.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (rb->groups.v[mid].start + rb->groups.v[mid].length <= bytenr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < rb->groups.len && rb->groups.v[lo].start <= bytenr ? &rb->groups.v[lo] : NULL;
}

static u32 put_inline(u8 *to, const struct xref *r)
{
	to[0] = r->type;
	if (r->type == BTRFS_EXTENT_DATA_REF_KEY) {
		struct disk_extent_data_ref d = { le64_of(r->root), le64_of(r->owner), le64_of(r->offset), le32_of(r->count) };

		memcpy(to + 1, &d, sizeof(d));
		return 1 + sizeof(d);
	}
	put_le64(to + 1, r->root);
	if (r->type == BTRFS_SHARED_DATA_REF_KEY)
		put_le32(to + sizeof(struct disk_extent_inline_ref), r->count);
	return inline_size(r->type);
}

static u32 put_head(const struct rebuild *rb, const struct extent *e, struct key *key, u8 *to)
{
	bool skinny = geo_incompat(rb->fs->geo, BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA);
	struct disk_extent_item head = { le64_of(e->refs), le64_of(e->generation),
		le64_of((e->tree ? BTRFS_EXTENT_FLAG_TREE_BLOCK : BTRFS_EXTENT_FLAG_DATA) | (e->full ? BTRFS_BLOCK_FLAG_FULL_BACKREF : 0)) };
	struct disk_tree_block_info info = { .key = e->first, .level = e->level };
	u32 size = sizeof(head);

	memcpy(to, &head, sizeof(head));
	*key = e->tree && skinny ? KEY(e->bytenr, BTRFS_METADATA_ITEM_KEY, e->level) : KEY(e->bytenr, BTRFS_EXTENT_ITEM_KEY, e->len);
	if (e->tree && !skinny) {
		memcpy(to + size, &info, sizeof(info));
		size += sizeof(info);
	}
	return size;
}

u32 rebuild_own_item(const struct rebuild *rb, const struct own_block *o, struct key *key, u8 *to)
{
	const struct extent e = { .bytenr = o->bytenr, .len = rb->fs->geo->nodesize, .generation = rb->transid, .refs = 1, .tree = true, .level = o->level,
				  .first = o->first };
	const struct xref r = { .type = BTRFS_TREE_BLOCK_REF_KEY, .root = o->owner, .count = 1 };
	u32 size = put_head(rb, &e, key, to);

	return size + put_inline(to + size, &r);
}

static int put_keyed(struct build *b, const struct extent *e, size_t from, struct err *err)
{
	struct key last = KEY_MIN;
	int ret = 0;

	qsort(e->v.v + from, e->v.len - from, sizeof(*e->v.v), by_key);
	for (size_t i = from; !ret && i < e->v.len; i++) {
		const struct xref *r = &e->v.v[i];
		struct key key = KEY(e->bytenr, r->type, r->seq);
		struct disk_extent_data_ref d = { le64_of(r->root), le64_of(r->owner), le64_of(r->offset), le32_of(r->count) };
		struct disk_shared_data_ref s = { le32_of(r->count) };
		bool data = r->type == BTRFS_EXTENT_DATA_REF_KEY, shared = r->type == BTRFS_SHARED_DATA_REF_KEY;

		/* equal hashes stand side by side */
		if (key_cmp(&key, &last) <= 0)
			key = key_next(last);
		ret = spool_add(b->rb->extents, &key, data ? (void *)&d : (void *)&s, data ? sizeof(d) : shared ? sizeof(s) : 0, err);
		last = key;
	}
	return ret;
}

static int put_extent(struct build *b, struct extent *e, struct err *err)
{
	u32 size, max = geo_max_inline_refs(b->rb->fs->geo);
	struct rgroup *g = rebuild_group(b->rb, e->bytenr);
	struct key key;
	size_t i = 0;
	int ret;

	for (size_t k = 0; k < e->v.len; k++)
		e->refs += e->v.v[k].count;
	e->generation = min_t(u64, e->generation ? e->generation : b->rb->transid - 1, b->rb->transid);
	vec_sort(&e->v, by_order);
	size = put_head(b->rb, e, &key, b->buf);
	if (!e->tree && e->charge && geo_incompat(b->rb->fs->geo, BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA)) {
		b->buf[size] = BTRFS_EXTENT_OWNER_REF_KEY;
		put_le64(b->buf + size + 1, e->charge);
		size += sizeof(struct disk_extent_inline_ref);
	}
	for (; i < e->v.len && size + inline_size(e->v.v[i].type) < max; i++)
		size += put_inline(b->buf + size, &e->v.v[i]);
	ret = spool_add(b->rb->extents, &key, b->buf, size, err);
	if (g)
		g->used += e->len;
	return ret ? ret : put_keyed(b, e, i, err);
}

static void extent_swap(struct extent *a, struct extent *b)
{
	struct extent t = *a;

	*a = *b;
	*b = t;
}

static bool better(const struct extent *a, const struct extent *b)
{
	if (a->has_block != b->has_block)
		return a->has_block;
	return a->has_item && !b->has_item;
}

/* The extent that was being read is complete. The one before goes out when this one leaves it alone; of two that overlap one stays. */
static int done(struct build *b, struct err *err)
{
	struct extent *cur = &b->cur, *last = &b->last;
	int ret = 0;

	if (cur->v.len && last->v.len && cur->bytenr - last->bytenr < last->len) {
		b->rb->dropped++;
		if (better(cur, last))
			extent_swap(cur, last);
	} else if (cur->v.len) {
		ret = last->v.len ? put_extent(b, last, err) : 0;
		extent_swap(cur, last);
	}
	cur->v.len = 0;
	return ret;
}

static void begin(struct build *b, u64 bytenr)
{
	struct extent e = { .bytenr = bytenr };

	e.v.v = b->cur.v.v;
	e.v.cap = b->cur.v.cap;
	b->cur = e;
}

int rebuild_extent_items(struct rebuild *rb, struct err *err)
{
	struct build b = { .rb = rb, .buf = mem_alloc(BTRFS_MAX_METADATA_BLOCKSIZE, 1) };
	struct err local = ERR_INIT;
	const struct xfact *f;
	int ret = b.buf ? sortrun_finish(rb->s->refs, &local) : err_nomem(&local);

	b.cur.bytenr = -1ULL;
	while (!ret && (f = sortrun_next(rb->s->refs, &local))) {
		if (get_be64(f->bytenr) != b.cur.bytenr) {
			ret = done(&b, &local);
			begin(&b, get_be64(f->bytenr));
		}
		if (!ret && fold(&b, f))
			ret = err_nomem(&local);
	}
	if (!ret)
		ret = local.code;
	if (!ret)
		ret = done(&b, &local);
	if (!ret && b.last.v.len)
		ret = put_extent(&b, &b.last, &local);
	vec_fini(&b.cur.v);
	vec_fini(&b.last.v);
	free(b.buf);
	if (ret && err)
		*err = local;
	return ret;
}
