/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Iterating past unreadable blocks: after a failure the key pointers above tell where the next block begins. */
#include "kernel-shared/tree/salvage.h"

struct salvage salvage_range(struct tree *t, struct key lo, struct key hi)
{
	return (struct salvage){ .it = tree_range(t, lo, hi), .tree = t, .pos = lo, .hi = hi };
}

void salvage_fini(struct salvage *s)
{
	tree_iter_fini(&s->it);
}

/* The slot of an interior node whose subtree may hold key. */
static int slot_for(const struct node *n, const struct key *key)
{
	bool exact;
	int slot = block_search(n->data, key, &exact);

	return exact || !slot ? slot : slot - 1;
}

/* Descends towards key. True when a block on the way cannot be read. *bound: where the keys behind the deepest block that was tried begin;
 * has_bound is false when nothing follows it. */
static bool descend(struct tree *t, const struct key *key, struct key *bound, bool *has_bound)
{
	struct block_ref ref = tree_root_ref(t);
	struct node *n CLEANUP(node_putp) = NULL;

	*has_bound = false;
	for (unsigned depth = 0; depth < BTRFS_MAX_LEVEL; depth++) {
		struct node *child = NULL;
		int slot;

		if (node_get(t->store, &ref, &child, NULL))
			return true;
		node_put(n);
		n = child;
		if (!node_level(n) || !node_nritems(n))
			return false;
		slot = slot_for(n, key);
		if (slot + 1 < (int)node_nritems(n)) {
			*bound = node_key(n, slot + 1);
			*has_bound = true;
		}
		ref = node_child(n, slot, t->id);
	}
	return true;
}

/* The first key at or after at behind the next unreadable block. -ENOENT: nothing is behind it. */
static int behind_damage(struct tree *t, struct key at, struct key *next)
{
	for (;;) {
		struct key bound = KEY_MIN;
		bool has_bound, bad = descend(t, &at, &bound, &has_bound);

		if (!has_bound || key_cmp(&bound, &at) <= 0)
			return -ENOENT;
		if (bad) {
			*next = bound;
			return 0;
		}
		at = bound;
	}
}

static int gap(struct salvage *s)
{
	struct key next;

	s->gap_lo = s->pos;
	tree_iter_fini(&s->it);
	if (behind_damage(s->tree, s->pos, &next) || key_cmp(&next, &s->hi) > 0) {
		s->gap_hi = s->hi;
		s->done = true;
		s->it = tree_range(s->tree, s->hi, s->hi);
		return 1;
	}
	s->gap_hi = key_prev(next);
	s->pos = next;
	s->it = tree_range(s->tree, next, s->hi);
	return 1;
}

int salvage_next(struct salvage *s, struct item *item, struct err *err)
{
	int ret;

	if (s->done)
		return -ENOENT;
	ret = tree_next(&s->it, item, err);
	if (ret == -ENOENT) {
		s->done = true;
		return ret;
	}
	if (ret == -ENOMEM || ret == -EINTR)
		return ret;
	if (!ret && (key_cmp(&item->key, &s->pos) < 0 || key_cmp(&item->key, &s->hi) > 0)) {
		err_set(err, -EUCLEAN, "keys of tree %llu are not in order", s->tree->id);
		ret = -EUCLEAN;
	}
	if (ret)
		return gap(s);
	if (key_eq(&item->key, &s->hi))
		s->done = true;
	else
		s->pos = key_next(item->key);
	return 0;
}
