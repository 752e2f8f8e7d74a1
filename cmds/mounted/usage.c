/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include "common/mem.h"
#include "common/units.h"
#include "kernel-shared/kapi/search.h"
#include "kernel-shared/kapi/sysfs.h"

int mounted_device(const struct host *h, u64 devid, struct device_usage *out)
{
	struct kdev_info dev;
	char file[64];
	u64 missing = 0, writeable = 1;
	int ret = kdev_info(h->fd, devid, &dev);

	if (ret)
		return ret;
	snprintf(file, sizeof(file), "devinfo/%llu/missing", devid);
	ksysfs_u64(h->info.fsid, file, &missing);
	snprintf(file, sizeof(file), "devinfo/%llu/writeable", devid);
	ksysfs_u64(h->info.fsid, file, &writeable);
	*out = (struct device_usage){ .devid = devid, .size = dev.total_bytes, .allocated = dev.bytes_used, .missing = missing || !dev.path[0],
		.writeable = writeable };
	if (!out->missing && kdevice_size(dev.path, &out->real_size))
		out->real_size = 0;
	out->path = mem_strdup(dev.path);
	return out->path ? 0 : -ENOMEM;
}

/* A seed has the fsid of another filesystem. */
static bool is_seed(const struct host *h, u64 devid)
{
	char file[64], fsid[UUID_TEXT_MAX + 1], ours[UUID_TEXT_MAX];

	snprintf(file, sizeof(file), "devinfo/%llu/fsid", devid);
	return !ksysfs_read(h->info.fsid, file, fsid, sizeof(fsid)) && *fsid && strcmp(fsid, uuid_format(h->info.fsid, ours));
}

static int add_devices(const struct host *h, struct fs_usage *u)
{
	for (u64 id = 0; id <= h->info.max_devid; id++) {
		struct device_usage d;
		int ret;

		if (is_seed(h, id)) {
			u->seeds = true;
			continue;
		}
		ret = mounted_device(h, id, &d);
		if (ret == -ENODEV)
			continue;
		if (!ret && vec_push(&u->devices, d)) {
			free(d.path);
			ret = -ENOMEM;
		}
		if (ret)
			return ret;
	}
	return 0;
}

static int add_spaces(const struct host *h, struct fs_usage *u)
{
	struct kspace *spaces;
	unsigned n;
	int ret = kspace_info(h->fd, &spaces, &n);

	if (ret)
		return ret;
	for (unsigned i = 0; !ret && i < n; i++) {
		u64 flags = spaces[i].flags;

		if (flags & KSPACE_GLOBAL_RSV) {
			u->reserve_size = spaces[i].total;
			u->reserve_used = spaces[i].used;
			continue;
		}
		flags &= BTRFS_BLOCK_GROUP_TYPE_MASK | BTRFS_BLOCK_GROUP_PROFILE_MASK;
		ret = vec_push(&u->spaces, ((struct space_usage){ .flags = flags, .total = spaces[i].total, .used = spaces[i].used }));
		u->bytes_used += spaces[i].used;
	}
	free(spaces);
	return ret;
}

static int add_chunk(struct fs_usage *u, const struct item *item)
{
	const struct disk_chunk *c = item_struct(item, struct disk_chunk);
	unsigned n = le16_get(c->num_stripes);
	u64 type = le64_get(c->type), on_each = le64_get(c->length) / profile_data_stripes(profile_of(type), n);

	for (unsigned i = 0; i < n; i++)
		if (fs_usage_add_stripe(u, type, le64_get(c->stripes[i].devid), on_each, n))
			return -ENOMEM;
	return 0;
}

static int add_chunks(const struct host *h, struct fs_usage *u, struct err *err)
{
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(h->fd, BTRFS_CHUNK_TREE_OBJECTID, KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, 0),
							       KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, -1ULL));
	struct item item;
	int ret;

	while (!(ret = ksearch_next(&s, &item, err)))
		if (add_chunk(u, &item))
			return err_nomem(err);
	return ret == -ENOENT ? 0 : ret;
}

/* Where there is but one device, all that the chunk tree says of its space follows from the totals; and the tree of a large filesystem has
 * ten thousands of chunks. Profiles that place several parts of a chunk on it in other ways than DUP, and zones, whose capacity is less
 * than their length, do not occur here. */
