/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tree blocks that are lost or break rules: every tree is written anew where it is damaged, and what follows from the trees is made anew behind it. */
#include "kernel-shared/check/chunkscan.h"
#include "kernel-shared/check/rebuild.h"
#include "kernel-shared/check/rewrite.h"

#include <stdlib.h>
#include <sys/stat.h>
#include "kernel-shared/tree/edit.h"

/* Made anew from the others, so nobody mends them. */
static bool is_derived(u64 tree)
{
	return tree == BTRFS_EXTENT_TREE_OBJECTID || tree == BTRFS_BLOCK_GROUP_TREE_OBJECTID || tree == BTRFS_FREE_SPACE_TREE_OBJECTID ||
	       tree == BTRFS_DEV_TREE_OBJECTID;
}

static bool bad_in(const struct survey *s, u64 tree)
{
	for (size_t i = 0; i < s->bad.len; i++)
		if (s->bad.v[i].tree == tree)
			return true;
	return false;
}

/* --- which blocks --- */

static int by_child(const void *a, const void *b)
{
	const struct parent_of *x = a, *y = b;

	return x->child < y->child ? -1 : x->child > y->child;
}

/* The block and all above it. */
static int touch(struct rewrite *w, u64 bytenr)
{
	struct parent_of want = { bytenr, 0 };
	const struct parent_of *v = w->s->parents.v, *end = v + w->s->parents.len, *at;
	bool fresh;
	int ret = hmap_put(&w->touched, bytenr, &fresh) ? 0 : -ENOMEM;

	if (ret || !fresh)
		return ret;
	at = v ? bsearch(&want, v, end - v, sizeof(want), by_child) : NULL;
	while (at && at > v && at[-1].child == bytenr)
		at--;
	for (; !ret && at && at < end && at->child == bytenr; at++)
		ret = touch(w, at->parent);
	return ret;
}

static int touch_bad(struct rewrite *w, struct err *err)
{
	vec_sort(&w->s->parents, by_child);
	for (size_t i = 0; i < w->s->bad.len; i++)
		if (touch(w, w->s->bad.v[i].bytenr))
			return err_nomem(err);
	return 0;
}

/* --- one tree --- */

/* What is left of a tree of which nothing is left. */
static int empty_tree(struct rewrite *w, const struct ctree *t, struct root_change *out, struct err *err)
{
	const struct { struct disk_inode_ref head; u8 name[2]; } PACKED dots = { { le64_of(0), le16_of(2) }, { '.', '.' } };
	struct disk_inode_item dir = { .generation = le64_of(w->m.transid), .transid = le64_of(w->m.transid), .nlink = le32_of(1), .mode = le32_of(S_IFDIR | 0755) };
	struct mended_items items = VEC_INIT;
	struct entries e = VEC_INIT;
	int ret = 0;

	if (t->kind == TREE_SUBVOL && (vec_push(&items, ((struct mended_item){ KEY(BTRFS_FIRST_FREE_OBJECTID, BTRFS_INODE_ITEM_KEY, 0), (u8 *)&dir, sizeof(dir) })) ||
	    vec_push(&items, ((struct mended_item){ KEY(BTRFS_FIRST_FREE_OBJECTID, BTRFS_INODE_REF_KEY, BTRFS_FIRST_FREE_OBJECTID), (const u8 *)&dots, sizeof(dots) }))))
		ret = err_nomem(err);
	if (!ret)
		ret = items.len ? pack_items(w, t->id, 0, &items, &e, err) : pack_empty(w, t->id, &e, err);
	if (!ret)
		ret = rewrite_tree_root(w, &e, t->id, 0, out, err);
	vec_fini(&items);
	vec_fini(&e);
	return ret;
}

