/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disjoint ranges in a B+tree: see ranges.h. Millions of ranges are normal, so a node is a few cache lines of sorted arrays
 * rather than one range. Inner nodes know of each child its first start and its longest range; the latter lets a search for
 * room pass by whole subtrees.
 *
 * Only inserting a new range allocates, and it makes the room for that before it changes anything: a failure leaves the set
 * as it was. */
#include "common/ranges.h"
#include "common/mem.h"

#include <stdlib.h>

enum {
	LEAF_MAX = 48,
	INNER_MAX = 32,
	HEIGHT_MAX = 16, /* siblings merge unless they are well filled together, so this is beyond any memory */
};

struct range_node {
	unsigned n, level; /* entries; 0 for a leaf */
	union {
		struct range leaf[LEAF_MAX];
		struct {
			u64 start[INNER_MAX], longest[INNER_MAX];
			struct range_node *child[INNER_MAX];
		};
	};
};

/* A place in the tree: node[0] is a leaf, node[height] the root, at[l] an entry of node[l]. */
struct cursor {
	struct range_node *node[HEIGHT_MAX];
	int at[HEIGHT_MAX];
	unsigned height;
};

static unsigned node_max(const struct range_node *node)
{
	return node->level ? INNER_MAX : LEAF_MAX;
}

static u64 node_start(const struct range_node *node)
{
	return node->level ? node->start[0] : node->leaf[0].start;
}

static u64 range_len(struct range r)
{
	return r.end - r.start;
}

static u64 node_longest(const struct range_node *node)
{
	u64 longest = 0;

	for (unsigned i = 0; i < node->n; i++)
		longest = max_t(u64, longest, node->level ? node->longest[i] : range_len(node->leaf[i]));
	return longest;
}

static struct range_node *node_new(unsigned level)
{
	struct range_node *node = mem_alloc(1, sizeof(*node));

	if (node) {
		node->n = 0;
		node->level = level;
	}
	return node;
}

static void node_free(struct range_node *node)
{
	if (node->level)
		for (unsigned i = 0; i < node->n; i++)
			node_free(node->child[i]);
	free(node);
}

void ranges_fini(struct ranges *r)
{
	if (r->root)
		node_free(r->root);
	*r = (struct ranges)RANGES_INIT;
}

/* How many of n ascending numbers, stride words apart, are at most key. Counts eighths, then within one: the reads do not wait
 * for each other as those of a binary search do. */
static inline unsigned count_up_to(const u64 *v, unsigned stride, unsigned n, u64 key)
{
	unsigned count = 0, end;

	for (unsigned i = 8; i < n; i += 8)
		count += v[i * stride] <= key ? 8 : 0;
	end = min_t(unsigned, n, count + 8);
	for (unsigned i = count; i < end; i++)
		count += v[i * stride] <= key;
	return count;
}

/* The last entry that starts at or before key, -1 if none. */
static int node_search(const struct range_node *node, u64 key)
{
	if (node->level)
		return (int)count_up_to(node->start, 1, node->n, key) - 1;
	return (int)count_up_to((const u64 *)node->leaf, sizeof(struct range) / sizeof(u64), node->n, key) - 1;
}

/* To the last range that starts at or before key; to at[0] == -1 in the first leaf if there is none. The tree is not empty. */
static void cursor_seek(const struct ranges *r, struct cursor *c, u64 key)
{
	struct range_node *node = r->root;

	c->height = node->level;
	for (;;) {
		int i = node_search(node, key);

		c->node[node->level] = node;
		if (!node->level) {
			c->at[0] = i;
			return;
		}
		i = i < 0 ? 0 : i;
		c->at[node->level] = i;
		node = node->child[i];
	}
}

static struct range *cursor_range(const struct cursor *c)
{
	return &c->node[0]->leaf[c->at[0]];
}

/* To the next range; false, and the cursor is of no more use, behind the last. */
static bool cursor_next(struct cursor *c)
{
	unsigned l = 0;

	while (++c->at[l] == (int)c->node[l]->n)
		if (++l > c->height)
			return false;
	for (; l; l--) {
		c->node[l - 1] = c->node[l]->child[c->at[l]];
		c->at[l - 1] = 0;
	}
	return true;
}

/* Tells the parents what has become of the node at level l, as far up as that changes anything. */
static void cursor_update(const struct cursor *c, unsigned l)
{
	for (; l < c->height; l++) {
		struct range_node *parent = c->node[l + 1];
		u64 start = node_start(c->node[l]), longest = node_longest(c->node[l]);
		int i = c->at[l + 1];

		if (parent->start[i] == start && parent->longest[i] == longest)
			return;
		parent->start[i] = start;
		parent->longest[i] = longest;
	}
}

/* Moves the bounds of the range at the cursor; it stays between its neighbours. */
static void cursor_resize(struct ranges *r, const struct cursor *c, u64 start, u64 end)
{
	struct range *e = cursor_range(c);
	u64 old = range_len(*e), len = end - start;
	bool moved = e->start != start && !c->at[0];

	*e = (struct range){ start, end };
	r->bytes += len - old;
	/* The leaf is read through only where its first start or its longest range may have changed. */
	if (c->height && (moved || len > c->node[1]->longest[c->at[1]] || old == c->node[1]->longest[c->at[1]]))
		cursor_update(c, 0);
}

