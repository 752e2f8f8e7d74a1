/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem label: prints it. Spec: cli 8.7. */
#include "cmds/report.h"

enum { LABEL_FAILED = 255 };

static int label_run(struct cmd_ctx *ctx, void *args)
{
	char label[BTRFS_LABEL_SIZE + 1] = "";
	struct fs *fs;

	if (report_open(ctx, ctx->argv[0], &fs, NULL))
		return LABEL_FAILED;
	memcpy(label, fs->sb->label, BTRFS_LABEL_SIZE);
	target_close(ctx, fs);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_json_str(ctx->out, "filesystem-label", label);
		out_json_end(ctx->out);
	} else {
		out_printf(ctx->out, "%s\n", label);
	}
	return 0;
}

const struct cmd cmd_filesystem_label = {
	.name = "label", .usage = { "btrfs filesystem label <device>|<mount_point>" }, .brief = "Get the label of a filesystem",
	.min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = label_run, .complete = "device",
};
