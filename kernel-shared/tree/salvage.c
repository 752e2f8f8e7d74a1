/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Iterating past unreadable blocks: what the iterator goes on with tells which keys were lost. */
#include "kernel-shared/tree/salvage.h"

struct salvage salvage_range(struct tree *t, struct key lo, struct key hi)
{
	return (struct salvage){ .it = tree_range(t, lo, hi), .pos = lo, .hi = hi };
}

void salvage_fini(struct salvage *s)
{
	tree_iter_fini(&s->it);
}

static void salvage_pass(struct salvage *s, const struct key *last)
{
	if (key_cmp(last, &s->hi) >= 0)
		s->done = true;
	else
		s->pos = key_next(*last);
}

/* Everything up to where the iterator goes on is lost. */
static int salvage_gap(struct salvage *s)
{
	struct key next;

	s->gap_lo = s->pos;
	s->gap_hi = s->hi;
	if (tree_iter_resumes_at(&s->it, &next) && key_cmp(&next, &s->pos) > 0 && key_cmp(&next, &s->hi) <= 0)
		s->gap_hi = key_prev(next);
	salvage_pass(s, &s->gap_hi);
	return 1;
}

int salvage_next(struct salvage *s, struct item *item, struct err *err)
{
	int ret;

	if (s->done)
		return -ENOENT;
	ret = tree_next(&s->it, item, err);
	if (ret == -ENOENT)
		s->done = true;
	if (ret == -ENOENT || ret == -ENOMEM || ret == -EINTR)
		return ret;
	if (ret)
		return salvage_gap(s);
	if (key_cmp(&item->key, &s->pos) < 0) {
		/* in a lenient store alone: searches would not find it */
		s->gap_lo = s->gap_hi = item->key;
		err_set(err, -EUCLEAN, "key (%llu %u %llu) of tree %lld is out of order", item->key.objectid, item->key.type, item->key.offset,
			(s64)s->it.tree->id);
		return 1;
	}
	salvage_pass(s, &item->key);
	return 0;
}

/* Items that do not lie where they should, or keys out of order, say nothing good about the whole leaf. */
static bool concerns(const struct violation *v, u64 objectid)
{
	static const char *const layout[] = { "item-end", "item-overlap", "key-order" };

	if (v->slot < 0 || v->structural || v->key.objectid == objectid)
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(layout); i++) {
		if (!strcmp(v->id, layout[i]))
			return true;
	}
	return false;
}

const char *salvage_doubt(const struct salvage *s, u64 objectid)
{
	const struct node *leaf = s->it.path.nodes[0];

	for (size_t i = 0; leaf && leaf->bad && i < leaf->findings.len; i++) {
		if (concerns(&leaf->findings.v[i].v, objectid))
			return leaf->findings.v[i].text;
	}
	return NULL;
}
