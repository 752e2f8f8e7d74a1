/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diff: what changed between two snapshots. */
#include "cmds/shell/shell.h"
#include "cmds/snapdiff/snapdiff.h"

#define OPT_STRUCT struct snapdiff_args
static const struct opt diff_opts[] = { SNAPDIFF_OPTS, OPT_END };
#undef OPT_STRUCT

static int diff_run(struct cmd_ctx *ctx, void *args)
{
	struct loc loc[2];

	for (int i = 0; i < 2; i++) {
		if (shell_resolve(ctx, ctx->argv[i], true, &loc[i]))
			return 1;
		if (loc[i].ino != BTRFS_FIRST_FREE_OBJECTID)
			return cmd_error(ctx, "diff: not a subvolume: %s", ctx->argv[i]);
	}
	return snapdiff_roots(ctx, args, loc[1].root, loc[0].root);
}

const struct cmd verb_diff = {
	.name = "diff", .usage = { "diff [-a] OLD NEW" }, .brief = "Show what changed from one snapshot to another", .details = snapdiff_details,
	.opts = diff_opts, CMD_ARGS(struct snapdiff_args), .min_args = 2, .max_args = 2, .flags = CMD_OURS | CMD_JSON, .run = diff_run };
