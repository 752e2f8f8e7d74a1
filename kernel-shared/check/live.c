/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live set: level by level from the roots, each block read once with all that its parents say of it, leaves in disk order. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>
#include "common/mem.h"
#include "common/pool.h"

enum { LEAF_ROUND = 8192 }; /* leaves of one scan: their references are all that is in memory */

struct round {
	struct check *c;
	const struct claim *claims; /* sorted; those of one block stand together */
	const size_t *first;        /* of each block, n + 1 of them */
	const struct block_ref *refs;
};

static struct key claim_first(const struct claim *cl) { return key_get(&cl->first); }

struct block_ref live_claim_ref(const struct check *c, const struct claim *cl)
{
	const struct ctree *t = &c->trees.v[cl->tree];

	return (struct block_ref){
		.bytenr = claim_bytenr(cl), .generation = cl->generation, .tree = t->id, .first = claim_first(cl), .level = cl->level,
		.has_level = true, .has_first = cl->has_first, .is_root = !cl->parent && t->kind == TREE_OTHER,
		.any_owner = t->kind == TREE_RELOC || t->kind == TREE_LOG,
	};
}

static int claims_push(struct claims *to, const struct claim *cl)
{
	return vec_push(to, *cl);
}

/* --- what is wrong with a block --- */

static void report_lost(struct check *c, const struct claim *cl)
{
	const struct ctree *t = &c->trees.v[cl->tree];
	struct where w = { .tree = t->id, .bytenr = claim_bytenr(cl), .len = c->geo->nodesize, .key = claim_first(cl) };

	REPORT(c, CHECK_EXTENTS, BLOCK_LOST, w, w.bytenr);
}

static void report_lost_in(struct check *c, const struct claim *cl)
{
	const struct ctree *t = &c->trees.v[cl->tree];
	struct key k = claim_first(cl);
	struct where w = { .tree = t->id, .bytenr = claim_bytenr(cl), .len = c->geo->nodesize, .key = k };

	REPORT(c, t->kind == TREE_SUBVOL ? CHECK_FS_ROOTS : CHECK_EXTENTS, BLOCK_LOST_IN, w, t->id, w.bytenr, cl->level, k.objectid, k.type, k.offset);
	if (!cl->parent && t->weight) {
		w.ino = BTRFS_FIRST_FREE_OBJECTID;
		REPORT(c, CHECK_FS_ROOTS, FILE_LOST, w, (s64)t->id, w.ino, "all", "the subvolume", ": its root block is lost");
	}
}

static void report_findings(struct check *c, const struct claim *cl, const struct findings *f)
{
	const struct ctree *t = &c->trees.v[cl->tree];

	for (size_t i = 0; i < f->len; i++) {
		struct where w = { .tree = t->id, .bytenr = claim_bytenr(cl), .len = c->geo->nodesize, .key = f->v[i].v.key };

		REPORT(c, CHECK_EXTENTS, BLOCK_RULE, w, f->v[i].text);
		if (i + 1 == f->len)
			REPORT(c, CHECK_EXTENTS, BLOCK_BAD, w, w.bytenr);
	}
}

/* The first claim went through the gate with the block; the others are held against it here. */
static void check_other_claim(struct check *c, const struct claim *cl, const void *block)
{
	struct block_ref ref = live_claim_ref(c, cl);
	struct findings f = { 0 };
	struct err err = ERR_INIT;

	if (block_generation(block) == ref.generation && block_level(block) == ref.level &&
	    (!ref.has_first || (block_nritems(block) && ({ struct key k = block_key(block, 0); key_eq(&k, &ref.first); }))))
		return;
	if (node_gate(&c->fs->store, block, &ref, &f, &err)) {
		struct where w = { .tree = ref.tree, .bytenr = ref.bytenr, .len = c->geo->nodesize, .key = ref.first };

		REPORT(c, CHECK_EXTENTS, BLOCK_RULE, w, err_text(&err));
		report_lost(c, cl);
		report_lost_in(c, cl);
	} else {
		report_findings(c, cl, &f);
	}
	findings_fini(&f);
}

static void check_bound(struct check *c, const struct claim *cl, const void *block)
{
	struct key bound = key_get(&cl->bound), last;

	if (!block_nritems(block))
		return;
	last = block_key(block, block_nritems(block) - 1);
	if (key_cmp(&last, &bound) >= 0 && !(bound.objectid == -1ULL && bound.type == 255)) {
		struct where w = { .tree = c->trees.v[cl->tree].id, .bytenr = claim_bytenr(cl), .len = c->geo->nodesize, .key = last };

		REPORT(c, CHECK_EXTENTS, BLOCK_RANGE, w, w.bytenr, w.tree, last.objectid, last.type, last.offset, bound.objectid, bound.type, bound.offset);
	}
}

