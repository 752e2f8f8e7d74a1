/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All items of a key range, one leaf at a time: per item nothing is compared. */
#include "kernel-shared/tree/walk.h"

struct tree_iter tree_range(struct tree *t, struct key lo, struct key hi)
{
	return (struct tree_iter){ .tree = t, .lo = lo, .hi = hi };
}

struct tree_iter tree_range_reverse(struct tree *t, struct key lo, struct key hi)
{
	return (struct tree_iter){ .tree = t, .lo = lo, .hi = hi, .reverse = true };
}

bool tree_iter_resumes_at(const struct tree_iter *it, struct key *at)
{
	for (int level = 1; level < BTRFS_MAX_LEVEL; level++) {
		const struct node *n = it->path.nodes[level];
		int slot = it->path.slots[level];

		/* backward, the key of the child that failed ends what comes before it */
		if (n && (it->reverse ? slot > 0 : slot + 1 < (int)node_nritems(n))) {
			*at = it->reverse ? key_prev(node_key(n, slot)) : node_key(n, slot + 1);
			return true;
		}
	}
	return false;
}

void tree_iter_fini(struct tree_iter *it)
{
	path_fini(&it->path);
	it->left = 0;
	it->started = it->done = true;
}

/* How many items of the leaf, from the path's slot on, are in the range; done if the range ends within it. */
static int iter_count(struct tree_iter *it)
{
	const struct node *leaf = it->path.nodes[0];
	int slot = it->path.slots[0], n = node_nritems(leaf), end;
	const struct key *limit = it->reverse ? &it->lo : &it->hi;
	struct key outer;
	bool exact;

	if (!n)
		return 0;
	outer = node_key(leaf, it->reverse ? 0 : n - 1);
	if (key_cmp(&outer, limit) * (it->reverse ? -1 : 1) <= 0)
		return it->reverse ? slot + 1 : n - slot;
	it->done = true;
	end = block_search(leaf->data, limit, &exact);
	if (it->reverse)
		return max_t(int, slot + 1 - end, 0);
	return max_t(int, end + exact - slot, 0);
}

/* To the first leaf of the range. The slot is that of the first item wanted, or past the leaf's end. */
static int iter_start(struct tree_iter *it, struct err *err)
{
	int ret;

	it->started = true;
	if (key_cmp(&it->lo, &it->hi) > 0)
		return 1;
	ret = path_descend(it->tree, it->reverse ? &it->hi : &it->lo, &it->path, err);
	if (ret < 0)
		return ret;
	if (ret && it->reverse)
		it->path.slots[0]--;
	return 0;
}

/* To the next leaf that has items of the range. */
static int iter_leaf(struct tree_iter *it, struct err *err)
{
	int dir = it->reverse ? -1 : 1;

	while (!it->done) {
		int ret = it->started ? path_step(it->tree, &it->path, dir, it->reverse ? &it->lo : &it->hi, err) : iter_start(it, err);

		if (ret < 0)
			return ret;
		if (ret)
			break;
		it->left = iter_count(it);
		if (it->left) {
			it->path.slots[0] -= dir;
			return 0;
		}
	}
	it->done = true;
	return -ENOENT;
}

int tree_next(struct tree_iter *it, struct item *item, struct err *err)
{
	if (unlikely(!it->left)) {
		int ret = iter_leaf(it, err);

		if (ret)
			return ret;
	}
	it->left--;
	it->path.slots[0] += it->reverse ? -1 : 1;
	*item = node_item(it->path.nodes[0], it->path.slots[0]);
	return 0;
}
