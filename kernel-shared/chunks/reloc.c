/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Emptying block groups: everything in them gets another logical address.
 *
 * Data is copied first. Then the trees of all subvolumes are walked as one graph, each block once however many trees share it: a block that lies in what is being emptied,
 * or that points to something that moves, is written anew, and so are all above it, up to the roots. What was shared stays shared. The new graph is the old one with
 * other addresses, so its references are the old ones with other addresses: each extent that moves takes its references along, and of blocks that state their references
 * in full (parent = the block) the new address replaces the old. Nothing that quotas count changes. Internal trees, which nobody shares, are simply copied on write.
 *
 * New blocks are younger than the snapshots that share them, so the trees concerned get a last_snapshot of this transaction: whoever changes them then asks the extent
 * tree what is shared, as after a snapshot. Spec: on-disk-format 6.1 to 6.4. Kernel counterpart: relocation.c. */
#include "kernel-shared/chunks/reloc.h"

#include "kernel-shared/fs/subvol.h"
#include "kernel-shared/fs/write.h"

/* --- what lies in the area --- */

static int note_block(struct reloc *r, const struct extent_view *e, const struct item *item, struct err *err)
{
	struct inner_block b = { .bytenr = e->bytenr, .level = e->level };
	struct extent_ref_view v;
	u32 pos = e->refs_start;

	/* the trees nobody shares are known by the one reference that each of their blocks has */
	if (!extent_ref_next(item, &pos, &v) || v.type != BTRFS_TREE_BLOCK_REF_KEY || is_fstree(v.root)) {
		r->fs_blocks = true;
		return 0;
	}
	b.tree = v.root;
	return vec_push(&r->inner, b) ? err_nomem(err) : 0;
}

static int note_extent(struct reloc *r, const struct item *item, struct err *err)
{
	struct extent_view e;

	if (extent_item_parse(r->fs->geo, item, &e))
		return err_set(err, -EUCLEAN, "extent item (%llu %u %llu) cannot be read", item->key.objectid, item->key.type, item->key.offset);
	r->oldest = min_t(u64, r->oldest, e.generation);
	if (e.flags & BTRFS_EXTENT_FLAG_TREE_BLOCK)
		return note_block(r, &e, item, err);
	return vec_push(&r->data, ((struct moved_data){ .old = e.bytenr, .len = e.len })) ? err_nomem(err) : 0;
}

