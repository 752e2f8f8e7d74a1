/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which devices make the volume. */
#include "common/mem.h"
#include "common/units.h"
#include "kernel-shared/volume/private.h"

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

int volume_add_dev_item(struct volume *vol, const struct disk_dev_item *item, struct err *err)
{
	struct device *d = volume_need_device(vol, le64_get(item->devid), item->uuid);

	if (!d)
		return err_nomem(err);
	d->item = *item;
	d->has_item = true;
	memcpy(d->fsid, item->fsid, sizeof(d->fsid));
	d->total_bytes = le64_get(item->total_bytes);
	d->bytes_used = le64_get(item->bytes_used);
	d->seed = memcmp(d->fsid, super_metadata_uuid(&vol->sb), sizeof(d->fsid));
	return 0;
}

static int open_one(struct volume *vol, const struct volume_args *args, const char *spec, struct bdev **out, struct err *err)
{
	unsigned flags = (args->flags & VOLUME_WRITE ? BDEV_WRITE : 0) | (args->flags & VOLUME_FORCE_MOUNTED ? BDEV_FORCE : 0);
	struct bdev *b;
	int ret = bdev_open_spec(vol->env, spec, flags, &b, err);

	if (ret)
		return ret;
	if (args->wrap)
		ret = args->wrap(args->wrap_arg, &b, err);
	if (ret) {
		bdev_close(b);
		return ret;
	}
	*out = b;
	return 0;
}

static int read_supers(const struct volume_args *args, struct bdev *b, struct disk_super *sb, u8 *valid, struct err *err)
{
	bool lenient = args->flags & VOLUME_LENIENT;
	struct disk_super newest;
	int ret;

	if (!args->super_bytenr && args->super_copy < 0)
		return supers_read(b, lenient, sb, valid, err);
	ret = super_read_bytenr(b, args->super_bytenr ? args->super_bytenr : btrfs_super_offset[args->super_copy], lenient, sb, err);
	if (!ret && supers_read(b, true, &newest, valid, NULL))
		*valid = 0;
	return ret;
}

/* Two ways to name one device. */
static const struct device *opened_already(const struct volume *vol, const struct bdev *b)
{
	for (size_t i = 0; i < vol->devices.len; i++) {
		const struct bdev *other = vol->devices.v[i]->bdev;

		if (other && other->id[0] == b->id[0] && other->id[1] == b->id[1])
			return vol->devices.v[i];
	}
	return NULL;
}

static int add_named(struct volume *vol, const struct volume_args *args, const char *spec, struct err *err)
{
	const struct device *twice;
	struct disk_super sb;
	struct bdev *b;
	u8 valid;
	int ret = open_one(vol, args, spec, &b, err);

	if (ret)
		return ret;
	twice = opened_already(vol, b);
	if (twice)
		ret = err_set(err, -EEXIST, "%s and %s are the same device", twice->path, spec);
	if (!ret)
		ret = read_supers(args, b, &sb, &valid, err);
	if (!ret)
		ret = devset_add(vol, b, spec, &sb, valid, NULL, err);
	if (ret)
		bdev_close(b);
	return ret;
}

/* What holds for all. */
static void set_super(struct volume *vol, const struct disk_super *sb)
{
	vol->sb = *sb;
	geometry_from_super(&vol->geo, sb);
	memcpy(vol->fsids[0], super_metadata_uuid(sb), BTRFS_FSID_SIZE);
	vol->nfsids = 1;
}

/* The newest superblock speaks for the filesystem; among equals the first device named. */
static void choose_main(struct volume *vol)
{
	for (size_t i = 0; i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];

		if (d->bdev && (!vol->main || d->generation > vol->main->generation))
			vol->main = d;
	}
	set_super(vol, &vol->main->sb);
	for (size_t i = 0; i < vol->devices.len; i++)
		vol->devices.v[i]->stale = vol->devices.v[i]->generation < vol->main->generation;
}

