/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which devices make the volume. */
#include "common/mem.h"
#include "common/units.h"
#include "kernel-shared/volume/scan.h"

static u64 device_hash(u64 devid, const u8 uuid[16])
{
	return hash_mix2(devid, hash_bytes(uuid, 16));
}

static bool device_is(const struct device *d, u64 devid, const u8 *uuid)
{
	return d->devid == devid && (!uuid || !memcmp(d->uuid, uuid, sizeof(d->uuid)));
}

struct device *volume_device(struct volume *vol, u64 devid, const u8 *uuid)
{
	if (uuid) {
		u64 *slot = hmap_get(&vol->by_id, device_hash(devid, uuid));

		if (!slot)
			return NULL;
		if (device_is(vol->devices.v[*slot - 1], devid, uuid))
			return vol->devices.v[*slot - 1];
	}
	for (size_t i = 0; i < vol->devices.len; i++)
		if (device_is(vol->devices.v[i], devid, uuid))
			return vol->devices.v[i];
	return NULL;
}

static struct device *device_new(struct volume *vol, u64 devid, const u8 uuid[16], const char *path)
{
	struct device *d = mem_zalloc(sizeof(*d));
	bool fresh;
	u64 *slot;

	if (!d)
		return NULL;
	d->devid = devid;
	memcpy(d->uuid, uuid, sizeof(d->uuid));
	d->index = vol->devices.len;
	d->path = mem_strdup(path);
	slot = d->path ? hmap_put(&vol->by_id, device_hash(devid, uuid), &fresh) : NULL;
	if (!slot || vec_push(&vol->devices, d)) {
		free(d->path);
		free(d);
		return NULL;
	}
	if (fresh)
		*slot = vol->devices.len;
	return d;
}

static void device_free(struct device *d)
{
	bdev_close(d->bdev);
	free(d->path);
	free(d);
}

struct device *volume_need_device(struct volume *vol, u64 devid, const u8 uuid[16])
{
	struct device *d = volume_device(vol, devid, uuid);

	/* Where rules may be broken a device is known by its number alone. */
	if (!d && vol->flags & VOLUME_LENIENT)
		d = volume_device(vol, devid, NULL);
	if (d)
		return d;
	d = device_new(vol, devid, uuid, "");
	if (d && !vol->source)
		vol->degraded = true;
	return d;
}

int devset_add(struct volume *vol, struct bdev *bdev, const char *path, const struct disk_super *sb, u8 valid, struct device **out, struct err *err)
{
	u64 devid = le64_get(sb->dev_item.devid);
	struct device *d = volume_device(vol, devid, sb->dev_item.uuid), *same = volume_device(vol, devid, NULL);
	char *copy;

	if (same && same->bdev && !memcmp(super_metadata_uuid(&same->sb), super_metadata_uuid(sb), BTRFS_FSID_SIZE))
		return err_set(err, -EEXIST, "%s and %s are both device %llu of the same filesystem: name the right one, and keep the other out of reach",
			       same->path, path, devid);
	copy = mem_strdup(path);
	if (!copy)
		return err_nomem(err);
	if (!d)
		d = device_new(vol, devid, sb->dev_item.uuid, "");
	if (!d) {
		free(copy);
		return err_nomem(err);
	}
	free(d->path);
	d->path = copy;
	d->bdev = bdev;
	d->sb = *sb;
	d->sb_valid = valid;
	d->generation = le64_get(sb->generation);
	memcpy(d->fsid, sb->dev_item.fsid, sizeof(d->fsid));
	if (!d->has_item) {
		d->total_bytes = le64_get(sb->dev_item.total_bytes);
		d->bytes_used = le64_get(sb->dev_item.bytes_used);
	}
	if (out)
		*out = d;
	return 0;
}

/* A seed is what it was when the filesystem grew out of it, or the filesystem is not whole. */
static int check_seed(const struct volume *vol, const struct device *d, struct err *err)
{
	if (!d->seed || !d->bdev || !d->has_item || le64_get(d->item.generation) == d->generation || vol->flags & VOLUME_LENIENT)
		return 0;
	return err_set(err, -EUCLEAN, "the seed device %s has changed: its generation is %llu, not %llu", d->path, d->generation,
		       le64_get(d->item.generation));
}

int devset_check_seeds(const struct volume *vol, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < vol->devices.len && !ret; i++)
		ret = check_seed(vol, vol->devices.v[i], err);
	return ret;
}

/* Does the device itself say that it is part of this filesystem? */
static bool says_ours(const struct volume *vol, const struct device *d)
{
	return d->bdev && !memcmp(super_metadata_uuid(&d->sb), super_metadata_uuid(&vol->sb), BTRFS_FSID_SIZE);
}