static int one_tree(struct rewrite *w, const struct ctree *t, struct err *err)
{
	struct place p = { .tree = t->id, .bound = KEY_MAX, .any_owner = t->kind == TREE_RELOC, .bytenr = t->bytenr, .generation = t->generation,
			   .level = t->level };
	struct root_change c = { 0 };
	struct entries e = VEC_INIT;
	struct found_block found;
	int ret = rewrite_tree_block(w, &p, &e, err);

	if (!ret && e.len == 1 && e.v[0].bytenr == t->bytenr && e.v[0].generation == t->generation) {
		vec_fini(&e);
		return 0;
	}
	if (!ret)
		ret = rewrite_tree_root(w, &e, t->id, t->level, &c, err);
	if (ret == -ENOENT && !orphans_root(&w->m, t->id, &found, err) && found.bytenr != t->bytenr) {
		c = (struct root_change){ t->id, t->offset, found.bytenr, found.generation, found.level, false };
		ret = 0;
	}
	if (ret == -ENOENT)
		ret = empty_tree(w, t, &c, err);
	vec_fini(&e);
	c.offset = t->offset;
	return ret ? ret : vec_push(&w->roots, c) ? err_nomem(err) : 0;
}

/* Items that do not fit together; counts of simple quotas, which no transaction counts anew. */
static bool quota_wrong(const struct rewrite *w)
{
	const struct repair *r = w->r;

	return (repair_found(r, PROBLEM_QGROUP_ITEM) && (!r->args->only || r->args->only[PROBLEM_QGROUP_ITEM])) ||
	       (geo_incompat(w->fs->geo, BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA) && repair_found(r, PROBLEM_QGROUP_COUNTS));
}

static int anew(struct rewrite *w, const struct ctree *t, struct err *err)
{
	struct root_change c = { 0 };
	int ret = rewrite_quota(w, t, &c, err);

	c.offset = t->offset;
	return ret ? ret : vec_push(&w->roots, c) ? err_nomem(err) : 0;
}

static int all_trees(struct rewrite *w, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < w->s->trees.len; i++) {
		const struct ctree *t = &w->s->trees.v[i];

		if (t->kind == TREE_LOG || is_derived(t->id) || t->id == BTRFS_ROOT_TREE_OBJECTID || t->id == BTRFS_CHUNK_TREE_OBJECTID ||
		    t->level >= BTRFS_MAX_LEVEL)
			continue;
		if (t->id == BTRFS_QUOTA_TREE_OBJECTID && (quota_wrong(w) || hmap_get(&w->touched, t->bytenr)))
			ret = anew(w, t, err);
		else if (hmap_get(&w->touched, t->bytenr) || !chunk_lookup(w->fs->vol, t->bytenr))
			ret = one_tree(w, t, err);
		if (!ret)
			ret = env_check_interrupt(w->r->env, err);
	}
	return ret;
}

/* --- the root tree --- */

static int by_key(const void *a, const void *b)
{
	const struct mended_item *x = a, *y = b;

	return key_cmp(&x->key, &y->key);
}

static void put_root(struct disk_root_item *ri, const struct root_change *c)
{
	ri->bytenr = le64_of(c->bytenr);
	ri->level = c->level;
	ri->generation = ri->generation_v2 = le64_of(c->generation);
}

static struct mended_item *find_item(struct mended_items *items, struct key key)
{
	struct mended_item want = { .key = key };

	return items->len ? bsearch(&want, items->v, items->len, sizeof(want), by_key) : NULL;
}

/* What the UUID tree knows of a subvolume whose root item is lost. */
static void find_uuids(struct rewrite *w, u64 id, struct disk_root_item *ri)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct err ignored = ERR_INIT;
	struct item item;

	if (!w->fs->uuid_tree)
		return;
	it = tree_range(&w->fs->uuid_tree->tree, KEY_MIN, KEY_MAX);
	while (!tree_next(&it, &item, &ignored)) {
		u8 *to = item.key.type == BTRFS_UUID_KEY_SUBVOL ? ri->uuid : item.key.type == BTRFS_UUID_KEY_RECEIVED_SUBVOL ? ri->received_uuid : NULL;

		for (u32 at = 0; to && at + 8 <= item.size; at += 8)
			if (get_le64(item.data + at) == id) {
				put_le64(to, item.key.objectid);
				put_le64(to + 8, item.key.offset);
			}
	}
}

