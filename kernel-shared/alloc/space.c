/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Space in memory: which bytes of each block group can be taken now. What the last commit refers to stays pinned until the next one; on RAID5/6 only rows
 * that hold nothing committed are handed out, so that parity never has to be changed under committed data. */
#include "kernel-shared/alloc/internal.h"

struct block_group *alloc_block_group(struct alloc *a, u64 bytenr)
{
	size_t lo = 0, hi = a->groups.len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (a->groups.v[mid]->start + a->groups.v[mid]->length <= bytenr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < a->groups.len && a->groups.v[lo]->start <= bytenr ? a->groups.v[lo] : NULL;
}

int group_add(struct alloc *a, struct block_group *bg)
{
	size_t at = a->groups.len;

	if (vec_push(&a->groups, bg))
		return -ENOMEM;
	for (; at && a->groups.v[at - 1]->start > bg->start; at--)
		a->groups.v[at] = a->groups.v[at - 1];
	a->groups.v[at] = bg;
	return 0;
}

static bool group_is_parity(const struct block_group *bg)
{
	return bg->flags & BTRFS_BLOCK_GROUP_RAID56_MASK;
}

static u64 row_length(const struct block_group *bg)
{
	return (u64)bg->chunk->data_stripes * BTRFS_STRIPE_LEN;
}

/* Copies over [r->start, r->end): whole rows to free, the rest to partial. */
static int parity_sort(struct block_group *bg, const struct range *r)
{
	u64 row = row_length(bg), first = bg->start + div_round_up(r->start - bg->start, row) * row;
	u64 last = bg->start + (r->end - bg->start) / row * row;

	if (first >= last)
		return ranges_add(&bg->partial, r->start, r->end);
	if ((r->start < first && ranges_add(&bg->partial, r->start, first)) || (last < r->end && ranges_add(&bg->partial, last, r->end)))
		return -ENOMEM;
	return ranges_add(&bg->free, first, last);
}

/* Adds free space that no transaction has touched. */
static int group_add_free(struct block_group *bg, const struct ranges *all)
{
	struct range r = { 0, 0 };

	while (ranges_next(all, r.end, &r))
		if (group_is_parity(bg) ? parity_sort(bg, &r) : ranges_add(&bg->free, r.start, r.end))
			return -ENOMEM;
	return 0;
}

static int ranges_subtract(struct ranges *from, const struct ranges *what)
{
	struct range r = { 0, 0 };

	while (ranges_next(what, r.end, &r))
		if (ranges_del(from, r.start, r.end))
			return -ENOMEM;
	return 0;
}

int group_load(struct alloc *a, struct block_group *bg, struct err *err)
{
	struct ranges all = RANGES_INIT;
	int ret;

	if (bg->loaded)
		return 0;
	ret = fst_load(a, bg, &all, err);
	if (!ret && (ranges_subtract(&all, &bg->excluded) || ranges_subtract(&all, &bg->pinned) || group_add_free(bg, &all)))
		ret = err_nomem(err);
	ranges_fini(&all);
	if (ret)
		return err_wrap(err, ret, "cannot load the free space of block group %llu", bg->start);
	bg->loaded = true;
	bg->cursor = bg->start;
	return 0;
}

/* What can be taken at once, or what the counters promise where the ranges are not known yet. */
static u64 group_avail(const struct block_group *bg)
{
	u64 taken = bg->used + bg->excluded.bytes + bg->pinned.bytes;

	if (bg->readonly || bg->removed)
		return 0;
	if (bg->loaded)
		return bg->free.bytes + bg->partial.bytes;
	return taken < bg->length ? bg->length - taken : 0;
}

static bool group_serves(const struct block_group *bg, u64 type)
{
	return bg->flags & type && !bg->readonly && !bg->removed;
}

void alloc_available(struct alloc *a, u64 type, u64 *in_groups, u64 *in_chunks)
{
	*in_groups = 0;
	for (size_t i = 0; i < a->groups.len; i++)
		if (a->groups.v[i]->flags & type)
			*in_groups += group_avail(a->groups.v[i]);
	if (in_chunks)
		*in_chunks = chunks_available(a, type);
}

static bool crosses_stripe(u64 start, u64 len)
{
	return start / BTRFS_STRIPE_LEN != (start + len - 1) / BTRFS_STRIPE_LEN;
}

/* A place for a tree block: on a multiple of its size, or anywhere within one stripe. */
static bool find_block(const struct alloc *a, const struct ranges *r, u64 pos, u64 *start)
{
	u32 size = a->geo->nodesize;

	if (ranges_find(r, pos, size, size, start))
		return true;
	while (ranges_find(r, pos, size, a->geo->sectorsize, start)) {
		if (!crosses_stripe(*start, size))
			return true;
		pos = *start + a->geo->sectorsize;
	}
	return false;
}

static bool find_data(const struct alloc *a, const struct ranges *r, u64 pos, u64 want, u64 min, u64 *start, u64 *len)
{
	u32 sector = a->geo->sectorsize;

	*len = want;
	if (ranges_find(r, pos, want, sector, start) || ranges_find(r, 0, want, sector, start))
		return true;
	*len = round_down_p2(ranges_longest(r), sector);
	return *len >= min && *len && ranges_find(r, 0, *len, sector, start);
}

/* Takes space from one set of a group's ranges. 1: taken. */
static int take(struct alloc *a, struct block_group *bg, struct ranges *r, u64 type, u64 want, u64 min, u64 hint, u64 *bytenr, u64 *len)
{
	u64 pos = hint >= bg->start && hint < bg->start + bg->length ? hint : bg->cursor;
	struct ref_change entry = { 0 };

	*len = want;
	if (type & BTRFS_BLOCK_GROUP_DATA ? !find_data(a, r, pos, want, min, bytenr, len) : !find_block(a, r, pos, bytenr) && !find_block(a, r, 0, bytenr))
		return 0;
	if (ranges_del(r, *bytenr, *bytenr + *len))
		return -ENOMEM;
	if (r == &bg->free && group_is_parity(bg)) {
		u64 row = row_length(bg), first = bg->start + (*bytenr - bg->start) / row * row;

		if (ranges_add(&bg->opened, first, bg->start + div_round_up(*bytenr + *len - bg->start, row) * row))
			return -ENOMEM;
	}
	bg->cursor = *bytenr + *len;
	bg->changed = true;
	entry.bytenr = *bytenr;
	entry.len = *len;
	return journal_add(a, JOURNAL_SPACE, &entry) ? -ENOMEM : 1;
}

static int group_take(struct alloc *a, struct block_group *bg, u64 type, u64 want, u64 min, u64 hint, u64 *bytenr, u64 *len, struct err *err)
{
	int ret;

	if (!group_serves(bg, type) || group_avail(bg) < min)
		return 0;
	ret = group_load(a, bg, err);
	if (!ret)
		ret = take(a, bg, &bg->free, type, want, min, hint, bytenr, len);
	return ret == -ENOMEM ? err_nomem(err) : ret;
}

/* The group that served last, then all others. */
static int groups_take(struct alloc *a, u64 type, u64 want, u64 min, u64 hint, u64 *bytenr, u64 *len, struct err *err)
{
	size_t *current = &a->current[type_index(type)], n = a->groups.len;

	for (size_t i = 0; i < n; i++) {
		size_t at = (*current + i) % n;
		int ret = group_take(a, a->groups.v[at], type, want, min, hint, bytenr, len, err);

		if (ret)
			*current = at;
		if (ret)
			return ret;
	}
	return 0;
}

/* RAID5/6 without a whole free row: free space in rows that hold committed data, which a crash together with a lost device can damage. */
static int partial_take(struct alloc *a, u64 type, u64 want, u64 min, u64 *bytenr, u64 *len, struct err *err)
{
	for (size_t i = 0; i < a->groups.len; i++) {
		struct block_group *bg = a->groups.v[i];
		int ret;

		if (!group_serves(bg, type) || !group_is_parity(bg) || bg->partial.bytes < min)
			continue;
		ret = take(a, bg, &bg->partial, type, want, min, 0, bytenr, len);
		if (ret > 0 && !a->parity_warned) {
			a->parity_warned = true;
			env_msg(a->env, MSG_WARNING, "no whole %s stripe is free in block group %llu: writing into stripes that hold data, which is not safe against "
				"a crash together with the loss of a device", bg->chunk->profile->name, bg->start);
		}
		if (ret)
			return ret == -ENOMEM ? err_nomem(err) : ret;
	}
	return 0;
}

/* In mixed groups data must leave what metadata was promised: less is wanted, or nothing can be had. */
static int leave_promised(struct alloc *a, u64 type, u64 *want, u64 min, struct err *err)
{
	u64 promised = a->reserved[2], groups;
	struct block_group *bg;

	if (!(type & BTRFS_BLOCK_GROUP_DATA) || !geo_incompat(a->geo, BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS))
		return 0;
	alloc_available(a, type, &groups, NULL);
	if (groups < promised + *want && !chunk_create(a, type, &bg, NULL))
		alloc_available(a, type, &groups, NULL);
	if (groups < promised + min)
		return err_set(err, -ENOSPC, "no space for %s of data, %s are reserved for metadata", units_human(*want), units_human(promised));
	*want = min_t(u64, *want, round_down_p2(groups - promised, a->geo->sectorsize));
	return 0;
}

int alloc_space(struct alloc *a, u64 type, u64 want, u64 min, u64 hint, u64 *bytenr, u64 *len, struct err *err)
{
	bool data = type & BTRFS_BLOCK_GROUP_DATA;
	struct block_group *bg;
	u64 groups, chunks;
	int ret = leave_promised(a, type, &want, min, err);

	if (ret)
		return ret;
	/* a new chunk is better than many small pieces, small pieces are better than nothing */
	ret = groups_take(a, type, want, want, hint, bytenr, len, err);
	if (!ret && data && want > MiB(1))
		ret = groups_take(a, type, want, MiB(1), hint, bytenr, len, err);
	if (!ret) {
		ret = chunk_create(a, type, &bg, err);
		if (!ret)
			ret = group_take(a, bg, type, want, min, 0, bytenr, len, err);
		else if (ret == -ENOSPC)
			ret = 0;
	}
	if (!ret)
		ret = groups_take(a, type, want, min, 0, bytenr, len, err);
	if (!ret)
		ret = partial_take(a, type, want, min, bytenr, len, err);
	if (ret)
		return ret < 0 ? ret : 0;
	alloc_available(a, type, &groups, &chunks);
	return err_set(err, -ENOSPC, "no space for %s of %s (%s free in block groups, %s not in chunks yet, %s reserved)", units_human(min),
		data ? "data" : type & BTRFS_BLOCK_GROUP_SYSTEM ? "system metadata" : "metadata", units_human(groups), units_human(chunks),
		units_human(a->reserved[type_index(type)]));
}

/* Free again within the transaction: for everybody, unless the row holds committed data. */
static int give_back(struct block_group *bg, u64 bytenr, u64 len)
{
	bool partial = group_is_parity(bg) && !ranges_has(&bg->opened, bytenr, bytenr + len);

	bg->changed = true;
	return ranges_add(partial ? &bg->partial : &bg->free, bytenr, bytenr + len);
}

int alloc_unspace(struct alloc *a, u64 bytenr, u64 len)
{
	struct block_group *bg = alloc_block_group(a, bytenr);

	return bg ? give_back(bg, bytenr, len) : 0;
}

int space_free(struct alloc *a, u64 bytenr, u64 len, bool young, struct err *err)
{
	struct block_group *bg = alloc_block_group(a, bytenr);

	if (!bg)
		return err_set(err, -EUCLEAN, "extent %llu (%llu bytes) lies in no block group", bytenr, len);
	if (young && !bg->loaded)
		young = false; /* cannot happen: what is young was taken from a loaded group; pinning is the safe side */
	bg->changed = true;
	if (young ? give_back(bg, bytenr, len) : ranges_add(&bg->pinned, bytenr, bytenr + len))
		return err_nomem(err);
	return 0;
}

static int group_of(struct alloc *a, u64 bytenr, u64 len, struct block_group **out, struct err *err)
{
	struct block_group *bg = alloc_block_group(a, bytenr);

	if (!bg || len > bg->start + bg->length - bytenr)
		return err_set(err, -EUCLEAN, "[%llu, %llu) lies in no block group", bytenr, bytenr + len);
	*out = bg;
	bg->changed = true;
	return group_load(a, bg, err);
}

int alloc_pin(struct alloc *a, u64 bytenr, u64 len, struct err *err)
{
	struct ranges *sets[2];
	struct block_group *bg = NULL;
	int ret = group_of(a, bytenr, len, &bg, err);

	if (ret)
		return ret;
	sets[0] = &bg->free;
	sets[1] = &bg->partial;
	for (unsigned i = 0; i < 2; i++) {
		struct range r = { 0, bytenr };

		while (ranges_next(sets[i], r.end, &r) && r.start < bytenr + len) {
			u64 from = max_t(u64, r.start, bytenr), to = min_t(u64, r.end, bytenr + len);

			if (ranges_del(sets[i], from, to) || ranges_add(&bg->pinned, from, to))
				return err_nomem(err);
			r.end = to;
		}
	}
	return 0;
}

int alloc_claim(struct alloc *a, u64 bytenr, u64 len, struct err *err)
{
	struct block_group *bg = NULL;
	u64 before;
	int ret = group_of(a, bytenr, len, &bg, err);

	if (ret)
		return ret;
	before = bg->free.bytes + bg->partial.bytes + bg->pinned.bytes;
	if (ranges_del(&bg->free, bytenr, bytenr + len) || ranges_del(&bg->partial, bytenr, bytenr + len) || ranges_del(&bg->pinned, bytenr, bytenr + len))
		return err_nomem(err);
	if (before - (bg->free.bytes + bg->partial.bytes + bg->pinned.bytes) != len)
		return err_set(err, -EUCLEAN, "[%llu, %llu) is in use by others", bytenr, bytenr + len);
	return 0;
}

int alloc_reserve(struct alloc *a, u64 type, u64 bytes, struct err *err)
{
	u64 *reserved = &a->reserved[type_index(type)], groups, chunks;
	struct block_group *bg;

	for (;;) {
		alloc_available(a, type, &groups, NULL);
		if (groups >= *reserved + bytes)
			break;
		if (chunk_create(a, type, &bg, NULL)) {
			alloc_available(a, type, &groups, &chunks);
			return err_set(err, -ENOSPC, "no space for %s of metadata (free %s, reserved %s, not in chunks yet %s)", units_human(bytes), units_human(groups),
				units_human(*reserved), units_human(chunks));
		}
	}
	*reserved += bytes;
	return 0;
}

void alloc_unreserve(struct alloc *a, u64 type, u64 bytes)
{
	a->reserved[type_index(type)] -= bytes;
}

/* After a commit: what was pinned is free. On RAID5/6 the rows opened in the transaction hold committed data now. */
static int group_committed(struct block_group *bg)
{
	struct ranges all = RANGES_INIT;
	struct range r = { 0, 0 };
	int ret = 0;

	if (!group_is_parity(bg)) {
		while (!ret && bg->loaded && ranges_next(&bg->pinned, r.end, &r))
			ret = ranges_add(&bg->free, r.start, r.end);
	} else if (bg->loaded) {
		all = bg->free;
		bg->free = (struct ranges)RANGES_INIT;
		while (!ret && ranges_next(&bg->partial, r.end, &r))
			ret = ranges_add(&all, r.start, r.end);
		r.end = 0;
		while (!ret && ranges_next(&bg->pinned, r.end, &r))
			ret = ranges_add(&all, r.start, r.end);
		ranges_fini(&bg->partial);
		ret = ret ? ret : group_add_free(bg, &all);
		ranges_fini(&all);
	}
	ranges_fini(&bg->pinned);
	ranges_fini(&bg->opened);
	bg->changed = false;
	return ret;
}

int alloc_committed(struct alloc *a, int (*fn)(void *arg, u64 bytenr, u64 len), void *arg)
{
	for (size_t i = 0; i < a->groups.len; i++) {
		struct block_group *bg = a->groups.v[i];
		struct range r = { 0, 0 };
		int ret = 0;

		if (!bg->changed)
			continue;
		while (fn && !ret && ranges_next(&bg->pinned, r.end, &r))
			ret = fn(arg, r.start, r.end - r.start);
		if (!ret)
			ret = group_committed(bg);
		if (ret)
			return ret;
	}
	chunks_committed(a);
	return moves_committed(a);
}
