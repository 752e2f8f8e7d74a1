/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices: their sizes, such that come and go. Spec: on-disk-format 1.6, 3.18, 5.2, 5.7. */
#include "kernel-shared/alloc/internal.h"

enum { DEVICE_MIN = 2 << 20 /* the first MiB is nobody's, and a superblock lies in it */ };

struct device *alloc_device(const struct alloc *a, u64 devid)
{
	struct device *seed = NULL;

	for (size_t i = 0; i < a->vol->devices.len; i++) {
		struct device *d = a->vol->devices.v[i];

		if (d->devid == devid && !d->seed)
			return d;
		if (d->devid == devid)
			seed = d;
	}
	return seed;
}

static struct device *find_device(struct alloc *a, u64 devid)
{
	struct device *d = alloc_device(a, devid);

	return d && !d->seed ? d : NULL;
}

int alloc_device_limit(struct alloc *a, u64 devid, u64 bytes, struct err *err)
{
	struct dev_space *s;
	int ret = devs_load(a, err);

	if (ret)
		return ret;
	s = dev_space(a, devid);
	if (s)
		s->total_bytes = min_t(u64, bytes, s->total_bytes);
	return 0;
}

int device_resize(struct alloc *a, u64 devid, u64 size, u64 *last, struct err *err)
{
	struct device *d = find_device(a, devid);
	u64 sum = le64_get(a->super->total_bytes);
	struct dev_space *s;
	struct range end;
	int ret = devs_load(a, err);

	*last = DEVICE_MIN;
	if (ret)
		return ret;
	if (!d)
		return err_set(err, -ENODEV, "there is no device %llu", devid);
	s = dev_space(a, devid);
	if (!s || !d->has_item)
		return err_set(err, -EROFS, "device %llu is missing", devid);
	if (ranges_prev(&s->used, -1ULL, &end))
		*last = max_t(u64, *last, end.end);
	if (size < *last)
		return err_set(err, -EBUSY, "device %llu is in use up to %s", devid, units_human(*last));
	if (size > d->bdev->size)
		return err_set(err, -ENOSPC, "%s is only %s long", d->path, units_human(d->bdev->size));
	if (add_overflows(sum - d->total_bytes, size, &sum))
		return err_set(err, -EOVERFLOW, "the filesystem would be larger than 16 EiB");
	d->total_bytes = s->total_bytes = size;
	a->super->total_bytes = le64_of(sum);
	return 0;
}

/* --- new ones --- */

static u64 next_devid(const struct alloc *a)
{
	u64 last = 0;

	for (size_t i = 0; i < a->vol->devices.len; i++)
		last = max_t(u64, last, a->vol->devices.v[i]->devid);
	return last + 1;
}

static struct disk_dev_item new_item(const struct alloc *a, u64 devid, u64 size, const u8 uuid[16])
{
	struct disk_dev_item item = { .devid = le64_of(devid), .total_bytes = le64_of(size), .io_align = le32_of(a->geo->sectorsize),
		.io_width = le32_of(a->geo->sectorsize), .sector_size = le32_of(a->geo->sectorsize) };

	memcpy(item.uuid, uuid, sizeof(item.uuid));
	memcpy(item.fsid, super_metadata_uuid(a->super), sizeof(item.fsid));
	return item;
}

int device_add(struct alloc *a, struct bdev *bdev, const char *path, u64 size, const u8 uuid[16], struct device **out, struct err *err)
{
	struct disk_dev_item item;
	struct dev_space s = { .used = RANGES_INIT };
	u64 sum = le64_get(a->super->total_bytes);
	int ret = devs_load(a, err);

	size = round_down_p2(size, a->geo->sectorsize);
	if (!ret && add_overflows(sum, size, &sum))
		ret = err_set(err, -EOVERFLOW, "the filesystem would be larger than 16 EiB");
	if (!ret && vec_reserve(&a->devs, a->devs.len + 1))
		ret = err_nomem(err);
	if (ret)
		return ret;
	item = new_item(a, next_devid(a), size, uuid);
	ret = volume_add_device(a->vol, bdev, path, &item, out, err);
	if (ret)
		return ret;
	(*out)->fresh = (*out)->item_missing = true;
	s.devid = (*out)->devid;
	s.total_bytes = size;
	a->devs.v[a->devs.len++] = s;
	a->super->total_bytes = le64_of(sum);
	a->super->num_devices = le64_of(le64_get(a->super->num_devices) + 1);
	return 0;
}

/* --- such that go --- */

static unsigned others(const struct alloc *a, const struct device *dev)
{
	unsigned n = 0;

	for (size_t i = 0; i < a->vol->devices.len; i++) {
		const struct device *d = a->vol->devices.v[i];

		n += d != dev && d->bdev && !d->seed && !d->leaving;
	}
	return n;
}

int device_drop(struct alloc *a, struct device *dev, struct err *err)
{
	int ret = devs_load(a, err);

	if (ret)
		return ret;
	if (dev->bytes_used)
		return err_set(err, -EBUSY, "chunks still lie on devid %llu", dev->devid);
	if (!others(a, dev))
		return err_set(err, -EINVAL, "unable to remove the only writeable device");
	if (vec_push(&a->left_devices, dev->devid))
		return err_nomem(err);
	dev->leaving = true;
	a->super->total_bytes = le64_of(le64_get(a->super->total_bytes) - dev->total_bytes);
	a->super->num_devices = le64_of(le64_get(a->super->num_devices) - 1);
	for (size_t i = 0; i < a->devs.len; i++) {
		if (a->devs.v[i].devid != dev->devid)
			continue;
		ranges_fini(&a->devs.v[i].used);
		vec_remove(&a->devs, i);
		break;
	}
	return 0;
}

/* --- items --- */

static int left_write(struct alloc *a, u64 devid, struct err *err)
{
	struct key key = KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, devid), stats = KEY(BTRFS_DEV_STATS_OBJECTID, BTRFS_PERSISTENT_ITEM_KEY, devid);
	int ret = tree_delete(&a->roots->chunk_tree->tree, &key, err);

	if (ret)
		return ret;
	ret = tree_delete(&a->roots->dev_tree->tree, &stats, err);
	if (ret == -ENOENT)
		err_clear(err);
	return ret == -ENOENT ? 0 : ret;
}

/* Items of devices that are new, that go, or whose bytes_used or size changed; the superblock of each device repeats its own. */
int devices_write(struct alloc *a, bool *changed, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < a->left_devices.len && !ret; i++) {
		*changed = true;
		ret = left_write(a, a->left_devices.v[i], err);
	}
	a->left_devices.len = 0;
	for (size_t i = 0; i < a->vol->devices.len && !ret; i++) {
		struct device *d = a->vol->devices.v[i];
		struct key key = KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, d->devid);

		if (!d->has_item || d->leaving
		    || (!d->item_missing && le64_get(d->item.bytes_used) == d->bytes_used && le64_get(d->item.total_bytes) == d->total_bytes))
			continue;
		d->item.bytes_used = le64_of(d->bytes_used);
		d->item.total_bytes = le64_of(d->total_bytes);
		if (d == a->vol->main)
			a->super->dev_item = d->item;
		*changed = true;
		ret = tree_put(&a->roots->chunk_tree->tree, &key, &d->item, sizeof(d->item), d->item_missing, err);
		d->item_missing = false;
	}
	return ret;
}
