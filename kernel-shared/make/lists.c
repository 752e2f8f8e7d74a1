/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items of the trees that say where everything is: devices, chunks, block groups, extents, free space. Spec: on-disk-format 3.13 to 3.19. */
#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/make/internal.h"

static int by_address(const void *x, const void *y, void *arg)
{
	const struct make_block *blocks = arg;
	u64 a = blocks[*(const u32 *)x].bytenr, b = blocks[*(const u32 *)y].bytenr;

	return a < b ? -1 : a > b;
}

int lists_sort_blocks(struct maker *m, struct made_index *out)
{
	bool sorted = true;

	out->n = m->blocks.len;
	out->v = mem_alloc(out->n, sizeof(*out->v));
	if (!out->v)
		return -ENOMEM;
	for (size_t i = 0; i < out->n; i++) {
		out->v[i] = i;
		sorted = sorted && (!i || m->blocks.v[i - 1].bytenr < m->blocks.v[i].bytenr);
	}
	if (!sorted)
		qsort_r(out->v, out->n, sizeof(*out->v), by_address, m->blocks.v);
	return 0;
}

void lists_dev_item(const struct maker *m, unsigned i, struct disk_dev_item *out)
{
	*out = (struct disk_dev_item){
		.devid = le64_of(i + 1), .total_bytes = le64_of(m->space[i].total_bytes), .bytes_used = le64_of(m->space[i].used.bytes),
		.io_align = le32_of(m->p.sectorsize), .io_width = le32_of(m->p.sectorsize), .sector_size = le32_of(m->p.sectorsize),
	};
	memcpy(out->uuid, m->p.devices[i].uuid, sizeof(out->uuid));
	memcpy(out->fsid, m->p.fsid, sizeof(out->fsid));
}

int lists_chunk(struct maker *m, item_sink *sink, void *arg, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < m->p.ndevs && !ret; i++) {
		struct key key = KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, i + 1);
		struct disk_dev_item item;

		lists_dev_item(m, i, &item);
		ret = sink(arg, &key, &item, sizeof(item), err);
	}
	for (size_t i = 0; i < m->groups.len && !ret; i++) {
		const struct make_group *g = m->groups.v[i];
		struct key key = KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, g->start);

		ret = sink(arg, &key, g->item, g->item_size, err);
	}
	return ret;
}

struct placed { u64 devid, physical; const struct make_group *group; };

static int by_place(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;

	if (a->devid != b->devid)
		return a->devid < b->devid ? -1 : 1;
	return a->physical < b->physical ? -1 : a->physical > b->physical;
}

static int dev_extents(struct maker *m, item_sink *sink, void *arg, struct err *err)
{
	VEC(struct placed) all = VEC_INIT;
	int ret = 0;

	for (size_t i = 0; i < m->groups.len && !ret; i++) {
		const struct make_group *g = m->groups.v[i];

		for (unsigned k = 0; k < le16_get(g->item->num_stripes) && !ret; k++)
			ret = vec_push(&all, ((struct placed){ le64_get(g->item->stripes[k].devid), le64_get(g->item->stripes[k].offset), g }));
	}
	if (ret)
		err_nomem(err);
	vec_sort(&all, by_place);
	for (size_t i = 0; i < all.len && !ret; i++) {
		struct key key = KEY(all.v[i].devid, BTRFS_DEV_EXTENT_KEY, all.v[i].physical);
		struct disk_dev_extent e = { .chunk_tree = le64_of(BTRFS_CHUNK_TREE_OBJECTID), .chunk_objectid = le64_of(BTRFS_FIRST_CHUNK_TREE_OBJECTID),
			.chunk_offset = le64_of(all.v[i].group->start), .length = le64_of(all.v[i].group->stripe_length) };

		memcpy(e.chunk_tree_uuid, m->chunk_uuid, sizeof(e.chunk_tree_uuid));
		ret = sink(arg, &key, &e, sizeof(e), err);
	}
	vec_fini(&all);
	return ret;
}

