/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extents and their references; which roots reach a block; who uses a data extent. */
#include "kernel-shared/fs/users.h"
#include "common/mem.h"

static bool is_extent_key(u8 type)
{
	return type == BTRFS_EXTENT_ITEM_KEY || type == BTRFS_METADATA_ITEM_KEY;
}

int extent_find(struct fs *fs, u64 logical, struct extent_view *out, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct item item;
	int ret;

	if (!fs->extent_tree)
		return err_set(err, -EIO, "the extent tree cannot be read");
	it = tree_range_reverse(&fs->extent_tree->tree, KEY_MIN, KEY(logical, BTRFS_METADATA_ITEM_KEY, -1ULL));
	while ((ret = tree_next(&it, &item, err)) == 0) {
		if (!is_extent_key(item.key.type))
			continue;
		ret = extent_item_parse(fs->geo, &item, out);
		if (ret)
			return err_set(err, ret, "extent item %llu is %u bytes long", item.key.objectid, item.size);
		return logical - out->bytenr < out->len ? 0 : -ENOENT;
	}
	return ret;
}

int extent_refs_each(struct fs *fs, u64 bytenr, int (*fn)(void *arg, const struct extent_ref_view *ref), void *arg, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct extent_ref_view ref;
	struct extent_view ext;
	struct item item;
	bool found = false;
	int ret;

	if (!fs->extent_tree)
		return err_set(err, -EIO, "the extent tree cannot be read");
	it = tree_range(&fs->extent_tree->tree, KEY(bytenr, BTRFS_EXTENT_ITEM_KEY, 0), KEY(bytenr, BTRFS_SHARED_DATA_REF_KEY, -1ULL));
	while ((ret = tree_next(&it, &item, err)) == 0) {
		u32 pos = 0;

		if (is_extent_key(item.key.type)) {
			ret = extent_item_parse(fs->geo, &item, &ext);
			if (ret)
				return err_set(err, ret, "extent item %llu is %u bytes long", bytenr, item.size);
			found = true;
			pos = ext.refs_start;
		}
		while (extent_ref_next(&item, &pos, &ref))
			if ((ret = fn(arg, &ref)))
				return ret;
	}
	return ret != -ENOENT ? ret : found ? 0 : -ENOENT;
}

/* Subvolume ids, ascending. */
struct root_set { VEC(u64) ids; };

void resolver_init(struct resolver *r, struct fs *fs)
{
	*r = (struct resolver){ .fs = fs, .roots = HMAP_INIT, .shared = HMAP_INIT };
}

void resolver_fini(struct resolver *r)
{
	for (size_t i = 0; i < r->sets.len; i++) {
		vec_fini(&r->sets.v[i]->ids);
		free(r->sets.v[i]);
	}
	vec_fini(&r->sets);
	hmap_fini(&r->roots);
	hmap_fini(&r->shared);
}

static int set_add(struct root_set *set, u64 id)
{
	size_t i = set->ids.len;

	while (i && set->ids.v[i - 1] >= id)
		if (set->ids.v[--i] == id)
			return 0;
	if (vec_push(&set->ids, id))
		return -ENOMEM;
	memmove(&set->ids.v[i + 1], &set->ids.v[i], (set->ids.len - 1 - i) * sizeof(u64));
	set->ids.v[i] = id;
	return 0;
}

static int roots_of(struct resolver *r, const struct node *node, const struct root_set **out, struct err *err);

struct parents { struct resolver *r; const struct node *node; struct root_set *set; struct err *err; };

static int add_roots_of(struct parents *p, const struct node *parent)
{
	const struct root_set *above;
	int ret = roots_of(p->r, parent, &above, p->err);

	for (size_t i = 0; !ret && i < above->ids.len; i++)
		if (set_add(p->set, above->ids.v[i]))
			ret = err_nomem(p->err);
	return ret;
}

/* Does parent point at the block, one level below? */
static bool points_at(const struct node *parent, const struct node *node)
{
	if (node_level(parent) != node_level(node) + 1)
		return false;
	for (u32 i = 0; i < node_nritems(parent); i++)
		if (node_ptr(parent, i) == node->bytenr)
			return true;
	return false;
}

