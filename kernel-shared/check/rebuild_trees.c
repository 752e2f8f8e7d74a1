/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The items of each tree that is made anew, in key order. Spec: on-disk-format 3.13 to 3.19, 4. */
#include "kernel-shared/check/rebuild.h"

#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/tree/salvage.h"

/* --- extents --- */

/* What stays and what is new, by address. */
struct merged { struct rebuild *rb; size_t own; bool more; struct key key; const u8 *data; u32 size; struct key own_key; u8 own_data[64]; };

static int merged_pull(struct merged *m, struct err *err)
{
	int ret = spool_next(m->rb->extents, &m->key, &m->data, &m->size, err);

	m->more = !ret;
	return ret == -ENOENT ? 0 : ret;
}

static int merged_begin(struct merged *m, struct rebuild *rb, struct err *err)
{
	int ret = spool_rewind(rb->extents, err);

	*m = (struct merged){ .rb = rb };
	return ret ? ret : merged_pull(m, err);
}

/* 0: *key, *data, *size; -ENOENT. */
static int merged_next(struct merged *m, struct key *key, const u8 **data, u32 *size, struct err *err)
{
	struct own_block *o = m->own < m->rb->own.len ? &m->rb->own.v[m->own] : NULL;

	if (o && (!m->more || o->bytenr < m->key.objectid)) {
		*size = rebuild_own_item(m->rb, o, key, m->own_data);
		*data = m->own_data;
		m->own++;
		return 0;
	}
	if (!m->more)
		return -ENOENT;
	*key = m->key;
	*data = m->data;
	*size = m->size;
	return 0;
}

/* After what merged_next gave was used. */
static int merged_step(struct merged *m, const u8 *data, struct err *err)
{
	return data == m->own_data ? 0 : merged_pull(m, err);
}

static int group_item(const struct rgroup *g, rebuild_sink *sink, void *arg, struct err *err)
{
	struct key key = KEY(g->start, BTRFS_BLOCK_GROUP_ITEM_KEY, g->length);
	struct disk_block_group_item item = { le64_of(g->used + g->own), le64_of(BTRFS_FIRST_CHUNK_TREE_OBJECTID), le64_of(g->flags) };

	return sink(arg, &key, &item, sizeof(item), err);
}

static int feed_groups(struct rebuild *rb, size_t *from, u64 below, rebuild_sink *sink, void *arg, struct err *err)
{
	int ret = 0;

	for (; !ret && *from < rb->groups.len && rb->groups.v[*from].start < below; ++*from)
		ret = group_item(&rb->groups.v[*from], sink, arg, err);
	return ret;
}

static int feed_extents(struct rebuild *rb, rebuild_sink *sink, void *arg, struct err *err)
{
	bool with_groups = !rb->want[BTRFS_BLOCK_GROUP_TREE_OBJECTID];
	struct merged m;
	struct key key;
	const u8 *data;
	size_t group = 0;
	u32 size;
	int ret = merged_begin(&m, rb, err);

	while (!ret && !(ret = merged_next(&m, &key, &data, &size, err))) {
		if (with_groups)
			ret = feed_groups(rb, &group, key.objectid, sink, arg, err);
		if (!ret)
			ret = sink(arg, &key, data, size, err);
		if (!ret)
			ret = merged_step(&m, data, err);
	}
	if (ret != -ENOENT)
		return ret;
	return with_groups ? feed_groups(rb, &group, -1ULL, sink, arg, err) : 0;
}

/* --- free space --- */

struct space { struct rebuild *rb; size_t group; u64 pos; bool in_group; VEC(struct range) free; rebuild_sink *sink; void *arg; };

static int space_free(struct space *sp, u64 from, u64 to)
{
	return from < to ? vec_push(&sp->free, ((struct range){ from, to })) : 0;
}

