/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All facts about extents, merged in the order of addresses: references, overlap, block groups, free space. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>

enum { BAD_MAX = 1 << 16 }; /* extents looked at exactly */

struct merge {
	struct check *c;
	struct space_cmp *space;
	struct cache_cmp *cache;
	size_t group;         /* the block group that we are in */
	bool in_group;
	u64 pos;              /* behind the last extent of this group */
	u64 end;              /* behind the last extent of all */
	u64 data_end;         /* behind the last data extent */
	u64 total;
};

static int group_cmp(const void *a, const void *b)
{
	const struct group_rec *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static u64 group_end(const struct group_rec *g)
{
	u64 end;

	return add_overflows(g->start, g->length, &end) ? -1ULL : end;
}

/* --- references --- */

static int note_bad(struct check *c, u64 bytenr, u64 *more, struct err *err)
{
	u64 *grown;

	if (c->nbad == BAD_MAX) {
		++*more;
		return 0;
	}
	if (!(c->nbad & (c->nbad - 1))) {
		grown = realloc(c->bad, (c->nbad ? 2 * c->nbad : 1) * sizeof(*grown));
		if (!grown)
			return err_nomem(err);
		c->bad = grown;
	}
	c->bad[c->nbad++] = bytenr;
	return 0;
}

static int merge_refs(struct check *c, struct err *err)
{
	struct where w = { .order = -1ULL };
	const struct ref_fact *f;
	u64 bytenr = 0, sum = 0, more = 0;
	s64 count = 0;
	int ret = sortrun_finish(c->refs, err);

	while (!ret) {
		f = sortrun_next(c->refs, err);
		if (!f && err->code)
			return err->code;
		if (!f || get_be64(f->bytenr) != bytenr) {
			if (sum || count)
				ret = note_bad(c, bytenr, &more, err);
			sum = count = 0;
		}
		if (!f)
			break;
		bytenr = get_be64(f->bytenr);
		sum += f->sum;
		count += f->count;
	}
	if (!ret && more)
		REPORT(c, CHECK_EXTENTS, EXTENT_MANY, w, more);
	return ret;
}

/* --- addresses --- */

static int enter_group(struct merge *m, struct err *err)
{
	const struct group_rec *g = &m->c->groups.v[m->group];

	m->in_group = true;
	m->pos = g->start;
	if (m->cache)
		cache_cmp_group(m->cache, g);
	return m->space ? fst_cmp_group(m->space, g, err) : 0;
}

static int note_free(struct merge *m, u64 start, u64 end, struct err *err)
{
	if (m->space)
		return fst_cmp_free(m->space, start, end, err);
	return m->cache ? cache_cmp_free(m->cache, start, end, err) : 0;
}

static int leave_group(struct merge *m, struct err *err)
{
	struct group_rec *g = &m->c->groups.v[m->group];
	struct where w = { .bytenr = g->start, .len = g->length, .key = KEY(g->start, BTRFS_BLOCK_GROUP_ITEM_KEY, g->length) };
	u64 end = group_end(g);
	int ret = 0;

	if (m->pos < end)
		ret = note_free(m, m->pos, end, err);
	if (!ret && m->cache)
		ret = cache_cmp_group_end(m->cache, err);
	if (!ret && m->space)
		ret = fst_cmp_group_end(m->space, err);
	if (g->used != g->found)
		REPORT(m->c, CHECK_EXTENTS, GROUP_USED, w, g->start, g->length, g->used, g->found);
	m->in_group = false;
	m->group++;
	return ret;
}

/* To the group that ends behind bytenr, if there is one. */
static int seek_group(struct merge *m, u64 bytenr, struct err *err)
{
	int ret = 0;

	while (!ret && m->group < m->c->groups.len && group_end(&m->c->groups.v[m->group]) <= bytenr) {
		if (!m->in_group)
			ret = enter_group(m, err);
		if (!ret)
			ret = leave_group(m, err);
	}
	if (!ret && !m->in_group && m->group < m->c->groups.len)
		ret = enter_group(m, err);
	return ret;
}

static void check_tree_extent(struct check *c, u64 start, u64 end)
{
	struct where w = { .bytenr = start, .len = end - start };

	if (start / BTRFS_STRIPE_LEN != (end - 1) / BTRFS_STRIPE_LEN)
		REPORT(c, CHECK_EXTENTS, EXTENT_STRIPE, w, start, end);
	else if (!is_aligned_p2(start, c->geo->nodesize))
		REPORT(c, CHECK_EXTENTS, EXTENT_NODESIZE, w, start, end);
}

/* Checksums of bytes between data extents belong to nothing. */
static void check_orphan_csums(struct merge *m, u64 upto)
{
	u64 pos = m->data_end, start, end;

	while (pos < upto && coverage_next(&m->c->summed, pos, &start, &end) && start < upto) {
		struct where w = { .tree = BTRFS_CSUM_TREE_OBJECTID, .key = KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, start), .bytenr = start };

		start = max_t(u64, start, pos);
		end = min_t(u64, end, upto);
		w.bytenr = start;
		w.len = end - start;
		REPORT(m->c, CHECK_CSUMS, CSUM_ORPHAN, w, start, end, start, end);
		pos = end;
	}
}

