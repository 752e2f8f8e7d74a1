/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening and closing the allocator; what a commit asks of it. */
#include "kernel-shared/alloc/internal.h"

#include "common/mem.h"

int alloc_open(struct env *env, struct volume *vol, struct nstore *store, struct roots *roots, struct disk_super *super, struct alloc **out, struct err *err)
{
	struct alloc *a = mem_zalloc(sizeof(*a));
	int ret;

	if (!a)
		return err_nomem(err);
	a->env = env;
	a->vol = vol;
	a->store = store;
	a->geo = store->geo;
	a->roots = roots;
	a->super = super;
	a->transid = le64_get(vol->sb.generation) + 1;
	ret = groups_load(a, err);
	if (ret) {
		alloc_close(a);
		return ret;
	}
	*out = a;
	return 0;
}

void alloc_close(struct alloc *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->groups.len; i++)
		block_group_free(a->groups.v[i]);
	for (size_t i = 0; i < a->devs.len; i++)
		ranges_fini(&a->devs.v[i].used);
	vec_fini(&a->groups);
	vec_fini(&a->heads);
	vec_fini(&a->entries);
	vec_fini(&a->free_heads);
	vec_fini(&a->free_entries);
	vec_fini(&a->journal);
	vec_fini(&a->devs);
	vec_fini(&a->new_chunks);
	for (size_t i = 0; i < a->gone_chunks.len; i++)
		free(a->gone_chunks.v[i]);
	vec_fini(&a->gone_chunks);
	for (size_t i = 0; i < a->moves.len; i++)
		free(a->moves.v[i]);
	vec_fini(&a->moves);
	vec_fini(&a->left_devices);
	vec_fini(&a->holes);
	hmap_fini(&a->head_by_bytenr);
	hmap_fini(&a->entry_by_ref);
	free(a);
}

void alloc_set_transid(struct alloc *a, u64 transid)
{
	a->transid = transid;
}

void alloc_on_dead(struct alloc *a, void (*fn)(void *arg, u64 bytenr, u64 len, bool tree), void *arg)
{
	a->on_dead = fn;
	a->on_dead_arg = arg;
}

void alloc_on_extent(struct alloc *a, int (*fn)(void *arg, const struct extent_event *e, struct err *err), void *arg)
{
	a->on_extent = fn;
	a->on_extent_arg = arg;
}

void alloc_on_ref(struct alloc *a, int (*fn)(void *arg, const struct ref_change *change), void *arg)
{
	a->on_ref = fn;
	a->on_ref_arg = arg;
}

int alloc_write_items(struct alloc *a, bool *changed, struct err *err)
{
	int ret = chunks_write(a, changed, err);

	if (!ret)
		ret = groups_write(a, changed, err);
	if (!ret)
		ret = fst_write_infos(a, changed, err);
	return ret;
}

void alloc_hush_refs(struct alloc *a, bool hush)
{
	a->hush_refs = hush;
}

void alloc_set_readonly(struct alloc *a, u64 start, bool readonly)
{
	struct block_group *bg = alloc_block_group(a, start);

	if (bg && bg->start == start)
		bg->readonly = readonly || bg->chunk->missing > bg->chunk->profile->tolerated;
}

bool alloc_has_news(const struct alloc *a)
{
	for (size_t i = 0; i < a->vol->devices.len; i++)
		if (a->vol->devices.v[i]->item_missing)
			return true;
	return a->new_chunks.len || a->gone_chunks.len || a->moves.len || a->left_devices.len;
}

u64 alloc_bytes_used(const struct alloc *a)
{
	u64 used = 0;

	for (size_t i = 0; i < a->groups.len; i++)
		used += a->groups.v[i]->used;
	return used;
}
