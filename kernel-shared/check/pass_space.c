/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The free space tree against what the extent tree leaves free. Both come in ascending order, so they are compared as they go by.
 * Spec: on-disk-format 3.15. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/tree/salvage.h"

struct space_cmp {
	struct check *c;
	struct salvage it;
	struct item item;     /* the next one */
	bool more, broken;    /* broken: blocks are lost, nothing can be said */
	u64 orphan_end;       /* of a description without block group that was told already */
	/* of this group */
	const struct group_rec *g;
	u64 end;
	bool usable, wrong, bitmaps;
	u32 recorded, counted;
	struct { u64 start, end; } run; /* the free run that the tree names next; empty: none left */
	bool has_run;
	u64 bit;              /* next of the current bitmap */
	u64 last_end;         /* of the run before */
};

static int advance(struct space_cmp *s, struct err *err)
{
	int ret = salvage_next(&s->it, &s->item, err);

	s->bit = 0;
	s->more = !ret;
	if (ret == 1)
		s->broken = true;
	if (ret == 1 || ret == -ENOENT) {
		err_clear(err);
		return 0;
	}
	return ret;
}

int fst_cmp_begin(struct check *c, struct space_cmp **out, struct err *err)
{
	struct space_cmp *s;
	struct where w = { .tree = BTRFS_FREE_SPACE_TREE_OBJECTID };

	if (!geo_compat_ro(c->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE))
		return 0;
	if (!c->fs->free_space_tree) {
		REPORT(c, CHECK_FREE_SPACE, TREE_MISSING, w, "free space");
		return 0;
	}
	if (!geo_compat_ro(c->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE_VALID))
		return 0;
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return err_nomem(err);
	s->c = c;
	s->it = salvage_range(&c->fs->free_space_tree->tree, KEY_MIN, KEY_MAX);
	*out = s;
	return advance(s, err);
}

void fst_cmp_end(struct space_cmp *s)
{
	if (s)
		salvage_fini(&s->it);
	free(s);
}

static struct where item_where(const struct space_cmp *s)
{
	return (struct where){ .tree = BTRFS_FREE_SPACE_TREE_OBJECTID, .key = s->item.key, .bytenr = s->item.key.objectid, .order = s->item.key.objectid };
}

/* Items before pos belong to no block group. */
static int skip_orphans(struct space_cmp *s, u64 pos, struct err *err)
{
	int ret = 0;

	while (!ret && s->more && !s->broken && s->item.key.objectid < pos) {
		struct key *k = &s->item.key;
		struct where w = item_where(s);

		if (k->type == BTRFS_FREE_SPACE_INFO_KEY) {
			REPORT(s->c, CHECK_FREE_SPACE, SPACE_ORPHAN, w, k->objectid, k->offset);
			if (add_overflows(k->objectid, k->offset, &s->orphan_end))
				s->orphan_end = -1ULL;
		} else if (k->objectid >= s->orphan_end) {
			REPORT(s->c, CHECK_FREE_SPACE, SPACE_ORPHAN_KEY, w, k->objectid, k->objectid, k->type, k->offset);
		}
		ret = advance(s, err);
	}
	return ret;
}

/* --- the runs that the tree names --- */

static void note_run(struct space_cmp *s, u64 start, u64 end)
{
	struct where w = item_where(s);

	if (end > s->end) {
		REPORT(s->c, CHECK_FREE_SPACE, SPACE_BEYOND, w, s->bitmaps ? "bitmap" : "extent", "ends", end, s->g->start, s->end);
		s->wrong = true;
	}
	if (start < s->last_end) {
		REPORT(s->c, CHECK_FREE_SPACE, SPACE_OVERLAP, w, start, end, s->run.start, s->last_end);
		s->wrong = true;
	} else if (start == s->last_end && s->counted) {
		REPORT(s->c, CHECK_FREE_SPACE, SPACE_UNMERGED, w, start, end, s->run.start, s->last_end);
		s->wrong = true;
	}
	s->run.start = start;
	s->run.end = end;
	s->last_end = end;
	s->has_run = true;
	s->counted++;
}

static bool bitmap_bit(const struct space_cmp *s, u64 bit)
{
	return s->item.data[bit / 8] >> bit % 8 & 1;
}

static u64 bitmap_bits(const struct space_cmp *s)
{
	return min_t(u64, s->item.key.offset / s->c->geo->sectorsize, (u64)s->item.size * 8);
}

static bool in_group(const struct space_cmp *s)
{
	return s->more && !s->broken && s->item.key.objectid < s->end &&
	       !(s->item.key.type == BTRFS_FREE_SPACE_INFO_KEY && s->item.key.objectid > s->g->start);
}

