/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that come, go and change their size. Spec: on-disk-format 3.18, 3.23, 5.7. */
#include "kernel-shared/chunks/work.h"

static struct device *find_device(struct fs *fs, u64 devid)
{
	struct device *d = volume_device(fs->vol, devid, NULL);

	return d && d->has_item && !d->seed ? d : NULL;
}

int fs_device_add(struct fs *fs, struct bdev *bdev, const char *path, struct err *err)
{
	struct device *d = NULL;
	struct txn *txn;
	u8 uuid[16];
	int ret = txn_begin(fs->writer, &txn, err);

	if (ret) {
		bdev_close(bdev);
		return ret;
	}
	env_uuid(fs->env, uuid);
	ret = device_add(txn_alloc(txn), bdev, path, bdev->size, uuid, &d, err);
	if (ret) {
		if (!d)
			bdev_close(bdev);
		txn_abort(txn);
		return ret;
	}
	return work_commit(fs, txn, err);
}

/* --- removing --- */

static unsigned writable_devices(const struct fs *fs, const struct device *but)
{
	unsigned n = 0;

	for (size_t i = 0; i < fs->vol->devices.len; i++) {
		const struct device *d = fs->vol->devices.v[i];

		n += d != but && d->has_item && !d->seed;
	}
	return n;
}

static const char *too_few(const struct fs *fs, const struct device *dev)
{
	static const struct { u64 flag; const char *text; } rows[] = {
		{ BTRFS_BLOCK_GROUP_RAID10, "unable to go below four/two devices on raid10" }, { BTRFS_BLOCK_GROUP_RAID1, "unable to go below two devices on raid1" },
		{ BTRFS_BLOCK_GROUP_RAID1C3, "unable to go below three devices on raid1c3" }, { BTRFS_BLOCK_GROUP_RAID1C4, "unable to go below four devices on raid1c4" },
		{ BTRFS_BLOCK_GROUP_RAID5, "unable to go below two devices on raid5" }, { BTRFS_BLOCK_GROUP_RAID6, "unable to go below three/two devices on raid6" } };
	unsigned left = writable_devices(fs, dev);
	u64 used = 0;

	for (size_t i = 0; i < fs->vol->chunks.len; i++)
		used |= fs->vol->chunks.v[i]->type;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (used & rows[i].flag && left < profile_of(rows[i].flag)->min_devs)
			return rows[i].text;
	return left ? NULL : "unable to remove the only writeable device";
}

/* Nothing takes it for a member any more. */
static int wipe_supers(struct device *d, struct err *err)
{
	static const struct disk_super zero;
	int ret = 0;

	for (int copy = 0; copy < BTRFS_SUPER_MIRROR_MAX && !ret; copy++)
		if (btrfs_super_offset[copy] + sizeof(zero) <= d->bdev->size)
			ret = bdev_write(d->bdev, btrfs_super_offset[copy], &zero, sizeof(zero), err);
	return ret ? ret : bdev_flush(d->bdev, err);
}

int fs_device_remove(struct fs *fs, u64 devid, struct chunks_work *w, const char **reason, struct err *err)
{
	struct device *d = find_device(fs, devid);
	struct txn *txn;
	int ret;

	*reason = NULL;
	if (!d)
		return err_set(err, -ENODEV, "there is no device %llu", devid);
	*reason = too_few(fs, d);
	if (*reason)
		return err_set(err, -EPERM, "%s", *reason);
	ret = chunks_evacuate(fs, devid, 0, w, err);
	if (!ret)
		ret = txn_begin(fs->writer, &txn, err);
	if (ret)
		return ret;
	ret = device_drop(txn_alloc(txn), d, err);
	if (ret) {
		txn_abort(txn);
		return ret;
	}
	ret = work_commit(fs, txn, err);
	if (!ret && d->bdev)
		ret = wipe_supers(d, err);
	return ret ? ret : volume_remove_device(fs->vol, d, err);
}

/* --- replacing --- */

static bool uses(const struct chunk *c, const struct device *d)
{
	for (unsigned k = 0; k < c->num_stripes; k++)
		if (c->stripes[k].dev == d)
			return true;
	return false;
}

/* The same chunk with the target in the source's place. */
static int move_to(struct fs *fs, const struct chunk *c, const struct device *from, const struct device *to, struct err *err)
{
	struct disk_chunk *item CLEANUP(mem_freep) = mem_zalloc(sizeof(*item) + c->num_stripes * sizeof(struct disk_stripe));

	if (!item)
		return err_nomem(err);
	item->length = le64_of(c->length);
	item->stripe_len = le64_of(BTRFS_STRIPE_LEN);
	item->type = le64_of(c->type);
	item->num_stripes = le16_of(c->num_stripes);
	item->sub_stripes = le16_of(c->sub_stripes);
	for (unsigned k = 0; k < c->num_stripes; k++) {
		const struct device *d = c->stripes[k].dev == from ? to : c->stripes[k].dev;

		item->stripes[k].devid = le64_of(d->devid);
		item->stripes[k].offset = le64_of(c->stripes[k].physical);
		memcpy(item->stripes[k].dev_uuid, d->uuid, sizeof(d->uuid));
	}
	return volume_move_chunk(fs->vol, c->start, item, err);
}

