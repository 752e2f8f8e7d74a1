/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever did not add up, one by one: another pass over all blocks collects the references of the extents in question, and who speaks of the
 * inodes in question in which trees. If that is more than memory holds, several passes do it in turn. */
#include "kernel-shared/check/isum.h"

#include <stdlib.h>

/* --- collecting --- */

static bool wanted(const struct check *c, u32 bucket)
{
	return bucket >= c->x.lo && bucket < c->x.hi && c->ino_bad[bucket / 64] >> bucket % 64 & 1;
}

static int keep(struct leaf_ctx *l, struct saying *f, const u8 *name)
{
	struct check *c = l->c;
	struct worker *w = &c->workers[l->worker];

	if (__atomic_add_fetch(&c->x.bytes, sizeof(*f) + f->name_len, __ATOMIC_RELAXED) > c->memory / 4) {
		__atomic_store_n(&c->x.overflow, true, __ATOMIC_RELAXED);
		return 0;
	}
	f->set = l->set;
	f->block = l->bytenr;
	if (f->name_len) {
		f->name = arena_dup(&w->names, name, f->name_len);
		if (!f->name)
			return -ENOMEM;
	}
	return vec_push(&w->sayings, *f);
}

static int keep_entries(struct leaf_ctx *l, const struct item *item)
{
	struct dir_entry_view e;
	int ret = 0;

	for (u32 pos = 0; !ret && dir_item_next(item, &pos, &e);) {
		struct saying f = { .ino = e.location.objectid, .dir = item->key.objectid, .index = item->key.offset, .type = e.item->type, .name_len = e.name_len,
				   .kind = item->key.type == BTRFS_DIR_INDEX_KEY ? SAY_INDEX : SAY_ITEM, .subvol = e.location.type == BTRFS_ROOT_ITEM_KEY };

		if (f.kind == SAY_ITEM && f.index != hash_name(e.name, e.name_len))
			continue; /* nobody finds it */
		if (wanted(l->c, f.subvol ? subvol_bucket(f.ino) : ino_bucket(f.ino)))
			ret = keep(l, &f, e.name);
	}
	return ret;
}

int leaf_exact(struct leaf_ctx *l)
{
	u32 n = block_nritems(l->block);
	u64 last = 0;
	int ret = 0;

	for (u32 i = 0; !ret && i < n; i++) {
		struct item item = block_item(l->block, i);
		u64 ino = item.key.objectid;
		struct saying own = { .ino = ino, .kind = SAY_OWN }, orphan = { .ino = item.key.offset, .kind = SAY_ORPHAN };

		if (item.key.type == BTRFS_ORPHAN_ITEM_KEY) {
			if (wanted(l->c, ino_bucket(orphan.ino)))
				ret = keep(l, &orphan, NULL);
			continue;
		}
		if (ino != last && wanted(l->c, ino_bucket(ino)))
			ret = keep(l, &own, NULL);
		last = ino;
		if (!ret && (item.key.type == BTRFS_DIR_ITEM_KEY || item.key.type == BTRFS_DIR_INDEX_KEY))
			ret = keep_entries(l, &item);
	}
	return ret;
}

/* --- judging --- */

static int cmp_u64(u64 a, u64 b)
{
	return a < b ? -1 : a > b;
}

static int saying_cmp(const void *a, const void *b)
{
	const struct saying *x = a, *y = b;
	int ret = cmp_u64(x->subvol, y->subvol);

	if (!ret)
		ret = cmp_u64(x->ino, y->ino);
	if (!ret)
		ret = cmp_u64(x->kind, y->kind);
	if (!ret)
		ret = cmp_u64(x->dir, y->dir);
	if (!ret)
		ret = cmp_u64(x->index, y->index);
	if (!ret)
		ret = cmp_u64(x->block, y->block);
	if (!ret)
		ret = cmp_u64(x->name_len, y->name_len);
	return ret ? ret : memcmp(x->name ? x->name : (const u8 *)"", y->name ? y->name : (const u8 *)"", x->name_len);
}

static int gather(struct check *c, struct sayings *all, struct err *err)
{
	for (unsigned i = 0; i < c->nworkers; i++) {
		struct worker *w = &c->workers[i];

		for (size_t k = 0; k < w->sayings.len; k++)
			if (vec_push(all, w->sayings.v[k]))
				return err_nomem(err);
		vec_fini(&w->sayings);
	}
	vec_sort(all, saying_cmp);
	return 0;
}