int lists_dev(struct maker *m, item_sink *sink, void *arg, struct err *err)
{
	struct disk_dev_stats none = { 0 };
	int ret = 0;

	for (unsigned i = 0; i < m->p.ndevs && !ret; i++) {
		struct key key = KEY(BTRFS_DEV_STATS_OBJECTID, BTRFS_PERSISTENT_ITEM_KEY, i + 1);

		ret = sink(arg, &key, &none, sizeof(none), err);
	}
	return ret ? ret : dev_extents(m, sink, arg, err);
}

static int group_item(const struct make_group *g, item_sink *sink, void *arg, struct err *err)
{
	struct key key = KEY(g->start, BTRFS_BLOCK_GROUP_ITEM_KEY, g->length);
	struct disk_block_group_item item = { le64_of(g->used), le64_of(BTRFS_FIRST_CHUNK_TREE_OBJECTID), le64_of(g->flags) };

	return sink(arg, &key, &item, sizeof(item), err);
}

int lists_groups(struct maker *m, item_sink *sink, void *arg, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < m->groups.len && !ret; i++)
		ret = group_item(m->groups.v[i], sink, arg, err);
	return ret;
}

/* Blocks and data extents as one ascending stream. */
struct extent_cursor { const struct maker *m; const struct made_index *blocks; size_t block, extent; };
struct extent_here { u64 bytenr, len; const struct make_block *block; const struct make_extent *extent; };

static bool extent_peek(const struct extent_cursor *c, struct extent_here *out)
{
	const struct make_block *b = c->block < c->blocks->n ? &c->m->blocks.v[c->blocks->v[c->block]] : NULL;
	const struct make_extent *x = c->extent < c->m->extents.len ? &c->m->extents.v[c->extent] : NULL;

	if (b && (!x || b->bytenr < x->bytenr))
		*out = (struct extent_here){ b->bytenr, c->m->p.nodesize, b, NULL };
	else if (x)
		*out = (struct extent_here){ x->bytenr, x->len, NULL, x };
	return b || x;
}

static void extent_pass(struct extent_cursor *c, const struct extent_here *at)
{
	if (at->block)
		c->block++;
	else
		c->extent++;
}

/* ---- free space ---- */

static int free_piece(u64 from, u64 to, item_sink *sink, void *arg, struct err *err)
{
	struct key key = KEY(from, BTRFS_FREE_SPACE_EXTENT_KEY, to - from);

	return to > from ? sink(arg, &key, "", 0, err) : 0;
}

/* The gaps of one group. Counted first: their number stands before them. */
static u32 group_gaps(struct extent_cursor c, const struct make_group *g)
{
	u64 pos = g->start, end = g->start + g->length;
	struct extent_here at;
	u32 gaps = 0;

	while (extent_peek(&c, &at) && at.bytenr < end) {
		gaps += at.bytenr > pos;
		pos = at.bytenr + at.len;
		extent_pass(&c, &at);
	}
	return gaps + (pos < end);
}

static int group_free_space(struct extent_cursor *c, const struct make_group *g, item_sink *sink, void *arg, struct err *err)
{
	struct disk_free_space_info info = { .extent_count = le32_of(group_gaps(*c, g)) };
	struct key key = KEY(g->start, BTRFS_FREE_SPACE_INFO_KEY, g->length);
	u64 pos = g->start, end = g->start + g->length;
	struct extent_here at;
	int ret = sink(arg, &key, &info, sizeof(info), err);

	while (!ret && extent_peek(c, &at) && at.bytenr < end) {
		ret = free_piece(pos, at.bytenr, sink, arg, err);
		pos = at.bytenr + at.len;
		extent_pass(c, &at);
	}
	return ret ? ret : free_piece(pos, end, sink, arg, err);
}

