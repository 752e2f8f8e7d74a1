/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How large a new chunk is and where its stripes go: from the sizes and holes of devices alone. Spec: on-disk-format 5.6. */
#include "kernel-shared/alloc/alloc.h"

#include "common/mem.h"
#include "common/units.h"
#include "kernel-shared/format/profile.h"

/* A device as the planner sees it: its best hole. */
struct candidate { const struct dev_space *dev; u64 hole_start, hole, total; };

struct limits { u64 stripe, chunk, min_stripe; };

static struct limits limits_of(enum chunk_policy policy, u64 flags, u64 fs_bytes)
{
	bool profile = flags & BTRFS_BLOCK_GROUP_PROFILE_MASK, large = fs_bytes > GiB(50);
	u64 meta = large ? GiB(1) : MiB(256);
	struct limits l;

	if (policy == CHUNK_KERNEL) {
		l.chunk = flags & BTRFS_BLOCK_GROUP_DATA ? GiB(10) : flags & BTRFS_BLOCK_GROUP_SYSTEM ? MiB(32) : meta;
		l.stripe = min_t(u64, l.chunk, GiB(1));
		l.min_stripe = BTRFS_STRIPE_LEN;
	} else if (!profile) {
		l = (struct limits){ MiB(8), MiB(32), MiB(1) };
	} else if (flags & BTRFS_BLOCK_GROUP_SYSTEM) {
		l = (struct limits){ MiB(8), MiB(16), MiB(1) };
	} else if (flags & BTRFS_BLOCK_GROUP_DATA) {
		l = (struct limits){ GiB(1), GiB(10), MiB(64) };
	} else {
		l = (struct limits){ meta, meta, MiB(32) };
	}
	l.chunk = min_t(u64, l.chunk, fs_bytes / 10);
	return l;
}

/* The first hole of at least want bytes, else the largest. */
static void best_hole(struct candidate *c, u64 want)
{
	u64 pos = BTRFS_BLOCK_RESERVED_1M_FOR_SUPER, start;
	struct range used;

	c->hole = c->hole_start = c->total = 0;
	while (pos < c->dev->total_bytes) {
		bool more = ranges_next(&c->dev->used, pos, &used);
		u64 end = more ? min_t(u64, used.start, c->dev->total_bytes) : c->dev->total_bytes;

		start = round_up_p2(pos, BTRFS_STRIPE_LEN);
		if (end > start) {
			u64 len = end - start;

			c->total += len;
			if (c->hole < want && len > c->hole) {
				c->hole = len;
				c->hole_start = start;
			}
		}
		if (!more)
			break;
		pos = max_t(u64, used.end, pos);
	}
}

/* Most room first; equal ones by devid, so that the result does not depend on the order in which devices came. */
static int by_room(const void *x, const void *y)
{
	const struct candidate *a = x, *b = y;

	if (a->hole != b->hole)
		return a->hole > b->hole ? -1 : 1;
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	return a->dev->devid < b->dev->devid ? -1 : a->dev->devid > b->dev->devid;
}

static u64 stripe_size(enum chunk_policy policy, const struct limits *l, u64 avail, unsigned num_stripes, unsigned data_stripes)
{
	u64 stripe = min_t(u64, l->stripe, avail);

	if (policy == CHUNK_KERNEL) {
		stripe = avail;
		if (stripe * data_stripes > l->chunk)
			stripe = min_t(u64, div_round_up(l->chunk / data_stripes, MiB(16)) * MiB(16), avail);
		stripe = min_t(u64, stripe, l->stripe);
	} else if (l->stripe * data_stripes > l->chunk) {
		/* The limit is of the chunk, yet it is shared by all stripes: so do the incumbent's tools. */
		stripe = min_t(u64, max_t(u64, l->chunk / num_stripes, l->min_stripe), avail);
	}
	return round_down_p2(stripe, BTRFS_STRIPE_LEN);
}

/* How many stripes a chunk item may list. */
static unsigned stripes_max(const struct geometry *geo, u64 flags)
{
	if (flags & BTRFS_BLOCK_GROUP_SYSTEM)
		return (BTRFS_SYSTEM_CHUNK_ARRAY_SIZE - 2 * sizeof(struct disk_key) - 2 * (sizeof(struct disk_chunk) + sizeof(struct disk_stripe)))
			/ sizeof(struct disk_stripe) + 1;
	return (geo_leafdata(geo) - sizeof(struct disk_item) - sizeof(struct disk_chunk) - sizeof(struct disk_stripe)) / sizeof(struct disk_stripe) + 1;
}

static int plan_fill(const struct profile *p, enum chunk_policy policy, const struct limits *l, const struct candidate *c, unsigned ndevs, struct chunk_plan *out)
{
	unsigned num = ndevs * p->dev_stripes, data = profile_data_stripes(p, num);
	u64 stripe = stripe_size(policy, l, c[ndevs - 1].hole / p->dev_stripes, num, data);

	if (stripe < l->min_stripe || !stripe)
		return -ENOSPC;
	out->stripe_length = stripe;
	out->length = stripe * data;
	out->num_stripes = num;
	out->sub_stripes = p->sub_stripes;
	for (unsigned i = 0; i < num; i++) {
		const struct candidate *at = &c[i / p->dev_stripes];

		out->stripes[i].devid = at->dev->devid;
		out->stripes[i].physical = at->hole_start + i % p->dev_stripes * stripe;
	}
	return 0;
}

int chunk_plan(const struct geometry *geo, enum chunk_policy policy, u64 flags, u64 fs_bytes, const struct dev_space *devs, unsigned ndevs,
	       struct chunk_plan *out, struct err *err)
{
	const struct profile *p = profile_of(flags);
	struct limits l = limits_of(policy, flags, fs_bytes);
	struct candidate *c CLEANUP(mem_freep) = mem_calloc(ndevs ? ndevs : 1, sizeof(*c));
	unsigned max = p->max_devs ? p->max_devs : stripes_max(geo, flags), n = 0;
	u64 room = 0;

	if (!c)
		return err_nomem(err);
	for (unsigned i = 0; i < ndevs; i++) {
		c[n].dev = &devs[i];
		best_hole(&c[n], l.stripe * p->dev_stripes);
		room += c[n].total;
		if (c[n].hole >= (u64)l.min_stripe * p->dev_stripes)
			n++;
	}
	qsort(c, n, sizeof(*c), by_room);
	n = min_t(unsigned, n, max);
	for (n -= n % p->devs_increment; n && n >= p->min_devs; n -= p->devs_increment)
		if (!plan_fill(p, policy, &l, c, n, out))
			return 0;
	return err_set(err, -ENOSPC, "no room for a %s %s chunk on %u device%s (%s not in chunks, at least %u device%s needed)", bg_type_name(flags), p->name, ndevs,
		ndevs == 1 ? "" : "s", units_human(room), p->min_devs, p->min_devs == 1 ? "" : "s");
}