static bool is_simple(const struct fs_usage *u, const struct geometry *geo)
{
	if (u->devices.len != 1 || u->seeds || u->devices.v[0].missing || geo_incompat(geo, BTRFS_FEATURE_INCOMPAT_ZONED | BTRFS_FEATURE_INCOMPAT_REMAP_TREE))
		return false;
	for (size_t i = 0; i < u->spaces.len; i++)
		if (u->spaces.v[i].flags & BTRFS_BLOCK_GROUP_PROFILE_MASK & ~(BTRFS_BLOCK_GROUP_DUP | BTRFS_BLOCK_GROUP_RAID0))
			return false;
	return true;
}

static int place_simple(const struct host *h, struct fs_usage *u, struct err *err)
{
	struct key first = KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, 0);
	u8 none[1];
	int ret = ksearch_first(h->fd, BTRFS_CHUNK_TREE_OBJECTID, first, KEY_MAX, NULL, none, 0, NULL, err); /* may we? */

	for (size_t i = 0; !ret && i < u->spaces.len; i++) {
		const struct space_usage *s = &u->spaces.v[i];
		unsigned copies = profile_of(s->flags)->copies;

		if (s->total && fs_usage_add_stripe(u, s->flags, u->devices.v[0].devid, s->total * copies, copies))
			ret = err_nomem(err);
	}
	return ret;
}

/* What an ordinary user is told lets the bytes on all devices be computed, unless parity takes part. */
static int guess_chunks(struct cmd_ctx *ctx, struct fs_usage *u)
{
	bool parity = false;

	u->anonymous = true;
	cmd_warn(ctx, "cannot read detailed chunk info, per-device usage will not be shown, run as root");
	for (size_t i = 0; i < u->spaces.len; i++) {
		const struct space_usage *s = &u->spaces.v[i];
		const struct profile *p = profile_of(s->flags);

		parity |= p->parity;
		if (!p->parity && fs_usage_add_stripe(u, s->flags, 0, s->total * p->copies, 0))
			return -ENOMEM;
	}
	if (parity)
		cmd_warn(ctx, "raid56 found, we cannot compute some values, run as root if needed");
	return 0;
}

static int gather(struct cmd_ctx *ctx, const struct host *h, struct fs_usage *u)
{
	struct geometry geo;
	struct statvfs vfs;
	int ret = klabel_get(h->fd, u->label);

	if (!ret)
		ret = kgeometry(h->fd, &geo);
	if (!ret)
		ret = add_devices(h, u);
	if (!ret)
		ret = add_spaces(h, u);
	if (!ret && fstatvfs(h->fd, &vfs))
		ret = -errno;
	if (ret)
		return err_errno(&ctx->err, ret, "the kernel does not tell");
	u->mixed = geo_incompat(&geo, BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS);
	u->statfs_avail = (u64)vfs.f_bavail * vfs.f_frsize;
	ret = is_simple(u, &geo) ? place_simple(h, u, &ctx->err) : add_chunks(h, u, &ctx->err);
	if (ret != -EPERM)
		return ret;
	err_clear(&ctx->err);
	return guess_chunks(ctx, u) ? err_nomem(&ctx->err) : 0;
}

static void begin(const struct host *h, struct fs_usage *out)
{
	*out = (struct fs_usage){ .sectorsize = h->info.sectorsize };
	memcpy(out->fsid, h->info.fsid, sizeof(out->fsid));
}

int mounted_spaces(struct cmd_ctx *ctx, const struct host *h, struct fs_usage *out)
{
	int ret;

	begin(h, out);
	ret = add_spaces(h, out);
	if (!ret)
		return 0;
	fs_usage_fini(out);
	return cmd_error(ctx, "cannot read how the space of %s is used: %s", h->path, strerror(-ret));
}

int mounted_usage(struct cmd_ctx *ctx, const struct host *h, struct fs_usage *out)
{
	begin(h, out);
	if (!gather(ctx, h, out)) {
		fs_usage_sort(out);
		return 0;
	}
	fs_usage_fini(out);
	return cmd_fail(ctx, "cannot read how the space of %s is used", h->path);
}
