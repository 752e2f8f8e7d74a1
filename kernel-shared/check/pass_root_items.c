/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Root items that point to a root block of the past: nothing in the extent tree knows that block any more, but it knows a newer one of the
 * tree. Spec: check.md 1.6, phase 2. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>
#include "kernel-shared/fs/users.h"
#include "kernel-shared/tree/salvage.h"

/* The newest block that the extent tree has for a tree. */
struct newest { size_t tree; u64 bytenr, generation; u8 level; };

struct root_items {
	struct check *c;
	VEC(struct newest) doubtful;
};

static struct newest *find_newest(struct root_items *r, u64 id)
{
	for (size_t i = 0; i < r->doubtful.len; i++)
		if (r->c->trees.v[r->doubtful.v[i].tree].id == id)
			return &r->doubtful.v[i];
	return NULL;
}

static void take_candidate(struct root_items *r, u64 id, const struct extent_view *v)
{
	struct newest *n = find_newest(r, id);

	if (!n || v->generation < n->generation || (v->generation == n->generation && v->level <= n->level))
		return;
	*n = (struct newest){ n->tree, v->bytenr, v->generation, v->level };
}

static void each_owner(struct root_items *r, const struct item *item)
{
	struct extent_ref_view ref;
	struct extent_view v;
	u32 pos;

	if (extent_item_parse(r->c->geo, item, &v) || v.is_data || v.flags & BTRFS_BLOCK_FLAG_FULL_BACKREF)
		return;
	for (pos = v.refs_start; extent_ref_next(item, &pos, &ref);)
		if (ref.type == BTRFS_TREE_BLOCK_REF_KEY)
			take_candidate(r, ref.root, &v);
}

static int scan_extents(struct root_items *r, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&r->c->fs->extent_tree->tree, KEY_MIN, KEY_MAX);
	struct item item;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0)
		if (!ret && (item.key.type == BTRFS_METADATA_ITEM_KEY || item.key.type == BTRFS_EXTENT_ITEM_KEY))
			each_owner(r, &item);
	if (ret != -ENOENT)
		return ret;
	err_clear(err);
	return 0;
}

static bool block_is(struct root_items *r, const struct newest *n, u64 owner)
{
	struct block_ref ref = { .bytenr = n->bytenr, .generation = n->generation, .level = n->level, .has_level = true, .any_owner = true };
	struct node *node;
	bool same;

	if (node_get(&r->c->fs->store, &ref, &node, NULL))
		return false;
	same = node_owner(node) == owner;
	node_put(node);
	return same;
}

static u64 tell(struct root_items *r)
{
	u64 told = 0;

	for (size_t i = 0; i < r->doubtful.len; i++) {
		const struct newest *n = &r->doubtful.v[i];
		const struct ctree *t = &r->c->trees.v[n->tree];
		struct where w = { .tree = BTRFS_ROOT_TREE_OBJECTID, .key = KEY(t->id, BTRFS_ROOT_ITEM_KEY, t->offset), .bytenr = n->bytenr, .len = r->c->geo->nodesize,
				   .level = n->level, .have = t->bytenr, .want = n->generation };

		if (!n->bytenr || !block_is(r, n, t->id))
			continue;
		if (n->generation > t->generation) {
			REPORT(r->c, CHECK_ROOT_ITEMS, ROOT_OUTDATED, w, t->id, t->bytenr, t->generation, t->level, n->bytenr, n->generation, n->level);
			told++;
		} else if (n->generation < t->generation) {
			REPORT(r->c, CHECK_ROOT_ITEMS, ROOT_NEWER, w, t->id, t->generation, n->generation);
		}
	}
	return told;
}

int pass_root_items(struct check *c, struct err *err)
{
	struct root_items r = { .c = c };
	struct where end = { .order = -1ULL };
	struct err local = ERR_INIT;
	u64 told;
	int ret = 0;

	for (size_t i = 0; !ret && c->fs->extent_tree && i < c->trees.len; i++) {
		const struct ctree *t = &c->trees.v[i];
		struct newest n = { .tree = i };
		struct extent_view v;

		if (t->weight && t->id >= BTRFS_FIRST_FREE_OBJECTID && is_fstree(t->id) && extent_find(c->fs, t->bytenr, &v, NULL) == -ENOENT)
			ret = vec_push(&r.doubtful, n);
	}
	if (!ret && r.doubtful.len)
		ret = scan_extents(&r, &local);
	told = ret ? 0 : tell(&r);
	if (told)
		REPORT(c, CHECK_ROOT_ITEMS, ROOTS_OUTDATED, end, told);
	vec_fini(&r.doubtful);
	if (ret && err)
		*err = local;
	return ret;
}
