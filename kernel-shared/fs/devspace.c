/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies where on the devices: device extents with their chunks, the size a device could shrink to, its error counters. */
#include "common/mem.h"
#include "kernel-shared/fs/usage.h"

static int place_cmp(const void *pa, const void *pb)
{
	const struct chunk_place *a = pa, *b = pb;

	if (a->devid != b->devid)
		return a->devid < b->devid ? -1 : 1;
	return a->physical < b->physical ? -1 : a->physical > b->physical;
}

void chunk_places_sort(struct chunk_places *places)
{
	vec_sort(places, place_cmp);
}

int fs_chunk_places(struct fs *fs, struct chunk_places *out, struct err *err)
{
	int ret;

	*out = (struct chunk_places)VEC_INIT;
	for (size_t i = 0; i < fs->vol->chunks.len; i++) {
		const struct chunk *c = fs->vol->chunks.v[i];
		u64 used = 0;

		ret = fs_block_group_used(fs, c, &used, err);
		if (ret == -ENOENT)
			ret = 0;
		for (unsigned s = 0; !ret && s < c->num_stripes; s++)
			if (vec_push(out, ((struct chunk_place){ c->stripes[s].dev->devid, c->stripes[s].physical, c->stripe_length,
					c->start, c->type, used, c->length })))
				ret = err_nomem(err);
		if (ret) {
			vec_fini(out);
			return ret;
		}
	}
	chunk_places_sort(out);
	return 0;
}

int dev_spans_add(struct dev_spans *out, const struct item *item, struct err *err)
{
	u64 devid = item->key.objectid, end;

	if (item->size < sizeof(struct disk_dev_extent))
		return err_set(err, -EUCLEAN, "device extent %llu of device %llu is %u bytes long", item->key.offset, devid, item->size);
	if (add_overflows(item->key.offset, le64_get(((const struct disk_dev_extent *)item->data)->length), &end))
		return err_set(err, -EUCLEAN, "device extent %llu of device %llu ends beyond 2^64", item->key.offset, devid);
	return vec_push(out, ((struct range){ item->key.offset, end })) ? err_nomem(err) : 0;
}

/* All device extents of one device, ascending. */
static int read_dev_extents(struct fs *fs, u64 devid, struct dev_spans *out, struct err *err)
{
	struct key lo = KEY(devid, BTRFS_DEV_EXTENT_KEY, 0), hi = KEY(devid, BTRFS_DEV_EXTENT_KEY, -1ULL);
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct item item;
	int ret;

	if (!fs->dev_tree)
		return err_set(err, -EIO, "the device tree cannot be read");
	it = tree_range(&fs->dev_tree->tree, lo, hi);
	while ((ret = tree_next(&it, &item, err)) == 0) {
		ret = dev_spans_add(out, &item, err);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

static bool holds_super(u64 start, u64 end)
{
	for (unsigned i = 0; i < BTRFS_SUPER_MIRROR_MAX; i++)
		if (btrfs_super_offset[i] >= start && btrfs_super_offset[i] < end)
			return true;
	return false;
}

/*
 * Packs extents from the end of the device into the holes between them, as shrinking would, until everything lies below the
 * size or one fits nowhere. Whatever moves needs scratch room for the largest extent and for a system chunk; one that lands on
 * a superblock copy counts twice.
 */
static int packed_size(const struct dev_spans *extents, struct ranges *holes, u64 *out)
{
	u64 size = BTRFS_BLOCK_RESERVED_1M_FOR_SUPER, scratch = 0, start;

	for (size_t i = 0; i < extents->len; i++)
		size += extents->v[i].end - extents->v[i].start;
	for (size_t i = extents->len; i-- > 0 && extents->v[i].end > size;) {
		u64 len = extents->v[i].end - extents->v[i].start;

		if (!ranges_find(holes, 0, len, 1, &start)) {
			size = extents->v[i].end;
			break;
		}
		if (holds_super(start, start + len))
			size += len;
		if (ranges_del(holes, start, start + len))
			return -ENOMEM;
		scratch = max_t(u64, scratch, len);
	}
	*out = scratch ? size + scratch + MiB(32) : size;
	return 0;
}

int dev_spans_min_size(const struct dev_spans *extents, u64 *out)
{
	struct ranges holes = RANGES_INIT;
	int ret = 0;

	for (size_t i = 1; !ret && i < extents->len; i++)
		if (extents->v[i].start > extents->v[i - 1].end)
			ret = ranges_add(&holes, extents->v[i - 1].end, extents->v[i].start);
	if (!ret)
		ret = packed_size(extents, &holes, out);
	ranges_fini(&holes);
	return ret ? -ENOMEM : 0;
}

int fs_min_dev_size(struct fs *fs, u64 devid, u64 *out, struct err *err)
{
	struct dev_spans extents = VEC_INIT;
	int ret = read_dev_extents(fs, devid, &extents, err);

	if (!ret && dev_spans_min_size(&extents, out))
		ret = err_nomem(err);
	vec_fini(&extents);
	return ret;
}

int fs_dev_stats(struct fs *fs, u64 devid, struct dev_stats *out, struct err *err)
{
	struct key key = KEY(BTRFS_DEV_STATS_OBJECTID, BTRFS_PERSISTENT_ITEM_KEY, devid);
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	u64 v[5] = { 0 };
	int ret;

	if (!fs->dev_tree)
		return err_set(err, -EIO, "the device tree cannot be read");
	ret = tree_lookup(&fs->dev_tree->tree, &key, &path, &item, err);
	if (ret && ret != -ENOENT)
		return ret;
	for (unsigned i = 0; !ret && i < ARRAY_SIZE(v) && (i + 1) * sizeof(le64) <= item.size; i++)
		v[i] = get_le64(item.data + i * sizeof(le64));
	*out = (struct dev_stats){ v[0], v[1], v[2], v[3], v[4] };
	return 0;
}
