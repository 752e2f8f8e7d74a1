/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Down a tree to a key, and along its leaves. */
#include "kernel-shared/tree/walk.h"

#include "kernel-shared/tree/cache.h"

enum {
	AHEAD_FIRST = 4,         /* leaves read ahead at first; doubled each time */
	AHEAD_BYTES = 1 << 20,   /* until they are this many bytes */
	SKIP_MAX = 4096,         /* misfit leaves in a row that a lenient walk passes over */
};

void tree_init(struct tree *t, struct nstore *s, u64 id, u64 bytenr, u64 generation, u8 level)
{
	*t = (struct tree){ .store = s, .id = id, .bytenr = bytenr, .generation = generation, .level = level };
}

void tree_fini(struct tree *t)
{
	node_putp(&t->node);
}

struct block_ref tree_root_ref(const struct tree *t)
{
	return (struct block_ref){
		.bytenr = t->bytenr, .generation = t->generation, .tree = t->id, .level = t->level, .has_level = true, .is_root = true,
		.any_owner = t->any_owner,
	};
}

struct block_ref tree_child(const struct tree *t, const void *block, int slot)
{
	struct block_ref ref = block_child(block, slot, t->id);

	ref.any_owner = t->any_owner;
	return ref;
}

int tree_root_node(struct tree *t, struct node **out, struct err *err)
{
	struct block_ref ref = tree_root_ref(t);

	if (t->node) {
		*out = node_hold(t->node);
		return 0;
	}
	return node_get(t->store, &ref, out, err);
}

void path_fini(struct path *p)
{
	for (int i = 0; i < BTRFS_MAX_LEVEL; i++)
		node_put(p->nodes[i]);
	*p = (struct path)PATH_INIT;
}

int path_descend(struct tree *t, const struct key *key, struct path *p, struct err *err)
{
	struct node *n;
	int ret = tree_root_node(t, &n, err);

	while (!ret) {
		int level = node_level(n);
		bool exact;
		int slot = block_search(n->data, key, &exact);
		struct block_ref child;

		p->nodes[level] = n;
		if (!level) {
			p->slots[0] = slot;
			return !exact;
		}
		if (!exact && slot)
			slot--;
		p->slots[level] = slot;
		child = tree_child(t, n->data, slot);
		ret = node_get(t->store, &child, &n, err);
	}
	return ret;
}

int tree_search(struct tree *t, const struct key *key, struct path *p, struct err *err)
{
	int ret;

	path_fini(p);
	ret = path_descend(t, key, p, err);
	if (ret < 0)
		path_fini(p);
	return ret;
}

/* Reads the leaf that the path goes to next, and those behind it that the walk will want, unless it is there already. */
static void path_read_ahead(struct tree *t, struct path *p, int dir, const struct key *limit)
{
	struct node *parent = p->nodes[1];
	u64 max = min_t(u64, AHEAD_BYTES / t->store->geo->nodesize, ncache_capacity(t->store->cache) / 8);
	struct block_ref refs[AHEAD_BYTES / BTRFS_MIN_BLOCKSIZE];
	unsigned n = 0;

	if (ncache_has(t->store->cache, node_ptr(parent, p->slots[1])))
		return;
	p->ahead = min_t(u64, p->ahead ? 2 * p->ahead : AHEAD_FIRST, max);
	for (int slot = p->slots[1]; n < p->ahead && slot >= 0 && slot < (int)node_nritems(parent); slot += dir) {
		if (limit && n) {
			/* forward a leaf begins with its key; backward the key behind the leaf bounds it */
			struct key key = node_key(parent, dir > 0 ? slot : slot + 1);

			if (key_cmp(&key, limit) * dir > 0)
				break;
		}
		refs[n++] = tree_child(t, parent->data, slot);
	}
	if (n > 1)
		nstore_prefetch(t->store, refs, n);
}

/* Moves to the neighbouring leaf, whatever is in it. */
static int path_step_once(struct tree *t, struct path *p, int dir, const struct key *limit, struct err *err)
{
	int level = 1, slot;

	for (;; level++) {
		if (level == BTRFS_MAX_LEVEL)
			return 1;
		if (!p->nodes[level])
			continue;
		slot = p->slots[level] + dir;
		if (slot >= 0 && slot < (int)node_nritems(p->nodes[level]))
			break;
	}
	p->slots[level] = slot;
	for (int i = 0; i < level; i++)
		node_putp(&p->nodes[i]);
	while (level) {
		struct block_ref child = tree_child(t, p->nodes[level]->data, p->slots[level]);
		struct node *n;
		int ret;

		if (level == 1)
			path_read_ahead(t, p, dir, limit);
		ret = node_get(t->store, &child, &n, err);
		if (ret)
			return ret;
		p->nodes[--level] = n;
		p->slots[level] = dir > 0 ? 0 : (int)node_nritems(n) - 1;
	}
	return 0;
}

