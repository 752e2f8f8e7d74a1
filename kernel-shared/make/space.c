/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things go in a new filesystem: chunks on devices, tree blocks and data in chunks, each filled from front to back. */
#include "common/mem.h"
#include "kernel-shared/make/internal.h"

/* Where the incumbent's first chunks lie. With a metadata profile they are only passing, but what is laid out meanwhile steps over them. */
#define FIRST_SYSTEM MiB(4)
#define FIRST_METADATA MiB(8)
#define FIRST_START BTRFS_BLOCK_RESERVED_1M_FOR_SUPER

int space_init(struct maker *m, struct err *err)
{
	m->space = mem_calloc(m->p.ndevs, sizeof(*m->space));
	if (!m->space)
		return err_nomem(err);
	for (unsigned i = 0; i < m->p.ndevs; i++) {
		m->space[i].devid = i + 1;
		m->space[i].total_bytes = m->p.devices[i].bytes;
	}
	m->next_logical = FIRST_START;
	return 0;
}

void space_fini(struct maker *m)
{
	for (size_t i = 0; i < m->groups.len; i++) {
		ranges_fini(&m->groups.v[i]->excluded);
		free(m->groups.v[i]->item);
		free(m->groups.v[i]);
	}
	vec_fini(&m->groups);
	for (unsigned i = 0; m->space && i < m->p.ndevs; i++)
		ranges_fini(&m->space[i].used);
	free(m->space);
}

static u64 total_bytes(const struct maker *m)
{
	u64 sum = 0;

	for (unsigned i = 0; i < m->p.ndevs; i++)
		sum += m->space[i].total_bytes;
	return sum;
}

struct exclusion { struct make_group *g; };

/* A logical range that a superblock copy lies in, widened to whole stripes (RAID5/6: to the full row). */
static int exclude(void *arg, u64 logical, u64 len)
{
	struct make_group *g = ((struct exclusion *)arg)->g;
	u64 unit = BTRFS_STRIPE_LEN, from, to;

	if (logical < g->start || logical - g->start >= g->length)
		return 0;
	if (g->flags & BTRFS_BLOCK_GROUP_RAID56_MASK)
		unit *= profile_data_stripes(profile_of(g->flags), le16_get(g->item->num_stripes));
	from = g->start + (logical - g->start) / unit * unit;
	to = g->start + div_round_up(logical + len - g->start, unit) * unit;
	return ranges_add(&g->excluded, from, min_t(u64, to, g->start + g->length));
}

static int group_exclude(struct maker *m, struct make_group *g)
{
	struct exclusion x = { g };
	int ret = 0;

	for (size_t i = 0; i < m->vol->devices.len && !ret; i++)
		for (int copy = 0; copy < BTRFS_SUPER_MIRROR_MAX && !ret; copy++)
			ret = rio_reverse(m->vol, m->vol->devices.v[i], btrfs_super_offset[copy], BTRFS_STRIPE_LEN, exclude, &x);
	return ret;
}

static int group_item(struct maker *m, struct make_group *g, const struct chunk_plan *plan)
{
	struct disk_chunk *d;

	g->item_size = sizeof(*d) + plan->num_stripes * sizeof(struct disk_stripe);
	g->item = d = mem_zalloc(g->item_size);
	if (!d)
		return -ENOMEM;
	d->length = le64_of(g->length);
	d->owner = le64_of(BTRFS_EXTENT_TREE_OBJECTID);
	d->stripe_len = le64_of(BTRFS_STRIPE_LEN);
	d->type = le64_of(g->flags);
	d->io_align = d->io_width = le32_of(BTRFS_STRIPE_LEN);
	d->sector_size = le32_of(m->p.sectorsize);
	d->num_stripes = le16_of(plan->num_stripes);
	d->sub_stripes = le16_of(max_t(unsigned, plan->sub_stripes, 1));
	for (unsigned i = 0; i < plan->num_stripes; i++) {
		d->stripes[i].devid = le64_of(plan->stripes[i].devid);
		d->stripes[i].offset = le64_of(plan->stripes[i].physical);
		memcpy(d->stripes[i].dev_uuid, m->p.devices[plan->stripes[i].devid - 1].uuid, BTRFS_UUID_SIZE);
	}
	return 0;
}

