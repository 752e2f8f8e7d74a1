/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The free space tree: the complement of the extent tree, block group by block group, as extents or as bitmaps. Spec: on-disk-format 3.15. */
#include "kernel-shared/alloc/internal.h"

enum { GRANULE = BTRFS_FREE_SPACE_BITMAP_SIZE, EXTENT_COST = sizeof(struct disk_item) };

static struct tree *fst(const struct alloc *a)
{
	return a->roots->free_space_tree && geo_compat_ro(a->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE_VALID)
		? &a->roots->free_space_tree->tree : NULL;
}

static u64 group_end(const struct block_group *bg)
{
	return bg->start + bg->length;
}

static u64 bitmap_span(const struct alloc *a)
{
	return (u64)GRANULE * 8 * a->geo->sectorsize;
}

/* Above so many extents bitmaps take less room. */
static u32 bitmap_threshold(const struct alloc *a, const struct block_group *bg)
{
	return div_round_up(bg->length, bitmap_span(a)) * (EXTENT_COST + GRANULE) / EXTENT_COST;
}

static u32 extent_threshold(const struct alloc *a, const struct block_group *bg)
{
	u32 high = bitmap_threshold(a, bg);

	return high > 100 ? high - 100 : 0;
}

static u32 bitmap_bytes(const struct alloc *a, u64 len)
{
	return div_round_up(len / a->geo->sectorsize, 8);
}

static bool bit_get(const u8 *map, u64 bit)
{
	return map[bit / 8] >> (bit % 8) & 1;
}

static int info_load(struct alloc *a, struct block_group *bg, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(bg->start, BTRFS_FREE_SPACE_INFO_KEY, bg->length);
	const struct disk_free_space_info *info;
	struct item item;
	int ret;

	if (bg->fst_loaded)
		return 0;
	ret = tree_lookup(fst(a), &key, &p, &item, err);
	if (ret == -ENOENT || (!ret && item.size < sizeof(*info)))
		return err_set(err, -EUCLEAN, "block group %llu has no entry in the free space tree", bg->start);
	if (ret)
		return ret;
	info = (const void *)item.data;
	bg->fst_extents = le32_get(info->extent_count);
	bg->fst_bitmaps = le32_get(info->flags) & BTRFS_FREE_SPACE_USING_BITMAPS;
	bg->fst_loaded = true;
	return 0;
}

static int bitmap_read(struct alloc *a, const struct item *item, struct ranges *out)
{
	u32 sector = a->geo->sectorsize;
	u64 bits = min_t(u64, item->key.offset / sector, (u64)item->size * 8), from = 0;
	bool in = false;

	for (u64 bit = 0; bit <= bits; bit++) {
		bool set = bit < bits && bit_get(item->data, bit);

		if (set && !in)
			from = bit;
		if (!set && in && ranges_add(out, item->key.objectid + from * sector, item->key.objectid + bit * sector))
			return -ENOMEM;
		in = set;
	}
	return 0;
}

static int tree_free(struct alloc *a, struct block_group *bg, struct ranges *out, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(fst(a), KEY(bg->start, BTRFS_FREE_SPACE_EXTENT_KEY, 0),
		KEY(group_end(bg) - 1, 255, -1ULL));
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) == 0) {
		u64 start = item.key.objectid, end;

		if (item.key.type != BTRFS_FREE_SPACE_EXTENT_KEY && item.key.type != BTRFS_FREE_SPACE_BITMAP_KEY)
			continue;
		if (add_overflows(start, item.key.offset, &end) || end > group_end(bg))
			return err_set(err, -EUCLEAN, "free space at %llu reaches beyond block group %llu", start, bg->start);
		if (item.key.type == BTRFS_FREE_SPACE_EXTENT_KEY ? ranges_add(out, start, end) : bitmap_read(a, &item, out))
			return err_nomem(err);
	}
	return ret == -ENOENT ? 0 : ret;
}

int extent_tree_free(struct alloc *a, const struct block_group *bg, struct ranges *out, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&a->roots->extent_tree->tree, KEY(bg->start, 0, 0), KEY(group_end(bg) - 1, 255, -1ULL));
	u64 pos = bg->start;
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) == 0) {
		u64 len = item.key.type == BTRFS_METADATA_ITEM_KEY ? a->geo->nodesize : item.key.offset;

		if (item.key.type != BTRFS_EXTENT_ITEM_KEY && item.key.type != BTRFS_METADATA_ITEM_KEY)
			continue;
		if (item.key.objectid > pos && ranges_add(out, pos, item.key.objectid))
			return err_nomem(err);
		if (item.key.objectid + len > pos)
			pos = item.key.objectid + len;
	}
	if (ret != -ENOENT)
		return ret;
	return pos < group_end(bg) && ranges_add(out, pos, group_end(bg)) ? err_nomem(err) : 0;
}

