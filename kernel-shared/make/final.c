/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trees that list blocks, their own included. Item sizes are fixed, so they are counted until the number of blocks no longer changes; then all
 * blocks are placed in one run and the trees are loaded twice: once to learn the level and first key of each block, once to be written. */
#include "common/mem.h"
#include "kernel-shared/make/internal.h"

enum { FINAL_ROUNDS = 64 };

enum final_id { FINAL_DEV, FINAL_GROUPS, FINAL_FREE, FINAL_EXTENT, FINAL_ROOT, FINAL_CHUNK, FINALS };
static const u64 final_tree_ids[FINALS] = { BTRFS_DEV_TREE_OBJECTID, BTRFS_BLOCK_GROUP_TREE_OBJECTID, BTRFS_FREE_SPACE_TREE_OBJECTID,
	BTRFS_EXTENT_TREE_OBJECTID, BTRFS_ROOT_TREE_OBJECTID, BTRFS_CHUNK_TREE_OBJECTID };

struct final { bool there; u64 count; size_t first; u64 used; };
struct finals {
	struct maker *m;
	struct final v[FINALS];
	struct made_index index;
	/* What was there before: put back at each round. */
	size_t blocks;
	struct { u64 cursor, used; } *groups;
	size_t ngroups;
};

static int final_items(struct finals *f, enum final_id id, item_sink *sink, void *arg, struct err *err)
{
	switch (id) {
	case FINAL_DEV: return lists_dev(f->m, sink, arg, err);
	case FINAL_GROUPS: return lists_groups(f->m, sink, arg, err);
	case FINAL_FREE: return lists_free_space(f->m, &f->index, sink, arg, err);
	case FINAL_EXTENT: return lists_extents(f->m, &f->index, sink, arg, err);
	case FINAL_ROOT: return roots_items(f->m, sink, arg, err);
	default: return lists_chunk(f->m, sink, arg, err);
	}
}

static int finals_init(struct finals *f, struct maker *m, struct err *err)
{
	*f = (struct finals){ .m = m, .blocks = m->blocks.len, .ngroups = m->groups.len };
	f->groups = mem_calloc(m->groups.len, sizeof(*f->groups));
	if (!f->groups)
		return err_nomem(err);
	for (size_t i = 0; i < m->groups.len; i++) {
		f->groups[i].cursor = m->groups.v[i]->cursor;
		f->groups[i].used = m->groups.v[i]->used;
	}
	for (int i = 0; i < FINALS; i++) {
		f->v[i].there = (i != FINAL_GROUPS || geo_compat_ro(make_geo(m), BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE)) &&
			(i != FINAL_FREE || geo_compat_ro(make_geo(m), BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE));
		f->v[i].count = f->v[i].there;
		if (f->v[i].there && vec_push(&m->trees, ((struct make_tree){ .id = final_tree_ids[i] })))
			return err_nomem(err);
	}
	return 0;
}

static void finals_fini(struct finals *f)
{
	free(f->groups);
	free(f->index.v);
}

static int index_again(struct finals *f, struct err *err)
{
	free(f->index.v);
	f->index.v = NULL;
	return lists_sort_blocks(f->m, &f->index) ? err_nomem(err) : 0;
}

/* Chunks that were made in an earlier round stay, empty. */
static void put_back(struct finals *f)
{
	f->m->blocks.len = f->blocks;
	for (size_t i = 0; i < f->m->groups.len; i++) {
		struct make_group *g = f->m->groups.v[i];

		g->cursor = i < f->ngroups ? f->groups[i].cursor : g->start;
		g->used = i < f->ngroups ? f->groups[i].used : 0;
	}
}

static int place_all(struct finals *f, struct err *err)
{
	put_back(f);
	for (int i = 0; i < FINALS; i++) {
		f->v[i].first = f->m->blocks.len;
		for (u64 n = 0; n < f->v[i].count; n++) {
			u64 bytenr;
			int ret = space_block(f->m, final_tree_ids[i], &bytenr, err);

			if (ret)
				return ret;
		}
	}
	return index_again(f, err);
}