static int apply_root(struct rewrite *w, struct mended_items *items, const struct root_change *c)
{
	struct mended_item *it = find_item(items, KEY(c->id, BTRFS_ROOT_ITEM_KEY, c->offset));
	struct disk_root_item *ri = arena_alloc(&w->m.arena, sizeof(*ri));
	struct item old;

	if (!ri)
		return -ENOMEM;
	memset(ri, 0, sizeof(*ri));
	if (it) {
		old = (struct item){ it->key, it->data, it->size, 0 };
		root_item_parse(&old, ri);
	} else if (!c->create) {
		return 0;
	} else {
		ri->refs = le32_of(1);
		ri->root_dirid = le64_of(is_fstree(c->id) || c->id == BTRFS_DATA_RELOC_TREE_OBJECTID ? BTRFS_FIRST_FREE_OBJECTID : 0);
		ri->inode.generation = le64_of(1);
		ri->inode.size = le64_of(3);
		ri->inode.nlink = le32_of(1);
		ri->inode.mode = le32_of(S_IFDIR | 0755);
		ri->inode.nbytes = le64_of(w->fs->geo->nodesize);
		if (is_fstree(c->id))
			find_uuids(w, c->id, ri);
	}
	put_root(ri, c);
	if (it) {
		it->data = (u8 *)ri;
		it->size = sizeof(*ri);
		return 0;
	}
	if (vec_push(items, ((struct mended_item){ KEY(c->id, BTRFS_ROOT_ITEM_KEY, c->offset), (u8 *)ri, sizeof(*ri) })))
		return -ENOMEM;
	vec_sort(items, by_key);
	return 0;
}

/* A root item whose key went wrong still leads to the tree's root. */
static struct mended_item *misnamed(struct mended_items *items, u64 bytenr)
{
	for (size_t i = 0; i < items->len; i++) {
		struct item item = { items->v[i].key, items->v[i].data, items->v[i].size, 0 };
		struct disk_root_item ri;

		if (item.key.type != BTRFS_ROOT_ITEM_KEY || item.key.objectid == BTRFS_TREE_RELOC_OBJECTID)
			continue;
		root_item_parse(&item, &ri);
		if (le64_get(ri.bytenr) == bytenr)
			return &items->v[i];
	}
	return NULL;
}

/* Trees that have blocks but no root item; and, of a root tree that is an old one, those that have newer roots. */
static int missing_roots(struct rewrite *w, struct mended_items *items, bool stale, struct err *err)
{
	struct tree_ids ids = { 0 };
	int ret = orphans_trees(&w->m, &ids, err);

	for (size_t i = 0; !ret && i < ids.len; i++) {
		u64 id = ids.v[i];
		struct mended_item *it = find_item(items, KEY(id, BTRFS_ROOT_ITEM_KEY, 0)), *old_name;
		struct disk_root_item ri = { 0 };
		struct found_block b;
		struct item old;

		if (is_derived(id) || id == BTRFS_ROOT_TREE_OBJECTID || id == BTRFS_CHUNK_TREE_OBJECTID || id == BTRFS_TREE_RELOC_OBJECTID || id == BTRFS_TREE_LOG_OBJECTID)
			continue;
		for (size_t k = 0; !it && k < items->len; k++)
			if (items->v[k].key.objectid == id && items->v[k].key.type == BTRFS_ROOT_ITEM_KEY)
				it = &items->v[k];
		if ((it && !stale) || orphans_root(&w->m, id, &b, err))
			continue;
		if (it) {
			old = (struct item){ it->key, it->data, it->size, 0 };
			root_item_parse(&old, &ri);
			if (le64_get(ri.generation) >= b.generation && le64_get(ri.bytenr) != b.bytenr)
				continue;
		}
		old_name = it ? NULL : misnamed(items, b.bytenr);
		if (old_name) {
			repair_say(w->r, "Root item %lld belongs to tree %lld", (s64)old_name->key.objectid, (s64)id);
			old_name->key.objectid = id;
			vec_sort(items, by_key);
			continue;
		}
		repair_say(w->r, "Root of tree %lld found at %llu (level %u, generation %llu)", (s64)id, b.bytenr, b.level, b.generation);
		if (apply_root(w, items, &(struct root_change){ id, it ? it->key.offset : 0, b.bytenr, b.generation, b.level, true }))
			ret = err_nomem(err);
	}
	free(ids.v);
	return ret;
}

