/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/send/treediff.h"

/* Children asked for at once. */
enum { AHEAD = 96 };

void treediff_init(struct treediff *d, struct tree *left, struct tree *right)
{
	*d = (struct treediff){ .left = { .tree = left }, .right = { .tree = right, .end = !right }, .with_right = right };
}

static void cursor_fini(struct diff_cursor *c)
{
	for (int i = 0; i < BTRFS_MAX_LEVEL; i++) {
		node_put(c->nodes[i]);
		c->nodes[i] = NULL;
	}
	c->end = true;
}

void treediff_fini(struct treediff *d)
{
	cursor_fini(&d->left);
	cursor_fini(&d->right);
}

static int cursor_start(struct diff_cursor *c, struct err *err)
{
	struct node *root;
	int ret;

	if (c->end)
		return 0;
	ret = tree_root_node(c->tree, &root, err);
	if (ret)
		return ret;
	c->level = node_level(root);
	c->nodes[c->level] = root;
	c->end = !node_nritems(root);
	return 0;
}

static struct key cursor_key(const struct diff_cursor *c)
{
	return node_key(c->nodes[c->level], c->slots[c->level]);
}

/* The address of the block that comes next, 0 if it is an item. */
static u64 cursor_block(const struct diff_cursor *c)
{
	return c->level ? node_ptr(c->nodes[c->level], c->slots[c->level]) : 0;
}

/* Past what comes next. */
static void cursor_skip(struct diff_cursor *c)
{
	int top = c->level;

	while (top + 1 < BTRFS_MAX_LEVEL && c->nodes[top + 1])
		top++;
	while (++c->slots[c->level] >= (int)node_nritems(c->nodes[c->level])) {
		if (c->level == top) {
			c->end = true;
			return;
		}
		node_put(c->nodes[c->level]);
		c->nodes[c->level++] = NULL;
	}
}

/* Does the other side stand in a block of this level that has the same child? */
static bool shared_child(const struct diff_cursor *other, int level, const struct key *key, u64 bytenr)
{
	const struct node *n = other->nodes[level];
	bool exact;
	int slot;

	if (!n)
		return false;
	slot = block_search(n->data, key, &exact);
	return exact && node_ptr(n, slot) == bytenr;
}

/* Reads the next children, as far as they are not shared, in one go. */
static void read_ahead(struct diff_cursor *c, const struct diff_cursor *other)
{
	const struct node *n = c->nodes[c->level];
	int slot = c->slots[c->level], end = node_nritems(n);
	struct block_ref refs[AHEAD];
	unsigned count = 0;

	if (slot < c->ahead[c->level])
		return;
	for (; slot < end && count < AHEAD; slot++) {
		struct key key = node_key(n, slot);

		if (!shared_child(other, c->level, &key, node_ptr(n, slot)))
			refs[count++] = tree_child(c->tree, n->data, slot);
	}
	c->ahead[c->level] = slot;
	if (count > 1)
		nstore_prefetch(c->tree->store, refs, count);
}

static int cursor_descend(struct diff_cursor *c, const struct diff_cursor *other, struct err *err)
{
	struct block_ref ref = tree_child(c->tree, c->nodes[c->level]->data, c->slots[c->level]);
	struct node *n;
	int ret;

	read_ahead(c, other);
	ret = node_get(c->tree->store, &ref, &n, err);
	if (ret)
		return ret;
	if (!node_nritems(n) || node_level(n) != c->level - 1) {
		node_put(n);
		return err_set(err, -EUCLEAN, "tree %llu: block %llu is empty or of another level", c->tree->id, ref.bytenr);
	}
	c->level--;
	c->nodes[c->level] = n;
	c->slots[c->level] = c->ahead[c->level] = 0;
	return 0;
}

static int cursor_item(struct diff_cursor *c, struct item *out, struct err *err)
{
	*out = node_item(c->nodes[0], c->slots[0]);
	if (c->any && key_cmp(&out->key, &c->last) <= 0)
		return err_set(err, -EUCLEAN, "tree %llu: keys do not ascend at (%llu %u %llu)", c->tree->id, out->key.objectid, out->key.type, out->key.offset);
	c->last = out->key;
	c->any = true;
	return 0;
}

/* One step nearer to the next item. 1: an item is ready (out). */
static int step(struct treediff *d, struct diff_item *out, struct err *err)
{
	struct diff_cursor *l = &d->left, *r = &d->right;
	struct key a, b;
	int cmp, ret;

	if (l->end && r->end)
		return -ENOENT;
	if (!l->end)
		a = cursor_key(l);
	if (!r->end)
		b = cursor_key(r);
	cmp = l->end ? 1 : r->end ? -1 : key_cmp(&a, &b);
	if (!cmp && l->level && l->level == r->level && cursor_block(l) == cursor_block(r)) {
		cursor_skip(l);
		cursor_skip(r);
		return 0;
	}
	/* Of equal keys the higher block is opened first: what is shared further down then meets its like. */
	if (cmp < 0 ? l->level : !cmp && l->level && l->level >= r->level)
		return cursor_descend(l, r, err);
	if (cmp > 0 ? r->level : !cmp && r->level)
		return cursor_descend(r, l, err);
	*out = (struct diff_item){ .in_left = cmp <= 0, .in_right = cmp >= 0 };
	if (out->in_left && (ret = cursor_item(l, &out->left, err)))
		return ret;
	if (out->in_right && (ret = cursor_item(r, &out->right, err)))
		return ret;
	out->same = !cmp && out->left.size == out->right.size && !memcmp(out->left.data, out->right.data, out->left.size);
	d->step = (out->in_left ? 1 : 0) | (out->in_right ? 2 : 0);
	return 1;
}

int treediff_next(struct treediff *d, struct diff_item *out, struct err *err)
{
	int ret;

	if (!d->started) {
		d->started = true;
		if (d->with_right && d->left.tree->bytenr == d->right.tree->bytenr)
			d->left.end = d->right.end = true;
		ret = cursor_start(&d->left, err);
		if (!ret)
			ret = cursor_start(&d->right, err);
		if (ret)
			return ret;
	}
	if (d->step & 1)
		cursor_skip(&d->left);
	if (d->step & 2)
		cursor_skip(&d->right);
	d->step = 0;
	while (!(ret = step(d, out, err)))
		;
	return ret == 1 ? 0 : ret;
}