int lists_free_space(struct maker *m, const struct made_index *blocks, item_sink *sink, void *arg, struct err *err)
{
	struct extent_cursor c = { m, blocks, 0, 0 };
	int ret = 0;

	for (size_t i = 0; i < m->groups.len && !ret; i++)
		ret = group_free_space(&c, m->groups.v[i], sink, arg, err);
	return ret;
}

/* ---- extents ---- */

static int block_extent(struct maker *m, const struct make_block *b, item_sink *sink, void *arg, struct err *err)
{
	bool skinny = geo_incompat(make_geo(m), BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA);
	struct key key = skinny ? KEY(b->bytenr, BTRFS_METADATA_ITEM_KEY, b->level) : KEY(b->bytenr, BTRFS_EXTENT_ITEM_KEY, m->p.nodesize);
	struct { struct disk_extent_item item; u8 rest[sizeof(struct disk_tree_block_info) + sizeof(struct disk_extent_inline_ref)]; } PACKED x = {
		.item = { le64_of(1), le64_of(MAKE_TRANSID), le64_of(BTRFS_EXTENT_FLAG_TREE_BLOCK) } };
	struct disk_tree_block_info *info = (struct disk_tree_block_info *)x.rest;
	struct disk_extent_inline_ref *ref = (struct disk_extent_inline_ref *)(x.rest + (skinny ? 0 : sizeof(*info)));

	if (!skinny)
		*info = (struct disk_tree_block_info){ key_disk(b->first), b->level };
	*ref = (struct disk_extent_inline_ref){ BTRFS_TREE_BLOCK_REF_KEY, le64_of(b->owner) };
	return sink(arg, &key, &x, (u8 *)(ref + 1) - (u8 *)&x, err);
}

static int data_extent(struct maker *m, const struct make_extent *e, item_sink *sink, void *arg, struct err *err)
{
	struct key key = KEY(e->bytenr, BTRFS_EXTENT_ITEM_KEY, e->len);
	struct { struct disk_extent_item item; u8 rest[sizeof(struct disk_extent_inline_ref) + 1 + sizeof(struct disk_extent_data_ref)]; } PACKED x = {
		.item = { le64_of(1), le64_of(MAKE_TRANSID), le64_of(BTRFS_EXTENT_FLAG_DATA) } };
	struct disk_extent_inline_ref *owner = (struct disk_extent_inline_ref *)x.rest;
	struct disk_extent_data_ref ref = { le64_of(e->root), le64_of(e->ino), le64_of(e->offset), le32_of(1) };
	u8 *to = x.rest;

	if (m->p.squota) {
		*owner = (struct disk_extent_inline_ref){ BTRFS_EXTENT_OWNER_REF_KEY, le64_of(e->root) };
		to = (u8 *)(owner + 1);
	}
	*to++ = BTRFS_EXTENT_DATA_REF_KEY;
	memcpy(to, &ref, sizeof(ref));
	return sink(arg, &key, &x, to + sizeof(ref) - (u8 *)&x, err);
}

int lists_extents(struct maker *m, const struct made_index *blocks, item_sink *sink, void *arg, struct err *err)
{
	bool groups_here = !geo_compat_ro(make_geo(m), BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE);
	struct extent_cursor c = { m, blocks, 0, 0 };
	struct extent_here at;
	size_t group = 0;
	int ret = 0;

	while (!ret && extent_peek(&c, &at)) {
		while (!ret && groups_here && group < m->groups.len && m->groups.v[group]->start < at.bytenr)
			ret = group_item(m->groups.v[group++], sink, arg, err);
		if (!ret)
			ret = at.block ? block_extent(m, at.block, sink, arg, err) : data_extent(m, at.extent, sink, arg, err);
		extent_pass(&c, &at);
	}
	while (!ret && groups_here && group < m->groups.len)
		ret = group_item(m->groups.v[group++], sink, arg, err);
	return ret;
}
