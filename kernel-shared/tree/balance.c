/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Splitting and merging. Every block of the path is writable; neighbours are made so when they take part. References never move here: all blocks
 * concerned belong to the tree by their header's owner, whose implicit references do not say which block holds the pointer. */
#include "kernel-shared/tree/balance.h"

static u32 max_ptrs(const struct tree *t)
{
	return geo_max_ptrs(t->store->geo);
}

int path_fix_keys(struct tree *t, struct path *p, int level, const struct key *key, struct err *err)
{
	for (; level < BTRFS_MAX_LEVEL && p->nodes[level]; level++) {
		int ret = node_touch(t->source, p->nodes[level], err);

		if (ret)
			return ret;
		block_set_key(p->nodes[level]->data, p->slots[level], key);
		if (p->slots[level])
			break;
	}
	return 0;
}

static int fresh_block(struct tree *t, u8 level, u64 hint, struct node **out, struct err *err)
{
	struct block_source *bs = t->source;
	int ret = bs->alloc(bs, t, level, hint, out, err);

	if (ret)
		return ret;
	ret = bs->created(bs, t, *out, err);
	if (ret)
		node_putp(out);
	return ret;
}

/* A new root above the one at level. */
static int grow_root(struct tree *t, struct path *p, int level, struct err *err)
{
	struct node *old = p->nodes[level], *root;
	struct key first = node_key(old, 0);
	int ret;

	if (level + 1 >= BTRFS_MAX_LEVEL)
		return err_set(err, -EOVERFLOW, "tree %lld is full: it has all %d levels", (s64)t->id, BTRFS_MAX_LEVEL);
	ret = fresh_block(t, level + 1, old->bytenr, &root, err);
	if (ret)
		return ret;
	node_open_ptr(root->data, 0, &first, old->bytenr, node_generation(old));
	ret = tree_set_root(t, root, err);
	if (ret) {
		node_put(root);
		return ret;
	}
	p->nodes[level + 1] = root;
	p->slots[level + 1] = 0;
	return 0;
}

static int node_make_room(struct tree *t, struct path *p, int level, struct err *err);

/* Links right, whose first key is given, behind the block at level. */
static int link_right(struct tree *t, struct path *p, int level, struct node *right, const struct key *first, struct err *err)
{
	struct node *parent = p->nodes[level + 1];
	int ret = node_touch(t->source, parent, err);

	if (!ret)
		node_open_ptr(parent->data, p->slots[level + 1] + 1, first, right->bytenr, node_generation(right));
	return ret;
}

/* Makes room in the parent of the block at level, growing the tree when it has none. */
static int parent_make_room(struct tree *t, struct path *p, int level, struct err *err)
{
	if (level + 1 >= BTRFS_MAX_LEVEL || !p->nodes[level + 1])
		return grow_root(t, p, level, err);
	return node_make_room(t, p, level + 1, err);
}

/* The path's block at level becomes right (taken). */
static void path_turn_right(struct path *p, int level, struct node *right, int slot)
{
	node_put(p->nodes[level]);
	p->nodes[level] = right;
	p->slots[level] = slot;
	p->slots[level + 1]++;
}

/* Room for one more pointer in the node at level. */
static int node_make_room(struct tree *t, struct path *p, int level, struct err *err)
{
	struct node *n = p->nodes[level], *right;
	int nr = node_nritems(n), slot = p->slots[level], mid = nr / 2, ret;
	struct key first;

	if ((u32)nr < max_ptrs(t))
		return 0;
	/* pointers that come in order fill their nodes */
	if (slot == nr - 1)
		mid = nr - 1 - nr / 16;
	ret = parent_make_room(t, p, level, err);
	if (ret)
		return ret;
	ret = fresh_block(t, level, n->bytenr, &right, err);
	if (ret)
		return ret;
	first = node_key(n, mid);
	ret = node_touch(t->source, n, err);
	if (!ret)
		ret = link_right(t, p, level, right, &first, err);
	if (ret) {
		node_put(right);
		return ret;
	}
	node_move_ptrs(right->data, false, n->data, mid, nr - mid);
	if (slot >= mid)
		path_turn_right(p, level, right, slot - mid);
	else
		node_put(right);
	return 0;
}