/* Before a leaf is left: how far the walk has come. */
static void path_note_edge(struct path *p, int dir)
{
	struct node *leaf = p->nodes[0];
	struct key key;

	if (p->dir != dir) {
		p->dir = dir;
		p->ahead = 0;
		p->edge = dir > 0 ? KEY_MIN : KEY_MAX;
	}
	if (!leaf || !node_nritems(leaf))
		return;
	key = node_key(leaf, dir > 0 ? (int)node_nritems(leaf) - 1 : 0);
	if (key_cmp(&key, &p->edge) * dir > 0)
		p->edge = key;
}

/* Does the leaf lie beyond the edge: all of it, or for a lenient store any of it? What bounds every walk, since a parent vouches
 * for a child's first key only, and many parents can share children. */
static bool path_leaf_fits(const struct path *p, bool lenient)
{
	const struct node *leaf = p->nodes[0];
	int last = (int)node_nritems(leaf) - 1;
	struct key key;

	if (last < 0)
		return false;
	key = node_key(leaf, (p->dir > 0) == lenient ? last : 0);
	return key_cmp(&key, &p->edge) * p->dir > 0;
}

int path_step(struct tree *t, struct path *p, int dir, const struct key *limit, struct err *err)
{
	struct err local = ERR_INIT;
	int ret;

	path_note_edge(p, dir);
	for (unsigned skipped = 0; skipped < SKIP_MAX; skipped++) {
		ret = path_step_once(t, p, dir, limit, err);
		if (ret || path_leaf_fits(p, t->store->lenient))
			return ret;
		err_set(&local, -EUCLEAN, "leaf %llu of tree %lld is out of order: another leaf reaches (%llu %u %llu)", p->nodes[0]->bytenr,
			(s64)t->id, p->edge.objectid, p->edge.type, p->edge.offset);
		if (!t->store->lenient)
			break;
	}
	path_fini(p);
	return err_set(err, -EUCLEAN, "%s", err_text(&local));
}

static int path_move(struct tree *t, struct path *p, int dir, struct err *err)
{
	struct node *leaf = p->nodes[0];
	int slot = p->slots[0] + dir, ret;

	if (leaf && slot >= 0 && slot < (int)node_nritems(leaf)) {
		p->slots[0] = slot;
		return 0;
	}
	ret = path_step(t, p, dir, NULL, err);
	if (ret == 1 && p->nodes[0])
		p->slots[0] = dir > 0 ? (int)node_nritems(p->nodes[0]) : -1;
	return ret;
}

int path_next(struct tree *t, struct path *p, struct err *err)
{
	return path_move(t, p, 1, err);
}

int path_prev(struct tree *t, struct path *p, struct err *err)
{
	return path_move(t, p, -1, err);
}

int path_settle(struct tree *t, struct path *p, struct err *err)
{
	struct node *leaf = p->nodes[0];

	if (leaf && p->slots[0] < (int)node_nritems(leaf))
		return 0;
	return path_step(t, p, 1, NULL, err);
}

int tree_lookup(struct tree *t, const struct key *key, struct path *p, struct item *item, struct err *err)
{
	int ret = tree_search(t, key, p, err);

	if (!ret)
		*item = path_item(p);
	return ret == 1 ? -ENOENT : ret;
}

int tree_lookup_le(struct tree *t, const struct key *key, struct path *p, struct item *item, struct err *err)
{
	int ret = tree_search(t, key, p, err);

	if (ret == 1)
		ret = path_prev(t, p, err);
	if (!ret)
		*item = path_item(p);
	return ret == 1 ? -ENOENT : ret;
}

int tree_lookup_ge(struct tree *t, const struct key *key, struct path *p, struct item *item, struct err *err)
{
	int ret = tree_search(t, key, p, err);

	if (ret == 1)
		ret = path_settle(t, p, err);
	if (!ret)
		*item = path_item(p);
	return ret == 1 ? -ENOENT : ret;
}
