/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the root down to each damaged block, and back up with what stands in its place. */
#include "kernel-shared/check/rewrite.h"

#include <stdlib.h>

static void tell_lost(struct rewrite *w, const struct place *p)
{
	bool fresh = true;

	hmap_put(&w->lost, p->bytenr, &fresh);
	if (fresh)
		repair_say(w->r, "Nothing can be read of tree block %llu (level %u) of tree %lld, it is cut out", p->bytenr, p->level, (s64)p->tree);
}

/* The place of what a slot leads to. */
static struct place child_place(const struct place *p, const u8 *block, u32 slot)
{
	const struct disk_key_ptr *ptr = &block_ptrs(block)[slot];
	struct place c = { .tree = p->tree, .first = key_get(&ptr->key), .bound = p->bound, .has_first = true, .any_owner = p->any_owner,
			   .bytenr = le64_get(ptr->blockptr), .generation = le64_get(ptr->generation), .level = p->level - 1 };

	if (slot + 1 < block_nritems(block))
		c.bound = key_get(&ptr[1].key);
	return c;
}

/* Stand-ins for a lost block: what is found of the level below, or, where a leaf is lost, nothing. */
static int replace_lost(struct rewrite *w, const struct place *p, struct entries *out, struct err *err)
{
	struct found_blocks found = VEC_INIT;
	struct entries below = VEC_INIT;
	int ret = p->level ? orphans_below(&w->m, p, p->level - 1, &found, err) : 0;

	tell_lost(w, p);
	for (size_t i = 0; !ret && i < found.len; i++)
		if (vec_push(&below, ((struct entry){ found.v[i].first, found.v[i].bytenr, found.v[i].generation })))
			ret = err_nomem(err);
	if (!ret && below.len) {
		repair_say(w->r, "%zu blocks below it are attached again", below.len);
		ret = pack_entries(w, p->tree, 0, p->level, &below, out, err);
	}
	vec_fini(&found);
	vec_fini(&below);
	return ret;
}

/* A block of the level that was expected somewhere, where the pointer to it leads elsewhere. */
static int replace_child(struct rewrite *w, const struct place *c, struct entries *out, struct err *err)
{
	struct found_blocks found = VEC_INIT;
	int ret = orphans_below(&w->m, c, c->level, &found, err);

	for (size_t i = 0; !ret && i < found.len; i++)
		/* what is found by looking at everything may be an old version */
		if (found.v[i].bytenr != c->bytenr && (!w->m.scan_all || found.v[i].generation == c->generation) && vec_push(out, ((struct entry){ found.v[i].first, found.v[i].bytenr, found.v[i].generation })))
			ret = err_nomem(err);
	if (!ret && out->len)
		repair_say(w->r, "Tree block %llu of tree %lld is not what it should be; %llu is", c->bytenr, (s64)c->tree, out->v[0].bytenr);
	vec_fini(&found);
	return ret;
}

static bool mappable(const struct rewrite *w, u64 bytenr)
{
	const struct chunk *c = chunk_lookup(w->fs->vol, bytenr);

	return c && is_aligned_p2(bytenr, w->fs->geo->sectorsize) && w->fs->geo->nodesize <= c->length - (bytenr - c->start);
}

static bool same_items(const struct mended_items *items, const u8 *block)
{
	if (items->len != block_nritems(block))
		return false;
	for (size_t i = 0; i < items->len; i++) {
		struct item was = block_item(block, i);
		const struct mended_item *is = &items->v[i];

		if (!key_eq(&was.key, &is->key) || was.size != is->size || memcmp(was.data, is->data, is->size))
			return false;
	}
	return true;
}

/* whole: the block is good by itself, and stays if no item of it changes. */
static int rewrite_leaf(struct rewrite *w, const struct place *p, const u8 *block, bool whole, struct entries *out, struct err *err)
{
	struct mended_items items = VEC_INIT;
	int ret = mend_leaf(&w->m, p, block, &items, err);

	if (!ret && whole && block_nritems(block) && same_items(&items, block))
		ret = vec_push(out, ((struct entry){ block_key(block, 0), p->bytenr, block_generation(block) })) ? err_nomem(err) : 0;
	else if (!ret)
		ret = pack_items(w, block_owner(block), mend_flags(block), &items, out, err);
	vec_fini(&items);
	return ret;
}