/* Moves n entries within or between nodes of one level. */
static void entries_move(struct range_node *to, unsigned at, struct range_node *from, unsigned i, unsigned n)
{
	if (!to->level) {
		memmove(to->leaf + at, from->leaf + i, n * sizeof(to->leaf[0]));
		return;
	}
	memmove(to->start + at, from->start + i, n * sizeof(to->start[0]));
	memmove(to->longest + at, from->longest + i, n * sizeof(to->longest[0]));
	memmove(to->child + at, from->child + i, n * sizeof(to->child[0]));
}

static void child_set(struct range_node *node, unsigned i, struct range_node *child)
{
	node->start[i] = node_start(child);
	node->longest[i] = node_longest(child);
	node->child[i] = child;
}

/* Splits child i of a node that has room. Where key goes behind all of it, as when ranges come in order, the left half stays
 * nearly full. */
static int node_split(struct range_node *parent, unsigned i, u64 key)
{
	struct range_node *left = parent->child[i], *right = node_new(left->level);
	unsigned keep = node_search(left, key) == (int)left->n - 1 ? left->n - 1 : left->n / 2;

	if (!right)
		return -ENOMEM;
	right->n = left->n - keep;
	entries_move(right, 0, left, keep, right->n);
	left->n = keep;
	entries_move(parent, i + 2, parent, i + 1, parent->n - i - 1);
	parent->n++;
	child_set(parent, i, left);
	child_set(parent, i + 1, right);
	return 0;
}

/* Splits the full nodes on the way to key. On failure the tree is whole, only somewhat wider. */
static int ranges_make_room(struct ranges *r, u64 key)
{
	struct range_node *node = r->root;

	if (node->n == node_max(node)) {
		if (node->level == HEIGHT_MAX - 1)
			return -ENOMEM;
		node = node_new(r->root->level + 1);
		if (!node)
			return -ENOMEM;
		node->n = 1;
		child_set(node, 0, r->root);
		r->root = node;
	}
	while (node->level) {
		int i = max_t(int, node_search(node, key), 0);

		if (node->child[i]->n == node_max(node->child[i])) {
			if (node_split(node, i, key))
				return -ENOMEM;
			i = max_t(int, node_search(node, key), 0);
		}
		node = node->child[i];
	}
	return 0;
}

/* Adds a range that touches no other. */
static int ranges_insert(struct ranges *r, struct range new)
{
	struct range_node *leaf;
	struct cursor c;

	if (!r->root) {
		r->root = node_new(0);
		if (!r->root)
			return -ENOMEM;
	}
	cursor_seek(r, &c, new.start);
	if (c.node[0]->n == LEAF_MAX) {
		if (ranges_make_room(r, new.start))
			return -ENOMEM;
		cursor_seek(r, &c, new.start);
	}
	leaf = c.node[0];
	c.at[0]++;
	entries_move(leaf, c.at[0] + 1, leaf, c.at[0], leaf->n - c.at[0]);
	leaf->leaf[c.at[0]] = new;
	leaf->n++;
	r->count++;
	r->bytes += range_len(new);
	if (c.height && (!c.at[0] || range_len(new) > c.node[1]->longest[c.at[1]]))
		cursor_update(&c, 0);
	return 0;
}

/* Puts the right one of two neighbouring children into the left one. */
static void node_join(struct range_node *parent, unsigned i)
{
	struct range_node *left = parent->child[i], *right = parent->child[i + 1];

	entries_move(left, left->n, right, 0, right->n);
	left->n += right->n;
	free(right);
	entries_move(parent, i + 1, parent, i + 2, parent->n - i - 2);
	parent->n--;
	child_set(parent, i, left);
}

/* Child i of parent has lost entries. Joins it with a neighbour if both together leave some room, or if it is empty. True
 * when the parent has lost an entry by that. */
static bool node_shrink(struct range_node *parent, unsigned i)
{
	struct range_node *node = parent->child[i];
	unsigned max = node_max(node), left;

	if (parent->n == 1) {
		if (node->n)
			return false;
		free(node);
		parent->n = 0;
		return true;
	}
	left = i + 1 < parent->n ? i : i - 1;
	if (node->n && parent->child[left]->n + parent->child[left + 1]->n > max / 4 * 3)
		return false;
	node_join(parent, left);
	return true;
}

/* Removes n ranges of the cursor's leaf, from the cursor on. The cursor is then of no more use. */
static void cursor_remove(struct ranges *r, struct cursor *c, unsigned n)
{
	struct range_node *leaf = c->node[0], *old;
	unsigned i = c->at[0], l;

	for (unsigned k = 0; k < n; k++)
		r->bytes -= range_len(leaf->leaf[i + k]);
	r->count -= n;
	entries_move(leaf, i, leaf, i + n, leaf->n - i - n);
	leaf->n -= n;
	for (l = 0; l < c->height; l++) {
		if (c->node[l]->n > node_max(c->node[l]) / 4 || !node_shrink(c->node[l + 1], c->at[l + 1])) {
			cursor_update(c, l);
			break;
		}
	}
	while (r->root->n <= 1 && r->root->level) {
		old = r->root;
		r->root = old->n ? old->child[0] : NULL;
		free(old);
		if (!r->root)
			return;
	}
	if (!r->root->n) {
		free(r->root);
		r->root = NULL;
	}
}

