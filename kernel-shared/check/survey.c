/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that is live, once, for those who write blocks themselves. Which blocks state full back references is taken from their extent items where these can
 * be right, else from who reaches them: a block that its owner does not lead to has to. Spec: on-disk-format 6.3. */
#include "kernel-shared/check/survey.h"

#include <stdlib.h>
#include "common/mem.h"

static bool skipped(const struct survey *s, u64 tree)
{
	return s->skip && tree < 16 && s->skip[tree];
}

static int add(struct survey *s, unsigned worker, struct xfact *x, u64 bytenr)
{
	put_be64(x->bytenr, bytenr);
	return sortrun_add(s->refs, x, worker);
}

static int block_fact(struct survey *s, const struct live_block *b, bool full)
{
	struct xfact x = { .kind = X_BLOCK, .generation = block_generation(b->data), .count = full, .level = block_level(b->data) };

	x.len = s->fs->geo->nodesize;
	if (block_nritems(b->data))
		x.first = key_disk(block_key(b->data, 0));
	return add(s, b->worker, &x, claim_bytenr(b->claims));
}

static int tree_ref(struct survey *s, unsigned worker, u64 bytenr, u8 level, bool shared, u64 who)
{
	struct xfact x = { .kind = shared ? X_SHARED_TREE : X_TREE, .root = who, .count = 1, .level = level, .len = s->fs->geo->nodesize };

	return add(s, worker, &x, bytenr);
}

/* --- what leaves state --- */

static int note_data(struct survey *s, u64 bytenr, u64 len)
{
	const struct chunk *c = chunk_lookup(s->fs->vol, bytenr);

	if (!s->mixed || !c || len > c->length - (bytenr - c->start))
		return 0;
	for (u64 at = bytenr; at < bytenr + len; at += s->fs->geo->sectorsize)
		if (blockmap_set(&s->data, at) < 0)
			return -ENOMEM;
	return 0;
}

/* A reference that leads nowhere is the file's problem. */
static bool data_possible(const struct survey *s, u64 bytenr, u64 len)
{
	const struct chunk *c = chunk_lookup(s->fs->vol, bytenr);

	return c && c->type & BTRFS_BLOCK_GROUP_DATA && len && len <= c->length - (bytenr - c->start) && is_aligned_p2(bytenr | len, s->fs->geo->sectorsize);
}

static int file_facts(struct survey *s, const struct live_block *b, const struct item *item, bool full)
{
	struct xfact x = { .kind = full ? X_SHARED_DATA : X_DATA, .count = 1 };
	struct file_extent_view v;

	if (file_extent_parse(item, &v) || (v.type != BTRFS_FILE_EXTENT_REG && v.type != BTRFS_FILE_EXTENT_PREALLOC) || !v.disk_bytenr ||
	    !data_possible(s, v.disk_bytenr, v.disk_num_bytes))
		return 0;
	x.root = full ? block_bytenr(b->data) : block_owner(b->data);
	if (!full) {
		x.owner = item->key.objectid;
		x.offset = item->key.offset - v.offset;
	}
	x.len = v.disk_num_bytes;
	x.generation = v.generation;
	if (note_data(s, v.disk_bytenr, v.disk_num_bytes))
		return -ENOMEM;
	return s->facts ? add(s, b->worker, &x, v.disk_bytenr) : 0;
}

static int item_fact(struct survey *s, const struct live_block *b, const struct item *item)
{
	struct xfact x = { .kind = X_ITEM };
	struct extent_ref_view ref;
	struct extent_view v;

	if (extent_item_parse(s->fs->geo, item, &v))
		return 0;
	if (!v.is_data) {
		if (blockmap_set(&s->claimed, v.bytenr) < 0 || (v.flags & BTRFS_BLOCK_FLAG_FULL_BACKREF && blockmap_set(&s->full, v.bytenr) < 0))
			return -ENOMEM;
	} else if (note_data(s, v.bytenr, v.len)) {
		return -ENOMEM;
	}
	if (!s->facts || v.generation > raw_transid(s->fs))
		return 0;
	x.len = v.len;
	x.generation = v.generation;
	x.count = v.is_data;
	for (u32 pos = v.refs_start; extent_ref_next(item, &pos, &ref);)
		if (ref.type == BTRFS_EXTENT_OWNER_REF_KEY)
			x.root = ref.root;
	return add(s, b->worker, &x, v.bytenr);
}

