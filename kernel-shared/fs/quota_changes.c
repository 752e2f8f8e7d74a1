/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed for quotas since the last commit: the extents whose references changed, each with the subvolumes that reached it then and that reach it now.
 * Who reaches an extent is found by going up its references, in the trees of the last commit (whose blocks are never overwritten while a transaction is open)
 * and in those of the next. Spec: on-disk-format 10.2, 6.3. */
#include "kernel-shared/fs/quota.h"
#include "common/mem.h"

enum { CHANGES_MAX = 16384 };

int quota_note(void *arg, const struct ref_change *change)
{
	struct fs_change *c = &((struct fs *)arg)->change;
	bool fresh;

	if (c->quota != QUOTA_FULL || c->recount || (change->kind == REF_TREE && !is_fstree(change->root)))
		return 0;
	if (!hmap_put(&c->touched_at, change->bytenr, &fresh) || (fresh && vec_push(&c->touched, change->bytenr)))
		return -ENOMEM;
	c->recount = c->touched.len > CHANGES_MAX;
	return 0;
}

/* One state of the filesystem. */
struct view {
	struct fs *fs;
	struct root_sums *sums;
	struct tree *extents;
	struct tree old_roots, old_extents;  /* of the last commit; the next: not used */
	struct hmap trees;                   /* of the last commit: subvolume -> struct tree *, 1: there is none */
	struct hmap known;                   /* block -> set + 1 */
	struct err *err;
};

static void view_fini(struct view *v)
{
	u64 id, tree;

	for (size_t pos = 0; hmap_next(&v->trees, &pos, &id, &tree);) {
		if (tree > 1) {
			tree_fini((struct tree *)(uintptr_t)tree);
			free((struct tree *)(uintptr_t)tree);
		}
	}
	hmap_fini(&v->trees);
	hmap_fini(&v->known);
	tree_fini(&v->old_roots);
	tree_fini(&v->old_extents);
}

/* A tree as the last commit's root tree has it. -ENOENT. */
static int old_tree(struct view *v, u64 id, struct tree *out)
{
	struct key last = KEY(id, BTRFS_ROOT_ITEM_KEY, -1ULL);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct disk_root_item ri;
	struct item item;
	int ret = tree_lookup_le(&v->old_roots, &last, &p, &item, v->err);

	if (ret || item.key.objectid != id || item.key.type != BTRFS_ROOT_ITEM_KEY)
		return ret ? ret : -ENOENT;
	root_item_parse(&item, &ri);
	tree_init(out, &v->fs->store, id, le64_get(ri.bytenr), le64_get(ri.generation), ri.level);
	return 0;
}

static int view_open_old(struct view *v)
{
	const struct disk_super *sb = v->fs->sb;
	int ret;

	tree_init(&v->old_roots, &v->fs->store, BTRFS_ROOT_TREE_OBJECTID, le64_get(sb->root), le64_get(sb->generation), sb->root_level);
	ret = old_tree(v, BTRFS_EXTENT_TREE_OBJECTID, &v->old_extents);
	v->extents = &v->old_extents;
	return ret;
}

static int old_subvol(struct view *v, u64 id, struct tree **out)
{
	u64 *slot = hmap_put(&v->trees, id, NULL);
	struct tree *t;
	int ret;

	if (!slot)
		return err_nomem(v->err);
	if (*slot) {
		*out = (struct tree *)(uintptr_t)*slot;
		return *slot == 1 ? -ENOENT : 0;
	}
	t = mem_zalloc(sizeof(*t));
	if (!t)
		return err_nomem(v->err);
	ret = old_tree(v, id, t);
	*slot = ret ? ret == -ENOENT : (uintptr_t)t;
	if (ret)
		free(t);
	*out = t;
	return ret;
}

static int view_subvol(struct view *v, u64 id, struct tree **out)
{
	struct root *root;
	int ret;

	if (v->extents == &v->old_extents)
		return old_subvol(v, id, out);
	ret = fs_subvol_root(v->fs, id, &root, NULL);
	if (!ret)
		*out = &root->tree;
	return ret;
}

static int block_roots(struct view *v, u64 bytenr, unsigned depth, u32 *set);

static int add_block(struct view *v, u64 bytenr, unsigned depth, u32 *set)
{
	u32 more;
	int ret = block_roots(v, bytenr, depth, &more);

	return ret ? ret : root_sums_union(v->sums, *set, more, set) ? err_nomem(v->err) : 0;
}

/* The block is the root block of subvolume id, or hangs there below a block that says so only by its owner. */
static int add_owner(struct view *v, u64 bytenr, u64 id, unsigned depth, u32 *set)
{
	struct block_ref ref = { .bytenr = bytenr, .any_owner = true };
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct node *n CLEANUP(node_putp) = NULL;
	struct tree *t;
	struct key key;
	u32 single;
	u8 level;
	int ret = is_fstree(id) ? view_subvol(v, id, &t) : -ENOENT;

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (t->bytenr == bytenr)
		return root_sums_single(v->sums, id, &single) || root_sums_union(v->sums, *set, single, set) ? err_nomem(v->err) : 0;
	ret = node_get(&v->fs->store, &ref, &n, v->err);
	if (ret)
		return ret;
	level = node_level(n);
	if (!node_nritems(n) || level >= t->level)
		return -ERANGE;
	key = node_key(n, 0);
	ret = tree_search(t, &key, &p, v->err);
	if (ret < 0)
		return ret;
	if (node_ptr(p.nodes[level + 1], p.slots[level + 1]) != bytenr)
		return -ERANGE;
	return add_block(v, p.nodes[level + 1]->bytenr, depth + 1, set);
}