int volume_add_dev_item(struct volume *vol, const struct disk_dev_item *item, struct err *err)
{
	struct device *d = volume_need_device(vol, le64_get(item->devid), item->uuid);
	char theirs[UUID_TEXT_MAX], ours[UUID_TEXT_MAX];
	int ret = 0;

	if (!d)
		return err_nomem(err);
	d->item = *item;
	d->has_item = true;
	memcpy(d->fsid, item->fsid, sizeof(d->fsid));
	d->total_bytes = le64_get(item->total_bytes);
	d->bytes_used = le64_get(item->bytes_used);
	d->seed = memcmp(d->fsid, super_metadata_uuid(&vol->sb), sizeof(d->fsid)) && !(le64_get(vol->sb.flags) & BTRFS_SUPER_FLAG_CHANGING_FSID);
	if (d->seed && says_ours(vol, d)) {
		if (!(vol->flags & VOLUME_LENIENT))
			return err_set(err, -EUCLEAN, "the item of device %llu says that it belongs to filesystem %s, but the superblock of %s says %s", d->devid,
				       uuid_format(d->fsid, theirs), d->path, uuid_format(super_metadata_uuid(&d->sb), ours));
		d->seed = false;
	}
	if (d->seed && !vol->source)
		ret = volume_add_seed(vol, d->fsid, err);
	return ret ? ret : check_seed(vol, d, err);
}

int volume_add_device(struct volume *vol, struct bdev *bdev, const char *path, const struct disk_dev_item *item, struct device **out, struct err *err)
{
	struct disk_super sb = vol->sb;
	int ret;

	sb.dev_item = *item;
	ret = devset_add(vol, bdev, path, &sb, 0, out, err);
	if (ret)
		return ret;
	if (!vol->main)
		vol->main = *out;
	volume_count_missing(vol);
	return volume_add_dev_item(vol, item, err);
}

int volume_rename_device(struct volume *vol, struct device *dev, u64 devid, const u8 uuid[16])
{
	u64 *slot = hmap_put(&vol->by_id, device_hash(devid, uuid), NULL);

	if (!slot)
		return -ENOMEM;
	*slot = dev->index + 1;
	hmap_del(&vol->by_id, device_hash(dev->devid, dev->uuid));
	dev->devid = devid;
	memmove(dev->uuid, uuid, sizeof(dev->uuid));
	return 0;
}

static bool chunk_uses(const struct chunk *c, const struct device *dev)
{
	for (unsigned i = 0; c && i < c->num_stripes; i++)
		if (c->stripes[i].dev == dev)
			return true;
	return false;
}

int volume_remove_device(struct volume *vol, struct device *dev, struct err *err)
{
	size_t at = dev->index;

	for (size_t i = 0; i < vol->chunks.len; i++)
		if (chunk_uses(vol->chunks.v[i], dev) || chunk_uses(vol->chunks.v[i]->next, dev))
			return err_set(err, -EBUSY, "chunk %llu still uses devid %llu", vol->chunks.v[i]->start, dev->devid);
	if (vol->devices.len == 1)
		return err_set(err, -EINVAL, "%s is the last device", dev->path);
	if (dev->bdev && vec_push(&vol->retired, dev->bdev))
		return err_nomem(err);
	dev->bdev = NULL;
	vec_remove(&vol->devices, at);
	hmap_del(&vol->by_id, device_hash(dev->devid, dev->uuid));
	for (size_t i = 0; i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];
		u64 *slot = hmap_get(&vol->by_id, device_hash(d->devid, d->uuid));

		d->index = i;
		if (slot)
			*slot = i + 1;
	}
	if (vol->main == dev)
		vol->main = vol->devices.v[0];
	device_free(dev);
	volume_count_missing(vol);
	return 0;
}

void volume_close(struct volume *vol)
{
	if (!vol)
		return;
	for (size_t i = 0; i < vol->chunks.len; i++)
		chunk_free(vol->chunks.v[i]);
	for (size_t i = 0; i < vol->devices.len; i++)
		device_free(vol->devices.v[i]);
	for (size_t i = 0; i < vol->retired.len; i++)
		bdev_close(vol->retired.v[i]);
	vec_fini(&vol->retired);
	vec_fini(&vol->chunks);
	vec_fini(&vol->devices);
	hmap_fini(&vol->by_id);
	if (vol->candidates)
		found_devices_fini(&vol->candidates->found);
	free(vol->candidates);
	if (vol->source)
		vol->source->close(vol->source);
	free(vol);
}