static int check_generations(const struct volume *vol, struct err *err)
{
	for (size_t i = 0; vol->writable && i < vol->devices.len; i++)
		if (vol->devices.v[i]->stale)
			return err_set(err, -ESTALE, "%s is older than %s (generation %llu, not %llu): it has missed writes, so nothing is written",
				       vol->devices.v[i]->path, vol->main->path, vol->devices.v[i]->generation, vol->main->generation);
	return 0;
}

static int check_fsids(const struct volume *vol, struct err *err)
{
	char a[UUID_TEXT_MAX], b[UUID_TEXT_MAX];

	for (size_t i = 0; i < vol->devices.len; i++) {
		const struct device *d = vol->devices.v[i];

		if (d->bdev && memcmp(super_metadata_uuid(&d->sb), vol->fsids[0], BTRFS_FSID_SIZE))
			return err_set(err, -EINVAL, "%s and %s belong to different filesystems (%s and %s)", vol->main->path, d->path,
				       uuid_format(vol->sb.fsid, a), uuid_format(d->sb.fsid, b));
	}
	return 0;
}

static int map_system_chunks(struct volume *vol, struct err *err)
{
	const struct disk_chunk *chunk;
	struct key key;
	u32 pos = 0, size;
	int ret;

	while ((ret = super_sys_chunk_next(&vol->sb, &pos, &key, &chunk, &size, err)) > 0) {
		ret = volume_add_chunk(vol, key.offset, chunk, err);
		if (ret)
			return ret;
	}
	return ret;
}

int volume_open(struct env *env, const struct volume_args *args, struct volume **out, struct err *err)
{
	struct volume *vol = mem_zalloc(sizeof(*vol));
	int ret = 0;

	if (!vol)
		return err_nomem(err);
	vol->env = env;
	vol->flags = args->flags;
	vol->writable = args->flags & VOLUME_WRITE;
	for (unsigned i = 0; i < args->nspecs && !ret; i++)
		ret = add_named(vol, args, args->specs[i], err);
	if (!ret && !vol->devices.len)
		ret = err_set(err, -EINVAL, "no device was named");
	if (!ret) {
		choose_main(vol);
		ret = check_fsids(vol, err);
	}
	if (!ret)
		ret = super_check_features(&vol->sb, vol->writable, err);
	if (!ret)
		ret = check_generations(vol, err);
	if (!ret)
		ret = map_system_chunks(vol, err);
	if (ret) {
		volume_close(vol);
		return ret;
	}
	*out = vol;
	return 0;
}

int volume_open_source(struct env *env, struct logical_source *src, const struct disk_super *sb, const char *name, struct volume **out, struct err *err)
{
	struct volume *vol = mem_zalloc(sizeof(*vol));
	int ret;

	if (!vol)
		return err_nomem(err);
	vol->env = env;
	vol->flags = VOLUME_NOSCAN;
	vol->source = src;
	ret = devset_add(vol, NULL, name, sb, 1, &vol->main, err);
	if (!ret) {
		set_super(vol, sb);
		ret = super_check_features(&vol->sb, false, err);
	}
	if (!ret)
		ret = map_system_chunks(vol, err);
	if (ret) {
		vol->source = NULL; /* the caller's again */
		volume_close(vol);
		return ret;
	}
	*out = vol;
	return 0;
}

int volume_new(struct env *env, const struct disk_super *sb, struct volume **out, struct err *err)
{
	struct volume *vol = mem_zalloc(sizeof(*vol));

	if (!vol)
		return err_nomem(err);
	vol->env = env;
	vol->flags = VOLUME_WRITE | VOLUME_NOSCAN;
	vol->writable = true;
	set_super(vol, sb);
	*out = vol;
	return 0;
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
	vec_fini(&vol->chunks);
	vec_fini(&vol->devices);
	hmap_fini(&vol->by_id);
	if (vol->source)
		vol->source->close(vol->source);
	free(vol);
}
