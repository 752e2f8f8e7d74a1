/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of a repair: opened once, each under an overlay that all rounds write to, and that reaches the disk once, at the end. */
#include "kernel-shared/check/survey.h"

#include <unistd.h>
#include "common/mem.h"

static int stack_device(struct repair *r, const char *spec, struct bdev **out, struct err *err)
{
	unsigned flags = (r->args->dry_run ? BDEV_READ : BDEV_WRITE) | (r->args->open.flags & FS_OPEN_FORCE_MOUNTED ? BDEV_FORCE : 0);
	struct bdev *b;
	int ret = bdev_open_spec(r->env, spec, flags, &b, err);

	if (ret)
		return ret;
	if (r->args->open.wrap)
		ret = r->args->open.wrap(r->args->open.wrap_arg, &b, err);
	if (!ret && r->args->undo && !r->args->dry_run && !r->undo)
		ret = undo_log_create(r->env, r->args->undo, &r->undo, err);
	if (!ret && r->undo)
		ret = bdev_undo_new(b, r->undo, &b, err);
	if (!ret)
		ret = bdev_overlay_new(b, &b, err);
	if (ret) {
		bdev_close(b);
		return ret;
	}
	*out = b;
	return 0;
}

static int borrow(struct repair *r, struct bdev *overlay, struct bdev **out, struct err *err)
{
	return bdev_borrow_new(r->below ? overlay->lower : overlay, out) ? err_nomem(err) : 0;
}

static int open_device(void *arg, const char *spec, struct bdev **out, struct err *err)
{
	struct repair *r = arg;
	struct repair_device d = { NULL, NULL };
	int ret;

	for (size_t i = 0; i < r->devices.len; i++)
		if (!strcmp(r->devices.v[i].spec, spec))
			return borrow(r, r->devices.v[i].overlay, out, err);
	d.spec = mem_strdup(spec);
	if (!d.spec)
		return err_nomem(err);
	ret = stack_device(r, spec, &d.overlay, err);
	if (!ret && vec_push(&r->devices, d))
		ret = err_nomem(err);
	if (ret) {
		bdev_close(d.overlay);
		free(d.spec);
		return ret;
	}
	return borrow(r, d.overlay, out, err);
}

/* A device that missed writes would be made equal to the others by writing their superblock to it. */
static int refuse_stale(const struct volume *vol, struct err *err)
{
	for (size_t i = 0; i < vol->devices.len; i++)
		if (vol->devices.v[i]->stale)
			return err_set(err, -ESTALE, "%s is older than %s (generation %llu, not %llu): it has missed writes, so nothing is written",
				       vol->devices.v[i]->path, vol->main->path, vol->devices.v[i]->generation, vol->main->generation);
	return 0;
}

/* A device item may call the device a seed that the device's own superblock says is none. */
static void unseed(struct volume *vol)
{
	for (size_t i = 0; i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];

		if (d->seed && d->bdev && !memcmp(d->sb.fsid, vol->main->sb.fsid, BTRFS_FSID_SIZE))
			d->seed = false;
	}
}

int repair_open(struct repair *r, unsigned flags, struct fs **out, struct err *err)
{
	struct fs_open_args args = r->args->open;
	int ret;

	args.flags = flags | FS_OPEN_DEGRADED | (r->args->open.flags & FS_OPEN_NOSCAN) | (r->args->open.flags & FS_OPEN_FORCE_MOUNTED);
	args.wrap = NULL; /* done when a device is opened first */
	args.open = open_device;
	args.open_arg = r;
	/* what was chosen by hand is in the superblock after the first fix */
	if (r->result->changed && !r->below) {
		args.super_copy = -1;
		args.super_bytenr = args.tree_root = args.chunk_root = 0;
	}
	ret = fs_open(r->env, &args, out, err);
	if (!ret)
		unseed((*out)->vol);
	if (!ret)
		ret = refuse_stale((*out)->vol, err);
	return ret;
}