/* Trees that no filesystem can do without, found or empty. */
static int required_roots(struct rewrite *w, struct mended_items *items, struct err *err)
{
	static const struct { u64 id; enum tree_kind kind; } trees[] = {
		{ BTRFS_FS_TREE_OBJECTID, TREE_SUBVOL }, { BTRFS_CSUM_TREE_OBJECTID, TREE_OTHER }, { BTRFS_DATA_RELOC_TREE_OBJECTID, TREE_SUBVOL },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(trees); i++) {
		struct ctree t = { .id = trees[i].id, .kind = trees[i].kind };
		struct root_change c = { 0 };
		struct found_block b;

		if (find_item(items, KEY(t.id, BTRFS_ROOT_ITEM_KEY, 0)))
			continue;
		if (!orphans_root(&w->m, t.id, &b, err)) {
			c = (struct root_change){ t.id, 0, b.bytenr, b.generation, b.level, true };
		} else {
			ret = empty_tree(w, &t, &c, err);
			c.create = true;
			repair_say(w->r, "Tree %lld is lost, an empty one takes its place", (s64)t.id);
		}
		if (!ret && apply_root(w, items, &c))
			ret = err_nomem(err);
	}
	return ret;
}

static bool lacks_tree(const struct fs *fs)
{
	return !fs->root_tree || !fs->fs_tree || !fs->csum_tree || !fs->data_reloc_tree;
}

static bool lost_in(const struct survey *s, u64 tree)
{
	for (size_t i = 0; i < s->bad.len; i++)
		if (s->bad.v[i].tree == tree && s->bad.v[i].lost)
			return true;
	return false;
}

/* Names or extent items speak of trees that have no root item. */
static bool are_missed(const struct repair *r)
{
	return repair_found(r, PROBLEM_ROOT_NO_ITEM) || repair_found(r, PROBLEM_REF_TREE_STALE);
}

static int root_tree(struct rewrite *w, struct err *err)
{
	struct disk_super *sb = w->fs->sb;
	struct place p = { .tree = BTRFS_ROOT_TREE_OBJECTID, .bound = KEY_MAX, .bytenr = le64_get(sb->root), .generation = le64_get(sb->generation),
			   .level = sb->root_level };
	struct mended_items items = VEC_INIT;
	bool lost = !w->fs->root_tree || lost_in(w->s, BTRFS_ROOT_TREE_OBJECTID);
	struct root_change c = { 0 };
	struct found_block found;
	bool missed = !lost && are_missed(w->r), needed = w->roots.len || lost || lacks_tree(w->fs) || bad_in(w->s, BTRFS_ROOT_TREE_OBJECTID);
	u64 said;
	int ret = 0;

	if (!needed && !missed)
		return 0;
	if (w->fs->root_tree) {
		p.generation = w->fs->root_tree->tree.generation;
		p.bytenr = w->fs->root_tree->tree.bytenr;
		p.level = w->fs->root_tree->tree.level;
	} else if (!orphans_root(&w->m, BTRFS_ROOT_TREE_OBJECTID, &found, err) && found.generation == p.generation) {
		p.bytenr = found.bytenr;
		p.level = found.level;
	}
	ret = rewrite_tree_collect(w, &p, &items, err);
	if (!ret)
		ret = items_unique(&items);
	for (size_t i = 0; !ret && i < w->roots.len; i++)
		if (apply_root(w, &items, &w->roots.v[i]))
			ret = err_nomem(err);
	said = w->r->said;
	if (!ret && (lost || missed))
		ret = missing_roots(w, &items, !w->fs->root_tree, err);
	if (ret || (!needed && w->r->said == said)) {
		vec_fini(&items);
		return ret;
	}
	ret = required_roots(w, &items, err);
	if (!ret)
		ret = rewrite_pack(w, BTRFS_ROOT_TREE_OBJECTID, &items, &c, err);
	vec_fini(&items);
	if (ret)
		return ret;
	sb->root = le64_of(c.bytenr);
	sb->root_level = c.level;
	return 0;
}

/* --- the chunk tree --- */