static int collect(struct reloc *r, const struct chunk *c, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&r->fs->extent_tree->tree, KEY(c->start, 0, 0), KEY(c->start + c->length - 1, 255, -1ULL));
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) == 0) {
		if (item.key.type != BTRFS_EXTENT_ITEM_KEY && item.key.type != BTRFS_METADATA_ITEM_KEY)
			continue;
		ret = note_extent(r, &item, err);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

/* Nothing of the trees has changed yet: when there is no room all is as before. */
static int find_room(struct reloc *r, struct err *err)
{
	for (size_t i = 0; i < r->data.len; i++) {
		struct moved_data *d = &r->data.v[i];
		u64 len;
		int ret = alloc_space(r->a, BTRFS_BLOCK_GROUP_DATA, d->len, d->len, 0, &d->new, &len, err);

		if (!ret)
			continue;
		while (i--)
			alloc_unspace(r->a, r->data.v[i].new, r->data.v[i].len);
		return err_wrap(err, ret, "no room for extent %llu", d->old);
	}
	return 0;
}

struct moved_data *reloc_data(const struct reloc *r, u64 bytenr)
{
	size_t lo = 0, hi = r->data.len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (r->data.v[mid].old + r->data.v[mid].len <= bytenr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->data.len && r->data.v[lo].old <= bytenr ? &r->data.v[lo] : NULL;
}

static int by_old(const void *x, const void *y)
{
	const struct moved_data *a = x, *b = y;

	return a->old < b->old ? -1 : a->old > b->old;
}

/* --- the graph --- */

static bool in_area(const struct reloc *r, u64 bytenr)
{
	return ranges_touches(&r->area, bytenr, bytenr + 1);
}

/* The new place of a block or data extent; the same if it stays. */
static u64 moved_to(const struct reloc *r, u64 bytenr)
{
	u64 *at = hmap_get(&r->moved_at, bytenr);

	return at && *at ? r->moved.v[*at - 1].new : bytenr;
}

static u64 data_to(const struct reloc *r, u64 bytenr)
{
	const struct moved_data *d = in_area(r, bytenr) ? reloc_data(r, bytenr) : NULL;

	return d && d->old == bytenr ? d->new : bytenr;
}

/* A copy at a new address; what it points to is put right by the caller. */
static int copy_block(struct reloc *r, struct root *root, const struct node *old, struct node **out, struct err *err)
{
	struct block_source *bs = writer_source(r->fs->writer);
	struct moved_block m = { .old = old->bytenr, .root = r->root, .level = node_level(old), .generation = node_generation(old), .owner = node_owner(old) };
	struct disk_header *h;
	u64 *at;
	int ret = bs->alloc(bs, &root->tree, m.level, 0, out, err);

	if (ret)
		return ret;
	m.new = (*out)->bytenr;
	if (m.level < BTRFS_MAX_LEVEL && node_nritems(old))
		m.first = node_key(old, 0);
	memcpy((*out)->data, old->data, r->fs->geo->nodesize);
	h = (struct disk_header *)(*out)->data;
	h->bytenr = le64_of(m.new);
	h->generation = le64_of(bs->transid);
	at = hmap_put(&r->moved_at, m.old, NULL);
	if (!at || vec_push(&r->moved, m)) {
		node_put(*out);
		return err_nomem(err);
	}
	*at = r->moved.len;
	return 0;
}

static int walk_leaf(struct reloc *r, struct root *root, const struct node *n, struct err *err)
{
	struct node *fresh = NULL;
	int ret = 0;

	if (in_area(r, n->bytenr))
		ret = copy_block(r, root, n, &fresh, err);
	for (u32 i = 0; !ret && r->data.len && i < node_nritems(n); i++) {
		struct item item = node_item(n, i);
		struct disk_file_extent_item *fe;
		struct file_extent_view f;
		u64 to;

		if (item.key.type != BTRFS_EXTENT_DATA_KEY || file_extent_parse(&item, &f) || f.type == BTRFS_FILE_EXTENT_INLINE || !f.disk_bytenr)
			continue;
		to = data_to(r, f.disk_bytenr);
		if (to == f.disk_bytenr)
			continue;
		if (!fresh)
			ret = copy_block(r, root, n, &fresh, err);
		if (ret)
			break;
		fe = (struct disk_file_extent_item *)(fresh->data + (item.data - n->data));
		fe->disk_bytenr = le64_of(to);
	}
	node_put(fresh);
	return ret;
}

/* Blocks that are older than everything in the area neither lie there nor point there. */
static bool may_concern(const struct reloc *r, const struct block_ref *ref)
{
	if (hmap_get(&r->moved_at, ref->bytenr))
		return false;
	if (ref->generation < r->oldest)
		return false;
	return ref->level || r->data.len || in_area(r, ref->bytenr);
}

static int walk(struct reloc *r, struct root *root, const struct block_ref *ref, struct err *err);

/* Reached before, through another parent: the trees that share it are told. */
static void share(struct reloc *r, u64 bytenr)
{
	const u64 *at = hmap_get(&r->moved_at, bytenr);

	if (!at || !*at)
		return;
	r->roots.v[r->root].shares = true;
	r->roots.v[r->moved.v[*at - 1].root].shares = true;
}

static void read_ahead(struct reloc *r, const struct root *root, const struct node *n, u32 from)
{
	enum { AHEAD = 64 };
	struct block_ref refs[AHEAD];
	size_t k = 0;

	for (u32 i = from; i < node_nritems(n) && i < from + AHEAD; i++) {
		refs[k] = tree_child(&root->tree, n->data, i);
		k += may_concern(r, &refs[k]);
	}
	nstore_prefetch(&r->fs->store, refs, k);
}

static int walk_node(struct reloc *r, struct root *root, const struct node *n, struct err *err)
{
	struct node *fresh = NULL;
	int ret = 0;

	for (u32 i = 0; !ret && i < node_nritems(n); i++) {
		struct block_ref child = tree_child(&root->tree, n->data, i);

		if (i % 64 == 0)
			read_ahead(r, root, n, i);
		share(r, child.bytenr);
		if (may_concern(r, &child))
			ret = walk(r, root, &child, err);
	}
	for (u32 i = 0; !ret && i < node_nritems(n); i++) {
		u64 at = node_ptr(n, i), to = moved_to(r, at);
		struct disk_key_ptr *p;

		if (to == at && !in_area(r, n->bytenr))
			continue;
		if (!fresh)
			ret = copy_block(r, root, n, &fresh, err);
		if (ret || to == at)
			continue;
		p = (struct disk_key_ptr *)block_ptrs(fresh->data) + i;
		p->blockptr = le64_of(to);
		p->generation = le64_of(txn_id(r->txn));
	}
	node_put(fresh);
	return ret;
}

static int walk(struct reloc *r, struct root *root, const struct block_ref *ref, struct err *err)
{
	struct node *n;
	int ret = node_get(&r->fs->store, ref, &n, err);

	if (ret)
		return ret;
	ret = node_level(n) ? walk_node(r, root, n, err) : walk_leaf(r, root, n, err);
	/* what stays is looked at once, too */
	if (!ret && !hmap_get(&r->moved_at, ref->bytenr) && !hmap_put(&r->moved_at, ref->bytenr, NULL))
		ret = err_nomem(err);
	node_put(n);
	if (!ret)
		ret = txn_relieve(r->txn, err);
	return ret ? ret : env_check_interrupt(r->fs->env, err);
}

static int walk_roots(struct reloc *r, struct err *err)
{
	struct subvol_list list;
	int ret = subvol_list(r->fs, &list, err);

	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < list.len; i++) {
		struct reloc_root rr = { 0 };

		ret = fs_subvol_root(r->fs, list.v[i].id, &rr.root, err);
		if (!ret && vec_push(&r->roots, rr))
			ret = err_nomem(err);
	}
	subvol_list_fini(&list);
	for (r->root = 0; !ret && r->root < r->roots.len; r->root++) {
		struct root *root = r->roots.v[r->root].root;
		struct block_ref ref = tree_root_ref(&root->tree);

		if (may_concern(r, &ref))
			ret = walk(r, root, &ref, err);
	}
	return ret;
}

static int settle_roots(struct reloc *r, struct err *err)
{
	for (size_t i = 0; i < r->roots.len; i++) {
		struct root *root = r->roots.v[i].root;
		u64 to = moved_to(r, root->tree.bytenr);
		int ret;

		if (to == root->tree.bytenr)
			continue;
		ret = txn_dirty_root(r->txn, root, err);
		if (ret)
			return ret;
		node_putp(&root->tree.node);
		root->tree.bytenr = to;
		root->tree.generation = txn_id(r->txn);
		if (!r->roots.v[i].shares)
			continue;
		root->tree.last_snapshot = txn_id(r->txn);
		root->item.last_snapshot = le64_of(txn_id(r->txn));
	}
	return 0;
}

/* --- references --- */

static int keep_ref(void *arg, const struct extent_ref_view *ref)
{
	return vec_push((struct ref_list *)arg, *ref) ? -ENOMEM : 0;
}

/* All references of an extent, taken from the old address to the new. change: what is common to them. */
static int move_refs(struct reloc *r, u64 old, u64 new, struct ref_change change, struct err *err)
{
	u64 owner = change.owner;
	bool first = true;
	int ret;

	r->refs.len = 0;
	ret = ref_each(r->a, old, keep_ref, &r->refs, err);
	if (ret)
		return ret == -ENOMEM ? err_nomem(err) : ret;
	for (size_t i = 0; !ret && i < r->refs.len; i++) {
		const struct extent_ref_view *v = &r->refs.v[i];
		struct ref_change c = change;

		if (v->type == BTRFS_EXTENT_OWNER_REF_KEY) {
			owner = v->root;
			continue;
		}
		c.kind = v->type == BTRFS_TREE_BLOCK_REF_KEY ? REF_TREE : v->type == BTRFS_SHARED_BLOCK_REF_KEY ? REF_SHARED_TREE :
			v->type == BTRFS_EXTENT_DATA_REF_KEY ? REF_DATA : REF_SHARED_DATA;
		c.root = v->root;
		c.parent = v->parent;
		c.objectid = v->objectid;
		c.offset = v->offset;
		c.bytenr = old;
		c.delta = -(s64)v->count;
		ret = ref_queue(r->a, &c, err);
		c.bytenr = new;
		c.delta = v->count;
		c.new_extent = first;
		c.owner = owner;
		first = false;
		if (v->parent) {
			c.parent = moved_to(r, v->parent);
			if (c.parent == v->parent)
				ret = err_set(err, -EUCLEAN, "block %llu refers to extent %llu, but no subvolume reaches it", v->parent, old);
		}
		if (!ret)
			ret = ref_queue(r->a, &c, err);
	}
	if (!ret && first)
		ret = err_set(err, -EUCLEAN, "extent %llu has no references", old);
	return ret;
}

/* One reference that names the block itself. */
static int rename_ref(struct reloc *r, const struct moved_block *m, u64 bytenr, u64 len, enum ref_kind kind, struct err *err)
{
	struct ref_change c = { .bytenr = bytenr, .len = len, .kind = kind, .parent = m->old, .delta = -1, .level = m->level ? m->level - 1 : 0 };
	int ret = ref_queue(r->a, &c, err);

	c.parent = m->new;
	c.delta = 1;
	return ret ? ret : ref_queue(r->a, &c, err);
}

/* Of what stays where it is; the others have taken theirs along. */
static int rename_children(struct reloc *r, const struct moved_block *m, struct err *err)
{
	struct block_ref ref = { .bytenr = m->old, .generation = m->generation, .level = m->level, .has_level = true, .any_owner = true };
	struct node *n;
	int ret = node_get(&r->fs->store, &ref, &n, err);

	if (ret)
		return ret;
	for (u32 i = 0; !ret && i < node_nritems(n); i++) {
		struct file_extent_view f;
		struct item item;

		if (m->level) {
			if (moved_to(r, node_ptr(n, i)) == node_ptr(n, i))
				ret = rename_ref(r, m, node_ptr(n, i), r->fs->geo->nodesize, REF_SHARED_TREE, err);
			continue;
		}
		item = node_item(n, i);
		if (item.key.type != BTRFS_EXTENT_DATA_KEY || file_extent_parse(&item, &f) || f.type == BTRFS_FILE_EXTENT_INLINE || !f.disk_bytenr)
			continue;
		if (data_to(r, f.disk_bytenr) == f.disk_bytenr)
			ret = rename_ref(r, m, f.disk_bytenr, f.disk_num_bytes, REF_SHARED_DATA, err);
	}
	node_put(n);
	return ret;
}

static int move_block_refs(struct reloc *r, const struct moved_block *m, struct err *err)
{
	struct ref_change change = { .len = r->fs->geo->nodesize, .level = m->level, .first = m->first, .owner = m->owner };
	u64 refs, flags;
	int ret = ref_info(r->a, m->old, true, &refs, &flags, NULL, err);

	if (!ret)
		ret = move_refs(r, m->old, m->new, change, err);
	if (ret || !(flags & BTRFS_BLOCK_FLAG_FULL_BACKREF))
		return ret;
	r->roots.v[m->root].shares = true;
	ret = ref_queue_full_backref(r->a, m->new, m->level, err);
	return ret ? ret : rename_children(r, m, err);
}

static int all_refs(struct reloc *r, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->moved.len; i++) {
		ret = move_block_refs(r, &r->moved.v[i], err);
		if (!ret)
			ret = txn_relieve(r->txn, err);
	}
	for (size_t i = 0; !ret && i < r->data.len; i++) {
		struct ref_change change = { .len = r->data.v[i].len };

		ret = move_refs(r, r->data.v[i].old, r->data.v[i].new, change, err);
		if (!ret)
			ret = txn_relieve(r->txn, err);
	}
	return ret;
}