static int count_item(void *arg, const struct key *key, const void *data, u32 size, struct err *err)
{
	bulk_count_item(arg, size);
	return 0;
}

/* Places for the blocks counted last, and counts again. */
static int count_all(struct finals *f, bool *same, struct err *err)
{
	int ret = place_all(f, err);

	*same = true;
	for (int i = 0; i < FINALS && !ret; i++) {
		struct bulk_count c;
		u64 n;

		if (!f->v[i].there)
			continue;
		bulk_count_init(&c, f->m->p.nodesize);
		ret = final_items(f, i, count_item, &c, err);
		n = bulk_count_blocks(&c, NULL);
		*same = *same && n == f->v[i].count;
		f->v[i].count = n;
		make_tree_find(f->m, final_tree_ids[i])->blocks = n;
	}
	return ret;
}

struct final_sink { struct bulk_sink sink; struct finals *f; struct final *at; bool write; };

static int final_place(struct bulk_sink *sink, u8 level, u64 *bytenr, struct err *err)
{
	struct final_sink *s = container_of(sink, struct final_sink, sink);
	struct make_block *b;

	if (s->at->used == s->at->count)
		return err_set(err, -EOVERFLOW, "a tree needs more blocks than were counted");
	b = &s->f->m->blocks.v[s->at->first + s->at->used++];
	b->level = level;
	*bytenr = b->bytenr;
	return 0;
}

static int final_emit(struct bulk_sink *sink, u8 level, u64 bytenr, const struct key *first, const void *block, struct err *err)
{
	struct final_sink *s = container_of(sink, struct final_sink, sink);

	s->f->m->blocks.v[s->at->first + s->at->used - 1].first = *first;
	return s->write ? writer_add(s->f->m, bytenr, block, err) : 0;
}

static int bulk_item(void *arg, const struct key *key, const void *data, u32 size, struct err *err)
{
	return bulk_add(arg, key, data, size, err);
}

static int load_one(struct finals *f, enum final_id id, bool write, struct err *err)
{
	struct maker *m = f->m;
	struct final_sink s = { { final_place, final_emit }, f, &f->v[id], write };
	struct bulk_args args = { .geo = make_geo(m), .id = final_tree_ids[id], .transid = MAKE_TRANSID, .fsid = m->p.fsid, .chunk_uuid = m->chunk_uuid,
		.sink = &s.sink };
	struct make_tree *t;
	struct bulk *b;
	u64 bytenr;
	u8 level;
	int ret;

	if (bulk_new(&args, &b))
		return err_nomem(err);
	s.at->used = 0;
	ret = final_items(f, id, bulk_item, b, err);
	if (!ret)
		ret = bulk_finish(b, &bytenr, &level, err);
	bulk_free(b);
	if (!ret && s.at->used != s.at->count)
		ret = err_set(err, -EOVERFLOW, "a tree needs fewer blocks than were counted");
	if (ret)
		return ret;
	t = make_tree_find(m, final_tree_ids[id]);
	t->bytenr = bytenr;
	t->level = level;
	return 0;
}

static int load_all(struct finals *f, bool write, struct err *err)
{
	int ret = 0;

	for (int i = 0; i < FINALS && !ret; i++)
		if (f->v[i].there)
			ret = load_one(f, i, write, err);
	return ret;
}

int final_trees(struct maker *m, struct err *err)
{
	struct finals f;
	int ret = finals_init(&f, m, err);
	bool same = false;

	for (int round = 0; !ret && !same; round++)
		ret = round < FINAL_ROUNDS ? count_all(&f, &same, err) : err_set(err, -EOVERFLOW, "the trees that list blocks find no size");
	if (!ret)
		ret = space_settle(m, err);
	if (!ret)
		ret = load_all(&f, false, err);
	if (!ret)
		ret = load_all(&f, true, err);
	finals_fini(&f);
	return ret ? ret : writer_flush(m, err);
}
