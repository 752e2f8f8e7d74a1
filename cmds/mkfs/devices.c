/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of a new filesystem: opened, and whether they are large enough. Spec: cli 18.3. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/mkfs/mkfs.h"
#include "cmds/newdev/newdev.h"
#include "common/mem.h"

static int check_use(struct mkfs *k, const char *path)
{
	bool plain = !strchr(path, '@');

	return access(path, F_OK) && (k->args->rootdir || !plain) ? 0 : newdev_check_use(k->ctx, path);
}

static int open_device(struct mkfs *k, struct make_device *d)
{
	struct stat st;
	bool there = !stat(d->path, &st);
	int ret = check_use(k, d->path);

	if (ret)
		return ret;
	for (struct make_device *o = k->p.devices; o < d; o++)
		if (!strcmp(o->path, d->path))
			return cmd_error(k->ctx, "%s was given twice", d->path);
	k->created |= !there && k->args->rootdir && !strchr(d->path, '@');
	if (bdev_open_spec(k->ctx->env, d->path, BDEV_WRITE | (k->args->rootdir ? BDEV_CREATE : 0), &d->bdev, &k->ctx->err)) {
		k->created = false;
		return cmd_fail(k->ctx, "unable to open %s", d->path);
	}
	return k->args->force || k->created ? 0 : newdev_refuse_content(k->ctx, d->bdev, d->path);
}

static int size_device(struct mkfs *k, struct make_device *d, u64 min)
{
	u64 want = k->args->bytes;

	d->bytes = round_down_p2(k->args->has_bytes ? want : d->bdev->size, k->p.sectorsize);
	if (k->args->has_bytes && !k->args->rootdir && d->bdev->size < want)
		return cmd_error(k->ctx, "%s is smaller than requested size, expected %llu, found %llu", d->path, want, d->bdev->size);
	if (k->p.fit != MAKE_FIXED)
		return 0;
	if (d->bytes < min) {
		cmd_error(k->ctx, "'%s' is too small to make a usable filesystem", d->path);
		return cmd_error(k->ctx, "minimum size for each btrfs device is %llu", min);
	}
	return 0;
}

/* A regular file that is filled may grow; one that did not exist becomes as large as needed. */
static enum make_fit fit_of(struct mkfs *k)
{
	const struct bdev *b = k->p.devices[0].bdev;

	if (!k->args->rootdir || b->block || b->lower)
		return MAKE_FIXED;
	return k->args->shrink || (!b->size && !k->args->has_bytes) ? MAKE_FIT : MAKE_GROW;
}

int mkfs_open_devices(struct mkfs *k)
{
	u64 min = make_min_size(&k->p);
	int ret = 0;

	if (k->args->has_bytes && round_down_p2(k->args->bytes, k->p.sectorsize) < min && !k->args->rootdir) {
		cmd_error(k->ctx, "size %llu is too small to make a usable filesystem", k->args->bytes);
		return cmd_error(k->ctx, "minimum size for a btrfs filesystem is %llu", min);
	}
	for (unsigned i = 0; i < k->p.ndevs && !ret; i++)
		ret = open_device(k, &k->p.devices[i]);
	if (ret)
		return ret;
	k->ssd = k->p.devices[0].bdev->block && !k->p.devices[0].bdev->rotational;
	k->p.fit = fit_of(k);
	for (unsigned i = 0; i < k->p.ndevs && !ret; i++)
		ret = size_device(k, &k->p.devices[i], min);
	return ret;
}

void mkfs_close_devices(struct mkfs *k)
{
	for (unsigned i = 0; i < k->p.ndevs; i++) {
		bdev_close(k->p.devices[i].bdev);
		k->p.devices[i].bdev = NULL;
	}
	if (k->created)
		unlink(k->p.devices[0].path);
}

int mkfs_trim(struct mkfs *k)
{
	int ret = 0;

	for (unsigned i = 0; i < k->p.ndevs && !k->args->nodiscard && !ret; i++)
		ret = newdev_trim(k->ctx, k->p.devices[i].bdev, k->p.devices[i].path, k->p.devices[i].bytes);
	return ret;
}