static int space_group(struct space *sp, struct err *err)
{
	const struct rgroup *g = &sp->rb->groups.v[sp->group];
	struct disk_free_space_info info = { .extent_count = le32_of(sp->free.len) };
	struct key key = KEY(g->start, BTRFS_FREE_SPACE_INFO_KEY, g->length);
	int ret = sp->sink(sp->arg, &key, &info, sizeof(info), err);

	for (size_t i = 0; !ret && i < sp->free.len; i++) {
		key = KEY(sp->free.v[i].start, BTRFS_FREE_SPACE_EXTENT_KEY, sp->free.v[i].end - sp->free.v[i].start);
		ret = sp->sink(sp->arg, &key, "", 0, err);
	}
	sp->free.len = 0;
	sp->in_group = false;
	sp->group++;
	return ret;
}

/* All groups that end at or before at; then stands in the one that holds at. */
static int space_seek(struct space *sp, u64 at, struct err *err)
{
	int ret = 0;

	while (!ret && sp->group < sp->rb->groups.len) {
		const struct rgroup *g = &sp->rb->groups.v[sp->group];

		if (!sp->in_group) {
			sp->in_group = true;
			sp->pos = g->start;
		}
		if (at < g->start + g->length)
			break;
		ret = space_free(sp, sp->pos, g->start + g->length) ? err_nomem(err) : space_group(sp, err);
	}
	return ret;
}

static int feed_space(struct rebuild *rb, rebuild_sink *sink, void *arg, struct err *err)
{
	struct space sp = { .rb = rb, .sink = sink, .arg = arg };
	u64 node = rb->fs->geo->nodesize;
	struct merged m;
	struct key key;
	const u8 *data;
	u32 size;
	int ret = merged_begin(&m, rb, err);

	while (!ret && !(ret = merged_next(&m, &key, &data, &size, err))) {
		u64 len = key.type == BTRFS_METADATA_ITEM_KEY ? node : key.offset;

		if (key.type == BTRFS_EXTENT_ITEM_KEY || key.type == BTRFS_METADATA_ITEM_KEY) {
			ret = space_seek(&sp, key.objectid, err);
			if (!ret && sp.in_group && key.objectid >= rb->groups.v[sp.group].start) {
				ret = space_free(&sp, sp.pos, key.objectid) ? err_nomem(err) : 0;
				sp.pos = key.objectid + len;
			}
		}
		if (!ret)
			ret = merged_step(&m, data, err);
	}
	if (ret == -ENOENT)
		ret = space_seek(&sp, -1ULL, err);
	vec_fini(&sp.free);
	return ret;
}

/* --- devices --- */

struct placed { u64 devid, physical, chunk, length; };

static int by_place(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;

	if (a->devid != b->devid)
		return a->devid < b->devid ? -1 : 1;
	return a->physical < b->physical ? -1 : a->physical > b->physical;
}

/* Counters and a pending replacement are kept as they are. */
static int feed_dev_items(struct rebuild *rb, rebuild_sink *sink, void *arg, struct err *err)
{
	struct root *old = rb->fs->dev_tree;
	struct salvage s CLEANUP(salvage_fini) = old ? salvage_range(&old->tree, KEY_MIN, KEY(0, 255, -1ULL)) : (struct salvage){ .done = true };
	struct item item;
	int ret = old ? 0 : -ENOENT;

	while (old && (ret = salvage_next(&s, &item, err)) >= 0)
		if (!ret && (ret = sink(arg, &item.key, item.data, item.size, err)))
			return ret;
	err_clear(err);
	return ret == -ENOENT ? 0 : ret;
}