static int copy_device(struct fs *fs, const struct device *from, const struct device *to, struct chunks_work *w, struct err *err)
{
	int ret = 0;

	/* all of them move before anything is written: what is written to one then goes to both */
	for (size_t i = 0; !ret && i < fs->vol->chunks.len; i++)
		if (uses(fs->vol->chunks.v[i], from))
			ret = move_to(fs, fs->vol->chunks.v[i], from, to, err);
	for (size_t i = 0; !ret && i < fs->vol->chunks.len; i++) {
		if (!fs->vol->chunks.v[i]->next)
			continue;
		ret = chunk_copy(fs, fs->vol->chunks.v[i], w->progress, err);
		w->moved++;
	}
	return ret;
}

/* What `replace status` tells afterwards. */
static int note_replaced(struct txn *txn, u64 devid, u64 size, u64 started, struct err *err)
{
	struct key key = KEY(0, BTRFS_DEV_REPLACE_KEY, 0);
	struct disk_dev_replace d = { 0 };
	s64 now;
	u32 nsec;

	env_now(txn_env(txn), &now, &nsec);
	d.src_devid = le64_of(devid);
	d.cursor_left = d.cursor_right = le64_of(size);
	d.state = le64_of(2 /* finished */);
	d.time_started = le64_of(started);
	d.time_stopped = le64_of(now);
	return tree_put(&txn_roots(txn)->dev_tree->tree, &key, &d, sizeof(d), true, err);
}

static int add_target(struct fs *fs, struct device *src, struct bdev *bdev, const char *path, struct device **out, struct err *err)
{
	struct disk_dev_item item = src->item;
	u8 uuid[16];
	int ret;

	if (bdev->size < src->total_bytes)
		return err_set(err, -EINVAL, "%s is too small: %llu bytes of device %llu are in use", path, src->total_bytes, src->devid);
	/* a name of its own for as long as both are there */
	env_uuid(fs->env, uuid);
	item.devid = le64_of(0);
	memcpy(item.uuid, uuid, sizeof(uuid));
	ret = volume_add_device(fs->vol, bdev, path, &item, out, err);
	if (ret)
		return ret;
	/* what its superblock says */
	(*out)->item = src->item;
	(*out)->fresh = true;
	return 0;
}

static int replace(struct fs *fs, struct txn *txn, struct device *src, struct device *target, bool avoid, struct chunks_work *w, struct err *err)
{
	bool stale = src->stale;
	s64 started;
	u32 nsec;
	int ret;

	env_now(fs->env, &started, &nsec);
	src->stale |= avoid;
	/* a chunk made for this commit must not lie on what goes */
	ret = alloc_device_limit(txn_alloc(txn), src->devid, 0, err);
	if (!ret)
		ret = copy_device(fs, src, target, w, err);
	if (!ret)
		ret = note_replaced(txn, src->devid, src->total_bytes, started, err);
	src->stale = stale;
	src->leaving = true;
	return ret;
}

int fs_device_replace(struct fs *fs, u64 devid, struct bdev *bdev, const char *path, bool avoid, struct chunks_work *w, struct err *err)
{
	struct device *src = find_device(fs, devid), *target = NULL;
	struct txn *txn;
	u8 uuid[16];
	int ret;

	ret = src ? txn_begin(fs->writer, &txn, err) : err_set(err, -ENODEV, "there is no device %llu", devid);
	if (ret) {
		bdev_close(bdev);
		return ret;
	}
	ret = add_target(fs, src, bdev, path, &target, err);
	if (ret) {
		if (!target)
			bdev_close(bdev);
		txn_abort(txn);
		return ret;
	}
	ret = replace(fs, txn, src, target, avoid, w, err);
	if (ret)
		txn_abort(txn);
	else
		ret = work_commit(fs, txn, err);
	if (!ret && src->bdev)
		ret = wipe_supers(src, err);
	if (ret)
		return ret;
	memcpy(uuid, src->uuid, sizeof(uuid));
	ret = volume_remove_device(fs->vol, src, err);
	return ret ? ret : volume_rename_device(fs->vol, target, devid, uuid);
}

/* --- sizes --- */

int fs_device_resize(struct fs *fs, u64 devid, u64 size, struct chunks_work *w, struct err *err)
{
	struct device *d = find_device(fs, devid);
	struct txn *txn;
	u64 last;
	int ret;

	if (!d)
		return err_set(err, -ENODEV, "there is no device %llu", devid);
	size = round_down_p2(size, fs->geo->sectorsize);
	ret = size < d->total_bytes ? chunks_evacuate(fs, devid, size, w, err) : 0;
	if (!ret)
		ret = txn_begin(fs->writer, &txn, err);
	if (ret)
		return ret;
	ret = device_resize(txn_alloc(txn), devid, size, &last, err);
	if (ret) {
		txn_abort(txn);
		return ret;
	}
	return work_commit(fs, txn, err);
}