/* Moves the items from `at` on into a new leaf behind this one. first: the new leaf's first key. turn: the path goes with them. */
static int leaf_split(struct tree *t, struct path *p, int at, const struct key *first, bool turn, struct err *err)
{
	struct node *leaf = p->nodes[0], *right;
	int nr = node_nritems(leaf), ret = parent_make_room(t, p, 0, err);

	if (ret)
		return ret;
	ret = fresh_block(t, 0, leaf->bytenr, &right, err);
	if (ret)
		return ret;
	ret = node_touch(t->source, leaf, err);
	if (!ret)
		ret = link_right(t, p, 0, right, first, err);
	if (ret) {
		node_put(right);
		return ret;
	}
	if (at < nr)
		leaf_move(t->store->geo, right->data, false, leaf->data, at, nr - at);
	if (turn)
		path_turn_right(p, 0, right, p->slots[0] - at);
	else
		node_put(right);
	return 0;
}

/* Where to split so that what is wanted fits and both halves are about equal: items from *at on go right. grows: the bytes are wanted by the
 * item at slot itself, else before it. False: no single split does it. */
static bool find_split(const struct tree *t, const struct path *p, u32 need, bool grows, int *at, bool *turn)
{
	const void *block = p->nodes[0]->data;
	int nr = block_nritems(block), slot = p->slots[0];
	u32 capacity = geo_leafdata(t->store->geo), used = capacity - leaf_free(t->store->geo, block), left = 0, best = ~0u;

	for (int m = 1; m < nr; m++) {
		left += leaf_bytes(block, m - 1, 1);
		for (int right_side = 0; right_side < 2; right_side++) {
			u32 l = left + (right_side ? 0 : need), r = used - left + (right_side ? need : 0);
			bool legal = right_side ? slot >= m : (grows ? slot < m : slot <= m);
			u32 uneven = l > r ? l - r : r - l;

			if (!legal || l > capacity || r > capacity || uneven >= best)
				continue;
			best = uneven;
			*at = m;
			*turn = right_side;
		}
	}
	return best != ~0u;
}

int leaf_make_room(struct tree *t, struct path *p, const struct key *key, u32 need, bool grows, struct err *err)
{
	struct node *leaf = p->nodes[0];
	int nr = node_nritems(leaf), slot = p->slots[0], at = 0, ret;
	u32 own = grows ? leaf_bytes(leaf->data, slot, 1) : 0;
	struct key first;
	bool turn = false;

	if (own + need > geo_leafdata(t->store->geo))
		return err_set(err, -EOVERFLOW, "item (%llu %u %llu) of tree %lld would not fit into a leaf", key->objectid, key->type, key->offset,
			(s64)t->id);
	if (!grows && slot == nr)
		return leaf_split(t, p, nr, key, true, err);
	if (!grows && slot && t->seq_leaf == leaf->bytenr && t->seq_slot == slot - 1 && leaf_bytes(leaf->data, 0, slot) + need <= geo_leafdata(t->store->geo)) {
		/* items that come in order fill the leaf in front of what follows them */
		first = node_key(leaf, slot);
		return leaf_split(t, p, slot, &first, false, err);
	}
	if (find_split(t, p, need, grows, &at, &turn)) {
		first = node_key(leaf, at);
		return leaf_split(t, p, at, &first, turn, err);
	}
	/* a large item in the middle: it gets a leaf of its own */
	if (slot + grows < nr) {
		first = node_key(leaf, slot + grows);
		ret = leaf_split(t, p, slot + grows, &first, false, err);
		if (ret)
			return ret;
	}
	if (!slot)
		return 0;
	first = grows ? node_key(p->nodes[0], slot) : *key;
	return leaf_split(t, p, slot, &first, true, err);
}

/* A root with one child gives way to it. */
static int shrink_root(struct tree *t, struct path *p, struct err *err)
{
	while (t->level && t->node && node_nritems(t->node) == 1 && !t->source->no_merge) {
		struct node *old = node_hold(t->node), *child;
		int ret = child_cow(t, old, 0, &child, err);

		if (!ret) {
			ret = tree_set_root(t, child, err);
			if (!ret)
				ret = t->source->release(t->source, t, old, err);
			node_put(child);
		}
		node_put(old);
		if (ret)
			return ret;
	}
	path_fini(p);
	return 0;
}

static int node_lost_ptr(struct tree *t, struct path *p, int level, struct err *err);