/* Lets the range at the cursor reach to end, over whatever lies between or touches. */
static void ranges_grow(struct ranges *r, struct cursor *c, u64 end)
{
	u64 start = cursor_range(c)->start;
	struct cursor next;
	unsigned n;

	for (;;) {
		next = *c;
		if (!cursor_next(&next) || cursor_range(&next)->start > end)
			break;
		for (n = 0; next.at[0] + n < next.node[0]->n && cursor_range(&next)[n].start <= end; n++)
			;
		end = max_t(u64, end, cursor_range(&next)[n - 1].end);
		cursor_remove(r, &next, n);
		cursor_seek(r, c, start);
	}
	cursor_resize(r, c, start, end);
}

int ranges_add(struct ranges *r, u64 start, u64 end)
{
	struct cursor c;

	if (start >= end)
		return 0;
	if (!r->root)
		return ranges_insert(r, (struct range){ start, end });
	cursor_seek(r, &c, start);
	if (c.at[0] < 0 || cursor_range(&c)->end < start) {
		if (!cursor_next(&c) || cursor_range(&c)->start > end)
			return ranges_insert(r, (struct range){ start, end });
		cursor_resize(r, &c, start, cursor_range(&c)->end);
	}
	if (cursor_range(&c)->end < end)
		ranges_grow(r, &c, end);
	return 0;
}

int ranges_del(struct ranges *r, u64 start, u64 end)
{
	struct cursor c;
	struct range e;
	unsigned n;

	if (start >= end || !r->root)
		return 0;
	cursor_seek(r, &c, start);
	e = c.at[0] < 0 ? (struct range){ 0, 0 } : *cursor_range(&c);
	if (e.start < start && e.end > start) {
		if (e.end > end) {
			/* The right piece first, while a failure still changes nothing. */
			if (ranges_insert(r, (struct range){ end, e.end }))
				return -ENOMEM;
			cursor_seek(r, &c, start);
		}
		cursor_resize(r, &c, e.start, start);
	}
	while (r->root) {
		cursor_seek(r, &c, start);
		if ((c.at[0] < 0 || cursor_range(&c)->start < start) && !cursor_next(&c))
			return 0;
		for (n = 0; c.at[0] + n < c.node[0]->n && cursor_range(&c)[n].end <= end; n++)
			;
		if (!n) {
			if (cursor_range(&c)->start < end)
				cursor_resize(r, &c, end, cursor_range(&c)->end);
			return 0;
		}
		cursor_remove(r, &c, n);
	}
	return 0;
}

bool ranges_next(const struct ranges *r, u64 pos, struct range *out)
{
	struct cursor c;

	if (!r->root)
		return false;
	cursor_seek(r, &c, pos);
	if ((c.at[0] < 0 || cursor_range(&c)->end <= pos) && !cursor_next(&c))
		return false;
	*out = *cursor_range(&c);
	return true;
}

bool ranges_prev(const struct ranges *r, u64 pos, struct range *out)
{
	struct cursor c;

	if (!r->root || !pos)
		return false;
	cursor_seek(r, &c, pos - 1);
	if (c.at[0] < 0)
		return false;
	*out = *cursor_range(&c);
	return true;
}

bool ranges_has(const struct ranges *r, u64 start, u64 end)
{
	struct range e;

	return start >= end || (ranges_next(r, start, &e) && e.start <= start && e.end >= end);
}

bool ranges_touches(const struct ranges *r, u64 start, u64 end)
{
	struct range e;

	return start < end && ranges_next(r, start, &e) && e.start < end;
}

/* Where in e, not before pos, an aligned piece of len bytes starts. */
static bool range_fits(struct range e, u64 pos, u64 len, u64 align, u64 *start)
{
	u64 from = max_t(u64, e.start, pos), off = align > 1 ? from % align : 0;

	if (off && add_overflows(from, align - off, &from))
		return false;
	if (from > e.end || e.end - from < len)
		return false;
	*start = from;
	return true;
}

static bool node_find(const struct range_node *node, u64 pos, u64 len, u64 align, u64 *start)
{
	for (unsigned i = max_t(int, node_search(node, pos), 0); i < node->n; i++) {
		if (node->level ? node->longest[i] >= len && node_find(node->child[i], pos, len, align, start) :
				  range_fits(node->leaf[i], pos, len, align, start))
			return true;
	}
	return false;
}

bool ranges_find(const struct ranges *r, u64 pos, u64 len, u64 align, u64 *start)
{
	return r->root && node_find(r->root, pos, len, align, start);
}

u64 ranges_longest(const struct ranges *r)
{
	return r->root ? node_longest(r->root) : 0;
}