static int feed_devs(struct rebuild *rb, rebuild_sink *sink, void *arg, struct err *err)
{
	const struct volume *vol = rb->fs->vol;
	VEC(struct placed) all = VEC_INIT;
	int ret = feed_dev_items(rb, sink, arg, err);

	for (size_t i = 0; !ret && i < vol->chunks.len; i++) {
		const struct chunk *c = vol->chunks.v[i];

		for (unsigned k = 0; !ret && k < c->num_stripes; k++)
			if (vec_push(&all, ((struct placed){ c->stripes[k].dev->devid, c->stripes[k].physical, c->start, c->stripe_length })))
				ret = err_nomem(err);
	}
	vec_sort(&all, by_place);
	for (size_t i = 0; !ret && i < all.len; i++) {
		struct key key = KEY(all.v[i].devid, BTRFS_DEV_EXTENT_KEY, all.v[i].physical);
		struct disk_dev_extent e = { .chunk_tree = le64_of(BTRFS_CHUNK_TREE_OBJECTID), .chunk_objectid = le64_of(BTRFS_FIRST_CHUNK_TREE_OBJECTID),
			.chunk_offset = le64_of(all.v[i].chunk), .length = le64_of(all.v[i].length) };

		memcpy(e.chunk_tree_uuid, rb->chunk_uuid, sizeof(e.chunk_tree_uuid));
		ret = sink(arg, &key, &e, sizeof(e), err);
	}
	vec_fini(&all);
	return ret;
}

/* --- roots --- */

static const struct new_tree *tree_of(const struct rebuild *rb, u64 id)
{
	for (size_t i = 0; i < rb->trees.len; i++)
		if (rb->trees.v[i].id == id && id != BTRFS_ROOT_TREE_OBJECTID)
			return &rb->trees.v[i];
	return NULL;
}

static int root_item(struct rebuild *rb, const struct new_tree *t, const struct item *old, rebuild_sink *sink, void *arg, struct err *err)
{
	struct key key = KEY(t->id, BTRFS_ROOT_ITEM_KEY, 0);
	struct disk_root_item ri = { 0 };

	if (old)
		root_item_parse(old, &ri);
	ri.refs = le32_of(1);
	ri.bytenr = le64_of(t->bytenr);
	ri.level = t->level;
	ri.generation = ri.generation_v2 = le64_of(rb->transid);
	ri.bytes_used = le64_of(t->blocks * rb->fs->geo->nodesize);
	return sink(arg, &key, &ri, sizeof(ri), err);
}

/* New trees whose item was not there, up to id. */
static int missing_roots(struct rebuild *rb, u64 *next, u64 id, rebuild_sink *sink, void *arg, struct err *err)
{
	int ret = 0;

	for (; !ret && *next < 16 && *next < id; ++*next)
		if (tree_of(rb, *next))
			ret = root_item(rb, tree_of(rb, *next), NULL, sink, arg, err);
	return ret;
}

static int feed_roots(struct rebuild *rb, rebuild_sink *sink, void *arg, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&rb->fs->root_tree->tree, KEY_MIN, KEY_MAX);
	struct item item;
	u64 next = 0;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0) {
		bool is_root = item.key.type == BTRFS_ROOT_ITEM_KEY && !item.key.offset && tree_of(rb, item.key.objectid);

		if (ret)
			continue;
		ret = missing_roots(rb, &next, item.key.objectid, sink, arg, err);
		if (!ret && is_root && next == item.key.objectid) {
			ret = root_item(rb, tree_of(rb, item.key.objectid), &item, sink, arg, err);
			next++;
		} else if (!ret && !is_root) {
			ret = sink(arg, &item.key, item.data, item.size, err);
		}
		if (ret)
			return ret;
	}
	err_clear(err);
	return ret == -ENOENT ? missing_roots(rb, &next, 16, sink, arg, err) : ret;
}

int rebuild_feed(struct rebuild *rb, const struct new_tree *t, rebuild_sink *sink, void *arg, struct err *err)
{
	size_t all = 0;

	switch (t->id) {
	case BTRFS_EXTENT_TREE_OBJECTID: return feed_extents(rb, sink, arg, err);
	case BTRFS_BLOCK_GROUP_TREE_OBJECTID: return feed_groups(rb, &all, -1ULL, sink, arg, err);
	case BTRFS_FREE_SPACE_TREE_OBJECTID: return feed_space(rb, sink, arg, err);
	case BTRFS_DEV_TREE_OBJECTID: return feed_devs(rb, sink, arg, err);
	default: return feed_roots(rb, sink, arg, err);
	}
}