int fst_load(struct alloc *a, struct block_group *bg, struct ranges *out, struct err *err)
{
	int ret;

	if (!fst(a))
		return extent_tree_free(a, bg, out, err);
	ret = info_load(a, bg, err);
	return ret ? ret : tree_free(a, bg, out, err);
}

/* --- extents --- */

static int misfit(u64 start, u64 end, bool add, struct err *err)
{
	return err_set(err, -EUCLEAN, "the free space tree is wrong: [%llu, %llu) is %s", start, end, add ? "free already" : "not free");
}

/* Gives the extent item `from` other bounds in place. */
static int extent_rekey(struct alloc *a, const struct key *from, u64 start, u64 end, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key to = KEY(start, BTRFS_FREE_SPACE_EXTENT_KEY, end - start);
	int ret = tree_search_cow(fst(a), from, 0, &p, err);

	if (ret)
		return ret < 0 ? ret : -EUCLEAN;
	return tree_set_key_at(fst(a), &p, &to, err);
}

static int extent_insert(struct alloc *a, u64 start, u64 end, struct err *err)
{
	struct key key = KEY(start, BTRFS_FREE_SPACE_EXTENT_KEY, end - start);

	return tree_insert(fst(a), &key, NULL, 0, err);
}

/* The free extent of this group that begins at or before pos. 1: none. */
static int extent_before(struct alloc *a, const struct block_group *bg, u64 pos, struct key *out, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(pos, BTRFS_FREE_SPACE_EXTENT_KEY, -1ULL);
	struct item item;
	int ret = tree_lookup_le(fst(a), &key, &p, &item, err);

	*out = KEY_MIN;
	if (ret == -ENOENT || (!ret && (item.key.type != BTRFS_FREE_SPACE_EXTENT_KEY || item.key.objectid < bg->start)))
		return 1;
	if (!ret)
		*out = item.key;
	return ret;
}

static int extent_after(struct alloc *a, const struct block_group *bg, u64 pos, struct key *out, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(pos, BTRFS_FREE_SPACE_EXTENT_KEY, 0);
	struct item item;
	int ret = tree_lookup_ge(fst(a), &key, &p, &item, err);

	*out = KEY_MIN;
	if (ret == -ENOENT || (!ret && (item.key.type != BTRFS_FREE_SPACE_EXTENT_KEY || item.key.objectid >= group_end(bg))))
		return 1;
	if (!ret)
		*out = item.key;
	return ret;
}

static int extents_remove(struct alloc *a, struct block_group *bg, u64 start, u64 end, struct err *err)
{
	struct key k;
	u64 from, to;
	int ret = extent_before(a, bg, start, &k, err);

	if (ret < 0)
		return ret;
	from = k.objectid;
	to = ret ? 0 : k.objectid + k.offset;
	if (ret || to < end)
		return misfit(start, end, false, err);
	if (from == start && to == end) {
		bg->fst_extents--;
		return tree_delete(fst(a), &k, err);
	}
	if (from == start)
		return extent_rekey(a, &k, end, to, err);
	ret = extent_rekey(a, &k, from, start, err);
	if (ret || to == end)
		return ret;
	bg->fst_extents++;
	return extent_insert(a, end, to, err);
}

static int extents_add(struct alloc *a, struct block_group *bg, u64 start, u64 end, struct err *err)
{
	struct key before, after;
	int no_before = extent_before(a, bg, start, &before, err), no_after = no_before < 0 ? 0 : extent_after(a, bg, start, &after, err), ret;
	bool joins_before, joins_after;

	if (no_before < 0 || no_after < 0)
		return no_before < 0 ? no_before : no_after;
	if ((!no_before && before.objectid + before.offset > start) || (!no_after && after.objectid < end))
		return misfit(start, end, true, err);
	joins_before = !no_before && before.objectid + before.offset == start;
	joins_after = !no_after && after.objectid == end;
	if (joins_before && joins_after) {
		bg->fst_extents--;
		ret = tree_delete(fst(a), &after, err);
		return ret ? ret : extent_rekey(a, &before, before.objectid, end + after.offset, err);
	}
	if (joins_before)
		return extent_rekey(a, &before, before.objectid, end, err);
	if (joins_after)
		return extent_rekey(a, &after, start, end + after.offset, err);
	bg->fst_extents++;
	return extent_insert(a, start, end, err);
}

/* --- bitmaps --- */