/* A file that fits grows with its chunks. */
static int device_reach(struct maker *m, u64 devid, u64 end, struct err *err)
{
	struct bdev *b = m->vol->devices.v[devid - 1]->bdev;

	return m->p.fit != MAKE_FIXED && b->size < end ? bdev_resize(b, end, err) : 0;
}

static int group_add(struct maker *m, u64 flags, const struct chunk_plan *plan, struct err *err)
{
	struct make_group *g = mem_zalloc(sizeof(*g));
	int ret;

	if (!g || vec_push(&m->groups, g)) {
		free(g);
		return err_nomem(err);
	}
	g->flags = flags;
	g->start = g->cursor = m->next_logical;
	g->length = plan->length;
	g->stripe_length = plan->stripe_length;
	m->next_logical += plan->length;
	if (group_item(m, g, plan))
		return err_nomem(err);
	for (unsigned i = 0; i < plan->num_stripes; i++) {
		u64 physical = plan->stripes[i].physical, devid = plan->stripes[i].devid;

		if (ranges_add(&m->space[devid - 1].used, physical, physical + plan->stripe_length))
			return err_nomem(err);
		ret = device_reach(m, devid, physical + plan->stripe_length, err);
		if (ret)
			return ret;
	}
	ret = volume_add_chunk(m->vol, g->start, g->item, err);
	return ret ? ret : group_exclude(m, g) ? err_nomem(err) : 0;
}

/* A chunk that lies where it is told to, on the first device. */
static int fixed_chunk(struct maker *m, u64 flags, u64 physical, u64 len, struct err *err)
{
	struct chunk_plan *plan CLEANUP(mem_freep) = mem_zalloc(sizeof(*plan));

	if (!plan)
		return err_nomem(err);
	plan->length = plan->stripe_length = len;
	plan->num_stripes = plan->sub_stripes = 1;
	plan->stripes[0].devid = 1;
	plan->stripes[0].physical = physical;
	return group_add(m, flags, plan, err);
}

/* Shortens a planned chunk of one device. */
static void plan_clip(struct chunk_plan *plan, u64 len)
{
	len = round_up_p2(len, MiB(1));
	if (len >= plan->length)
		return;
	for (unsigned i = 1; i < plan->num_stripes; i++)
		plan->stripes[i].physical = plan->stripes[0].physical + i * len;
	plan->length = plan->stripe_length = len;
}

static u64 held(const struct maker *m, u64 type)
{
	u64 sum = 0;

	for (size_t i = 0; i < m->groups.len; i++)
		if (m->groups.v[i]->flags & type)
			sum += m->groups.v[i]->length;
	return sum;
}

/* How much of a type is still expected to come; what is more than expected comes in small portions. */
static u64 wanted(const struct maker *m, u64 type)
{
	u64 expect = type & BTRFS_BLOCK_GROUP_DATA ? m->p.expect_data : m->p.expect_metadata, have = held(m, type);

	if (type & BTRFS_BLOCK_GROUP_METADATA)
		expect = max_t(u64, expect, MiB(32));
	if (m->p.mixed)
		expect = m->p.expect_data + m->p.expect_metadata + MiB(16);
	return max_t(u64, expect > have ? expect - have : 0, MiB(8));
}

static u64 profile_for(const struct maker *m, u64 type)
{
	return type & BTRFS_BLOCK_GROUP_DATA && !m->p.mixed ? m->p.data : m->p.metadata;
}

static int planned_chunk(struct maker *m, enum chunk_policy policy, u64 type, unsigned ndevs, struct err *err)
{
	struct chunk_plan *plan CLEANUP(mem_freep) = mem_zalloc(sizeof(*plan));
	u64 flags = type | profile_for(m, type), bytes = 0;
	int ret;

	if (!plan)
		return err_nomem(err);
	for (unsigned i = 0; i < ndevs; i++)
		bytes += m->space[i].total_bytes;
	while ((ret = chunk_plan(make_geo(m), policy, flags, bytes, m->space, ndevs, plan, err)) == -ENOSPC && m->p.fit != MAKE_FIXED) {
		err_clear(err);
		m->space[0].total_bytes += max_t(u64, MiB(256), wanted(m, type) * 2);
		bytes = m->space[0].total_bytes;
	}
	if (ret)
		return ret;
	if (m->p.fit == MAKE_FIT && !(type & BTRFS_BLOCK_GROUP_SYSTEM))
		plan_clip(plan, wanted(m, type));
	return group_add(m, flags, plan, err);
}

