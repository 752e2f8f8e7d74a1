/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume diff: our own. */
#include "cmds/mounted/subvols.h"
#include "cmds/snapdiff/snapdiff.h"

#define OPT_STRUCT struct snapdiff_args
static const struct opt diff_opts[] = { SNAPDIFF_OPTS, OPT_END };
#undef OPT_STRUCT

/* Both in one filesystem, opened for the first; the second is found there. */
static int diff_offline(struct cmd_ctx *ctx, const struct snapdiff_args *a, struct subvols *s)
{
	struct target first, second;
	struct root *root[2];
	struct loc loc;
	int ret;

	if (target_arg(ctx, ctx->argv[0], &first))
		return cmd_error(ctx, "not enough memory");
	if (target_arg(ctx, ctx->argv[1], &second)) {
		target_fini(&first);
		return cmd_error(ctx, "not enough memory");
	}
	if (second.kind == TARGET_HOST || !target_same_devices(&first, &second))
		ret = cmd_error(ctx, "all subvolumes must be from the same filesystem");
	else
		ret = target_resolve_in(ctx, &second, s->fs, true, &loc);
	target_fini(&first);
	target_fini(&second);
	if (ret)
		return ret;
	if (!s->top || loc.ino != BTRFS_FIRST_FREE_OBJECTID)
		return cmd_error(ctx, "not a subvolume: %s", ctx->argv[s->top]);
	root[1] = loc.root;
	if (fs_subvol_root(s->fs, s->id, &root[0], &ctx->err))
		return cmd_fail(ctx, "cannot read %s", ctx->argv[0]);
	return snapdiff_roots(ctx, a, root[1], root[0]);
}

static int diff_run(struct cmd_ctx *ctx, void *args)
{
	struct subvols old;
	struct host now;
	int ret = subvols_open(ctx, ctx->argv[0], &old);

	if (ret)
		return ret;
	if (old.fs) {
		ret = diff_offline(ctx, args, &old);
	} else if (!(ret = host_open(ctx, ctx->argv[1], HOST_DIR | HOST_ONLY, &now))) {
		if (memcmp(now.info.fsid, old.host.info.fsid, BTRFS_UUID_SIZE))
			ret = cmd_error(ctx, "all subvolumes must be from the same filesystem");
		else if (!old.top || !host_is_subvol(&now))
			ret = cmd_error(ctx, "not a subvolume: %s", ctx->argv[old.top]);
		else
			ret = snapdiff_mounted(ctx, args, &now, &old.host);
		host_close(&now);
	}
	subvols_close(ctx, &old);
	return ret;
}

const struct cmd cmd_subvolume_diff = {
	.name = "diff", .usage = { "btrfs subvolume diff [-a] <old> <new>" }, .brief = "Show what changed from one snapshot to another",
	.details = snapdiff_details, .opts = diff_opts, CMD_ARGS(struct snapdiff_args), .min_args = 2, .max_args = 2, .flags = CMD_OURS | CMD_JSON,
	.run = diff_run, .complete = "subvol" };