/* The next run out of bitmaps: one may go on in the next bitmap. */
static int next_bitmap_run(struct space_cmp *s, struct err *err)
{
	u32 sector = s->c->geo->sectorsize;
	u64 start = 0, end = 0;
	int ret = 0;

	while (!ret && in_group(s)) {
		u64 bits = bitmap_bits(s), base = s->item.key.objectid;

		if (s->item.key.type != BTRFS_FREE_SPACE_BITMAP_KEY || (end > start && base != end && !s->bit))
			break;
		while (end == start && s->bit < bits && !bitmap_bit(s, s->bit))
			s->bit++;
		if (end == start && s->bit < bits)
			start = end = base + s->bit * sector;
		for (; s->bit < bits && bitmap_bit(s, s->bit); s->bit++)
			end = base + (s->bit + 1) * sector;
		if (s->bit < bits)
			break;
		ret = advance(s, err);
	}
	if (end > start)
		note_run(s, start, end);
	return ret;
}

static int next_run(struct space_cmp *s, struct err *err)
{
	int ret = 0;

	s->has_run = false;
	while (!ret && !s->has_run && in_group(s)) {
		struct key k = s->item.key;
		struct where w = item_where(s);
		u8 want = s->bitmaps ? BTRFS_FREE_SPACE_BITMAP_KEY : BTRFS_FREE_SPACE_EXTENT_KEY;
		u64 end;

		if (k.type != want) {
			REPORT(s->c, CHECK_FREE_SPACE, SPACE_KEY, w, k.type);
			s->wrong = true;
			ret = advance(s, err);
			continue;
		}
		if (s->bitmaps) {
			ret = next_bitmap_run(s, err);
			continue;
		}
		if (add_overflows(k.objectid, k.offset, &end))
			end = -1ULL;
		note_run(s, k.objectid, end);
		ret = advance(s, err);
	}
	return ret;
}

/* --- group by group --- */

int fst_cmp_group(struct space_cmp *s, const struct group_rec *g, struct err *err)
{
	const struct disk_free_space_info *info;
	struct where w = { .tree = BTRFS_FREE_SPACE_TREE_OBJECTID, .bytenr = g->start, .order = g->start };
	int ret = skip_orphans(s, g->start, err);

	s->g = g;
	s->usable = s->wrong = false;
	s->counted = 0;
	s->last_end = 0;
	s->has_run = false;
	if (ret || s->broken)
		return ret;
	if (add_overflows(g->start, g->length, &s->end))
		s->end = -1ULL;
	if (!s->more || s->item.key.objectid != g->start || s->item.key.type != BTRFS_FREE_SPACE_INFO_KEY || s->item.key.offset != g->length) {
		REPORT(s->c, CHECK_FREE_SPACE, SPACE_NO_INFO, w, g->start);
		return 0;
	}
	info = item_struct(&s->item, struct disk_free_space_info);
	if (info) {
		s->usable = true;
		s->recorded = le32_get(info->extent_count);
		s->bitmaps = le32_get(info->flags) & BTRFS_FREE_SPACE_USING_BITMAPS;
	}
	ret = advance(s, err);
	return ret ? ret : next_run(s, err);
}

static void space_wrong(struct space_cmp *s)
{
	struct where w = { .tree = BTRFS_FREE_SPACE_TREE_OBJECTID, .bytenr = s->g->start, .len = s->g->length, .order = s->g->start + 1 };

	REPORT(s->c, CHECK_FREE_SPACE, SPACE_GROUP, w, s->g->start);
}

int fst_cmp_free(struct space_cmp *s, u64 start, u64 end, struct err *err)
{
	struct where w = { .tree = BTRFS_FREE_SPACE_TREE_OBJECTID, .bytenr = start, .len = end - start, .order = s->g->start };

	if (!s->usable || s->wrong || s->broken)
		return 0;
	if (s->has_run && s->run.start == start && s->run.end == end)
		return next_run(s, err);
	if (!s->has_run || s->run.start > start)
		REPORT(s->c, CHECK_FREE_SPACE, SPACE_NO_ENTRY, w, start, end);
	else if (s->run.start != start)
		REPORT(s->c, CHECK_FREE_SPACE, SPACE_OFFSET, w, start, s->run.start);
	else
		REPORT(s->c, CHECK_FREE_SPACE, SPACE_BYTES, w, end - start, s->run.end - s->run.start, start);
	s->wrong = true;
	return 0;
}

int fst_cmp_group_end(struct space_cmp *s, struct err *err)
{
	struct where w = { .tree = BTRFS_FREE_SPACE_TREE_OBJECTID, .bytenr = s->g->start, .order = s->g->start };
	int ret = 0;

	if (!s->usable || s->broken)
		return 0;
	if (!s->wrong && s->has_run) {
		REPORT(s->c, CHECK_FREE_SPACE, SPACE_LEFT, w);
		s->wrong = true;
	}
	while (!ret && in_group(s))
		ret = next_run(s, err);
	if (!ret && !s->broken && s->counted != s->recorded)
		REPORT(s->c, CHECK_FREE_SPACE, SPACE_COUNT, w, s->recorded, s->counted);
	if (s->wrong)
		space_wrong(s);
	s->orphan_end = s->end;
	return ret;
}

int fst_cmp_finish(struct space_cmp *s, struct err *err)
{
	return skip_orphans(s, -1ULL, err);
}
