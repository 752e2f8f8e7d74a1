/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The size of a device. Spec: on-disk-format 1.6, 5.2. */
#include "kernel-shared/alloc/internal.h"

#include "common/units.h"

enum { DEVICE_MIN = 2 << 20 /* the first MiB is nobody's, and a superblock lies in it */ };

static struct device *find_device(struct alloc *a, u64 devid)
{
	for (size_t i = 0; i < a->vol->devices.len; i++)
		if (a->vol->devices.v[i]->devid == devid && !a->vol->devices.v[i]->seed)
			return a->vol->devices.v[i];
	return NULL;
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