int space_new_chunk(struct maker *m, u64 type, struct err *err)
{
	return planned_chunk(m, CHUNK_KERNEL, type, m->p.ndevs, err);
}

int space_first_chunks(struct maker *m, struct err *err)
{
	u64 meta = BTRFS_BLOCK_GROUP_METADATA | (m->p.mixed ? BTRFS_BLOCK_GROUP_DATA : 0);
	u64 first_len = min_t(u64, FIRST_METADATA, round_down_p2(max_t(u64, m->space[0].total_bytes / 10, MiB(1)), BTRFS_STRIPE_LEN));
	u64 first_end = FIRST_START + FIRST_SYSTEM + first_len;
	bool fit = m->p.fit == MAKE_FIT;
	int ret = 0;

	if (!fit && !m->p.metadata) {
		ret = fixed_chunk(m, BTRFS_BLOCK_GROUP_SYSTEM, FIRST_START, FIRST_SYSTEM, err);
		if (!ret)
			ret = fixed_chunk(m, meta, FIRST_START + FIRST_SYSTEM, first_len, err);
	} else if (!fit) {
		m->next_logical = first_end;
		ret = ranges_add(&m->space[0].used, FIRST_START, first_end);
	}
	if (!ret && !fit && !m->p.mixed && !m->p.data)
		ret = planned_chunk(m, CHUNK_TOOLS, BTRFS_BLOCK_GROUP_DATA, 1, err);
	if (!ret && (fit || m->p.metadata))
		ret = planned_chunk(m, CHUNK_TOOLS, BTRFS_BLOCK_GROUP_SYSTEM, m->p.ndevs, err);
	if (!ret && (fit || m->p.metadata))
		ret = planned_chunk(m, fit ? CHUNK_KERNEL : CHUNK_TOOLS, meta, m->p.ndevs, err);
	if (!ret && !m->p.mixed && (fit || m->p.data))
		ret = planned_chunk(m, fit ? CHUNK_KERNEL : CHUNK_TOOLS, BTRFS_BLOCK_GROUP_DATA, m->p.ndevs, err);
	if (!ret && !fit && m->p.metadata)
		ret = ranges_del(&m->space[0].used, FIRST_START, first_end);
	/* Data that comes must not take the room of the metadata that describes it. */
	while (!ret && held(m, BTRFS_BLOCK_GROUP_METADATA) < m->p.expect_metadata && !m->p.mixed) {
		ret = space_new_chunk(m, BTRFS_BLOCK_GROUP_METADATA, err);
		if (ret == -ENOSPC)
			return 0;
	}
	return ret;
}

/* The first place for len bytes behind the cursor that no superblock copy lies in. */
static bool group_take(struct make_group *g, u64 len, u64 align, u64 *bytenr)
{
	u64 pos = round_up_p2(g->cursor, align);
	struct range r;

	while (ranges_next(&g->excluded, pos, &r) && r.start < pos + len)
		pos = round_up_p2(r.end, align);
	if (pos > g->start + g->length || len > g->start + g->length - pos)
		return false;
	*bytenr = pos;
	g->cursor = pos + len;
	g->used += len;
	return true;
}

static bool block_in_groups(struct maker *m, u64 type, u64 *bytenr)
{
	for (size_t i = 0; i < m->groups.len; i++)
		if (m->groups.v[i]->flags & type && group_take(m->groups.v[i], m->p.nodesize, m->p.nodesize, bytenr))
			return true;
	return false;
}

int space_block(struct maker *m, u64 owner, u64 *bytenr, struct err *err)
{
	u64 type = owner == BTRFS_CHUNK_TREE_OBJECTID ? BTRFS_BLOCK_GROUP_SYSTEM : BTRFS_BLOCK_GROUP_METADATA;

	while (!block_in_groups(m, type, bytenr)) {
		int ret = space_new_chunk(m, type | (type & BTRFS_BLOCK_GROUP_METADATA && m->p.mixed ? BTRFS_BLOCK_GROUP_DATA : 0), err);

		if (ret)
			return err_wrap(err, ret, "no space for metadata");
	}
	return vec_push(&m->blocks, ((struct make_block){ .bytenr = *bytenr, .owner = owner })) ? err_nomem(err) : 0;
}

