/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs-image: options and which of them go together. Spec: cli 19, metadump 3. */
#include "cmds/image/image.h"

enum { THREADS_MAX = 32 };

static int check_args(struct cmd_ctx *ctx, struct image_args *a)
{
	if (a->threads > THREADS_MAX)
		return cmd_error(ctx, "number of threads out of range: %llu > %d", a->threads, THREADS_MAX);
	if (a->level > 9)
		return cmd_error(ctx, "compression level out of range: %llu", a->level);
	a->restore |= a->multi;
	if (a->old && !a->restore)
		return cmd_error(ctx, "create and restore cannot be used at the same time");
	if (a->restore && (a->walk || a->sanitize || a->level || a->data || a->private || a->damaged))
		return cmd_error(ctx, "using -w, -s, -c, -d options for restore makes no sense");
	if (a->data && a->walk)
		return cmd_error(ctx, "-d and -w cannot be used together: data is found in the extent tree");
	if (a->private && !a->sanitize)
		return cmd_error(ctx, "--private goes with -s or -ss");
	if (a->multi && ctx->argc < 3)
		return cmd_error(ctx, "not enough devices specified for -m option");
	if (!a->multi && ctx->argc != 2)
		return cmd_error(ctx, "accepts only 1 device without -m option");
	return 0;
}

static int image_run(struct cmd_ctx *ctx, void *args)
{
	struct image_args *a = args;
	int ret = check_args(ctx, a);

	if (ret)
		return ret;
	if (a->threads)
		ctx->env->jobs = a->threads;
	else if (ctx->env->jobs > THREADS_MAX)
		ctx->env->jobs = THREADS_MAX;
	env_start_pool(ctx->env, NULL);
	return a->restore ? image_restore(ctx, a) : image_dump(ctx, a);
}

#define OPT_STRUCT struct image_args
static const struct opt image_opts[] = {
	OPT_FLAG('r', NULL, restore, "restore metadump image"),
	OPT_U64('c', NULL, level, "LEVEL", "compression level (0 ~ 9)"),
	OPT_U64('t', NULL, threads, "NUM", "number of threads (1 ~ 32)"),
	OPT_FLAG('o', NULL, old, "don't mess with the chunk tree when restoring"),
	OPT_COUNT('s', NULL, sanitize, "sanitize file names, use once to just use garbage, use twice if you want crc collisions"),
	OPT_FLAG('w', NULL, walk, "walk all trees instead of using extent tree, do this if your extent tree is broken"),
	OPT_FLAG('m', NULL, multi, "restore for multiple devices"),
	OPT_FLAG('d', NULL, data, "also dump data, conflicts with -w"),
	OPT_FLAG(0, "private", private, "with -s: also replace the label, names of subvolumes and names of extended attributes", .ours = true),
	OPT_FLAG(0, "damaged", damaged, "take blocks that do not pass their checks as they are, and go on past those that cannot be read", .ours = true),
	OPT_END
};
#undef OPT_STRUCT

static const char *const image_details[] = {
	"In the dump mode, source is the btrfs device and target is the output file (use '-' for stdout).",
	"In the restore mode, source is the dumped image and target is the btrfs device/file.",
	NULL
};

const struct cmd cmd_image = {
	.name = "btrfs-image", .usage = { "btrfs-image [options] source target" }, .brief = "Create or restore a filesystem image (metadata)",
	.details = image_details, .opts = image_opts, CMD_ARGS(struct image_args), .min_args = 2, .max_args = -1,
	.flags = CMD_STANDALONE | CMD_PROGRESS | CMD_SEED, .run = image_run, .complete = "device file",
};