static struct key bitmap_key(const struct alloc *a, const struct block_group *bg, u64 pos)
{
	u64 start = bg->start + (pos - bg->start) / bitmap_span(a) * bitmap_span(a);

	return KEY(start, BTRFS_FREE_SPACE_BITMAP_KEY, min_t(u64, bitmap_span(a), group_end(bg) - start));
}

/* Is the sector at pos free? Outside the group nothing is. */
static int bitmap_test(struct alloc *a, const struct block_group *bg, u64 pos, bool *is_free, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key;
	struct item item;
	int ret;

	*is_free = false;
	if (pos < bg->start || pos >= group_end(bg))
		return 0;
	key = bitmap_key(a, bg, pos);
	ret = tree_lookup(fst(a), &key, &p, &item, err);
	if (ret || item.size < bitmap_bytes(a, key.offset))
		return ret && ret != -ENOENT ? ret : err_set(err, -EUCLEAN, "free space bitmap %llu is missing", key.objectid);
	*is_free = bit_get(item.data, (pos - key.objectid) / a->geo->sectorsize);
	return 0;
}

static int bitmap_set(struct alloc *a, const struct key *key, u64 start, u64 end, bool add, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	u32 sector = a->geo->sectorsize;
	u8 *map;
	int ret = tree_search_cow(fst(a), key, 0, &p, err);

	if (ret || path_item(&p).size < bitmap_bytes(a, key->offset))
		return ret < 0 ? ret : err_set(err, -EUCLEAN, "free space bitmap %llu is missing", key->objectid);
	map = path_item_mut(fst(a), &p, err);
	if (!map)
		return -ENOMEM;
	for (u64 bit = (start - key->objectid) / sector; bit < (end - key->objectid) / sector; bit++) {
		if (bit_get(map, bit) == add)
			return misfit(start, end, add, err);
		map[bit / 8] ^= 1 << bit % 8;
	}
	return 0;
}

static int bitmaps_change(struct alloc *a, struct block_group *bg, u64 start, u64 end, bool add, struct err *err)
{
	bool before, after;
	int ret = bitmap_test(a, bg, start - a->geo->sectorsize, &before, err);

	if (!ret)
		ret = bitmap_test(a, bg, end, &after, err);
	for (u64 pos = start; !ret && pos < end;) {
		struct key key = bitmap_key(a, bg, pos);
		u64 to = min_t(u64, end, key.objectid + key.offset);

		ret = bitmap_set(a, &key, pos, to, add, err);
		pos = to;
	}
	if (!ret)
		bg->fst_extents += add ? 1 - before - after : before + after - 1;
	return ret;
}

/* --- both --- */

static int items_drop(struct alloc *a, const struct block_group *bg, u8 from_type, struct err *err)
{
	struct key lo = KEY(bg->start, from_type, 0), hi = KEY(group_end(bg) - 1, 255, -1ULL);

	return tree_delete_range(fst(a), &lo, &hi, NULL, err);
}

static int extents_write(struct alloc *a, const struct ranges *free, struct err *err)
{
	struct range r = { 0, 0 };
	int ret = 0;

	while (!ret && ranges_next(free, r.end, &r))
		ret = extent_insert(a, r.start, r.end, err);
	return ret;
}

static int bitmaps_write(struct alloc *a, const struct block_group *bg, const struct ranges *free, struct err *err)
{
	u32 sector = a->geo->sectorsize;
	int ret = 0;

	for (u64 pos = bg->start; !ret && pos < group_end(bg);) {
		struct key key = bitmap_key(a, bg, pos);
		u8 map[GRANULE] = { 0 };
		struct range r = { pos, pos };

		pos = key.objectid + key.offset;
		while (ranges_next(free, r.end, &r) && r.start < pos) {
			u64 from = max_t(u64, r.start, key.objectid), to = min_t(u64, r.end, pos);

			for (u64 bit = (from - key.objectid) / sector; bit < (to - key.objectid) / sector; bit++)
				map[bit / 8] |= 1 << bit % 8;
			if (r.end >= pos)
				break;
		}
		ret = tree_insert(fst(a), &key, map, bitmap_bytes(a, key.offset), err);
	}
	return ret;
}

/* Writes the group's free space anew in the form that suits it. */
static int group_rewrite(struct alloc *a, struct block_group *bg, const struct ranges *free, bool bitmaps, struct err *err)
{
	int ret = items_drop(a, bg, BTRFS_FREE_SPACE_EXTENT_KEY, err);

	if (!ret)
		ret = bitmaps ? bitmaps_write(a, bg, free, err) : extents_write(a, free, err);
	bg->fst_bitmaps = bitmaps;
	bg->fst_extents = free->count;
	bg->fst_dirty = true;
	return ret;
}