/* The owner's tree leads to the block through its first key; what reaches the parent there reaches the block. */
static int add_by_root(struct parents *p, u64 id)
{
	struct key first = node_nritems(p->node) ? node_key(p->node, 0) : KEY_MIN;
	struct path path CLEANUP(path_fini) = PATH_INIT;
	u8 level = node_level(p->node);
	struct root *root;
	int ret = is_fstree(id) ? fs_subvol_root(p->r->fs, id, &root, p->err) : fs_root_get(p->r->fs, id, 0, &root, p->err);

	if (ret == -ENOENT)
		return 0;
	if (ret)
		return ret;
	if (root->tree.bytenr == p->node->bytenr)
		return set_add(p->set, id) ? err_nomem(p->err) : 0;
	if (root->tree.level <= level)
		return 0;
	ret = tree_search(&root->tree, &first, &path, p->err);
	if (ret < 0)
		return ret;
	if (!path.nodes[level + 1] || !points_at(path.nodes[level + 1], p->node))
		return 0;
	return add_roots_of(p, path.nodes[level + 1]);
}

static int add_by_parent(struct parents *p, u64 bytenr)
{
	struct block_ref ref = { .bytenr = bytenr, .any_owner = true, .level = node_level(p->node) + 1, .has_level = true };
	struct node *parent CLEANUP(node_putp) = NULL;
	int ret;

	if (bytenr == p->node->bytenr || ref.level >= BTRFS_MAX_LEVEL)
		return 0;
	ret = node_get(&p->r->fs->store, &ref, &parent, p->err);
	if (ret)
		return ret;
	return points_at(parent, p->node) ? add_roots_of(p, parent) : 0;
}

static int add_parent(void *arg, const struct extent_ref_view *ref)
{
	struct parents *p = arg;

	if (ref->type == BTRFS_TREE_BLOCK_REF_KEY)
		return add_by_root(p, ref->root);
	if (ref->type == BTRFS_SHARED_BLOCK_REF_KEY)
		return add_by_parent(p, ref->parent);
	return 0;
}

/* Levels rise with each step, so this ends. */
static int roots_of(struct resolver *r, const struct node *node, const struct root_set **out, struct err *err)
{
	struct root_set *set;
	u64 *slot = hmap_get(&r->roots, node->bytenr), number;
	int ret;

	if (slot) {
		*out = r->sets.v[*slot - 1];
		return 0;
	}
	set = mem_zalloc(sizeof(*set));
	if (!set || vec_push(&r->sets, set)) {
		free(set);
		return err_nomem(err);
	}
	number = r->sets.len;
	ret = extent_refs_each(r->fs, node->bytenr, add_parent, &(struct parents){ r, node, set, err }, err);
	if (ret && ret != -ENOENT)
		return ret;
	slot = hmap_put(&r->roots, node->bytenr, NULL);
	if (!slot)
		return err_nomem(err);
	*slot = number;
	*out = set;
	return 0;
}

/* Leaves that hold file extents of one data extent, each to be looked at once. */
struct users {
	struct resolver *r;
	const struct extent_view *ext;
	u64 within;
	extent_user_fn fn;
	void *arg;
	struct err *err;
	struct hmap leaves;
};

/* Where the wanted byte is in the file, if this file extent shows it. */
static bool user_offset(const struct users *u, const struct item *item, u64 *out)
{
	struct file_extent_view fe;

	if (item->key.type != BTRFS_EXTENT_DATA_KEY || file_extent_parse(item, &fe) || fe.type == BTRFS_FILE_EXTENT_INLINE ||
			fe.disk_bytenr != u->ext->bytenr)
		return false;
	*out = item->key.offset;
	if (u->within == -1ULL || fe.compression || fe.encryption || fe.other_encoding)
		return true;
	if (u->within < fe.offset || u->within - fe.offset >= fe.num_bytes)
		return false;
	*out += u->within - fe.offset;
	return true;
}

static int look_at_leaf(struct users *u, const struct node *leaf)
{
	const struct root_set *set;
	struct { u32 slot; u64 offset; } seen[64];
	u32 slot = 0;
	bool fresh;
	int ret;

	if (!hmap_put(&u->leaves, leaf->bytenr, &fresh))
		return err_nomem(u->err);
	if (!fresh || node_level(leaf))
		return 0;
	ret = roots_of(u->r, leaf, &set, u->err);
	/* The leaf is searched once, however many roots it has; a portion of what is found, then each root has it. */
	while (!ret && slot < node_nritems(leaf)) {
		unsigned n = 0;

		for (; slot < node_nritems(leaf) && n < ARRAY_SIZE(seen); slot++) {
			struct item item = node_item(leaf, slot);

			if (user_offset(u, &item, &seen[n].offset))
				seen[n++].slot = slot;
		}
		for (size_t i = 0; !ret && n && i < set->ids.len; i++)
			for (unsigned j = 0; !ret && j < n; j++)
				ret = u->fn(u->arg, set->ids.v[i], node_key(leaf, seen[j].slot).objectid, seen[j].offset);
	}
	return ret;
}

