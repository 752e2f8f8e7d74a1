/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing and shrinking a device of the filesystem. */
#include "kernel-shared/fs/change.h"

static struct device *find_device(struct fs *fs, u64 devid)
{
	for (size_t i = 0; i < fs->vol->devices.len; i++)
		if (fs->vol->devices.v[i]->devid == devid)
			return fs->vol->devices.v[i];
	return NULL;
}

int op_device_resize(struct txn *txn, u64 devid, u64 size, u64 *last, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct device *d = find_device(fs, devid);
	struct op *op;
	u64 before;
	int ret;

	size = round_down_p2(size, fs->geo->sectorsize);
	*last = 0;
	if (d && d->bdev && !d->bdev->block && size > d->bdev->size) {
		ret = bdev_resize(d->bdev, size, err);
		if (ret)
			return err_wrap(err, ret, "cannot make %s longer", d->path);
	}
	ret = op_begin(txn, 0, OP_FREES, &op, err);
	if (ret)
		return ret;
	before = d ? d->total_bytes : 0;
	ret = op_end(op, device_resize(txn_alloc(txn), devid, size, last, err), err);
	if (ret && d && d->total_bytes != before)
		txn_abort(txn); /* what lies in memory alone does not come back by itself */
	return ret;
}