/* --- one block --- */

static int key_cmp_drop(const void *block, const struct key *drop)
{
	bool exact;
	int slot = block_search(block, drop, &exact);

	return exact || !slot ? slot : slot - 1;
}

/* Of a tree half deleted only what is right of the way to its drop key is left: the first slot that is. */
static int claim_from(const struct check *c, const void *block, const struct claim *cl)
{
	const struct ctree *t = &c->trees.v[cl->tree];

	return cl->dropping && block_level(block) >= t->drop_level ? key_cmp_drop(block, &t->drop) : 0;
}

static int first_slot(struct check *c, const void *block, const struct claim *claims, size_t n)
{
	int min = block_nritems(block);

	for (size_t i = 0; i < n; i++)
		min = min_t(int, min, claim_from(c, block, &claims[i]));
	return min;
}

static u64 claims_weight(const struct claim *claims, size_t n)
{
	u64 sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += claims[i].weight;
	return sum;
}

static u32 claims_set(struct check *c, const struct claim *claims, size_t n)
{
	u32 set = 0;

	for (size_t i = 0; c->sets_of && i < n; i++)
		set = rootset_union(&c->sets, set, claim_set(&claims[i]));
	return set;
}

struct node_ctx { struct check *c; const void *block; const struct claim *claims; size_t n; unsigned worker; bool full; int from; };

static int live_child(struct node_ctx *nc, int slot)
{
	struct check *c = nc->c;
	const struct disk_key_ptr *ptr = &block_ptrs(nc->block)[slot];
	const struct claim *up = nc->claims;
	u8 level = block_level(nc->block) - 1;
	u64 bytenr = le64_get(ptr->blockptr), self = claim_bytenr(up);
	const struct ctree *t = &c->trees.v[up->tree];
	struct claim cl = { .generation = le64_get(ptr->generation), .parent = self, .first = ptr->key, .tree = up->tree, .level = level, .has_first = 1 };
	struct ref ref = { .count = 1 };
	u32 set = 0;
	int ret = 0;

	put_be64(cl.addr, bytenr);
	put_be64(cl.order, level ? 0 : rio_disk_order(c->fs->vol, bytenr));
	cl.bound = slot + 1 < (int)block_nritems(nc->block) ? ptr[1].key : up->bound;
	for (size_t i = 0; i < nc->n; i++) {
		const struct ctree *ti = &c->trees.v[nc->claims[i].tree];

		cl.weight += nc->claims[i].weight;
		if (c->sets_of && slot >= claim_from(c, nc->block, &nc->claims[i]))
			set = rootset_union(&c->sets, set, claim_set(&nc->claims[i]));
		if (nc->n == 1 && nc->claims[i].dropping && slot == nc->from && block_level(nc->block) > ti->drop_level)
			cl.dropping = 1;
	}
	claim_set_set(&cl, set);
	if (t->kind != TREE_LOG && !c->watch) {
		if (nc->full)
			ref.parent = self;
		else
			ref.root = cl.ref_root = block_owner(nc->block);
		ret = fact_tree_ref(c, nc->worker, bytenr, level, cl.generation, &ref);
	}
	return ret ? ret : claims_push(&c->workers[nc->worker].children[level], &cl);
}

static int node_block(struct node_ctx *nc)
{
	int n = block_nritems(nc->block), ret = 0;

	nc->from = first_slot(nc->c, nc->block, nc->claims, nc->n);
	for (int slot = nc->from; !ret && slot < n; slot++)
		ret = live_child(nc, slot);
	return ret;
}

static void count_block(struct check *c, unsigned worker, const void *block, const struct ctree *t)
{
	struct check_totals *tot = &c->workers[worker].totals;
	u64 owner = block_owner(block);
	s64 left = block_free_space(c->geo, block);

	if (c->exact || t->kind == TREE_LOG)
		return;
	tot->blocks++;
	tot->tree_bytes += c->geo->nodesize;
	if (owner == BTRFS_EXTENT_TREE_OBJECTID)
		tot->extent_tree_bytes += c->geo->nodesize;
	if (is_fstree(owner) || owner == BTRFS_TREE_RELOC_OBJECTID || owner == BTRFS_DATA_RELOC_TREE_OBJECTID)
		tot->fs_tree_bytes += c->geo->nodesize;
	if (left > 0)
		tot->waste_bytes += block_level(block) ? left * sizeof(struct disk_key_ptr) : (u64)left;
}

