/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading whole devices for tree blocks of this filesystem. */
#include "kernel-shared/check/chunkscan.h"

#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/format/items.h"

enum { PIECE = 4 << 20 };

/* --- gathering: the newest of each --- */

static int add_chunk(struct chunk_scan *s, const struct item *item, u64 gen)
{
	const struct disk_chunk *c = item_struct(item, struct disk_chunk);
	struct scan_chunk n = { .start = item->key.offset, .generation = gen, .size = item->size };

	if (!c)
		return 0;
	for (size_t i = 0; i < s->chunks.len; i++) {
		struct scan_chunk *old = &s->chunks.v[i];

		if (old->start != n.start)
			continue;
		if (old->generation >= gen)
			return 0;
		free(old->item);
		*old = n;
		old->item = mem_dup(c, item->size);
		return old->item ? 0 : -ENOMEM;
	}
	n.item = mem_dup(c, item->size);
	return n.item ? vec_push(&s->chunks, n) : -ENOMEM;
}

static int add_group(struct chunk_scan *s, const struct item *item, u64 gen)
{
	const struct disk_block_group_item *g = item_struct(item, struct disk_block_group_item);

	if (!g)
		return 0;
	for (size_t i = 0; i < s->groups.len; i++) {
		struct scan_group *old = &s->groups.v[i];

		if (old->start == item->key.objectid) {
			if (old->generation < gen)
				*old = (struct scan_group){ item->key.objectid, item->key.offset, le64_get(g->flags), gen };
			return 0;
		}
	}
	return vec_push(&s->groups, ((struct scan_group){ item->key.objectid, item->key.offset, le64_get(g->flags), gen }));
}

static int add_extent(struct chunk_scan *s, const struct item *item, u64 gen)
{
	const struct disk_dev_extent *e = item_struct(item, struct disk_dev_extent);
	struct scan_extent n = { item->key.objectid, item->key.offset, e ? le64_get(e->length) : 0, e ? le64_get(e->chunk_offset) : 0, gen };

	if (!e)
		return 0;
	for (size_t i = 0; i < s->extents.len; i++) {
		struct scan_extent *old = &s->extents.v[i];

		if (old->devid == n.devid && old->physical == n.physical) {
			if (old->generation < gen)
				*old = n;
			return 0;
		}
	}
	return vec_push(&s->extents, n);
}

static int add_device(struct chunk_scan *s, const struct item *item, u64 gen)
{
	const struct disk_dev_item *d = item_struct(item, struct disk_dev_item);

	if (!d)
		return 0;
	for (size_t i = 0; i < s->devices.len; i++)
		if (le64_get(s->devices.v[i].item.devid) == item->key.offset) {
			if (s->devices.v[i].generation < gen)
				s->devices.v[i] = (struct scan_device){ *d, gen };
			return 0;
		}
	return vec_push(&s->devices, ((struct scan_device){ *d, gen }));
}

static int scan_leaf(struct chunk_scan *s, const u8 *block)
{
	u64 gen = block_generation(block);
	int ret = 0;

	for (u32 i = 0; !ret && i < block_nritems(block); i++) {
		struct item item = block_item(block, i);

		switch (item.key.type) {
		case BTRFS_CHUNK_ITEM_KEY: ret = add_chunk(s, &item, gen); break;
		case BTRFS_BLOCK_GROUP_ITEM_KEY: ret = add_group(s, &item, gen); break;
		case BTRFS_DEV_EXTENT_KEY: ret = add_extent(s, &item, gen); break;
		case BTRFS_DEV_ITEM_KEY: ret = add_device(s, &item, gen); break;
		}
	}
	return ret;
}

static bool of_interest(u64 owner)
{
	return owner == BTRFS_CHUNK_TREE_OBJECTID || owner == BTRFS_DEV_TREE_OBJECTID || owner == BTRFS_EXTENT_TREE_OBJECTID || owner == BTRFS_BLOCK_GROUP_TREE_OBJECTID;
}

static int scan_block(struct chunk_scan *s, struct volume *vol, const struct device *d, u64 physical, const u8 *block)
{
	struct validator v = { .geo = &vol->geo };

	if (memcmp(block_header(block)->fsid, vol->fsids[0], BTRFS_FSID_SIZE) || !block_check_csum(&vol->geo, block, NULL) ||
	    block_generation(block) > vol->geo.generation || block_validate(&v, block))
		return 0;
	if (vec_push(&s->places, ((struct scan_place){ block_bytenr(block), d->devid, physical })))
		return -ENOMEM;
	return block_level(block) || !of_interest(block_owner(block)) ? 0 : scan_leaf(s, block);
}

static int scan_device(struct chunk_scan *s, struct volume *vol, struct device *d, u8 *buf, struct err *err)
{
	u32 node = vol->geo.nodesize, step = vol->geo.sectorsize;
	u64 pos = 0, start, len;
	int ret = 0;

	while (!ret && pos + node <= d->bdev->size && !(ret = bdev_next_data(d->bdev, pos, &start, &len)) && len) {
		u64 at = max_t(u64, pos, round_down_p2(start, step)), size = min_t(u64, PIECE, d->bdev->size - at);

		ret = bdev_read(d->bdev, at, buf, size, err);
		for (u64 off = 0; !ret && off + node <= size; off += step)
			if (scan_block(s, vol, d, at + off, buf + off))
				ret = err_nomem(err);
		pos = at + (size > node ? size - node + step : step);
		pos = round_down_p2(pos, step);
		if (s->progress)
			s->progress(s->arg, d->index, at + size, false);
		if (!ret)
			ret = env_check_interrupt(vol->env, err);
	}
	if (!ret && s->progress)
		s->progress(s->arg, d->index, d->bdev->size, true);
	return ret;
}

int chunk_scan_run(struct chunk_scan *s, struct volume *vol, struct err *err)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(PIECE);
	int ret = buf ? 0 : err_nomem(err);

	for (size_t i = 0; !ret && i < vol->devices.len; i++)
		if (vol->devices.v[i]->bdev && !vol->devices.v[i]->seed)
			ret = scan_device(s, vol, vol->devices.v[i], buf, err);
	return ret;
}

void chunk_scan_fini(struct chunk_scan *s)
{
	for (size_t i = 0; i < s->chunks.len; i++)
		free(s->chunks.v[i].item);
	vec_fini(&s->chunks);
	vec_fini(&s->groups);
	vec_fini(&s->extents);
	vec_fini(&s->devices);
	vec_fini(&s->places);
}