/* System chunks are in the superblock, too, as is the item of each device. */
static int add_from_supers(struct rewrite *w, struct mended_items *items)
{
	const struct disk_chunk *chunk;
	size_t had = items->len;
	u32 pos = 0, size;
	struct key key;

	while (super_sys_chunk_next(w->fs->sb, &pos, &key, &chunk, &size, NULL) > 0)
		if (!find_item(items, key) && vec_push(items, ((struct mended_item){ key, (const u8 *)chunk, size })))
			return -ENOMEM;
	for (size_t i = 0; i < w->fs->vol->devices.len; i++) {
		struct device *d = w->fs->vol->devices.v[i];
		struct disk_dev_item *item = d->has_item ? &d->item : &d->sb.dev_item;
		struct key dev = KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, d->devid);

		if (d->bdev && !d->seed && !find_item(items, dev) && vec_push(items, ((struct mended_item){ dev, (u8 *)item, sizeof(*item) })))
			return -ENOMEM;
	}
	for (size_t i = had; i < items->len; i++)
		repair_say(w->r, "%s %llu: its item is put back from the superblock", items->v[i].key.type == BTRFS_DEV_ITEM_KEY ? "Device" : "System chunk",
			   items->v[i].key.offset);
	return items_unique(items);
}

/* A live block that no chunk holds: chunk items are missing. */
static bool is_unmapped(const struct rewrite *w)
{
	const struct volume *vol = w->fs->vol;

	if (!chunk_lookup(vol, le64_get(w->fs->sb->root)))
		return true;
	for (size_t i = 0; i < w->s->bad.len; i++)
		if (w->s->bad.v[i].lost && !chunk_lookup(vol, w->s->bad.v[i].bytenr))
			return true;
	return false;
}

static void scan_told(void *arg, unsigned device, u64 done, bool end)
{
	const struct repair *r = arg;

	if (r->ops->scanned)
		r->ops->scanned(r->ops->arg, device, done, end);
}

/* A device extent of today belongs to the chunk. */
static bool is_allocated(struct rewrite *w, const struct scan_chunk *c)
{
	struct err ignored = ERR_INIT;

	for (unsigned i = 0; w->fs->dev_tree && i < le16_get(c->item->num_stripes); i++) {
		struct key key = KEY(le64_get(c->item->stripes[i].devid), BTRFS_DEV_EXTENT_KEY, le64_get(c->item->stripes[i].offset));
		struct path p CLEANUP(path_fini) = PATH_INIT;
		const struct disk_dev_extent *e;
		struct item item;

		if (tree_lookup(&w->fs->dev_tree->tree, &key, &p, &item, &ignored))
			continue;
		e = item_struct(&item, struct disk_dev_extent);
		if (e && le64_get(e->chunk_offset) == c->start)
			return true;
	}
	return false;
}

/* allocated: of a chunk tree that is whole, where what else lies about was deleted, those alone that have device extents. */
static int take_scanned(struct rewrite *w, const struct chunk_scan *s, bool allocated, struct mended_items *items, struct err *err)
{
	for (size_t i = 0; i < s->devices.len; i++) {
		const struct disk_dev_item *d = &s->devices.v[i].item;
		struct key key = KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, le64_get(d->devid));
		void *own = arena_dup(&w->m.arena, d, sizeof(*d));

		if (!own || (!find_item(items, key) && vec_push(items, ((struct mended_item){ key, own, sizeof(*d) }))))
			return err_nomem(err);
		items_unique(items);
	}
	for (size_t i = 0; i < s->chunks.len; i++) {
		const struct scan_chunk *c = &s->chunks.v[i];
		struct key key = KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, c->start);
		void *own = arena_dup(&w->m.arena, c->item, c->size);

		struct mended_item *old = find_item(items, key);

		if (allocated && (old || !is_allocated(w, c)))
			continue;
		if (old && (!c->rebuilt || (old->size == c->size && !memcmp(old->data, c->item, c->size))))
			continue;
		repair_say(w->r, "Chunk [%llu, %llu): %s", c->start, c->start + le64_get(c->item->length), c->rebuilt ? "made anew from its device extents" : "found");
		w->chunks++;
		if (old && own)
			*old = (struct mended_item){ key, own, c->size };
		else if (!own || vec_push(items, ((struct mended_item){ key, own, c->size })))
			return err_nomem(err);
		items_unique(items);
		if (old)
			continue; /* mapped wrongly until the filesystem is opened again */
		if (volume_add_chunk(w->fs->vol, c->start, c->item, err))
			err_clear(err);
	}
	return 0;
}