static int group_convert(struct alloc *a, struct block_group *bg, struct err *err)
{
	bool bitmaps = !bg->fst_bitmaps;
	struct ranges free = RANGES_INIT;
	int ret;

	if (bitmaps ? bg->fst_extents <= bitmap_threshold(a, bg) : bg->fst_extents >= extent_threshold(a, bg))
		return 0;
	ret = tree_free(a, bg, &free, err);
	if (!ret)
		ret = group_rewrite(a, bg, &free, bitmaps, err);
	ranges_fini(&free);
	return ret;
}

int fst_flush(struct alloc *a, struct err *err)
{
	u64 start = a->fst_pending.start, end = a->fst_pending.end;
	bool add = a->fst_pending.add;
	struct block_group *bg;
	int ret;

	if (start == end)
		return 0;
	a->fst_pending.start = a->fst_pending.end = 0;
	bg = alloc_block_group(a, start);
	ret = bg->item_missing && !bg->fst_loaded ? fst_group_new(a, bg, err) : info_load(a, bg, err);
	if (ret)
		return ret;
	bg->fst_dirty = true;
	if (bg->fst_bitmaps)
		ret = bitmaps_change(a, bg, start, end, add, err);
	else
		ret = add ? extents_add(a, bg, start, end, err) : extents_remove(a, bg, start, end, err);
	return ret ? ret : group_convert(a, bg, err);
}

int fst_change(struct alloc *a, u64 start, u64 len, bool add, struct err *err)
{
	int ret;

	if (!fst(a))
		return 0;
	if (a->fst_pending.end == start && a->fst_pending.start != start && a->fst_pending.add == add
	    && alloc_block_group(a, start) == alloc_block_group(a, a->fst_pending.start)) {
		a->fst_pending.end += len;
		return 0;
	}
	ret = fst_flush(a, err);
	a->fst_pending.start = start;
	a->fst_pending.end = start + len;
	a->fst_pending.add = add;
	return ret;
}

static int info_write(struct alloc *a, struct block_group *bg, bool create, struct err *err)
{
	struct disk_free_space_info info = { le32_of(bg->fst_extents), le32_of(bg->fst_bitmaps ? BTRFS_FREE_SPACE_USING_BITMAPS : 0) };
	struct key key = KEY(bg->start, BTRFS_FREE_SPACE_INFO_KEY, bg->length);

	bg->fst_dirty = false;
	return tree_put(fst(a), &key, &info, sizeof(info), create, err);
}

int fst_group_new(struct alloc *a, struct block_group *bg, struct err *err)
{
	int ret;

	if (!fst(a) || bg->fst_loaded)
		return 0;
	bg->fst_loaded = true;
	bg->fst_bitmaps = false;
	bg->fst_extents = 1;
	ret = info_write(a, bg, true, err);
	return ret ? ret : extent_insert(a, bg->start, group_end(bg), err);
}

int fst_group_drop(struct alloc *a, struct block_group *bg, struct err *err)
{
	return fst(a) ? items_drop(a, bg, 0, err) : 0;
}

int fst_write_infos(struct alloc *a, bool *changed, struct err *err)
{
	for (size_t i = 0; fst(a) && i < a->groups.len; i++) {
		struct block_group *bg = a->groups.v[i];
		int ret;

		if (!bg->fst_dirty)
			continue;
		*changed = true;
		ret = info_write(a, bg, false, err);
		if (ret)
			return ret;
	}
	return 0;
}

int free_space_tree_fill(struct alloc *a, struct err *err)
{
	for (size_t i = 0; i < a->groups.len; i++) {
		struct block_group *bg = a->groups.v[i];
		struct ranges free = RANGES_INIT;
		int ret = extent_tree_free(a, bg, &free, err);

		bg->fst_loaded = true;
		if (!ret)
			ret = info_write(a, bg, true, err);
		if (!ret)
			ret = group_rewrite(a, bg, &free, free.count > bitmap_threshold(a, bg), err);
		ranges_fini(&free);
		if (ret)
			return err_wrap(err, ret, "cannot fill the free space tree");
	}
	return 0;
}

void free_space_tree_forget(struct alloc *a)
{
	for (size_t i = 0; i < a->groups.len; i++) {
		struct block_group *bg = a->groups.v[i];

		bg->fst_loaded = bg->fst_dirty = bg->fst_bitmaps = false;
		bg->fst_extents = 0;
	}
	a->fst_pending.start = a->fst_pending.end = 0;
}