/* The trees that any of the facts lie in. */
static u32 all_trees(struct check *c, const struct saying *f, size_t n)
{
	u32 set = 0;

	for (size_t i = 0; i < n; i++)
		set = rootset_union(&c->sets, set, f[i].set);
	return set;
}

/* The facts of one tree, to the front of to; sum tells their combination from others. */
static size_t of_tree(struct check *c, u32 tree, const struct saying *f, size_t n, struct saying *to, u64 *sum)
{
	size_t k = 0;

	*sum = 1;
	for (size_t i = 0; i < n; i++)
		if (rootset_has(&c->sets, f[i].set, tree)) {
			to[k++] = f[i];
			*sum = hash_mix2(*sum, i);
		}
	return k;
}

/* One inode number in all trees. Trees that share all of it share the verdict. */
static int judge_number(struct check *c, const struct saying *f, size_t n, struct err *err)
{
	struct saying *of = mem_alloc(n, sizeof(*of));
	struct hmap clean = HMAP_INIT;
	u32 set = all_trees(c, f, n);
	const struct rootset trees = set ? c->sets.sets.v[set] : (struct rootset){ 0 };
	int ret = of ? env_check_interrupt(c->env, err) : err_nomem(err);

	for (u32 i = 0; !ret && i < trees.n; i++) {
		bool good = false;
		u64 sum;
		size_t k = of_tree(c, trees.v[i], f, n, of, &sum);

		if (hmap_get(&clean, sum))
			continue;
		ret = judge_inode(c, trees.v[i], f->ino, of, k, &good, err);
		if (!ret && good && !hmap_put(&clean, sum, NULL))
			ret = err_nomem(err);
	}
	hmap_fini(&clean);
	free(of);
	return ret;
}

static int judge_inodes(struct check *c, struct err *err)
{
	struct sayings all = VEC_INIT;
	int ret = gather(c, &all, err);

	for (size_t i = 0, j; !ret && i < all.len; i = j) {
		for (j = i + 1; j < all.len && all.v[j].ino == all.v[i].ino && all.v[j].subvol == all.v[i].subvol; j++)
			;
		ret = judge_number(c, &all.v[i], j - i, err);
	}
	vec_fini(&all);
	for (unsigned i = 0; i < c->nworkers; i++)
		arena_reset(&c->workers[i].names);
	return ret;
}

/* --- passes --- */

static u32 next_bad(const struct check *c, u32 from)
{
	for (; from < INO_BUCKETS; from++)
		if (c->ino_bad[from / 64] >> from % 64 & 1)
			break;
	return from;
}

static u32 count_bad(const struct check *c, u32 lo, u32 hi)
{
	u32 n = 0;

	for (u32 b = next_bad(c, lo); b < hi; b = next_bad(c, b + 1))
		n++;
	return n;
}

/* Behind half of the sets of [lo, hi). */
static u32 halve(const struct check *c, u32 lo, u32 hi)
{
	u32 n = count_bad(c, lo, hi) / 2, b = lo;

	for (b = next_bad(c, lo); n; n--)
		b = next_bad(c, b + 1);
	return b;
}

static int collect_pass(struct check *c, struct err *err)
{
	int ret;

	c->x.bytes = 0;
	c->x.overflow = false;
	for (unsigned i = 0; i < c->nworkers; i++) {
		c->workers[i].sayings.len = 0;
		arena_reset(&c->workers[i].names);
	}
	c->exact = true;
	c->sets_of = SETS_LIVE;
	ret = live_rescan(c, err);
	c->exact = false;
	c->sets_of = SETS_NONE;
	return ret;
}

int pass_exact(struct check *c, struct err *err)
{
	u32 hi = INO_BUCKETS;
	bool extents = c->nbad;
	int ret = 0;

	c->x.lo = next_bad(c, 0);
	while (!ret && (extents || c->x.lo < INO_BUCKETS)) {
		c->x.hi = hi;
		ret = collect_pass(c, err);
		if (!ret && extents)
			ret = judge_extents(c, err);
		extents = false;
		c->nbad = 0;
		if (!ret && c->x.overflow && count_bad(c, c->x.lo, hi) > 1) {
			hi = halve(c, c->x.lo, hi);
			continue;
		}
		if (!ret)
			ret = judge_inodes(c, err);
		c->x.lo = next_bad(c, hi);
		hi = INO_BUCKETS;
	}
	return ret;
}
