/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the chunks found are those of today, and those that no chunk item was found for: a block group says where, how long and of which kind, the device
 * extents say on which devices, and the tree blocks met there say in which order. */
#include "kernel-shared/check/chunkscan.h"

#include <stdlib.h>
#include "common/mem.h"

static const struct scan_group *group_at(const struct chunk_scan *s, u64 start)
{
	for (size_t i = 0; i < s->groups.len; i++)
		if (s->groups.v[i].start == start)
			return &s->groups.v[i];
	return NULL;
}

static bool extent_says(const struct chunk_scan *s, u64 devid, u64 physical, u64 chunk)
{
	for (size_t i = 0; i < s->extents.len; i++)
		if (s->extents.v[i].devid == devid && s->extents.v[i].physical == physical)
			return s->extents.v[i].chunk == chunk;
	return true; /* nobody says otherwise */
}

/* No newer block group or device extent contradicts the item. */
static bool chunk_holds(const struct chunk_scan *s, const struct scan_chunk *c)
{
	const u64 mask = BTRFS_BLOCK_GROUP_TYPE_MASK | BTRFS_BLOCK_GROUP_PROFILE_MASK;
	const struct scan_group *g = group_at(s, c->start);

	if (g && (g->length != le64_get(c->item->length) || ((g->flags ^ le64_get(c->item->type)) & mask)))
		return false;
	for (unsigned i = 0; i < le16_get(c->item->num_stripes); i++)
		if (!extent_says(s, le64_get(c->item->stripes[i].devid), le64_get(c->item->stripes[i].offset), c->start))
			return false;
	return true;
}

static int drop_stale(struct chunk_scan *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->chunks.len; i++) {
		if (chunk_holds(s, &s->chunks.v[i]))
			s->chunks.v[n++] = s->chunks.v[i];
		else
			free(s->chunks.v[i].item);
	}
	s->chunks.len = n;
	return 0;
}

static bool has_chunk(const struct chunk_scan *s, u64 start)
{
	for (size_t i = 0; i < s->chunks.len; i++)
		if (s->chunks.v[i].start == start)
			return true;
	return false;
}

/* Extents that newer ones lie on are gone. */
static void drop_covered(struct chunk_scan *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->extents.len; i++) {
		const struct scan_extent *e = &s->extents.v[i];
		bool covered = false;

		for (size_t k = 0; !covered && k < s->extents.len; k++) {
			const struct scan_extent *o = &s->extents.v[k];

			covered = o->devid == e->devid && o->generation > e->generation && o->physical < e->physical + e->length && e->physical < o->physical + o->length;
		}
		if (!covered)
			s->extents.v[n++] = *e;
	}
	s->extents.len = n;
}

/* --- from device extents --- */

static bool striped(u64 flags)
{
	return flags & (BTRFS_BLOCK_GROUP_RAID0 | BTRFS_BLOCK_GROUP_RAID10 | BTRFS_BLOCK_GROUP_RAID56_MASK);
}

static bool is_parity(const struct chunk *c, u64 row, unsigned nr)
{
	for (unsigned role = c->data_stripes; c->type & BTRFS_BLOCK_GROUP_RAID56_MASK && role < c->num_stripes; role++)
		if ((row + role) % c->num_stripes == nr)
			return true;
	return false;
}

/* Does a tree block that was met in this device extent lie where stripe number nr would put it? */
static bool stripe_fits(const struct chunk_scan *s, const struct chunk *c, const struct scan_extent *e, unsigned nr, bool *known)
{
	for (size_t i = 0; i < s->places.len; i++) {
		const struct scan_place *p = &s->places.v[i];
		u64 off = p->bytenr - c->start, row, col, data = c->data_stripes;
		unsigned at;

		if (p->devid != e->devid || p->physical < e->physical || p->physical - e->physical >= e->length || p->bytenr < c->start || off >= c->length)
			continue;
		*known = true;
		row = off / BTRFS_STRIPE_LEN / data;
		col = off / BTRFS_STRIPE_LEN % data;
		if (c->type & BTRFS_BLOCK_GROUP_RAID56_MASK)
			at = (row + col) % c->num_stripes;
		else if (c->type & BTRFS_BLOCK_GROUP_RAID10)
			at = col * c->sub_stripes + nr % c->sub_stripes;
		else
			at = col;
		/* in a row that holds one block alone its parity is the block again */
		if (p->physical - e->physical != row * BTRFS_STRIPE_LEN + off % BTRFS_STRIPE_LEN || (at != nr && !is_parity(c, row, nr)))
			return false;
	}
	return true;
}