/* All leaves of subvolume id in which this inode uses the extent: offset is where in the file the extent would begin. */
static int add_users(struct view *v, const struct extent_view *e, const struct extent_ref_view *r, u32 *set)
{
	u64 from = (s64)r->offset < 0 ? 0 : r->offset, reach = max_t(u64, e->len, BTRFS_MAX_UNCOMPRESSED), to;
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	u64 last = 0;
	struct tree *t;
	struct item item;
	int ret = is_fstree(r->root) ? view_subvol(v, r->root, &t) : -ENOENT;

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (add_overflows(from, reach, &to))
		to = -1ULL;
	it = tree_range(t, KEY(r->objectid, BTRFS_EXTENT_DATA_KEY, from), KEY(r->objectid, BTRFS_EXTENT_DATA_KEY, to));
	while ((ret = tree_next(&it, &item, v->err)) == 0) {
		u64 leaf = it.path.nodes[0]->bytenr;
		struct file_extent_view f;

		if (file_extent_parse(&item, &f))
			return -ERANGE;
		if (leaf == last || f.type == BTRFS_FILE_EXTENT_INLINE || f.disk_bytenr != e->bytenr)
			continue;
		last = leaf;
		ret = add_block(v, leaf, 0, set);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

struct climb { struct view *v; struct extent_view e; unsigned depth; u32 set; };

static int add_ref(struct climb *c, const struct extent_ref_view *r)
{
	switch (r->type) {
	case BTRFS_TREE_BLOCK_REF_KEY:
		return add_owner(c->v, c->e.bytenr, r->root, c->depth, &c->set);
	case BTRFS_EXTENT_DATA_REF_KEY:
		return add_users(c->v, &c->e, r, &c->set);
	case BTRFS_SHARED_BLOCK_REF_KEY:
		/* a relocation tree's root block is its own parent */
		return r->parent == c->e.bytenr ? 0 : add_block(c->v, r->parent, c->depth + 1, &c->set);
	case BTRFS_SHARED_DATA_REF_KEY:
		return add_block(c->v, r->parent, 0, &c->set);
	}
	return 0;
}

/* Who reaches the extent, and its length; an extent that is not there is reached by nobody. */
static int extent_roots(struct view *v, u64 bytenr, unsigned depth, u32 *set, u64 *len)
{
	struct climb c = { .v = v, .e = { .bytenr = bytenr }, .depth = depth };
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(v->extents, KEY(bytenr, BTRFS_EXTENT_ITEM_KEY, 0), KEY(bytenr, BTRFS_SHARED_DATA_REF_KEY, -1ULL));
	struct extent_ref_view r;
	struct item item;
	int ret;

	*len = 0;
	while ((ret = tree_next(&it, &item, v->err)) == 0) {
		u32 pos = 0;

		if (item.key.type == BTRFS_EXTENT_ITEM_KEY || item.key.type == BTRFS_METADATA_ITEM_KEY) {
			if (extent_item_parse(v->fs->geo, &item, &c.e))
				return -ERANGE;
			pos = c.e.refs_start;
			*len = c.e.len;
		}
		while (extent_ref_next(&item, &pos, &r)) {
			ret = add_ref(&c, &r);
			if (ret)
				return ret;
		}
	}
	*set = c.set;
	return ret == -ENOENT ? 0 : ret;
}

/* -ERANGE: the references do not lead up as they should; counting all does not need them. */
static int block_roots(struct view *v, u64 bytenr, unsigned depth, u32 *set)
{
	u64 *slot = hmap_get(&v->known, bytenr), len;
	int ret;

	if (slot) {
		*set = *slot - 1;
		return 0;
	}
	if (depth > BTRFS_MAX_LEVEL)
		return -ERANGE;
	ret = extent_roots(v, bytenr, depth, set, &len);
	if (ret)
		return ret;
	slot = hmap_put(&v->known, bytenr, NULL);
	if (!slot)
		return err_nomem(v->err);
	*slot = *set + 1ULL;
	return 0;
}

static int compare(struct view *old, struct view *new)
{
	const struct fs_change *c = &old->fs->change;

	for (size_t i = 0; i < c->touched.len; i++) {
		u64 before, after;
		u32 was, is;
		int ret = extent_roots(old, c->touched.v[i], 0, &was, &before);

		if (!ret)
			ret = extent_roots(new, c->touched.v[i], 0, &is, &after);
		if (ret)
			return ret;
		root_sums_add(old->sums, was, -before);
		root_sums_add(old->sums, is, after);
	}
	return 0;
}

int root_sums_changes(struct fs *fs, struct root_sums **out, struct err *err)
{
	struct root_sums *s = root_sums_new();
	struct view old = { .fs = fs, .sums = s, .err = err }, new = { .fs = fs, .sums = s, .extents = &fs->extent_tree->tree, .err = err };
	int ret = s ? view_open_old(&old) : err_nomem(err);

	if (!ret)
		ret = compare(&old, &new);
	view_fini(&old);
	view_fini(&new);
	if (ret) {
		root_sums_free(s);
		/* what cannot be read is told by the count */
		return ret == -ENOMEM ? ret : -ERANGE;
	}
	*out = s;
	return 0;
}
