/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs rescue super-recover. Spec: check.md 2.2. */
#include "cmds/rescue/rescue.h"

struct super_args { bool yes, verbose; };
enum { RECOVERED = 2, FAILED = 3, ABORTED = 4 };

static void list(struct cmd_ctx *ctx, const struct super_places *p, bool good)
{
	out_printf(ctx->out, "\t[All %s supers]:\n", good ? "good" : "bad");
	for (size_t i = 0; i < p->len; i++)
		if (p->v[i].good == good)
			out_printf(ctx->out, "\t\tdevice name = %s\n\t\tsuperblock bytenr = %llu\n\n", p->v[i].dev->path, btrfs_super_offset[p->v[i].copy]);
}

static void show(struct cmd_ctx *ctx, const struct volume *vol, const struct super_places *p)
{
	out_puts(ctx->out, "All Devices:\n");
	for (size_t i = 0; i < vol->devices.len; i++)
		out_printf(ctx->out, "\tDevice: id = %llu, name = %s\n", vol->devices.v[i]->devid, vol->devices.v[i]->path);
	out_puts(ctx->out, "\nBefore Recovering:\n");
	list(ctx, p, true);
	list(ctx, p, false);
	out_puts(ctx->out, "\n");
}

static bool all_good(const struct super_places *p)
{
	for (size_t i = 0; i < p->len; i++)
		if (!p->v[i].good)
			return false;
	return true;
}

/* How many devices the superblocks that are good speak for; stale ones are written as well: that is what was asked for. */
static int recover(struct cmd_ctx *ctx, const struct super_args *a, struct fs *fs)
{
	struct super_places places = VEC_INIT;
	int ret = supers_survey(fs->vol, &places, &ctx->err) ? FAILED : 0;

	if (!ret && (a->verbose || cmd_level(ctx) > 1))
		show(ctx, fs->vol, &places);
	if (!ret && all_good(&places)) {
		out_puts(ctx->out, "All supers are valid, no need to recover\n");
	} else if (!ret && !a->yes && !cmd_ask(ctx, "Make sure this is a btrfs disk otherwise the tool will destroy other fs, Are you sure?")) {
		out_puts(ctx->out, "Aborted to recover bad superblocks\n");
		ret = ABORTED;
	} else if (!ret && !volume_write_supers(fs->vol, &ctx->err)) {
		out_puts(ctx->out, "Recovered bad superblocks successful\n");
		ret = RECOVERED;
	} else {
		cmd_error(ctx, "%s", err_text(&ctx->err));
		out_puts(ctx->out, "Failed to recover bad superblocks\n");
		ret = FAILED;
	}
	vec_fini(&places);
	return ret;
}

static int super_run(struct cmd_ctx *ctx, void *args)
{
	struct change_device *dev;
	struct target t;
	int ret, status;

	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = rescue_unmounted(ctx, &t, true);
	if (!ret)
		ret = change_device_open(ctx, &t, FS_OPEN_WRITE | FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_CHUNK_ONLY | FS_OPEN_DEGRADED,
					 ctx->dry_run ? CHANGE_DRY_RUN : 0, ctx->undo, &dev);
	if (ret) {
		target_fini(&t);
		return ret;
	}
	status = recover(ctx, args, dev->fs);
	/* the code says what was done, which is no failure of closing */
	ret = change_device_close(ctx, dev, status == RECOVERED ? 0 : status);
	target_fini(&t);
	return ret ? ret : status;
}

#define OPT_STRUCT struct super_args
static const struct opt super_opts[] = {
	OPT_FLAG('y', NULL, yes, "assume an answer of `yes' to all questions"),
	OPT_FLAG('v', NULL, verbose, "deprecated, alias for global -v option"),
	OPT_END
};
#undef OPT_STRUCT
const struct cmd cmd_rescue_super_recover = { .name = "super-recover", .usage = { "btrfs rescue super-recover [options] <device>" },
	.brief = "Recover bad superblocks from good copies", .opts = super_opts, CMD_ARGS(struct super_args), .min_args = 1, .max_args = 1,
	.flags = CMD_WRITES | CMD_VERBOSE, .run = super_run, .complete = "device" };
