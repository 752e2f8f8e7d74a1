/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs-select-super: one copy of the superblock takes the place of all. Spec: cli.md 22.3. */
#include "cmds/change.h"

struct select_args { u64 super; bool has_super; };
enum { RC_MOUNTED = 240 };

static int write_super(struct cmd_ctx *ctx, const struct target *t, u64 copy)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	struct fs *fs;
	int ret;

	args.specs = (const char *const *)t->devices.v;
	args.nspecs = t->devices.len;
	args.super_copy = copy;
	args.flags = FS_OPEN_WRITE | FS_OPEN_PARTIAL | FS_OPEN_CHUNK_ONLY | FS_OPEN_LENIENT | FS_OPEN_DEGRADED;
	if (fs_open(ctx->env, &args, &fs, &ctx->err)) {
		cmd_error(ctx, "%s", err_text(&ctx->err));
		return cmd_error(ctx, "open ctree failed");
	}
	out_printf(ctx->out, "using SB copy %llu, bytenr %llu\n", copy, btrfs_super_offset[copy]);
	ret = volume_write_supers(fs->vol, &ctx->err);
	fs_close(fs);
	return ret ? cmd_fail(ctx, "failed to write the superblocks") : 0;
}

static int select_run(struct cmd_ctx *ctx, void *args)
{
	const struct select_args *a = args;
	struct target t;
	int ret = 0;

	if (!a->has_super) {
		cmd_error(ctx, "please select the super copy with -s");
		return cmd_usage(ctx);
	}
	if (a->super >= BTRFS_SUPER_MIRROR_MAX)
		return cmd_error(ctx, "super mirror should be less than: %d", BTRFS_SUPER_MIRROR_MAX);
	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	if (t.kind != TARGET_DEVICE)
		ret = cmd_error(ctx, "open ctree failed");
	for (size_t i = 0; !ret && i < t.devices.len; i++)
		if (bdev_in_use(t.devices.v[i], NULL, &ctx->err) > 0) {
			cmd_error(ctx, "%s is currently mounted, aborting", t.devices.v[i]);
			ret = RC_MOUNTED;
		}
	if (!ret)
		ret = write_super(ctx, &t, a->super);
	target_fini(&t);
	return ret;
}

#define OPT_STRUCT struct select_args
static const struct opt select_opts[] = {
	OPT_U64('s', "super", super, "NUM", "super mirror to use, NUM is 1 or 2"),
	OPT_END
};
#undef OPT_STRUCT
static const char *const select_details[] = { "The superblock copy that is chosen is written to all places of a superblock.", NULL };
const struct cmd cmd_select_super = { .name = "btrfs-select-super", .usage = { "btrfs-select-super -s NUM <device>" },
	.brief = "Overwrite the primary superblock with a backup copy.", .details = select_details, .opts = select_opts, CMD_ARGS(struct select_args),
	.min_args = 1, .max_args = 1, .flags = CMD_STANDALONE, .run = select_run, .complete = "device" };
