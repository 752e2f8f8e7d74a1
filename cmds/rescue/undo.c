/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs rescue undo: takes back what a command with --undo FILE has changed. */
#include "cmds/target.h"
#include "common/mem.h"

static int add_devices(struct cmd_ctx *ctx, const char *arg, struct strlist *out, struct target *t)
{
	if (target_parse(arg, t))
		return cmd_error(ctx, "not enough memory");
	if (t->kind != TARGET_DEVICE)
		return cmd_error(ctx, "%s is no device or image", arg);
	for (size_t i = 0; i < t->devices.len; i++)
		if (vec_push(out, t->devices.v[i]))
			return cmd_error(ctx, "not enough memory");
	return 0;
}

static int undo_run(struct cmd_ctx *ctx, void *args)
{
	struct target *targets = mem_calloc(ctx->argc, sizeof(*targets));
	struct strlist devices = VEC_INIT;
	int ret = targets ? 0 : cmd_error(ctx, "not enough memory");

	for (int i = 1; i < ctx->argc && !ret; i++)
		ret = add_devices(ctx, ctx->argv[i], &devices, &targets[i]);
	if (!ret && undo_apply(ctx->env, ctx->argv[0], devices.v, devices.len, &ctx->err))
		ret = cmd_error(ctx, "cannot take back the changes: %s", err_text(&ctx->err));
	for (size_t i = 0; i < devices.len && !ret; i++)
		cmd_say(ctx, 1, "%s: the changes kept in %s are taken back\n", devices.v[i], ctx->argv[0]);
	for (int i = 1; targets && i < ctx->argc; i++)
		target_fini(&targets[i]);
	free(targets);
	vec_fini(&devices);
	return ret;
}

static const char *const details[] = {
	"FILE was made by a command with --undo FILE. Devices are named in the same order as then; a device that has changed since is refused. The", "devices are afterwards as they were, byte for byte.",
	"When the command was interrupted the file is good for what had been written.", NULL
};
const struct cmd cmd_rescue_undo = { .name = "undo", .usage = { "btrfs rescue undo <file> <device> [<device>...]" },
	.brief = "Take back the changes that a command made with --undo", .details = details, .min_args = 2, .max_args = -1, .flags = CMD_OURS | CMD_QUIET,
	.run = undo_run, .complete = "file device" };