static int by_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return key_cmp(&x->first, &y->first);
}

/* In order, each key once. */
static void tidy(struct entries *e)
{
	size_t n = 0;

	vec_sort(e, by_first);
	for (size_t i = 0; i < e->len; i++)
		if (!n || !key_eq(&e->v[n - 1].first, &e->v[i].first))
			e->v[n++] = e->v[i];
	e->len = n;
}

static bool same_pointers(const struct entries *e, const u8 *block)
{
	if (e->len != block_nritems(block))
		return false;
	for (size_t i = 0; i < e->len; i++) {
		struct key k = block_key(block, i);
		const struct disk_key_ptr *ptr = &block_ptrs(block)[i];

		if (!key_eq(&e->v[i].first, &k) || e->v[i].bytenr != le64_get(ptr->blockptr) || e->v[i].generation != le64_get(ptr->generation))
			return false;
	}
	return true;
}

static int rewrite_node(struct rewrite *w, const struct place *p, const u8 *block, bool whole, struct entries *out, struct err *err)
{
	struct entries below = VEC_INIT;
	int ret = 0;

	for (u32 i = 0; !ret && i < block_nritems(block); i++) {
		struct place c = child_place(p, block, i);
		struct entries here = VEC_INIT;

		ret = rewrite_tree_block(w, &c, &here, err);
		for (size_t k = 0; !ret && k < here.len; k++)
			if (vec_push(&below, here.v[k]))
				ret = err_nomem(err);
		vec_fini(&here);
	}
	tidy(&below);
	if (!ret && whole && same_pointers(&below, block))
		ret = vec_push(out, ((struct entry){ block_key(block, 0), p->bytenr, block_generation(block) })) ? err_nomem(err) : 0;
	else if (!ret)
		ret = pack_entries(w, block_owner(block), mend_flags(block), p->level, &below, out, err);
	vec_fini(&below);
	return ret;
}

/* As it lies on disk it is fine: what was wrong is what somebody says of it. */
static bool is_whole(struct rewrite *w, const struct place *p, const u8 *block)
{
	struct block_ref ref = { .bytenr = p->bytenr, .tree = p->tree, .level = p->level, .has_level = true, .any_owner = p->any_owner };
	struct err ignored = ERR_INIT;
	struct node *n;
	bool same;

	if (node_get_mirror(&w->fs->store, &ref, 1, &n, &ignored) && node_get_mirror(&w->fs->store, &ref, 2, &n, &ignored))
		return false;
	same = !n->findings.len && node_generation(n) <= w->fs->geo->generation && !memcmp(n->data + BTRFS_CSUM_SIZE, block + BTRFS_CSUM_SIZE, w->fs->geo->nodesize - BTRFS_CSUM_SIZE);
	node_put(n);
	return same;
}

static bool keys_reach_beyond(const struct place *p, const u8 *block)
{
	struct key last = block_nritems(block) ? block_key(block, block_nritems(block) - 1) : KEY_MIN;

	return key_cmp(&last, &p->bound) >= 0 && !(p->bound.objectid == -1ULL && p->bound.type == 255);
}

static int rewrite_here(struct rewrite *w, const struct place *p, struct entries *out, struct err *err)
{
	u8 *block CLEANUP(mem_freep) = mem_alloc_io(w->fs->geo->nodesize);
	int ret = block ? 0 : err_nomem(err);
	bool whole;

	if (!ret)
		ret = mappable(w, p->bytenr) ? mend_read(&w->m, p, block, err) : -ENOENT;
	if (ret == -ENOENT) {
		ret = replace_child(w, p, out, err);
		return ret || out->len ? ret : replace_lost(w, p, out, err);
	}
	if (ret)
		return ret;
	whole = is_whole(w, p, block) && !keys_reach_beyond(p, block);
	return p->level ? rewrite_node(w, p, block, whole, out, err) : rewrite_leaf(w, p, block, whole, out, err);
}