static int block_use(struct check *c, const struct claim *claims, size_t n, const void *block, unsigned worker)
{
	const struct ctree *t = &c->trees.v[claims[0].tree];
	bool full = blockmap_has(&c->full, claim_bytenr(claims));

	u32 set = claims_set(c, claims, n);
	int ret = quota_block(c, worker, block, set);

	if (ret)
		return ret;
	count_block(c, worker, block, t);
	if (c->args->checked)
		__atomic_add_fetch(c->args->checked, block_nritems(block), __ATOMIC_RELAXED);
	if (block_level(block)) {
		struct node_ctx nc = { c, block, claims, n, worker, full, 0 };

		return node_block(&nc);
	}
	struct leaf_ctx l = { .c = c, .block = block, .bytenr = claim_bytenr(claims), .owner = block_owner(block), .tree = t, .claims = claims,
			      .nclaims = n, .worker = worker, .weight = claims_weight(claims, n),
			      .set = set, .full = full };

	return leaf_facts(&l);
}

/* Trees that share no blocks must not meet in one. */
static void check_sharing(struct check *c, const struct claim *claims, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const struct ctree *a = &c->trees.v[claims[0].tree], *b = &c->trees.v[claims[i].tree];

		if ((a->kind == TREE_OTHER || b->kind == TREE_OTHER) && (a != b || claims[i].parent != claims[0].parent)) {
			struct where w = { .tree = a->id, .bytenr = claim_bytenr(claims), .len = c->geo->nodesize };

			REPORT(c, CHECK_EXTENTS, BLOCK_TWICE, w, w.bytenr, a->id, b->id);
		}
	}
}

static int watch_block(struct check *c, const struct claim *claims, size_t n, const struct scan_block *b, unsigned worker)
{
	struct live_block lb = { claims, n, b->data, &b->findings, b->data && block_level(b->data) ? first_slot(c, b->data, claims, n) : 0, worker };
	int ret = c->watch->block(c->watch, c, &lb);
	struct node_ctx nc = { c, b->data, claims, n, worker, false, 0 };

	return ret || !b->data || !block_level(b->data) ? ret : node_block(&nc);
}

static int round_work(void *arg, struct scan_block *b, unsigned worker)
{
	struct round *r = arg;
	struct check *c = r->c;
	size_t n = r->first[b->index + 1] - r->first[b->index];
	const struct claim *claims = &r->claims[r->first[b->index]];
	int seen = blockmap_set(&c->seen, claim_bytenr(claims));

	if (seen < 0)
		return seen;
	if (c->watch)
		return seen ? 0 : watch_block(c, claims, n, b, worker);
	if (!c->exact) {
		check_sharing(c, claims, n);
		if (!b->data) {
			report_lost(c, claims);
			for (size_t i = 0; i < n; i++)
				report_lost_in(c, &claims[i]);
		} else {
			report_findings(c, claims, &b->findings);
			for (size_t i = 1; i < n; i++)
				check_other_claim(c, &claims[i], b->data);
			for (size_t i = 0; i < n; i++)
				check_bound(c, &claims[i], b->data);
			check_header(c, claims, n, b->data);
		}
	}
	if (!b->data)
		return 0;
	if (seen) {
		struct where w = { .tree = c->trees.v[claims->tree].id, .bytenr = claim_bytenr(claims), .len = c->geo->nodesize };

		if (!c->exact)
			REPORT(c, CHECK_EXTENTS, BLOCK_TWICE, w, w.bytenr, w.tree, block_owner(b->data));
		return 0;
	}
	return block_use(c, claims, n, b->data, worker);
}

/* Reads the blocks of claims[0..n), sorted. */
static int live_round(struct check *c, const struct claim *claims, size_t n, struct err *err)
{
	static const struct scan_ops ops = { round_work, NULL, NULL };
	struct block_ref *refs = mem_alloc(n, sizeof(*refs));
	size_t *first = mem_alloc(n + 1, sizeof(*first)), blocks = 0;
	struct round r = { .c = c, .claims = claims, .first = first, .refs = refs };
	int ret;

	if (!refs || !first) {
		free(refs);
		free(first);
		return err_nomem(err);
	}
	for (size_t i = 0; i < n; i++)
		if (!i || memcmp(claims[i].addr, claims[i - 1].addr, 8)) {
			refs[blocks] = live_claim_ref(c, &claims[i]);
			first[blocks++] = i;
		}
	first[blocks] = n;
	ret = tree_scan_blocks(&c->fs->store, refs, blocks, SCAN_DISK, &ops, &r, err);
	free(refs);
	free(first);
	return ret;
}

static int claim_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct claim));
}

