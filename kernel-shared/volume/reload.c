/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that stay open: back to what they say, and whether they are still ours alone. */
#include "kernel-shared/volume/private.h"

static int reread(struct volume *vol, struct device *d, struct err *err)
{
	int ret = supers_read(d->bdev, vol->flags & VOLUME_LENIENT, &d->sb, &d->sb_valid, err);

	if (ret)
		return err_wrap(err, ret, "cannot read the superblock of %s again", d->path);
	d->generation = le64_get(d->sb.generation);
	d->total_bytes = le64_get(d->sb.dev_item.total_bytes);
	d->bytes_used = le64_get(d->sb.dev_item.bytes_used);
	d->has_item = false;
	return 0;
}

int volume_reload(struct volume *vol, struct err *err)
{
	static const struct volume_args args = VOLUME_ARGS_INIT;
	int ret = 0;

	for (size_t i = 0; i < vol->chunks.len; i++)
		chunk_free(vol->chunks.v[i]);
	vol->chunks.len = 0;
	vol->chunk_hint = 0;
	for (size_t i = 0; i < vol->devices.len && !ret; i++)
		if (vol->devices.v[i]->bdev)
			ret = reread(vol, vol->devices.v[i], err);
	if (ret)
		return ret;
	volume_choose_main(vol, &args);
	ret = volume_check_generations(vol, err);
	return ret ? ret : volume_map_system_chunks(vol, err);
}

static int check_untouched(struct volume *vol, const struct device *d, struct err *err)
{
	struct disk_super sb;
	char *who = NULL;
	int ret = bdev_in_use(bdev_bottom(d->bdev)->name, &who, NULL);

	if (ret > 0)
		ret = err_set(err, -EBUSY, "%s has come into use meanwhile: %s", d->path, who ? who : "by another program");
	else
		ret = volume_read_super(d->bdev, -1, &sb, err);
	free(who);
	if (!ret && le64_get(sb.generation) != le64_get(vol->sb.generation))
		ret = err_set(err, -ESTALE, "%s has been changed by somebody else meanwhile (generation %llu, not %llu)", d->path,
			      le64_get(sb.generation), le64_get(vol->sb.generation));
	return ret;
}

int volume_check_untouched(struct volume *vol, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < vol->devices.len && !ret; i++)
		if (vol->devices.v[i]->bdev && !vol->devices.v[i]->seed && !vol->devices.v[i]->fresh)
			ret = check_untouched(vol, vol->devices.v[i], err);
	return ret;
}

/* All of an overlay but the places of superblocks. */
static int commit_blocks(struct bdev *b, struct err *err)
{
	u64 from = 0;
	int ret = 0;

	for (int i = 0; i < BTRFS_SUPER_MIRROR_MAX && !ret && from < b->size; i++) {
		ret = bdev_overlay_commit(b, from, btrfs_super_offset[i], err);
		from = btrfs_super_offset[i] + BTRFS_SUPER_INFO_SIZE;
	}
	return ret || from >= b->size ? ret : bdev_overlay_commit(b, from, b->size, err);
}

static int commit_supers(struct bdev *b, struct err *err)
{
	int ret = 0;

	for (int i = 0; i < BTRFS_SUPER_MIRROR_MAX && !ret && btrfs_super_offset[i] < b->size; i++)
		ret = bdev_overlay_commit(b, btrfs_super_offset[i], btrfs_super_offset[i] + BTRFS_SUPER_INFO_SIZE, err);
	return ret;
}

int volume_overlays_commit(struct volume *vol, struct err *err)
{
	int ret = 0;

	for (int pass = 0; pass < 2 && !ret; pass++) {
		for (size_t i = 0; i < vol->devices.len && !ret; i++) {
			struct device *d = vol->devices.v[i];

			if (d->bdev && !d->seed)
				ret = pass ? commit_supers(d->bdev, err) : commit_blocks(d->bdev, err);
		}
		for (size_t i = 0; i < vol->devices.len && !ret; i++)
			if (vol->devices.v[i]->bdev && !vol->devices.v[i]->seed)
				ret = bdev_flush(vol->devices.v[i]->bdev->lower, err);
	}
	return ret;
}
