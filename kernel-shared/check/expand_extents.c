/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extents whose references do not add up, one reference after the other: a second pass over all blocks collects those of these alone. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>

VEC_TYPE(exact_refs, struct exact_ref);

static int cmp_u64(u64 a, u64 b)
{
	return a < b ? -1 : a > b;
}

/* By extent; items first, then references that are the same thing seen from both sides. */
static int exact_cmp(const void *a, const void *b)
{
	const struct exact_ref *x = a, *y = b;
	int ret = cmp_u64(x->bytenr, y->bytenr);

	if (!ret)
		ret = cmp_u64(y->item, x->item);
	if (!ret)
		ret = cmp_u64(x->data, y->data);
	if (!ret)
		ret = cmp_u64(x->parent, y->parent);
	if (!ret)
		ret = cmp_u64(x->root, y->root);
	if (!ret)
		ret = cmp_u64(x->owner, y->owner);
	if (!ret)
		ret = cmp_u64(x->offset, y->offset);
	if (!ret)
		ret = cmp_u64(x->found, y->found);
	if (!ret)
		ret = cmp_u64(x->len, y->len);
	return ret ? ret : cmp_u64(x->level, y->level);
}

static bool same_ref(const struct exact_ref *a, const struct exact_ref *b)
{
	return a->data == b->data && a->parent == b->parent && a->root == b->root && a->owner == b->owner && a->offset == b->offset;
}

/* Of one extent. */
struct sums { const struct exact_ref *item; u64 items, found, wanted, len, generation; bool wrong, level_wrong, generation_wrong; };

static void sum_up(const struct check *c, const struct exact_ref *r, size_t n, struct sums *s)
{
	*s = (struct sums){ .len = c->geo->nodesize };
	for (size_t i = 0; i < n; i++) {
		if (r[i].item) {
			s->item = s->item ? s->item : &r[i];
			s->items++;
		} else if (r[i].found) {
			s->found += r[i].count;
			if (r[i].data && !s->item)
				s->len = r[i].len;
		} else {
			s->wanted += r[i].count;
		}
	}
	if (s->item)
		s->len = s->item->len;
	for (size_t i = 0; i < n; i++) {
		if (!s->item || s->item->data || !r[i].found || r[i].data)
			continue;
		s->level_wrong |= r[i].level != s->item->level;
		if (r[i].generation == s->item->generation)
			continue;
		s->generation_wrong = true;
		s->generation = r[i].generation;
	}
}

static void report_data_ref(struct check *c, struct where *w, const struct exact_ref *r, u64 len, u64 wanted, u64 have)
{
	if (r->parent)
		REPORT(c, CHECK_EXTENTS, REF_DATA_PARENT, *w, r->bytenr, len, r->parent, wanted, have);
	else
		REPORT(c, CHECK_EXTENTS, REF_DATA, *w, r->bytenr, len, (s64)r->root, r->owner, r->offset, wanted, have);
}

static void report_tree_ref(struct check *c, struct where *w, const struct exact_ref *r, u64 len, u64 wanted)
{
	const char *what = r->parent ? "parent" : "root";
	s64 who = r->parent ? r->parent : r->root;

	if (!wanted)
		REPORT(c, CHECK_EXTENTS, REF_TREE_LACKS, *w, r->bytenr, len, what, who);
	else
		REPORT(c, CHECK_EXTENTS, REF_TREE_STALE, *w, r->bytenr, len, what, who);
}

/* One reference as both sides have it: n entries, those of the extent tree and those found. */
static void judge_ref(struct check *c, struct where *w, const struct exact_ref *r, size_t n, struct sums *s)
{
	u64 wanted = 0, have = 0;

	for (size_t i = 0; i < n; i++) {
		if (r[i].found)
			have += r[i].count;
		else
			wanted += r[i].count;
		if (r[i].found && r[i].data && s->item && r[i].len != s->item->len) {
			w->order++;
			REPORT(c, CHECK_EXTENTS, REF_SIZE, *w, r->bytenr, s->len, s->item->len, r[i].len);
			s->wrong = true;
		}
	}
	if (wanted == have && (r->data || wanted <= 1))
		return;
	s->wrong = true;
	w->order++;
	if (r->data)
		report_data_ref(c, w, r, s->len, wanted, have);
	else
		report_tree_ref(c, w, r, s->len, wanted);
}

/* All about one extent. order: where its lines begin. */
static void judge_extent(struct check *c, const struct exact_ref *r, size_t n, u64 order)
{
	struct where w = { .bytenr = r->bytenr, .order = order };
	struct sums s;

	sum_up(c, r, n, &s);
	w.len = s.len;
	if (s.item)
		w.key = KEY(r->bytenr, BTRFS_EXTENT_ITEM_KEY, s.len);
	if (s.items > 1)
		REPORT(c, CHECK_EXTENTS, EXTENT_TWICE, w, r->bytenr);
	if (s.level_wrong)
		REPORT(c, CHECK_EXTENTS, EXTENT_LEVEL, w, r->bytenr, s.len);
	if (s.generation_wrong)
		REPORT(c, CHECK_EXTENTS, EXTENT_BLOCK_GENERATION, w, r->bytenr, s.len, s.item->generation, s.generation);
	w.order++;
	if (s.found != (s.item ? s.item->refs : 0))
		REPORT(c, CHECK_EXTENTS, EXTENT_REFS, w, r->bytenr, s.len, s.item ? s.item->refs : 0ULL, s.found);
	if (!is_aligned_p2(r->bytenr, c->geo->sectorsize))
		REPORT(c, CHECK_EXTENTS, EXTENT_UNALIGNED, w, r->bytenr, s.len);
	for (size_t i = s.items, j; i < n; i = j) {
		for (j = i + 1; j < n && same_ref(&r[i], &r[j]); j++)
			;
		judge_ref(c, &w, &r[i], j - i, &s);
	}
	w.order++;
	if (s.item && s.wanted != s.item->refs) {
		REPORT(c, CHECK_EXTENTS, REF_GLOBAL, w, r->bytenr, s.found, s.item->refs);
		s.wrong = true;
	}
	w.order++;
	if (s.wrong || (!s.level_wrong && !s.generation_wrong && s.found == (s.item ? s.item->refs : 0)))
		REPORT(c, CHECK_EXTENTS, REF_BACKPOINTER, w, r->bytenr, s.len);
}

static int collect(struct check *c, struct exact_refs *all, struct err *err)
{
	for (unsigned i = 0; i < c->nworkers; i++) {
		struct worker *w = &c->workers[i];

		for (size_t k = 0; k < w->exact.len; k++)
			if (vec_push(all, w->exact.v[k]))
				return err_nomem(err);
		vec_fini(&w->exact);
	}
	vec_sort(all, exact_cmp);
	return 0;
}

int judge_extents(struct check *c, struct err *err)
{
	struct exact_refs all = VEC_INIT;
	u64 order = 1ULL << 62;
	int ret = collect(c, &all, err);

	for (size_t i = 0, j; !ret && i < all.len; i = j) {
		for (j = i + 1; j < all.len && all.v[j].bytenr == all.v[i].bytenr; j++)
			;
		judge_extent(c, &all.v[i], j - i, order);
		order += j - i + 8;
	}
	vec_fini(&all);
	return ret;
}