int rewrite_tree_block(struct rewrite *w, const struct place *p, struct entries *out, struct err *err)
{
	u64 *memo = hmap_get(&w->memo, p->bytenr);
	struct entries keep = VEC_INIT;
	int ret;

	if (!hmap_get(&w->touched, p->bytenr) && mappable(w, p->bytenr))
		return vec_push(out, ((struct entry){ p->first, p->bytenr, p->generation })) ? err_nomem(err) : 0;
	if (memo) {
		const struct entries *e = &w->results.v[*memo - 1];

		for (size_t i = 0; i < e->len; i++)
			if (vec_push(out, e->v[i]))
				return err_nomem(err);
		return 0;
	}
	ret = rewrite_here(w, p, out, err);
	for (size_t i = 0; !ret && i < out->len; i++)
		if (vec_push(&keep, out->v[i]))
			ret = err_nomem(err);
	if (!ret && vec_push(&w->results, keep))
		ret = err_nomem(err);
	memo = ret ? NULL : hmap_put(&w->memo, p->bytenr, NULL);
	if (!memo)
		return ret ? ret : err_nomem(err);
	*memo = w->results.len;
	return 0;
}

int rewrite_tree_root(struct rewrite *w, struct entries *e, u64 tree, u8 level, struct root_change *out, struct err *err)
{
	int ret = 0;

	while (!ret && e->len > 1) {
		struct entries up = VEC_INIT;

		if (++level == BTRFS_MAX_LEVEL)
			return err_set(err, -EFBIG, "tree %lld would be too high", (s64)tree);
		ret = pack_entries(w, tree, 0, level, e, &up, err);
		vec_fini(e);
		*e = up;
	}
	if (ret)
		return ret;
	if (!e->len)
		return -ENOENT;
	out->id = tree;
	out->bytenr = e->v[0].bytenr;
	out->generation = e->v[0].generation;
	out->level = level;
	return 0;
}

/* --- whole small trees --- */

static int collect_found(struct rewrite *w, const struct place *p, struct mended_items *out, struct err *err)
{
	struct found_blocks found = VEC_INIT;
	int ret = orphans_below(&w->m, p, p->level, &found, err);
	bool below = false;

	if (!ret && !found.len && p->level) {
		ret = orphans_below(&w->m, p, p->level - 1, &found, err);
		below = true;
	}
	if (!ret && !found.len)
		tell_lost(w, p);
	for (size_t i = 0; !ret && i < found.len; i++) {
		struct place c = *p;

		c.first = found.v[i].first;
		c.bytenr = found.v[i].bytenr;
		c.generation = found.v[i].generation;
		c.level = p->level - below;
		if (i + 1 < found.len)
			c.bound = found.v[i + 1].first;
		if (c.bytenr != p->bytenr)
			ret = rewrite_tree_collect(w, &c, out, err);
	}
	vec_fini(&found);
	return ret;
}

int rewrite_tree_collect(struct rewrite *w, const struct place *p, struct mended_items *out, struct err *err)
{
	u8 *block CLEANUP(mem_freep) = mem_alloc_io(w->fs->geo->nodesize);
	struct mended_items here = VEC_INIT;
	int ret = block ? 0 : err_nomem(err);

	if (!ret)
		ret = mappable(w, p->bytenr) ? mend_read(&w->m, p, block, err) : -ENOENT;
	if (ret == -ENOENT)
		return collect_found(w, p, out, err);
	for (u32 i = 0; !ret && p->level && i < block_nritems(block); i++) {
		struct place c = child_place(p, block, i);

		ret = rewrite_tree_collect(w, &c, out, err);
	}
	if (!ret && !p->level)
		ret = mend_leaf(&w->m, p, block, &here, err);
	for (size_t i = 0; !ret && i < here.len; i++) {
		struct mended_item it = here.v[i];

		u8 *own = arena_alloc(&w->m.arena, it.size + 1);

		if (own)
			memcpy(own, it.data, it.size);
		it.data = own;
		if (!own || vec_push(out, it))
			ret = err_nomem(err);
	}
	vec_fini(&here);
	return ret;
}