/* --- trees that nobody shares --- */

static int inner_root(struct fs *fs, u64 id, struct root **out, struct err *err)
{
	if (id == BTRFS_ROOT_TREE_OBJECTID || id == BTRFS_CHUNK_TREE_OBJECTID) {
		*out = id == BTRFS_ROOT_TREE_OBJECTID ? fs->root_tree : fs->chunk_tree;
		return 0;
	}
	return fs_root_get(fs, id, 0, out, err);
}

/* Copying on write the way to a block's first key copies the block. */
static int copy_inner(struct reloc *r, const struct inner_block *b, struct err *err)
{
	struct block_ref ref = { .bytenr = b->bytenr, .level = b->level, .has_level = true, .any_owner = true };
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY_MIN;
	struct root *root;
	struct node *n;
	int ret = node_get(&r->fs->store, &ref, &n, err);

	if (ret)
		return ret;
	if (node_nritems(n))
		key = node_key(n, 0);
	node_put(n);
	ret = inner_root(r->fs, b->tree, &root, err);
	if (!ret)
		ret = tree_search_cow(&root->tree, &key, 0, &p, err);
	return ret < 0 ? err_wrap(err, ret, "cannot move block %llu of tree %lld", b->bytenr, (s64)b->tree) : 0;
}

static int all_inner(struct reloc *r, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->inner.len; i++) {
		ret = copy_inner(r, &r->inner.v[i], err);
		if (!ret)
			ret = txn_relieve(r->txn, err);
	}
	return ret;
}