static int leaf_items(struct survey *s, const struct live_block *b, u64 tree, enum tree_kind kind, bool full)
{
	u32 n = block_nritems(b->data);
	int ret = 0;

	for (u32 i = 0; !ret && i < n; i++) {
		struct item item = block_item(b->data, i);

		if (item.key.type == BTRFS_EXTENT_DATA_KEY && kind != TREE_LOG)
			ret = file_facts(s, b, &item, full);
		else if (tree == BTRFS_EXTENT_TREE_OBJECTID && (item.key.type == BTRFS_EXTENT_ITEM_KEY || item.key.type == BTRFS_METADATA_ITEM_KEY))
			ret = item_fact(s, b, &item);
	}
	return ret;
}

/* --- blocks --- */

static const struct inner *find_inner(struct survey *s, u64 bytenr)
{
	u64 *at = hmap_get(&s->inner_at, bytenr);

	return at ? &s->inner.v[*at] : NULL;
}

/* Does the tree that owns the block lead to it by implicit references? */
static bool owner_reaches(struct survey *s, struct check *c, const struct live_block *b)
{
	u64 owner = block_owner(b->data);
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < b->n && !found; i++) {
		const struct claim *cl = &b->claims[i];
		const struct ctree *t = &c->trees.v[cl->tree];
		const struct inner *up = cl->parent ? find_inner(s, cl->parent) : NULL;

		found = cl->parent ? up && !up->full && up->owner == owner : t->id == owner && t->kind != TREE_RELOC;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

static int keep_inner(struct survey *s, const struct live_block *b, bool full)
{
	struct inner in = { claim_bytenr(b->claims), block_owner(b->data), full };
	u64 *at;
	int ret;

	pthread_mutex_lock(&s->lock);
	at = hmap_put(&s->inner_at, in.bytenr, NULL);
	ret = at ? vec_push(&s->inner, in) : -ENOMEM;
	if (!ret)
		*at = s->inner.len - 1;
	for (size_t i = 0; !ret && i < b->n; i++)
		if (b->claims[i].parent)
			ret = vec_push(&s->parents, ((struct parent_of){ in.bytenr, b->claims[i].parent }));
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static int keep_bad(struct survey *s, struct check *c, const struct live_block *b)
{
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; !ret && i < b->n; i++) {
		struct bad_block bad = { claim_bytenr(b->claims), c->trees.v[b->claims[i].tree].id, !b->data };

		ret = vec_push(&s->bad, bad);
		if (!ret && b->claims[i].parent)
			ret = vec_push(&s->parents, ((struct parent_of){ claim_bytenr(b->claims), b->claims[i].parent }));
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

/* A key that reaches into the right neighbour's. */
static bool beyond_bound(const struct claim *cl, const void *block)
{
	struct key bound = key_get(&cl->bound), last;

	if (!block_nritems(block) || (bound.objectid == -1ULL && bound.type == 255))
		return false;
	last = block_key(block, block_nritems(block) - 1);
	return key_cmp(&last, &bound) >= 0;
}

/* Items of an inode cache that are to go. */
static bool has_ino_cache(const struct survey *s, const struct live_block *b)
{
	struct key key = KEY(BTRFS_FREE_INO_OBJECTID, 0, 0);
	bool exact;
	int slot;

	if (!s->r->args->ino_cache || !b->data || block_level(b->data) || !is_fstree(block_owner(b->data)))
		return false;
	slot = block_search(b->data, &key, &exact);
	return slot < (int)block_nritems(b->data) && ({ struct key k = block_key(b->data, slot); k.objectid == BTRFS_FREE_INO_OBJECTID || k.objectid == BTRFS_FREE_SPACE_OBJECTID; });
}

static bool is_bad(struct check *c, const struct live_block *b)
{
	if (!b->data || b->findings->len || block_flags(b->data) & ~(u64)(BTRFS_HEADER_FLAG_WRITTEN | BTRFS_HEADER_FLAG_RELOC) ||
	    block_backref_rev(b->data) != BTRFS_MIXED_BACKREF_REV || (block_generation(b->data) > c->geo->generation && c->trees.v[b->claims->tree].kind != TREE_LOG))
		return true;
	for (size_t i = 0; i < b->n; i++) {
		struct block_ref ref = live_claim_ref(c, &b->claims[i]);
		struct err err = ERR_INIT;

		if (beyond_bound(&b->claims[i], b->data) || (i && node_gate(&c->fs->store, b->data, &ref, NULL, &err)))
			return true;
	}
	return false;
}

static bool is_suspect(const struct survey *s, const struct live_block *b)
{
	return b->data && !block_level(b->data) && is_fstree(block_owner(b->data)) && repair_suspects_leaf(&s->suspects, b->data);
}

static int root_refs(struct survey *s, struct check *c, const struct live_block *b)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < b->n; i++) {
		const struct claim *cl = &b->claims[i];
		const struct ctree *t = &c->trees.v[cl->tree];
		bool reloc = t->kind == TREE_RELOC;

		if (!cl->parent && t->kind != TREE_LOG && !skipped(s, t->id))
			ret = tree_ref(s, b->worker, claim_bytenr(cl), cl->level, reloc, reloc ? claim_bytenr(cl) : t->id);
	}
	return ret;
}

static int child_refs(struct survey *s, const struct live_block *b, bool full)
{
	u32 n = block_nritems(b->data);
	int ret = 0;

	for (u32 i = b->from; !ret && i < n; i++)
		ret = tree_ref(s, b->worker, le64_get(block_ptrs(b->data)[i].blockptr), block_level(b->data) - 1, full,
			       full ? claim_bytenr(b->claims) : block_owner(b->data));
	return ret;
}

static int keep_trees(struct survey *s, const struct check *c)
{
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = s->trees.len; !ret && i < c->trees.len; i++)
		ret = vec_push(&s->trees, c->trees.v[i]);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static int survey_block(struct live_watch *w, struct check *c, const struct live_block *b)
{
	struct survey *s = container_of(w, struct survey, watch);
	const struct ctree *t = &c->trees.v[b->claims->tree];
	u64 bytenr = claim_bytenr(b->claims);
	bool counts = s->facts && t->kind != TREE_LOG, full;
	int ret = blockmap_set(&s->live, bytenr) < 0 ? -ENOMEM : keep_trees(s, c);

	if (!ret && (is_bad(c, b) || has_ino_cache(s, b) || is_suspect(s, b)))
		ret = keep_bad(s, c, b);
	if (!ret && counts)
		ret = root_refs(s, c, b);
	if (ret || !b->data)
		return ret;
	full = blockmap_has(&s->full, bytenr) || (t->kind != TREE_LOG && t->kind != TREE_OTHER && !owner_reaches(s, c, b));
	if (block_level(b->data))
		ret = keep_inner(s, b, full);
	if (!ret && !block_level(b->data))
		ret = leaf_items(s, b, t->id, t->kind, full);
	if (ret || !counts || skipped(s, t->id))
		return ret;
	ret = block_fact(s, b, full);
	return ret || !block_level(b->data) ? ret : child_refs(s, b, full);
}

/* --- the whole --- */

static int copy_map(struct blockmap *to, const struct blockmap *from, const struct volume *vol)
{
	for (size_t i = 0; i < vol->chunks.len; i++) {
		const struct chunk *c = vol->chunks.v[i];

		for (u64 at = c->start; blockmap_next(from, &at, c->start + c->length); at += from->sectorsize)
			if (blockmap_set(to, at) < 0)
				return -ENOMEM;
	}
	return 0;
}

/* Before anything was changed. */
static int keep_all(struct survey *s, struct err *err)
{
	struct repair *r = s->r;
	struct volume *vol = s->fs->vol;

	if (r->has_keep)
		return 0;
	if (blockmap_init(&r->keep, vol))
		return err_nomem(err);
	r->has_keep = true;
	return copy_map(&r->keep, &s->live, vol) || copy_map(&r->keep, &s->claimed, vol) || copy_map(&r->keep, &s->data, vol) ? err_nomem(err) : 0;
}

int survey_run(struct survey *s, struct repair *r, struct fs *fs, struct err *err)
{
	u64 memory = r->args->check.memory ? r->args->check.memory : MiB(256);
	int ret;

	s->watch.block = survey_block;
	s->r = r;
	s->fs = fs;
	s->mixed = geo_incompat(fs->geo, BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS);
	pthread_mutex_init(&s->lock, NULL);
	if (s->facts)
		s->refs = sortrun_new(r->env, sizeof(struct xfact), XFACT_KEY, memory / 2);
	if (blockmap_init(&s->live, fs->vol) || blockmap_init(&s->claimed, fs->vol) || blockmap_init(&s->full, fs->vol) || blockmap_init(&s->data, fs->vol) ||
	    (s->facts && !s->refs) || repair_suspects(r, &s->suspects))
		return err_nomem(err);
	ret = check_watch(fs, memory, &s->watch, err);
	return ret ? ret : keep_all(s, err);
}

void survey_fini(struct survey *s)
{
	if (!s->fs)
		return;
	blockmap_fini(&s->live);
	blockmap_fini(&s->claimed);
	blockmap_fini(&s->full);
	blockmap_fini(&s->data);
	hmap_fini(&s->inner_at);
	hmap_fini(&s->suspects);
	vec_fini(&s->inner);
	vec_fini(&s->bad);
	vec_fini(&s->trees);
	vec_fini(&s->parents);
	sortrun_free(s->refs);
	pthread_mutex_destroy(&s->lock);
}