/* What is lost of the chunk tree is looked for on the devices themselves. */
static int scan_chunks(struct rewrite *w, bool allocated, struct mended_items *items, struct err *err)
{
	struct chunk_scan s = { .progress = scan_told, .arg = w->r };
	int ret = chunk_scan_run(&s, w->fs->vol, err);

	if (!ret)
		ret = chunk_scan_settle(&s, w->fs->vol, err);
	if (!ret)
		ret = take_scanned(w, &s, allocated, items, err);
	if (!ret && s.unrecoverable)
		repair_say(w->r, "%llu chunks cannot be recovered", s.unrecoverable);
	chunk_scan_fini(&s);
	return ret;
}

/* Chunks that were not known when the filesystem was opened: they are, the next time. */
static void count_unknown(struct rewrite *w, const struct mended_items *items)
{
	for (size_t i = 0; i < items->len; i++) {
		const struct key *k = &items->v[i].key;
		const struct chunk *c = k->type == BTRFS_CHUNK_ITEM_KEY ? chunk_lookup(w->fs->vol, k->offset) : NULL;

		w->chunks += k->type == BTRFS_CHUNK_ITEM_KEY && (!c || c->start != k->offset);
	}
}

/* Nothing that is left of the tree says what is missing. */
static bool must_scan(const struct rewrite *w)
{
	if (!w->fs->chunk_tree || lost_in(w->s, BTRFS_CHUNK_TREE_OBJECTID) || w->r->args->chunks)
		return true;
	return !w->chunks && (repair_chunks_wrong(w->r) || is_unmapped(w));
}

/* *put_back: some were gone, but not from everywhere. */
static int chunk_items(struct rewrite *w, struct mended_items *items, bool *put_back, struct err *err)
{
	const struct disk_super *sb = w->fs->sb;
	struct place p = { .tree = BTRFS_CHUNK_TREE_OBJECTID, .bound = KEY_MAX, .bytenr = le64_get(sb->chunk_root),
			   .generation = le64_get(sb->chunk_root_generation), .level = sb->chunk_root_level };
	u64 fixed = 0, before = w->m.fixed + w->m.dropped;
	int ret = rewrite_tree_collect(w, &p, items, err);
	size_t had;

	if (!ret)
		ret = items_unique(items);
	had = items->len;
	if (!ret && add_from_supers(w, items))
		ret = err_nomem(err);
	*put_back = items->len > had;
	if (!ret && repair_chunks_doubted(w->r))
		ret = chunks_by_witness(w, items, &fixed, err);
	w->chunks += fixed + w->m.fixed + w->m.dropped - before;
	count_unknown(w, items);
	if (ret)
		return ret;
	if (must_scan(w))
		return scan_chunks(w, false, items, err);
	return !w->chunks && repair_found(w->r, PROBLEM_DEVEXT_NO_CHUNK) ? scan_chunks(w, true, items, err) : 0;
}

/* What the superblocks of devices will say of them. */
static void set_devices(struct rewrite *w, const struct mended_items *items)
{
	for (size_t i = 0; i < items->len; i++) {
		const struct mended_item *it = &items->v[i];
		struct device *d = it->key.type == BTRFS_DEV_ITEM_KEY && it->size == sizeof(d->item) ? volume_device(w->fs->vol, it->key.offset, NULL) : NULL;

		if (!d)
			continue;
		memcpy(&d->item, it->data, sizeof(d->item));
		d->has_item = true;
		d->total_bytes = le64_get(d->item.total_bytes);
		d->bytes_used = le64_get(d->item.bytes_used);
	}
}

static int chunk_tree(struct rewrite *w, struct err *err)
{
	bool damaged = !w->fs->chunk_tree || bad_in(w->s, BTRFS_CHUNK_TREE_OBJECTID), put_back = false;
	struct disk_super *sb = w->fs->sb;
	struct mended_items items = VEC_INIT;
	struct root_change c = { 0 };
	int ret;

	if (le64_get(sb->flags) & BTRFS_SUPER_FLAG_METADUMP)
		return 0;
	ret = chunk_items(w, &items, &put_back, err);
	if (!ret && (damaged || put_back || w->chunks))
		ret = rewrite_pack(w, BTRFS_CHUNK_TREE_OBJECTID, &items, &c, err);
	if (!ret && c.bytenr)
		set_devices(w, &items);
	vec_fini(&items);
	if (ret || !c.bytenr)
		return ret;
	sb->chunk_root = le64_of(c.bytenr);
	sb->chunk_root_level = c.level;
	sb->chunk_root_generation = le64_of(c.generation);
	return 0;
}

