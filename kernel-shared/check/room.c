/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Free space for those who write blocks themselves: what no live block, no extent item and nothing that must stay lies on. */
#include "kernel-shared/check/survey.h"

static int take_out(struct ranges *r, const struct blockmap *m, const struct chunk *c, u32 len)
{
	for (u64 at = c->start; blockmap_next(m, &at, c->start + c->length); at += m->sectorsize)
		if (ranges_del(r, at, at + len))
			return -ENOMEM;
	return 0;
}

static int take_out_super(void *arg, u64 logical, u64 len)
{
	u64 from = logical / BTRFS_STRIPE_LEN * BTRFS_STRIPE_LEN;

	return ranges_del(arg, from, div_round_up(logical + len, BTRFS_STRIPE_LEN) * BTRFS_STRIPE_LEN);
}

static int take_out_supers(struct ranges *r, const struct volume *vol)
{
	int ret = 0;

	for (size_t i = 0; i < vol->devices.len; i++)
		for (int copy = 0; !ret && copy < BTRFS_SUPER_MIRROR_MAX; copy++)
			ret = rio_reverse(vol, vol->devices.v[i], btrfs_super_offset[copy], BTRFS_STRIPE_LEN, take_out_super, r);
	return ret;
}

static bool writable(const struct chunk *c)
{
	for (unsigned i = 0; i < c->num_stripes; i++)
		if (c->stripes[i].dev->seed)
			return false;
	return c->missing <= c->profile->tolerated;
}

/* What its block group calls something else may hold data. */
static bool disputed(const struct repair *r, const struct chunk *c)
{
	for (size_t i = 0; i < r->found.len; i++)
		if (r->found.v[i].id == PROBLEM_CHUNK_GROUP && r->found.v[i].bytenr == c->start)
			return true;
	return false;
}

static int add_chunk(struct ranges *r, const struct survey *s, const struct chunk *c)
{
	u32 node = s->fs->geo->nodesize;

	if (ranges_add(r, c->start, c->start + c->length) || take_out(r, &s->live, c, node) || take_out(r, &s->claimed, c, node) ||
	    take_out(r, &s->data, c, s->fs->geo->sectorsize))
		return -ENOMEM;
	return take_out(r, &s->r->keep, c, node);
}

int room_init(struct room *room, const struct survey *s, struct err *err)
{
	const struct volume *vol = s->fs->vol;
	int ret = 0;

	*room = (struct room){ .meta = RANGES_INIT, .system = RANGES_INIT };
	for (size_t i = 0; !ret && i < vol->chunks.len; i++) {
		const struct chunk *c = vol->chunks.v[i];

		if (c->type & (BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM) && writable(c) && !disputed(s->r, c))
			ret = add_chunk(c->type & BTRFS_BLOCK_GROUP_SYSTEM ? &room->system : &room->meta, s, c);
	}
	if (!ret)
		ret = take_out_supers(&room->meta, vol);
	if (!ret)
		ret = take_out_supers(&room->system, vol);
	return ret ? err_nomem(err) : 0;
}

void room_fini(struct room *room)
{
	ranges_fini(&room->meta);
	ranges_fini(&room->system);
}

int room_take(struct room *room, const struct geometry *geo, bool system, u64 *bytenr, struct err *err)
{
	struct ranges *r = system ? &room->system : &room->meta;
	u64 *pos = system ? &room->system_pos : &room->meta_pos;

	if (!ranges_find(r, *pos, geo->nodesize, geo->nodesize, bytenr))
		return err_set(err, -ENOSPC, "no free %s space for a tree block", system ? "system" : "metadata");
	*pos = *bytenr + geo->nodesize;
	return 0;
}
