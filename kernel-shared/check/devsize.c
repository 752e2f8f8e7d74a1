/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the filesystem believes about the sizes of its devices, brought in line with the devices and with each other. Spec: check.md 2.4. */
#include "kernel-shared/check/repair_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include "kernel-shared/tree/modify.h"

struct sizes { struct fs *fs; struct txn *txn; void (*say)(void *arg, const char *text); void *arg; bool changed; u64 total, count; };

static void tell(struct sizes *s, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->say(s->arg, text);
}

/* Device extents: how many bytes, and where the last one ends. */
static int extents_of(struct fs *fs, u64 devid, u64 *sum, u64 *end, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&fs->dev_tree->tree, KEY(devid, BTRFS_DEV_EXTENT_KEY, 0), KEY(devid, BTRFS_DEV_EXTENT_KEY, -1ULL));
	const struct disk_dev_extent *e;
	struct item item;
	int ret;

	*sum = *end = 0;
	while (!(ret = tree_next(&it, &item, err))) {
		e = item_struct(&item, struct disk_dev_extent);
		if (!e)
			continue;
		*sum += le64_get(e->length);
		*end = max_t(u64, *end, item.key.offset + le64_get(e->length));
	}
	return ret == -ENOENT ? 0 : ret;
}

static int fix_device(struct sizes *s, const struct disk_dev_item *old, bool used, struct err *err)
{
	u64 devid = le64_get(old->devid), was = le64_get(old->total_bytes), now = round_down_p2(was, s->fs->geo->sectorsize), sum, end;
	struct device *d = volume_device(s->fs->vol, devid, old->uuid);
	struct key key = KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, devid);
	struct disk_dev_item item = *old;
	int ret = extents_of(s->fs, devid, &sum, &end, err);

	if (ret)
		return ret;
	if (!d || !d->bdev)
		return err_set(err, -ENODEV, "devid %llu is missing or not writeable", devid);
	if (d->seed)
		return err_set(err, -EOPNOTSUPP, "fixing device size with seed device is not supported yet");
	if (d->bdev->size < now)
		now = round_down_p2(d->bdev->size, s->fs->geo->sectorsize);
	if (now < was && end > now)
		return err_set(err, -EFBIG, "found dev extents covering or beyond bytenr %llu, can not shrink the device without losing data", now);
	s->total += now;
	s->count++;
	if (now == was && (!used || le64_get(old->bytes_used) == sum))
		return 0;
	item.total_bytes = le64_of(now);
	if (used && le64_get(old->bytes_used) != sum) {
		item.bytes_used = le64_of(sum);
		tell(s, "reset devid %llu bytes_used to %llu", devid, sum);
	}
	ret = tree_put(&s->fs->chunk_tree->tree, &key, &item, sizeof(item), false, err);
	if (ret)
		return ret;
	d->item = item;
	d->total_bytes = now;
	d->bytes_used = le64_get(item.bytes_used);
	s->changed = true;
	if (now != was)
		tell(s, "Fixed device size for devid %llu, old size: %llu new size: %llu", devid, was, now);
	return 0;
}

static int list_devices(struct fs *fs, struct disk_dev_item **items, size_t *n, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&fs->chunk_tree->tree, KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, 0),
								 KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, -1ULL));
	VEC(struct disk_dev_item) v = VEC_INIT;
	const struct disk_dev_item *d;
	struct item item;
	int ret;

	while (!(ret = tree_next(&it, &item, err))) {
		d = item_struct(&item, struct disk_dev_item);
		if (d && vec_push(&v, *d)) {
			vec_fini(&v);
			return err_nomem(err);
		}
	}
	*items = v.v;
	*n = v.len;
	return ret == -ENOENT ? 0 : ret;
}

int device_sizes_fix(struct fs *fs, struct txn *txn, bool used, void (*say)(void *arg, const char *text), void *arg, bool *changed, struct err *err)
{
	struct sizes s = { .fs = fs, .txn = txn, .say = say, .arg = arg };
	struct disk_super *sb = txn_super(txn);
	struct disk_dev_item *items = NULL;
	size_t n = 0;
	int ret = list_devices(fs, &items, &n, err);

	for (size_t i = 0; !ret && i < n; i++)
		ret = fix_device(&s, &items[i], used, err);
	free(items);
	if (ret)
		return ret;
	if (le64_get(sb->total_bytes) != s.total) {
		tell(&s, "Fixed super total bytes, old size: %llu new size: %llu", le64_get(sb->total_bytes), s.total);
		sb->total_bytes = le64_of(s.total);
		s.changed = true;
	}
	if (used && le64_get(sb->num_devices) != s.count) {
		sb->num_devices = le64_of(s.count);
		tell(&s, "Successfully reset super num devices to %llu", s.count);
		s.changed = true;
	}
	*changed = s.changed;
	return 0;
}