/* --- the whole --- */

static int find_chunk_uuid(struct rewrite *w)
{
	struct err ignored = ERR_INIT;
	struct root *from[] = { w->fs->root_tree, w->fs->chunk_tree, w->fs->fs_tree, w->fs->extent_tree };
	struct node *n;

	for (size_t i = 0; i < ARRAY_SIZE(from); i++)
		if (from[i] && !tree_root_node(&from[i]->tree, &n, &ignored)) {
			memcpy(w->chunk_uuid, block_header(n->data)->chunk_tree_uuid, sizeof(w->chunk_uuid));
			node_put(n);
			return 0;
		}
	return 0;
}

/* Where nothing says what is in use, every block that is whole counts as used. */
static int keep_found(struct rewrite *w, struct err *err)
{
	int ret = orphans_mark(&w->m, &w->s->claimed, err);

	return ret ? ret : orphans_mark(&w->m, &w->r->keep, err);
}

static int rewrite_all(struct rewrite *w, struct err *err)
{
	int ret = touch_bad(w, err);

	find_chunk_uuid(w);
	w->m.live = &w->s->live;
	w->m.scan_all = !w->fs->extent_tree || bad_in(w->s, BTRFS_EXTENT_TREE_OBJECTID);
	if (!ret && w->m.scan_all)
		ret = keep_found(w, err);
	if (!ret)
		ret = room_init(&w->room, w->s, err);
	/* by itself it belongs to the commit that is there: nothing else has to follow it */
	w->m.transid--;
	if (!ret)
		ret = chunk_tree(w, err);
	w->m.transid += !w->chunks && !w->r->args->chunks;
	/* what the chunks lead to is looked at when they are there */
	if (!ret && !w->chunks && !w->r->args->chunks)
		ret = all_trees(w, err);
	if (!ret && !w->chunks && !w->r->args->chunks)
		ret = root_tree(w, err);
	return ret || !w->written ? ret : raw_commit(w->r, w->fs, w->m.transid, err);
}

static void rewrite_fini(struct rewrite *w)
{
	mend_fini(&w->m);
	room_fini(&w->room);
	hmap_fini(&w->touched);
	hmap_fini(&w->memo);
	hmap_fini(&w->lost);
	for (size_t i = 0; i < w->results.len; i++)
		vec_fini(&w->results.v[i]);
	vec_fini(&w->results);
	vec_fini(&w->roots);
}

static int rewrite_trees(struct repair *r, bool *changed, bool *devices, bool *chunks, struct err *err)
{
	struct survey s = { 0 };
	struct rewrite w = { .r = r, .s = &s };
	struct fs *fs = NULL;
	int ret = repair_open_raw(r, &fs, err);

	if (ret)
		return ret;
	w.fs = fs;
	mend_init(&w.m, r, fs);
	ret = repair_suspects(r, &w.m.suspects) ? err_nomem(err) : survey_run(&s, r, fs, err);
	if (!ret)
		ret = rewrite_all(&w, err);
	*changed = !ret && w.written;
	*chunks = w.chunks || r->args->chunks;
	if (*chunks && r->has_keep) {
		/* made of what was reached without them */
		blockmap_fini(&r->keep);
		r->has_keep = false;
	}
	*devices = !fs->dev_tree || bad_in(&s, BTRFS_DEV_TREE_OBJECTID) || repair_devices_wrong(r);
	rewrite_fini(&w);
	survey_fini(&s);
	fs_close(fs);
	return ret;
}

int fix_blocks(struct repair *r, bool *changed, struct err *err)
{
	bool devices = false, written = false, space = false, chunks = false;
	int ret = rewrite_trees(r, &written, &devices, &chunks, err);

	r->sought |= !chunks;
	*changed = written;
	if (written)
		r->result->changed = true;
	if (!ret && !chunks && (written || repair_blocks_wrong(r)))
		ret = fix_space_too(r, devices, &space, err);
	*changed |= space;
	return ret;
}