static int merge_extent(struct merge *m, const struct extent_fact *f, struct err *err)
{
	struct check *c = m->c;
	u64 start = get_be64(f->bytenr), len = get_be64(f->len), end;
	struct where w = { .bytenr = start, .len = len };
	bool data = f->kind & EXTENT_IS_DATA;
	struct group_rec *g;
	int ret;

	if (!len || add_overflows(start, len, &end)) {
		REPORT(c, CHECK_EXTENTS, EXTENT_TYPE, w, start, start + len);
		return 0;
	}
	if (start < m->end)
		REPORT(c, CHECK_EXTENTS, EXTENT_TWICE, w, start);
	m->total += len;
	if (data) {
		check_orphan_csums(m, start);
		m->data_end = max_t(u64, m->data_end, end);
	} else {
		check_tree_extent(c, start, end);
	}
	ret = seek_group(m, start, err);
	if (ret)
		return ret;
	g = m->in_group ? &c->groups.v[m->group] : NULL;
	if (!g || start < g->start || end > group_end(g) ||
	    !(g->flags & (data ? BTRFS_BLOCK_GROUP_DATA : BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM)))
		REPORT(c, CHECK_EXTENTS, EXTENT_TYPE, w, start, end);
	if (g && start >= g->start) {
		g->found += len;
		if (start > m->pos)
			ret = note_free(m, m->pos, start, err);
		m->pos = max_t(u64, m->pos, end);
	}
	m->end = max_t(u64, m->end, end);
	return ret;
}

static int merge_addresses(struct merge *m, struct err *err)
{
	const struct extent_fact *f;
	int ret = sortrun_finish(m->c->extents, err);

	while (!ret && (f = sortrun_next(m->c->extents, err)))
		ret = merge_extent(m, f, err);
	if (!ret)
		ret = err->code;
	check_orphan_csums(m, -1ULL);
	if (!ret)
		ret = seek_group(m, -1ULL, err);
	if (!ret && m->in_group)
		ret = leave_group(m, err);
	return ret;
}

static void check_super_used(struct check *c, u64 total)
{
	u64 used = le64_get(c->fs->sb->bytes_used);
	struct where w = { .order = -2ULL };

	c->totals->bytes_used = total;
	if (used != total)
		REPORT(c, CHECK_EXTENTS, SUPER_USED, w, used, total);
}

int pass_extents(struct check *c, struct err *err)
{
	struct merge m = { .c = c };
	struct err local = ERR_INIT;
	int ret;

	vec_sort(&c->groups, group_cmp);
	ret = merge_refs(c, &local);
	if (!ret)
		ret = fst_cmp_begin(c, &m.space, &local);
	if (!ret)
		ret = cache_cmp_begin(c, &m.cache, &local);
	if (!ret)
		ret = merge_addresses(&m, &local);
	if (!ret && m.space)
		ret = fst_cmp_finish(m.space, &local);
	fst_cmp_end(m.space);
	cache_cmp_end(m.cache);
	if (!ret)
		ret = check_cache_inodes(c, &local);
	if (!ret)
		check_super_used(c, m.total);
	if (ret && err)
		*err = local;
	return ret;
}
