/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices opened for changes: --undo keeps the way back, --dry-run keeps the devices as they are. */
#include <unistd.h>
#include "cmds/change.h"
#include "common/mem.h"

static int wrap_layers(void *arg, struct bdev **b, struct err *err)
{
	struct change_device *dev = arg;

	int ret = dev->log ? bdev_undo_new(*b, dev->log, b, err) : 0;

	return ret || !dev->held ? ret : bdev_overlay_new(*b, b, err);
}

int change_device_open(struct cmd_ctx *ctx, const struct target *t, unsigned fs_flags, unsigned how, const char *undo, struct change_device **out)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	struct change_device *dev = NULL;
	int ret = 0;

	dev = mem_zalloc(sizeof(*dev));
	if (!dev)
		return cmd_error(ctx, "not enough memory");
	dev->dry_run = how & CHANGE_DRY_RUN;
	dev->held = how & CHANGE_HOLD && !dev->dry_run;
	dev->undo = dev->dry_run ? NULL : undo;
	args.flags = fs_flags | FS_OPEN_WRITE;
	if (dev->dry_run)
		args.flags |= FS_OPEN_DRY_RUN | FS_OPEN_REFUSE_MOUNTED;
	args.wrap = wrap_layers;
	args.wrap_arg = dev;
	if (dev->undo && t->kind != TARGET_HOST && undo_log_create(ctx->env, undo, &dev->log, &ctx->err))
		ret = cmd_error(ctx, "%s", err_text(&ctx->err));
	if (!ret)
		ret = target_open_args(ctx, t, &args, &dev->fs);
	if (ret) {
		if (dev->log) { /* the devices are closed */
			undo_log_close(dev->log, NULL);
			unlink(undo);
		}
		free(dev);
		return ret;
	}
	dev->used = le64_get(dev->fs->sb->bytes_used);
	/* others build upon a seed, and the kernel mounts it read-only; btrfstune and in-place changes, which say themselves how they write, know it */
	if (!(fs_flags & (FS_OPEN_WRITE | FS_OPEN_IN_PLACE)) && le64_get(dev->fs->sb->flags) & BTRFS_SUPER_FLAG_SEEDING)
		return change_device_close(ctx, dev, cmd_error(ctx, "the filesystem is a seed, read-only until 'btrfstune -S 0' makes it an ordinary one"));
	*out = dev;
	return 0;
}

int change_device_wrap(struct change_device *dev, struct bdev **b, struct err *err)
{
	int ret = wrap_layers(dev, b, err);

	if (!ret && dev->dry_run)
		ret = bdev_overlay_new(*b, b, err);
	if (ret)
		bdev_close(*b);
	return ret;
}

int change_device_write(struct change_device *dev, struct err *err)
{
	return dev->held ? volume_overlays_commit(dev->fs->vol, err) : 0;
}

/* How much of a device a dry run holds in memory. */
static u64 overlay_bytes(struct bdev *b, u64 *places)
{
	u64 pos = 0, start, len, sum = 0;

	for (*places = 0; bdev_overlay_next(b, pos, &start, &len); pos = start + len) {
		sum += len;
		++*places;
	}
	return sum;
}

static void tell_dry_run(struct cmd_ctx *ctx, struct fs *fs, u64 used_before)
{
	s64 more = le64_get(fs->sb->bytes_used) - used_before;

	for (size_t i = 0; i < fs->vol->devices.len; i++) {
		struct device *d = fs->vol->devices.v[i];
		u64 places, bytes = d->bdev && !d->seed ? overlay_bytes(d->bdev, &places) : 0;

		if (bytes)
			cmd_say(ctx, 1, "Dry run: %s would be written to %s in %llu places\n", units_human(bytes), d->path, places);
	}
	cmd_say(ctx, 1, "Dry run: nothing was written; %s %s would be in use\n", units_human(more < 0 ? -more : more), more < 0 ? "less" : "more");
}

int change_device_close(struct cmd_ctx *ctx, struct change_device *dev, int status)
{
	bool used = dev->log && undo_log_used(dev->log);

	if (dev->dry_run && !status && dev->fs && !ctx->out->json)
		tell_dry_run(ctx, dev->fs, dev->used);
	err_clear(&ctx->err);
	if (dev->log && undo_log_close(dev->log, &ctx->err))
		status = cmd_fail(ctx, "the undo file %s is not whole", dev->undo);
	if (dev->undo && status && !used)
		unlink(dev->undo);
	fs_close(dev->fs);
	free(dev);
	return status;
}

static int in_transaction(struct cmd_ctx *ctx, struct fs *fs, change_fn *fn, void *arg)
{
	struct txn *txn;
	int ret;

	if (txn_begin(fs->writer, &txn, &ctx->err))
		return cmd_fail(ctx, "cannot start a transaction");
	ret = fn(ctx, fs, txn, arg);
	if (ret)
		txn_abort(txn);
	else if (txn_commit(txn, &ctx->err))
		ret = cmd_fail(ctx, "cannot write the change");
	return ret;
}

int change_device_run(struct cmd_ctx *ctx, const struct target *t, unsigned fs_flags, change_fn *fn, void *arg)
{
	struct change_device *dev = NULL;
	int ret = change_device_open(ctx, t, FS_OPEN_WRITE | fs_flags, ctx->dry_run ? CHANGE_DRY_RUN : 0, ctx->undo, &dev);

	return ret ? ret : change_device_close(ctx, dev, in_transaction(ctx, dev->fs, fn, arg));
}
