/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees that are loaded while their items come: their blocks are placed as they fill. */
#include "common/mem.h"
#include "kernel-shared/make/internal.h"

struct make_load {
	struct bulk_sink sink;
	struct maker *m;
	struct bulk *bulk;
	u64 id, blocks;
};

static int load_place(struct bulk_sink *sink, u8 level, u64 *bytenr, struct err *err)
{
	struct make_load *l = container_of(sink, struct make_load, sink);

	l->blocks++;
	return space_block(l->m, l->id, bytenr, err);
}

static int load_emit(struct bulk_sink *sink, u8 level, u64 bytenr, const struct key *first, const void *block, struct err *err)
{
	struct make_load *l = container_of(sink, struct make_load, sink);
	struct make_block *b = &l->m->blocks.v[l->m->blocks.len - 1];

	b->level = level;
	b->first = *first;
	return writer_add(l->m, bytenr, block, err);
}

int load_begin(struct maker *m, u64 id, struct make_load **out, struct err *err)
{
	struct make_load *l = mem_zalloc(sizeof(*l));
	struct bulk_args args;

	if (!l)
		return err_nomem(err);
	*l = (struct make_load){ .sink = { load_place, load_emit }, .m = m, .id = id };
	args = (struct bulk_args){ .geo = make_geo(m), .id = id, .transid = MAKE_TRANSID, .fsid = m->p.fsid, .chunk_uuid = m->chunk_uuid, .sink = &l->sink };
	if (bulk_new(&args, &l->bulk)) {
		free(l);
		return err_nomem(err);
	}
	*out = l;
	return 0;
}

int load_add(struct make_load *l, const struct key *key, const void *data, u32 size, struct err *err)
{
	return bulk_add(l->bulk, key, data, size, err);
}

int load_add_empty(struct make_load *l, const struct key *key, u32 size, u8 **data, struct err *err)
{
	return bulk_add_empty(l->bulk, key, size, data, err);
}

void load_drop(struct make_load *l)
{
	if (!l)
		return;
	bulk_free(l->bulk);
	free(l);
}

int load_end(struct make_load *l, struct make_tree **tree, struct err *err)
{
	struct make_tree t = { .id = l->id };
	struct maker *m = l->m;
	int ret = bulk_finish(l->bulk, &t.bytenr, &t.level, err);

	t.blocks = l->blocks;
	load_drop(l);
	if (!ret && vec_push(&m->trees, t))
		ret = err_nomem(err);
	if (!ret && tree)
		*tree = &m->trees.v[m->trees.len - 1];
	return ret;
}

struct make_tree *make_tree_find(struct maker *m, u64 id)
{
	for (size_t i = 0; i < m->trees.len; i++)
		if (m->trees.v[i].id == id)
			return &m->trees.v[i];
	return NULL;
}