int repair_open_raw(struct repair *r, struct fs **out, struct err *err)
{
	int ret = repair_open(r, FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_QUIET, out, err);

	if (!ret)
		(*out)->vol->writable = !r->below;
	return ret;
}

/* What the disk leads to, and is free here, must not be taken. */
static int pin_kept(struct repair *r, struct fs *fs, struct err *err)
{
	struct alloc *a = writer_alloc(fs->writer);
	u32 node = fs->geo->nodesize;
	int ret = 0;

	for (size_t i = 0; r->has_keep && !ret && i < fs->vol->chunks.len; i++) {
		const struct chunk *c = fs->vol->chunks.v[i];

		if (!(c->type & (BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM)))
			continue;
		for (u64 at = c->start; !ret && blockmap_next(&r->keep, &at, c->start + c->length); at += r->keep.sectorsize)
			ret = alloc_pin(a, at, min_t(u64, node, c->start + c->length - at), err);
	}
	return ret;
}

int repair_open_txn(struct repair *r, struct fs **out, struct txn **txn, struct err *err)
{
	struct fs *fs = NULL;
	int ret = 0;

	if (!r->has_keep) {
		struct survey s = { 0 };

		ret = repair_open_raw(r, &fs, err);
		if (!ret)
			ret = survey_run(&s, r, fs, err);
		survey_fini(&s);
		fs_close(fs);
		fs = NULL;
	}
	if (!ret)
		ret = repair_open(r, FS_OPEN_WRITE | FS_OPEN_QUIET, &fs, err);
	if (!ret)
		ret = pin_kept(r, fs, err);
	if (!ret)
		ret = txn_begin(fs->writer, txn, err);
	if (ret) {
		fs_close(fs);
		return ret;
	}
	*out = fs;
	return 0;
}

int repair_close_txn(struct fs *fs, struct txn *txn, int ret, struct err *err)
{
	if (ret)
		txn_abort(txn);
	else
		ret = txn_commit(txn, err);
	fs_close(fs);
	return ret;
}

/* Everything before, between and behind the superblocks. */
static int write_body(struct bdev *overlay, struct err *err)
{
	u64 from = 0;
	int ret = 0;

	for (int i = 0; !ret && i < BTRFS_SUPER_MIRROR_MAX; i++) {
		ret = bdev_overlay_commit(overlay, from, btrfs_super_offset[i], err);
		from = btrfs_super_offset[i] + BTRFS_SUPER_INFO_SIZE;
	}
	return ret ? ret : bdev_overlay_commit(overlay, from, -1ULL, err);
}

static int write_super(struct bdev *overlay, int copy, struct err *err)
{
	return bdev_overlay_commit(overlay, btrfs_super_offset[copy], btrfs_super_offset[copy] + BTRFS_SUPER_INFO_SIZE, err);
}

static int flush_all(struct repair *r, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->devices.len; i++)
		ret = bdev_flush(r->devices.v[i].overlay->lower, err);
	return ret;
}

int repair_write(struct repair *r, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->devices.len; i++)
		ret = write_body(r->devices.v[i].overlay, err);
	if (!ret)
		ret = flush_all(r, err);
	for (size_t i = 0; !ret && i < r->devices.len; i++)
		ret = write_super(r->devices.v[i].overlay, 0, err);
	if (!ret)
		ret = flush_all(r, err);
	for (size_t i = 0; !ret && i < r->devices.len; i++)
		for (int copy = 1; !ret && copy < BTRFS_SUPER_MIRROR_MAX; copy++)
			ret = write_super(r->devices.v[i].overlay, copy, err);
	return ret ? ret : flush_all(r, err);
}

void repair_devices_fini(struct repair *r)
{
	struct err ignored = ERR_INIT;

	bool used = r->undo && undo_log_used(r->undo);

	if (r->undo)
		undo_log_close(r->undo, &ignored);
	if (r->undo && !used)
		unlink(r->args->undo);
	for (size_t i = 0; i < r->devices.len; i++) {
		bdev_close(r->devices.v[i].overlay);
		free(r->devices.v[i].spec);
	}
	vec_fini(&r->devices);
}