/* The reference counts file extents of one inode whose start less their offset into the extent is the recorded offset. */
static int look_at_inode(struct users *u, const struct extent_ref_view *ref)
{
	/* A file extent that was cut from the front records an offset below zero. */
	u64 lo = (s64)ref->offset < 0 ? 0 : ref->offset, span = max_t(u64, u->ext->len, BTRFS_MAX_EXTENT_SIZE), hi;
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct root *root;
	struct item item;
	u64 offset;
	int ret = is_fstree(ref->root) ? fs_subvol_root(u->r->fs, ref->root, &root, u->err) :
		fs_root_get(u->r->fs, ref->root, 0, &root, u->err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (add_overflows(lo, span, &hi))
		hi = -1ULL;
	it = tree_range(&root->tree, KEY(ref->objectid, BTRFS_EXTENT_DATA_KEY, lo), KEY(ref->objectid, BTRFS_EXTENT_DATA_KEY, hi));
	while ((ret = tree_next(&it, &item, u->err)) == 0)
		if (user_offset(u, &item, &offset) && (ret = look_at_leaf(u, it.path.nodes[0])))
			return ret;
	return ret == -ENOENT ? 0 : ret;
}

static int look_at_ref(void *arg, const struct extent_ref_view *ref)
{
	struct users *u = arg;
	struct block_ref block = { .bytenr = ref->parent, .any_owner = true, .has_level = true };
	struct node *leaf CLEANUP(node_putp) = NULL;
	int ret;

	if (ref->type == BTRFS_EXTENT_DATA_REF_KEY)
		return look_at_inode(u, ref);
	if (ref->type != BTRFS_SHARED_DATA_REF_KEY)
		return 0;
	ret = node_get(&u->r->fs->store, &block, &leaf, u->err);
	return ret ? ret : look_at_leaf(u, leaf);
}

int extent_users(struct resolver *r, const struct extent_view *ext, u64 within, extent_user_fn fn, void *arg, struct err *err)
{
	struct users u = { .r = r, .ext = ext, .within = within, .fn = fn, .arg = arg, .err = err, .leaves = HMAP_INIT };
	int ret = extent_refs_each(r->fs, ext->bytenr, look_at_ref, &u, err);

	hmap_fini(&u.leaves);
	return ret;
}

/* 1 when a block has more than one reference. */
static int block_shared(struct resolver *r, u64 bytenr, struct err *err)
{
	struct extent_view ext;
	u64 *slot = hmap_get(&r->shared, bytenr);
	int ret;

	if (slot)
		return *slot == 2;
	ret = extent_find(r->fs, bytenr, &ext, err);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	slot = hmap_put(&r->shared, bytenr, NULL);
	if (!slot)
		return err_nomem(err);
	*slot = ext.refs > 1 ? 2 : 1;
	return ext.refs > 1;
}

struct own_ref { u64 root, ino; unsigned count; };

/* Stops with 1 as soon as somebody else is seen. */
static int count_ref(void *arg, const struct extent_ref_view *ref)
{
	struct own_ref *own = arg;

	if (ref->type == BTRFS_EXTENT_DATA_REF_KEY && (ref->root != own->root || ref->objectid != own->ino))
		return 1;
	if (ref->type != BTRFS_EXTENT_DATA_REF_KEY && ref->type != BTRFS_SHARED_DATA_REF_KEY)
		return 0;
	return ++own->count > 1;
}

int extent_shared(struct resolver *r, const struct path *path, u64 root, u64 ino, u64 bytenr, struct err *err)
{
	int ret = 0;

	/* The nearest blocks are the most likely to be known already. */
	for (unsigned level = 0; !ret && level < BTRFS_MAX_LEVEL && path->nodes[level]; level++)
		ret = block_shared(r, path->nodes[level]->bytenr, err);
	if (!ret) {
		ret = extent_refs_each(r->fs, bytenr, count_ref, &(struct own_ref){ root, ino, 0 }, err);
		if (ret == -ENOENT)
			ret = 0;
	}
	return ret;
}
