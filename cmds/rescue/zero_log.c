/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs rescue zero-log: gives up what the last fsyncs wrote, in all superblocks; nothing else of the filesystem need be readable. Spec: check 2.3. */
#include "cmds/change.h"

static int zero_log(struct cmd_ctx *ctx, struct fs *fs)
{
	struct disk_super *sb = fs->sb;

	cmd_say(ctx, 1, "Clearing log on %s, previous log_root %llu, level %u\n", ctx->argv[0], le64_get(sb->log_root), sb->log_root_level);
	sb->log_root = le64_of(0);
	sb->log_root_level = 0;
	return volume_write_supers(fs->vol, &ctx->err) ? cmd_fail(ctx, "failed to write dev supers") : 0;
}

static int zero_log_run(struct cmd_ctx *ctx, void *args)
{
	struct change_device *dev;
	struct target t;
	int ret;

	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = t.kind == TARGET_INSIDE ? cmd_error(ctx, "a device is expected, not a path inside one: %s", ctx->argv[0]) :
		change_device_open(ctx, &t, FS_OPEN_PARTIAL | FS_OPEN_CHUNK_ONLY, ctx->dry_run ? CHANGE_DRY_RUN : 0, ctx->undo, &dev);
	if (!ret)
		ret = change_device_close(ctx, dev, zero_log(ctx, dev->fs));
	target_fini(&t);
	return ret;
}

const struct cmd cmd_rescue_zero_log = { .name = "zero-log", .usage = { "btrfs rescue zero-log <device>" },
	.brief = "Clear the tree log. Usable if it's corrupted and prevents mount.", .min_args = 1, .max_args = 1, .flags = CMD_WRITES, .run = zero_log_run,
	.complete = "device" };