/* As much as the group has in one piece, between min and want. */
static bool data_in_group(struct make_group *g, u64 want, u64 min, u64 sectorsize, u64 *bytenr, u64 *got)
{
	u64 pos = round_up_p2(g->cursor, sectorsize), end = g->start + g->length, limit;
	struct range r;

	for (;; pos = r.end) {
		bool more = ranges_next(&g->excluded, pos, &r);

		limit = more ? min_t(u64, r.start, end) : end;
		if (pos < limit && limit - pos >= min)
			break;
		if (!more || r.end >= end)
			return false;
	}
	*bytenr = pos;
	*got = min_t(u64, want, limit - pos);
	g->cursor = pos + *got;
	g->used += *got;
	return true;
}

int space_data(struct maker *m, u64 want, u64 min, u64 *bytenr, u64 *got, struct err *err)
{
	for (;;) {
		size_t i = m->groups.len;
		int ret;

		/* Always the newest group: addresses must ascend for the csum tree. */
		while (i && !(m->groups.v[i - 1]->flags & BTRFS_BLOCK_GROUP_DATA))
			i--;
		if (i && data_in_group(m->groups.v[i - 1], want, min, m->p.sectorsize, bytenr, got))
			return 0;
		ret = space_new_chunk(m, BTRFS_BLOCK_GROUP_DATA | (m->p.mixed ? BTRFS_BLOCK_GROUP_METADATA : 0), err);
		if (ret)
			return err_wrap(err, ret, "no space for data");
	}
}

/* The chunk at the end of the device gives back what it does not use. */
int space_clip(struct maker *m, struct err *err)
{
	struct range last;
	u64 keep;

	if (m->p.fit != MAKE_FIT || !ranges_prev(&m->space[0].used, UINT64_MAX, &last))
		return 0;
	for (size_t i = 0; i < m->groups.len; i++) {
		struct make_group *g = m->groups.v[i];

		if (g->flags != BTRFS_BLOCK_GROUP_DATA || le64_get(g->item->stripes[0].offset) + g->stripe_length != last.end)
			continue;
		keep = max_t(u64, round_up_p2(g->cursor - g->start, MiB(1)), MiB(1));
		if (keep >= g->length)
			return 0;
		if (ranges_del(&m->space[0].used, last.end - g->length + keep, last.end))
			return err_nomem(err);
		volume_remove_chunk(m->vol, g->start);
		g->length = g->stripe_length = keep;
		g->item->length = le64_of(keep);
		return volume_add_chunk(m->vol, g->start, g->item, err);
	}
	return 0;
}

int space_settle(struct maker *m, struct err *err)
{
	struct make_device *d = &m->p.devices[0];
	struct range last = { 0, 0 };

	if (m->p.fit == MAKE_FIXED)
		return 0;
	ranges_prev(&m->space[0].used, UINT64_MAX, &last);
	if (m->p.fit == MAKE_FIT || d->bytes < last.end)
		d->bytes = m->space[0].total_bytes = round_up_p2(last.end, m->p.sectorsize);
	else
		m->space[0].total_bytes = d->bytes;
	return bdev_resize(m->vol->devices.v[0]->bdev, d->bytes, err);
}

u64 maker_allocated(const struct maker *m, u64 type)
{
	u64 sum = 0;

	for (size_t i = 0; i < m->groups.len; i++)
		if ((m->groups.v[i]->flags & BTRFS_BLOCK_GROUP_TYPE_MASK) == type)
			sum += m->groups.v[i]->length;
	return sum;
}

u64 maker_total_bytes(const struct maker *m)
{
	return total_bytes(m);
}

u64 maker_device_bytes(const struct maker *m, unsigned i)
{
	return m->space[i].total_bytes;
}

u64 make_min_size(const struct make_params *p)
{
	u64 first = FIRST_START + FIRST_SYSTEM, meta_copies = p->metadata & BTRFS_BLOCK_GROUP_DUP ? 2 : 1, data_copies = p->data & BTRFS_BLOCK_GROUP_DUP ? 2 : 1;

	if (p->mixed)
		return 2 * (FIRST_START + FIRST_SYSTEM - MiB(1) + 1024ULL * p->nodesize);
	return first + 2 * FIRST_METADATA + (p->metadata ? meta_copies * MiB(40) : MiB(16)) + (p->data ? data_copies * MiB(64) : MiB(8));
}