/* In order: each extent at the one place that its tree blocks allow; those without any fill the rest as they come. */
static bool order_stripes(const struct chunk_scan *s, const struct chunk *c, const struct scan_extent *const *in, const struct scan_extent **out)
{
	bool used[BTRFS_CHUNK_STRIPES_MAX] = { false };
	unsigned n = c->num_stripes;

	for (unsigned nr = 0; nr < n; nr++) {
		out[nr] = NULL;
		for (unsigned i = 0; i < n && !out[nr]; i++) {
			bool known = false;

			if (used[i] || !stripe_fits(s, c, in[i], nr, &known) || !known)
				continue;
			out[nr] = in[i];
			used[i] = true;
		}
	}
	for (unsigned nr = 0; nr < n; nr++)
		for (unsigned i = 0; i < n && !out[nr]; i++)
			if (!used[i]) {
				bool known = false;

				if (!stripe_fits(s, c, in[i], nr, &known) && known)
					continue;
				out[nr] = in[i];
				used[i] = true;
			}
	for (unsigned nr = 0; nr < n; nr++)
		if (!out[nr])
			return false;
	return true;
}

static int by_device(const void *a, const void *b)
{
	const struct scan_extent *x = *(const struct scan_extent *const *)a, *y = *(const struct scan_extent *const *)b;

	if (x->devid != y->devid)
		return x->devid < y->devid ? -1 : 1;
	return x->physical < y->physical ? -1 : x->physical > y->physical;
}

static const u8 *uuid_of(const struct chunk_scan *s, struct volume *vol, u64 devid)
{
	const struct device *d = volume_device(vol, devid, NULL);

	for (size_t i = 0; i < s->devices.len; i++)
		if (le64_get(s->devices.v[i].item.devid) == devid)
			return s->devices.v[i].item.uuid;
	return d ? d->uuid : NULL;
}

static struct disk_chunk *make_item(const struct chunk_scan *s, struct volume *vol, const struct scan_group *g, const struct scan_extent **stripes, unsigned n)
{
	const struct profile *p = profile_of(g->flags);
	struct disk_chunk *c = mem_zalloc(sizeof(*c) + n * sizeof(c->stripes[0]));

	if (!c)
		return NULL;
	c->length = le64_of(g->length);
	c->owner = le64_of(BTRFS_EXTENT_TREE_OBJECTID);
	c->stripe_len = le64_of(BTRFS_STRIPE_LEN);
	c->type = le64_of(g->flags);
	c->io_align = c->io_width = le32_of(BTRFS_STRIPE_LEN);
	c->sector_size = le32_of(vol->geo.sectorsize);
	c->num_stripes = le16_of(n);
	c->sub_stripes = le16_of(max_t(unsigned, p->sub_stripes, 1));
	for (unsigned i = 0; i < n; i++) {
		const u8 *uuid = uuid_of(s, vol, stripes[i]->devid);

		c->stripes[i].devid = le64_of(stripes[i]->devid);
		c->stripes[i].offset = le64_of(stripes[i]->physical);
		if (uuid)
			memcpy(c->stripes[i].dev_uuid, uuid, BTRFS_UUID_SIZE);
	}
	return c;
}

static int from_extents(struct chunk_scan *s, struct volume *vol, const struct scan_group *g)
{
	const struct profile *p = profile_of(g->flags);
	VEC(const struct scan_extent *) in = VEC_INIT, out = VEC_INIT;
	struct chunk c = { .start = g->start, .length = g->length, .type = g->flags, .profile = p };
	struct scan_chunk made = { .start = g->start, .generation = g->generation, .rebuilt = true };
	int ret = 0;

	for (size_t i = 0; !ret && i < s->extents.len; i++)
		if (s->extents.v[i].chunk == g->start)
			ret = vec_push(&in, &s->extents.v[i]) ? -ENOMEM : vec_push(&out, NULL);
	c.num_stripes = in.len;
	c.sub_stripes = max_t(unsigned, p->sub_stripes, 1);
	c.data_stripes = in.len ? profile_data_stripes(p, in.len) : 0;
	vec_sort(&in, by_device);
	if (!ret && (!in.len || in.len > BTRFS_CHUNK_STRIPES_MAX || in.v[0]->length * c.data_stripes != g->length || in.len < p->dev_stripes)) {
		s->unrecoverable++;
	} else if (!ret && striped(g->flags) && !order_stripes(s, &c, in.v, out.v)) {
		s->unrecoverable++;
	} else if (!ret) {
		made.item = make_item(s, vol, g, striped(g->flags) ? out.v : in.v, in.len);
		made.size = sizeof(*made.item) + in.len * sizeof(made.item->stripes[0]);
		ret = made.item ? vec_push(&s->chunks, made) : -ENOMEM;
	}
	vec_fini(&in);
	vec_fini(&out);
	return ret;
}

static int by_start(const void *a, const void *b)
{
	const struct scan_chunk *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int chunk_scan_settle(struct chunk_scan *s, struct volume *vol, struct err *err)
{
	int ret;

	drop_covered(s);
	ret = drop_stale(s);
	for (size_t i = 0; !ret && i < s->groups.len; i++)
		if (!has_chunk(s, s->groups.v[i].start))
			ret = from_extents(s, vol, &s->groups.v[i]);
	vec_sort(&s->chunks, by_start);
	return ret ? err_nomem(err) : 0;
}
