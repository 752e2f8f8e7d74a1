/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fsck.btrfs: what a boot runs. A btrfs needs no check there, so nothing is done. Spec: cli 24. */
#include <sys/stat.h>
#include "cmds/cmd.h"

static int fsck_run(struct cmd_ctx *ctx, void *args)
{
	bool automatic = false;
	const char *device = ctx->argc ? ctx->argv[ctx->argc - 1] : "";
	struct stat st;

	for (int i = 0; i < ctx->argc; i++)
		if (ctx->argv[i][0] == '-' && strpbrk(ctx->argv[i] + 1, "aApy"))
			automatic = true;
	if (stat(device, &st)) {
		out_printf(ctx->out, "%s: %s does not exist\n", ctx->program, device);
		return 8;
	}
	if (!automatic)
		out_printf(ctx->out, "If you wish to check the consistency of a BTRFS filesystem or\n"
			   "repair a damaged filesystem, see btrfs(8) subcommand 'check'.\n");
	return 0;
}

const struct cmd cmd_fsck = {
	.name = "fsck.btrfs", .usage = { "fsck.btrfs [-aApy] <device>" }, .brief = "Do nothing, successfully: for programs that check at boot",
	.min_args = 0, .max_args = -1, .flags = CMD_RAW | CMD_STANDALONE, .run = fsck_run, .complete = "device" };
