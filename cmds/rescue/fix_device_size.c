/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs rescue fix-device-size. Spec: check.md 2.4. */
#include "cmds/rescue/rescue.h"

static void say(void *arg, const char *text)
{
	cmd_say(arg, 1, "%s\n", text);
}

static int fix(struct cmd_ctx *ctx, struct fs *fs, struct txn *txn, void *arg)
{
	bool *changed = arg;
	int ret = device_sizes_fix(fs, txn, false, say, ctx, changed, &ctx->err);

	if (!ret)
		return 0;
	cmd_error(ctx, "%s", err_text(&ctx->err));
	return ret == -ENODEV ? cmd_error(ctx, "fixing device size needs all device(s) to be present and writeable") : 1;
}

static int fix_run(struct cmd_ctx *ctx, void *args)
{
	bool changed = false;
	int ret = rescue_change(ctx, ctx->argv[0], fix, &changed);

	if (!ret)
		cmd_say(ctx, 1, changed ? "Fixed unaligned/mismatched total_bytes for super block and device items\n" : "No device size related problem found\n");
	return ret;
}

const struct cmd cmd_rescue_fix_device_size = { .name = "fix-device-size", .usage = { "btrfs rescue fix-device-size <device>" },
	.brief = "Re-align device and super block sizes. Usable if newer kernel refuse to mount it due to mismatch super size", .min_args = 1, .max_args = 1,
	.flags = CMD_WRITES | CMD_COUNT_SELF, .run = fix_run, .complete = "device" };
