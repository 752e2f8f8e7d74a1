/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Superblocks: the rules that only a mount asks for, and all copies on all devices against each other. Spec: on-disk-format 1.1, 1.11. */
#include "kernel-shared/check/internal.h"

#include <stddef.h>
#include <stdio.h>

/* Copies may differ in what is their own, and in the log that only the first one knows. */
static bool same_super(const struct disk_super *a, const struct disk_super *b)
{
	struct disk_super x = *a, y = *b;

	memset(x.csum, 0, sizeof(x.csum));
	memset(y.csum, 0, sizeof(y.csum));
	x.bytenr = y.bytenr;
	x.log_root = y.log_root;
	x.log_root_level = y.log_root_level;
	x.log_root_transid_unused = y.log_root_transid_unused;
	return !memcmp(&x, &y, sizeof(x));
}

static void check_copy(struct check *c, const struct device *d, int copy, const struct disk_super *first)
{
	struct where w = { .bytenr = btrfs_super_offset[copy], .key = KEY(d->devid, 0, copy) };
	struct err err = ERR_INIT;
	struct disk_super sb;
	int ret = volume_read_super(d->bdev, copy, &sb, &err);

	if (ret && !copy && !c->args->other_super)
		REPORT(c, CHECK_EXTENTS, SUPER_FIRST, w, d->devid, d->bdev->name, err_text(&err));
	else if (ret)
		REPORT(c, CHECK_EXTENTS, SUPER_COPY, w, copy, d->devid, d->bdev->name, err_text(&err));
	else if (le64_get(sb.generation) != le64_get(first->generation))
		REPORT(c, CHECK_EXTENTS, SUPER_COPY, w, copy, d->devid, d->bdev->name, "it is of another generation than the first");
	else if (!same_super(&sb, first))
		REPORT(c, CHECK_EXTENTS, SUPER_COPY, w, copy, d->devid, d->bdev->name, "it differs from the first");
}

static void check_device_copies(struct check *c, const struct device *d)
{
	struct disk_super first;

	if (volume_read_super(d->bdev, 0, &first, NULL))
		first = d->sb;
	for (int i = 0; i < BTRFS_SUPER_MIRROR_MAX; i++)
		if (btrfs_super_offset[i] + BTRFS_SUPER_INFO_SIZE < min_t(u64, d->total_bytes, d->bdev->size))
			check_copy(c, d, i, &first);
}

/* What has one value only, though no mount asks for it. */
static void check_fixed_fields(struct check *c)
{
	const struct disk_super *sb = c->fs->sb;
	u64 dir = le64_get(sb->root_dir_objectid);
	u32 stripe = le32_get(sb->stripesize);
	struct where w = { 0 };
	char text[64];

	if (dir != BTRFS_ROOT_TREE_DIR_OBJECTID) {
		snprintf(text, sizeof(text), "invalid root directory %llu, have to be %llu", dir, BTRFS_ROOT_TREE_DIR_OBJECTID);
		REPORT(c, CHECK_EXTENTS, SUPER_RULE, w, text);
	}
	if (stripe != c->geo->sectorsize && stripe != 4096) {
		snprintf(text, sizeof(text), "invalid stripesize %u", stripe);
		REPORT(c, CHECK_EXTENTS, SUPER_RULE, w, text);
	}
}

int pass_supers(struct check *c, struct err *err)
{
	const struct volume *vol = c->fs->vol;
	bool dump = le64_get(vol->sb.flags) & (BTRFS_SUPER_FLAG_METADUMP | BTRFS_SUPER_FLAG_METADUMP_V2);
	struct err local = ERR_INIT;
	struct where w = { 0 };

	if (super_check_mountable(&vol->sb, &local))
		REPORT(c, CHECK_EXTENTS, SUPER_RULE, w, err_text(&local));
	check_fixed_fields(c);
	if (dump || vol->source || geo_incompat(c->geo, BTRFS_FEATURE_INCOMPAT_ZONED))
		return 0;
	for (size_t i = 0; i < vol->devices.len; i++)
		if (vol->devices.v[i]->bdev && !vol->devices.v[i]->seed)
			check_device_copies(c, vol->devices.v[i]);
	return 0;
}