/* Takes the pointer at the path's slot out of the node at level, and the block that it led to out of the tree. */
static int drop_child(struct tree *t, struct path *p, int level, struct node *child, struct err *err)
{
	struct node *n = p->nodes[level];
	int ret = node_touch(t->source, n, err);
	struct key first;

	if (ret)
		return ret;
	node_remove_ptr(n->data, p->slots[level], 1);
	ret = t->source->release(t->source, t, child, err);
	if (!ret && !p->slots[level]) {
		first = node_key(n, 0);
		ret = path_fix_keys(t, p, level + 1, &first, err);
	}
	return ret ? ret : node_lost_ptr(t, p, level, err);
}

/* Moves all of the block at level into its left (dir -1) or right neighbour when that has room. 1: done. */
static int merge_into(struct tree *t, struct path *p, int level, int dir, struct err *err)
{
	const struct geometry *geo = t->store->geo;
	struct node *n = p->nodes[level], *parent = p->nodes[level + 1], *other;
	int at = p->slots[level + 1] + dir, nr = node_nritems(n), ret;
	struct block_ref ref;
	struct key first;
	bool fits;

	if (at < 0 || at >= (int)node_nritems(parent))
		return 0;
	ref = tree_child(t, parent->data, at);
	ret = node_get(t->store, &ref, &other, err);
	if (ret)
		return ret;
	fits = level ? node_nritems(other) + nr <= max_ptrs(t) : leaf_free(geo, other->data) >= leaf_bytes(n->data, 0, nr);
	node_put(other);
	if (!fits)
		return 0;
	ret = child_cow(t, parent, at, &other, err);
	if (!ret)
		ret = node_touch(t->source, other, err);
	if (!ret)
		ret = node_touch(t->source, n, err);
	if (!ret)
		ret = node_touch(t->source, parent, err);
	if (!ret) {
		first = node_key(n, 0);
		if (level)
			node_move_ptrs(other->data, dir > 0, n->data, 0, nr);
		else
			leaf_move(geo, other->data, dir > 0, n->data, 0, nr);
		if (dir > 0) /* the neighbour begins where this block began; this block's pointer goes away below */
			block_set_key(parent->data, at, &first);
		ret = drop_child(t, p, level + 1, n, err);
	}
	node_put(other);
	return ret ? ret : 1;
}

static int merge_small(struct tree *t, struct path *p, int level, struct err *err)
{
	int ret = merge_into(t, p, level, -1, err);

	return ret ? ret : merge_into(t, p, level, 1, err);
}

/* The node at level has one pointer less, but at least one. Empties the path. */
static int node_lost_ptr(struct tree *t, struct path *p, int level, struct err *err)
{
	struct node *n = p->nodes[level];
	int ret;

	if (level + 1 >= BTRFS_MAX_LEVEL || !p->nodes[level + 1])
		return shrink_root(t, p, err);
	if (!t->source->no_merge && node_nritems(n) < max_ptrs(t) / 4) {
		ret = merge_small(t, p, level, err);
		if (ret)
			return ret < 0 ? ret : 0;
	}
	path_fini(p);
	return 0;
}

int leaf_drop(struct tree *t, struct path *p, struct err *err)
{
	int top = 0, ret;

	/* up to the first ancestor that leads elsewhere, too */
	while (top + 1 < BTRFS_MAX_LEVEL && p->nodes[top + 1] && node_nritems(p->nodes[top + 1]) == 1)
		top++;
	if (top + 1 >= BTRFS_MAX_LEVEL || !p->nodes[top + 1]) {
		/* the last leaf stays as an empty root */
		if (!top) {
			path_fini(p);
			return 0;
		}
		ret = tree_set_root(t, p->nodes[0], err);
		for (int level = 1; !ret && level <= top; level++)
			ret = t->source->release(t->source, t, p->nodes[level], err);
		path_fini(p);
		return ret;
	}
	for (int level = 0; level < top; level++) {
		ret = t->source->release(t->source, t, p->nodes[level], err);
		if (ret)
			return ret;
	}
	return drop_child(t, p, top + 1, p->nodes[top], err);
}

int leaf_merge(struct tree *t, struct path *p, struct err *err)
{
	struct node *leaf = p->nodes[0];
	u32 capacity = geo_leafdata(t->store->geo);
	int ret;

	if (t->source->no_merge || !p->nodes[1] || capacity - leaf_free(t->store->geo, leaf->data) >= capacity / 3)
		return 0;
	ret = merge_small(t, p, 0, err);
	return ret < 0 ? ret : 0;
}
