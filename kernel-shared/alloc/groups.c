/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block group items: read once when a filesystem is opened for writing, brought in line at each commit. Spec: on-disk-format 3.14, 5.4, 5.5. */
#include "kernel-shared/alloc/internal.h"

#include "common/mem.h"

static struct tree *group_tree(const struct alloc *a)
{
	return a->roots->block_group_tree ? &a->roots->block_group_tree->tree : &a->roots->extent_tree->tree;
}

/* A logical range that a superblock copy lies in, widened to whole stripes (RAID5/6: to the full stripe). */
static int exclude(void *arg, u64 logical, u64 len)
{
	struct alloc *a = arg;
	struct block_group *bg = alloc_block_group(a, logical);
	u64 unit, from, to;

	if (!bg)
		return 0;
	unit = bg->flags & BTRFS_BLOCK_GROUP_RAID56_MASK ? (u64)bg->chunk->data_stripes * BTRFS_STRIPE_LEN : BTRFS_STRIPE_LEN;
	from = bg->start + (logical - bg->start) / unit * unit;
	to = bg->start + div_round_up(logical + len - bg->start, unit) * unit;
	if (to > bg->start + bg->length)
		to = bg->start + bg->length;
	return ranges_add(&bg->excluded, from, to);
}

int groups_exclude_supers(struct alloc *a)
{
	for (size_t i = 0; i < a->vol->devices.len; i++) {
		for (int copy = 0; copy < BTRFS_SUPER_MIRROR_MAX; copy++) {
			int ret = rio_reverse(a->vol, a->vol->devices.v[i], btrfs_super_offset[copy], BTRFS_STRIPE_LEN, exclude, a);

			if (ret)
				return ret;
		}
	}
	/* logical addresses below one stripe are nobody's */
	return a->groups.len && a->groups.v[0]->start < BTRFS_STRIPE_LEN
		? ranges_add(&a->groups.v[0]->excluded, a->groups.v[0]->start, BTRFS_STRIPE_LEN) : 0;
}

/* A group whose chunk lost so many devices that new data would not be whole takes none; reading is another matter. */
static bool chunk_complete(const struct chunk *c)
{
	return c->missing <= c->profile->tolerated;
}

static int group_read(struct alloc *a, const struct item *item, struct err *err)
{
	const struct chunk *c = chunk_lookup(a->vol, item->key.objectid);
	const struct disk_block_group_item *d = (const void *)item->data;
	struct block_group *bg;

	if (item->size < sizeof(*d) || !c || c->start != item->key.objectid || c->length != item->key.offset)
		return err_set(err, -EUCLEAN, "block group %llu (%llu bytes) does not match any chunk", item->key.objectid, item->key.offset);
	bg = mem_zalloc(sizeof(*bg));
	if (!bg)
		return err_nomem(err);
	bg->start = c->start;
	bg->length = c->length;
	bg->flags = le64_get(d->flags);
	bg->used = bg->used_item = le64_get(d->used);
	bg->chunk = c;
	bg->readonly = !chunk_complete(c);
	if (group_add(a, bg)) {
		free(bg);
		return err_nomem(err);
	}
	a->profile[type_index(bg->flags)] = bg->flags & BTRFS_BLOCK_GROUP_PROFILE_MASK;
	return 0;
}

/* One search for each chunk: in the extent tree block group items lie among all others. */
int groups_load(struct alloc *a, struct err *err)
{
	for (size_t i = 0; i < a->vol->chunks.len; i++) {
		struct path p CLEANUP(path_fini) = PATH_INIT;
		const struct chunk *c = a->vol->chunks.v[i];
		struct key key = KEY(c->start, BTRFS_BLOCK_GROUP_ITEM_KEY, c->length);
		struct item item;
		int ret = tree_lookup(group_tree(a), &key, &p, &item, err);

		if (ret == -ENOENT)
			ret = err_set(err, -EUCLEAN, "chunk %llu has no block group item", c->start);
		if (!ret)
			ret = group_read(a, &item, err);
		if (ret)
			return ret;
	}
	return groups_exclude_supers(a) ? err_nomem(err) : 0;
}

static int group_write(struct alloc *a, struct block_group *bg, struct err *err)
{
	struct disk_block_group_item d = { le64_of(bg->used), le64_of(BTRFS_FIRST_CHUNK_TREE_OBJECTID),
		le64_of(bg->moving ? bg->next_flags : bg->flags) };
	struct key key = KEY(bg->start, BTRFS_BLOCK_GROUP_ITEM_KEY, bg->length);
	/* the copying below may change `used` again: the next round sees it */
	u64 used = bg->used;
	int ret = tree_put(group_tree(a), &key, &d, sizeof(d), bg->item_missing, err);

	if (!ret) {
		bg->item_missing = false;
		bg->used_item = used;
	}
	return ret;
}

static int group_delete(struct alloc *a, size_t at, struct err *err)
{
	struct block_group *bg = a->groups.v[at];
	struct key key = KEY(bg->start, BTRFS_BLOCK_GROUP_ITEM_KEY, bg->length);
	int ret = bg->item_missing ? 0 : tree_delete(group_tree(a), &key, err);

	if (!ret)
		ret = fst_group_drop(a, bg, err);
	if (ret)
		return ret;
	vec_remove(&a->groups, at);
	block_group_free(bg);
	return 0;
}

void block_group_free(struct block_group *bg)
{
	ranges_fini(&bg->free);
	ranges_fini(&bg->partial);
	ranges_fini(&bg->opened);
	ranges_fini(&bg->pinned);
	ranges_fini(&bg->excluded);
	free(bg);
}

int groups_write(struct alloc *a, bool *changed, struct err *err)
{
	for (size_t i = 0; i < a->groups.len; i++) {
		struct block_group *bg = a->groups.v[i];
		int ret = 0;

		if (bg->removed)
			ret = group_delete(a, i--, err);
		else if (bg->item_missing || bg->used != bg->used_item)
			ret = group_write(a, bg, err);
		else
			continue;
		if (ret)
			return ret;
		*changed = true;
	}
	return 0;
}

int block_group_items_move(struct alloc *a, struct tree *from, struct tree *to, struct err *err)
{
	for (size_t i = 0; i < a->groups.len; i++) {
		struct block_group *bg = a->groups.v[i];
		struct disk_block_group_item d = { le64_of(bg->used_item), le64_of(BTRFS_FIRST_CHUNK_TREE_OBJECTID), le64_of(bg->flags) };
		struct key key = KEY(bg->start, BTRFS_BLOCK_GROUP_ITEM_KEY, bg->length);
		int ret;

		if (bg->item_missing)
			continue;
		ret = tree_delete(from, &key, err);
		if (!ret)
			ret = tree_insert(to, &key, &d, sizeof(d), err);
		if (ret)
			return err_wrap(err, ret, "cannot move the item of block group %llu", bg->start);
	}
	return 0;
}