/* Children that the workers have met join their level; leaves go where they are sorted. */
static int collect_children(struct check *c, struct err *err)
{
	for (unsigned w = 0; w < c->nworkers; w++)
		for (int level = 0; level < BTRFS_MAX_LEVEL; level++) {
			struct claims *from = &c->workers[w].children[level];

			for (size_t i = 0; i < from->len; i++) {
				int ret = level ? claims_push(&c->level[level], &from->v[i]) : sortrun_add(c->leaves, &from->v[i], w);

				if (ret)
					return err_errno(err, ret, "cannot keep the list of tree blocks");
			}
			from->len = 0;
		}
	return 0;
}

static int live_interior(struct check *c, struct err *err)
{
	int ret = 0;

	for (int level = BTRFS_MAX_LEVEL - 1; !ret && level > 0; level--) {
		struct claims cur = c->level[level];

		if (!cur.len)
			continue;
		c->level[level] = (struct claims){ 0 };
		vec_sort(&cur, claim_cmp);
		ret = live_round(c, cur.v, cur.len, err);
		vec_fini(&cur);
		if (!ret)
			ret = collect_children(c, err);
	}
	return ret;
}

static int live_leaves(struct check *c, struct err *err)
{
	struct claims cur = { 0 };
	const struct claim *cl;
	size_t blocks = 0;
	int ret = sortrun_finish(c->leaves, err);

	while (!ret) {
		cl = sortrun_next(c->leaves, err);
		if (!cl && err && err->code)
			ret = err->code;
		if (!ret && cl && cur.len && memcmp(cl->addr, cur.v[cur.len - 1].addr, 8))
			blocks++;
		if (!ret && (!cl || blocks == LEAF_ROUND)) {
			if (cur.len)
				ret = live_round(c, cur.v, cur.len, err);
			cur.len = blocks = 0;
		}
		if (!cl)
			break;
		if (!ret && claims_push(&cur, cl))
			ret = err_nomem(err);
	}
	vec_fini(&cur);
	return ret;
}

/* --- roots --- */

static int add_root(struct check *c, u32 index, struct err *err)
{
	const struct ctree *t = &c->trees.v[index];
	struct claim cl = { .generation = t->generation, .tree = index, .level = t->level, .weight = t->weight,
			    .bound = key_disk(KEY_MAX), .dropping = t->drop.objectid || t->drop.type || t->drop.offset };
	struct ref ref = { .count = 1 };
	int ret = 0;

	put_be64(cl.addr, t->bytenr);
	put_be64(cl.order, t->level ? 0 : rio_disk_order(c->fs->vol, t->bytenr));
	if (c->sets_of == SETS_LIVE ? t->weight : c->sets_of == SETS_SUBVOLS && is_fstree(t->id)) {
		u32 set = rootset_one(&c->sets, index);

		if (!set)
			return err_nomem(err);
		claim_set_set(&cl, set);
	}
	if (t->kind == TREE_RELOC)
		ref.parent = t->bytenr;
	else
		ref.root = cl.ref_root = t->id;
	if (t->kind != TREE_LOG && !c->watch)
		ret = fact_tree_ref(c, 0, t->bytenr, t->level, t->generation, &ref);
	if (!ret)
		ret = t->level ? claims_push(&c->level[t->level], &cl) : sortrun_add(c->leaves, &cl, 0);
	return ret ? err_errno(err, ret, "cannot keep the list of tree blocks") : 0;
}

int live_add_tree(struct check *c, const struct ctree *t, struct err *err)
{
	return vec_push(&c->trees, *t) ? err_nomem(err) : 0;
}

static int live_pass(struct check *c, bool early, bool again, struct err *err)
{
	int ret = 0;

	c->early = early;
	sortrun_free(c->leaves);
	c->leaves = sortrun_new(c->env, sizeof(struct claim), sizeof(struct claim), c->memory / 8);
	if (!c->leaves)
		return err_nomem(err);
	for (u32 i = 0; !ret && i < c->trees.len; i++) {
		if (!again && (c->trees.v[i].done || c->trees.v[i].early != early))
			continue;
		if (c->trees.v[i].level >= BTRFS_MAX_LEVEL)
			continue;
		c->trees.v[i].done = true;
		ret = add_root(c, i, err);
	}
	if (!ret)
		ret = live_interior(c, err);
	if (!ret)
		ret = live_leaves(c, err);
	if (early)
		coverage_settle(&c->summed);
	return ret;
}

int live_scan(struct check *c, bool early, struct err *err)
{
	return live_pass(c, early, false, err);
}

int live_rescan(struct check *c, struct err *err)
{
	blockmap_clear(&c->seen);
	return live_pass(c, false, true, err);
}
