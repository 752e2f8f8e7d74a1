/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks, block groups, device extents and devices against each other. Spec: on-disk-format 5.4, 5.7. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>

static int chunk_cmp(const void *a, const void *b)
{
	const struct chunk_rec *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int devext_cmp(const void *a, const void *b)
{
	const struct devext_rec *x = a, *y = b;

	if (x->devid != y->devid)
		return x->devid < y->devid ? -1 : 1;
	return x->physical < y->physical ? -1 : x->physical > y->physical;
}

static int group_cmp(const void *a, const void *b)
{
	const struct group_rec *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static struct group_rec *find_group(struct check *c, u64 start)
{
	struct group_rec want = { .start = start };

	return c->groups.len ? bsearch(&want, c->groups.v, c->groups.len, sizeof(want), group_cmp) : NULL;
}

static struct devext_rec *find_devext(struct check *c, u64 devid, u64 physical)
{
	struct devext_rec want = { .devid = devid, .physical = physical };

	return c->devexts.len ? bsearch(&want, c->devexts.v, c->devexts.len, sizeof(want), devext_cmp) : NULL;
}

static const struct disk_dev_item *find_device(const struct check *c, u64 devid)
{
	for (size_t i = 0; i < c->devices.len; i++)
		if (le64_get(c->devices.v[i].devid) == devid)
			return &c->devices.v[i];
	return NULL;
}

static u64 stripe_length(const struct chunk_rec *ch)
{
	return ch->length / profile_data_stripes(profile_of(ch->type), ch->num_stripes);
}

static void check_group(struct check *c, struct chunk_rec *ch, const struct where *w)
{
	const u64 mask = BTRFS_BLOCK_GROUP_TYPE_MASK | BTRFS_BLOCK_GROUP_PROFILE_MASK;
	struct group_rec *g = find_group(c, ch->start);

	if (!g) {
		REPORT(c, CHECK_EXTENTS, CHUNK_NO_GROUP, *w, ch->key_objectid, ch->start, ch->length, ch->start, ch->type);
		return;
	}
	g->matched = true;
	if (g->length != ch->length || ((g->flags ^ ch->type) & mask))
		REPORT(c, CHECK_EXTENTS, CHUNK_GROUP, *w, ch->key_objectid, ch->start, ch->length, ch->start, ch->type, g->start, g->length, g->start,
		       g->objectid, g->flags);
}

static void check_stripes(struct check *c, struct chunk_rec *ch, const struct where *w)
{
	for (unsigned i = 0; i < ch->num_stripes; i++) {
		u64 devid = le64_get(ch->stripes[i].devid), physical = le64_get(ch->stripes[i].offset);
		const struct disk_dev_item *dev = find_device(c, devid);
		struct devext_rec *e = find_devext(c, devid, physical);

		if (!dev || memcmp(dev->uuid, ch->stripes[i].dev_uuid, sizeof(dev->uuid)))
			REPORT(c, CHECK_EXTENTS, CHUNK_DEVICE, *w, ch->start, i, devid);
		if (!e) {
			REPORT(c, CHECK_EXTENTS, CHUNK_NO_EXTENT, *w, ch->key_objectid, ch->start, devid, physical);
			continue;
		}
		if (e->chunk != ch->start || e->length != stripe_length(ch) || e->matched)
			REPORT(c, CHECK_EXTENTS, CHUNK_EXTENT, *w, ch->key_objectid, ch->start, devid, physical, e->devid, e->physical, e->length);
		if (e->chunk == ch->start)
			e->matched = true;
	}
}

static void check_chunk(struct check *c, struct chunk_rec *ch)
{
	struct where w = { .tree = BTRFS_CHUNK_TREE_OBJECTID, .bytenr = ch->start, .len = ch->length, .key = KEY(ch->key_objectid, BTRFS_CHUNK_ITEM_KEY, ch->start) };
	u64 end;

	if (!ch->length || add_overflows(ch->start, ch->length, &end) || !ch->num_stripes) {
		REPORT(c, CHECK_EXTENTS, CHUNK_INVALID, w, ch->start, ch->length);
		return;
	}
	if (!is_aligned_p2(ch->start | ch->length, BTRFS_STRIPE_LEN))
		REPORT(c, CHECK_EXTENTS, CHUNK_UNALIGNED, w, ch->start, end);
	check_group(c, ch, &w);
	check_stripes(c, ch, &w);
}

static void check_chunk_order(struct check *c)
{
	for (size_t i = 1; i < c->chunks.len; i++) {
		const struct chunk_rec *a = &c->chunks.v[i - 1], *b = &c->chunks.v[i];
		struct where w = { .tree = BTRFS_CHUNK_TREE_OBJECTID, .bytenr = b->start, .len = b->length };

		if (b->start - a->start < a->length)
			REPORT(c, CHECK_EXTENTS, CHUNK_OVERLAP, w, b->start, b->start + b->length, a->start, a->start + a->length);
	}
}

static void check_groups(struct check *c)
{
	for (size_t i = 0; i < c->groups.len; i++) {
		const struct group_rec *g = &c->groups.v[i];
		struct where w = { .bytenr = g->start, .len = g->length, .key = KEY(g->start, BTRFS_BLOCK_GROUP_ITEM_KEY, g->length) };

		if (i && g->start - g[-1].start < g[-1].length)
			REPORT(c, CHECK_EXTENTS, GROUP_TWICE, w, g->start, g->length);
		if (!g->matched)
			REPORT(c, CHECK_EXTENTS, GROUP_NO_CHUNK, w, g->start, g->length, g->flags);
	}
}

static void check_devexts(struct check *c)
{
	u64 end = 0;

	for (size_t i = 0; i < c->devexts.len; i++) {
		const struct devext_rec *e = &c->devexts.v[i];
		struct where w = { .tree = BTRFS_DEV_TREE_OBJECTID, .bytenr = e->chunk, .len = e->length, .key = KEY(e->devid, BTRFS_DEV_EXTENT_KEY, e->physical) };
		const struct disk_dev_item *dev = find_device(c, e->devid);
		u64 e_end;

		if (add_overflows(e->physical, e->length, &e_end))
			e_end = -1ULL;
		if (!i || e[-1].devid != e->devid)
			end = 0;
		if (!e->matched)
			REPORT(c, CHECK_EXTENTS, DEVEXT_NO_CHUNK, w, e->devid, e->physical, e->length);
		if (!dev)
			REPORT(c, CHECK_EXTENTS, DEVEXT_NO_DEVICE, w, e->devid, e->physical, e->length);
		else if (e_end > le64_get(dev->total_bytes))
			REPORT(c, CHECK_EXTENTS, DEVEXT_BEYOND, w, e->devid, e->physical, e->length, le64_get(dev->total_bytes));
		if (e->physical < end)
			REPORT(c, CHECK_EXTENTS, DEVEXT_OVERLAP, w, e->devid, e->physical, end);
		end = max_t(u64, end, e_end);
	}
}

/* --- devices --- */

static u64 devext_sum(const struct check *c, u64 devid)
{
	u64 sum = 0;

	for (size_t i = 0; i < c->devexts.len; i++)
		if (c->devexts.v[i].devid == devid)
			sum += c->devexts.v[i].length;
	return sum;
}

static void check_device_super(struct check *c, const struct device *d, const struct disk_dev_item *item, const struct where *w)
{
	const struct disk_dev_item *in_super = &d->sb.dev_item;
	struct disk_dev_item x;
	u64 devid = le64_get(item->devid);

	if (d->seed || d->stale || le64_get(in_super->devid) != devid)
		return;
	if (le64_get(in_super->total_bytes) != le64_get(item->total_bytes))
		REPORT(c, CHECK_EXTENTS, DEV_SUPER_TOTAL, *w, devid, le64_get(item->total_bytes), le64_get(in_super->total_bytes));
	if (le64_get(in_super->bytes_used) != le64_get(item->bytes_used))
		REPORT(c, CHECK_EXTENTS, DEV_SUPER_USED, *w, devid, le64_get(item->bytes_used), le64_get(in_super->bytes_used));
	x = *in_super;
	x.total_bytes = item->total_bytes;
	x.bytes_used = item->bytes_used;
	if (memcmp(&x, item, sizeof(x)))
		REPORT(c, CHECK_EXTENTS, DEV_SUPER, *w, devid);
}

static void check_device(struct check *c, const struct disk_dev_item *item)
{
	u64 devid = le64_get(item->devid), total = le64_get(item->total_bytes), used = le64_get(item->bytes_used), sum = devext_sum(c, devid);
	struct where w = { .tree = BTRFS_CHUNK_TREE_OBJECTID, .key = KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, devid) };
	bool dump = le64_get(c->fs->sb->flags) & (BTRFS_SUPER_FLAG_METADUMP | BTRFS_SUPER_FLAG_METADUMP_V2);
	struct device *d = volume_device(c->fs->vol, devid, item->uuid);

	if (used > total)
		REPORT(c, CHECK_EXTENTS, DEV_USED_TOTAL, w, devid, used, total);
	if (sum != used)
		REPORT(c, CHECK_EXTENTS, DEV_USED_SUM, w, sum, used, devid);
	if (!is_aligned_p2(total, c->geo->sectorsize))
		REPORT(c, CHECK_EXTENTS, DEV_UNALIGNED, w, devid, total, c->geo->sectorsize);
	if (memcmp(item->fsid, super_metadata_uuid(c->fs->sb), sizeof(item->fsid)) && memcmp(item->fsid, c->fs->sb->fsid, sizeof(item->fsid)) &&
	    !(d && d->bdev && !memcmp(d->sb.fsid, item->fsid, sizeof(item->fsid))))
		REPORT(c, CHECK_EXTENTS, DEV_FSID, w, devid);
	if (!d || !d->bdev || c->fs->vol->source)
		return;
	if (!dump && d->bdev->size < total)
		REPORT(c, CHECK_EXTENTS, DEV_SMALL, w, d->bdev->size, total);
	check_device_super(c, d, item, &w);
}

/* --- the superblock's copy of the system chunks --- */

static const struct chunk_rec *find_chunk(const struct check *c, u64 start)
{
	struct chunk_rec want = { .start = start };

	return c->chunks.len ? bsearch(&want, c->chunks.v, c->chunks.len, sizeof(want), chunk_cmp) : NULL;
}

static void check_sys_array(struct check *c)
{
	const struct disk_chunk *d;
	struct key key;
	u32 pos = 0, size;
	size_t listed = 0, system = 0;

	while (super_sys_chunk_next(c->fs->sb, &pos, &key, &d, &size, NULL) > 0) {
		const struct chunk_rec *ch = find_chunk(c, key.offset);
		struct where w = { .tree = BTRFS_CHUNK_TREE_OBJECTID, .key = key, .bytenr = key.offset, .len = le64_get(d->length) };

		listed++;
		if (!ch || memcmp(&ch->head, d, sizeof(*d)) || (size - sizeof(*d)) / sizeof(struct disk_stripe) != ch->num_stripes ||
		    memcmp(ch->stripes, d->stripes, ch->num_stripes * sizeof(struct disk_stripe)))
			REPORT(c, CHECK_EXTENTS, CHUNK_SYS_ARRAY, w, key.offset);
	}
	for (size_t i = 0; i < c->chunks.len; i++)
		system += (c->chunks.v[i].type & BTRFS_BLOCK_GROUP_SYSTEM) != 0;
	if (listed < system) {
		struct where w = { .tree = BTRFS_CHUNK_TREE_OBJECTID };

		REPORT(c, CHECK_EXTENTS, CHUNK_SYS_ARRAY, w, 0ULL);
	}
}

static void check_super_devices(struct check *c)
{
	const struct disk_super *sb = c->fs->sb;
	u64 sum = 0, total = le64_get(sb->total_bytes), count = le64_get(sb->num_devices);
	struct where w = { 0 };

	for (size_t i = 0; i < c->devices.len; i++)
		sum += le64_get(c->devices.v[i].total_bytes);
	if (count != c->devices.len)
		REPORT(c, CHECK_EXTENTS, SUPER_DEVICES, w, count, (u64)c->devices.len);
	if (total < sum)
		REPORT(c, CHECK_EXTENTS, SUPER_TOTAL_SMALL, w, total, sum);
	else if (total != sum)
		REPORT(c, CHECK_EXTENTS, SUPER_TOTAL, w, total, sum);
}

int pass_chunks(struct check *c, struct err *err)
{
	bool flat = le64_get(c->fs->sb->flags) & BTRFS_SUPER_FLAG_METADUMP;

	vec_sort(&c->chunks, chunk_cmp);
	vec_sort(&c->devexts, devext_cmp);
	vec_sort(&c->groups, group_cmp);
	for (size_t i = 0; i < c->chunks.len; i++)
		check_chunk(c, &c->chunks.v[i]);
	check_chunk_order(c);
	check_groups(c);
	if (flat)
		return 0;
	check_devexts(c);
	for (size_t i = 0; i < c->devices.len; i++)
		check_device(c, &c->devices.v[i]);
	check_super_devices(c);
	check_sys_array(c);
	return 0;
}