/* --- all of it --- */

static void reloc_fini(struct reloc *r)
{
	ranges_fini(&r->area);
	vec_fini(&r->data);
	vec_fini(&r->moved);
	vec_fini(&r->inner);
	vec_fini(&r->roots);
	vec_fini(&r->refs);
	vec_fini(&r->sums);
	vec_fini(&r->sum_bytes);
	hmap_fini(&r->moved_at);
}

/* Changes trees: whatever fails from here on gives the transaction up. */
static int rewrite(struct reloc *r, struct err *err)
{
	int ret = r->data.len || r->fs_blocks ? walk_roots(r, err) : 0;

	if (!ret)
		ret = all_refs(r, err);
	if (!ret)
		ret = settle_roots(r, err);
	if (!ret)
		ret = reloc_sums_store(r, err);
	return ret ? ret : all_inner(r, err);
}

static int prepare(struct reloc *r, const struct addresses *groups, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < groups->len; i++) {
		const struct chunk *c = chunk_lookup(r->fs->vol, groups->v[i]);

		if (!c || ranges_add(&r->area, c->start, c->start + c->length))
			return err_nomem(err);
		ret = collect(r, c, err);
	}
	vec_sort(&r->data, by_old);
	return ret;
}

int groups_empty(struct fs *fs, const struct addresses *groups, struct chunks_work *w, struct err *err)
{
	struct reloc r = { .fs = fs, .a = writer_alloc(fs->writer), .oldest = ~0ULL };
	int ret = txn_begin(fs->writer, &r.txn, err);

	if (ret)
		return ret;
	ret = prepare(&r, groups, err);
	if (!ret)
		ret = find_room(&r, err);
	if (ret == -ENOSPC) {
		/* nothing has changed: the transaction ends as if it had not been */
		struct err why = ERR_INIT;

		reloc_fini(&r);
		return txn_commit(r.txn, &why) ? err_set(err, -EIO, "%s", err_text(&why)) : ret;
	}
	/* what subvolumes refer to, and who refers to how much, stays as it is: quotas have nothing to count */
	alloc_hush_refs(r.a, true);
	if (!ret)
		ret = reloc_copy(&r, groups, w->progress, err);
	if (!ret)
		ret = rewrite(&r, err);
	if (ret)
		txn_abort(r.txn);
	else
		ret = work_commit(fs, r.txn, err);
	alloc_hush_refs(r.a, false);
	reloc_fini(&r);
	return ret;
}
