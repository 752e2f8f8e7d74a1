/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs rescue clear-ino-cache, clear-space-cache, clear-uuid-tree. Spec: check.md 2.6. */
#include <strings.h>
#include "cmds/rescue/rescue.h"
#include "kernel-shared/check/repair.h"

static void ignore(void *arg, enum channel channel, const char *text)
{
}

static void on_gone(void *arg, u64 root)
{
	cmd_say(arg, 1, "Successfully cleaned up ino cache for root id: %llu\n", root);
}

/* What such a cache left in the extent tree breaks today's rules, so no transaction could change it: done as a repair, in memory, written at once. */
static int ino_run(struct cmd_ctx *ctx, void *args)
{
	struct repair_ops ops = { .say = ignore, .ino_cache_gone = on_gone, .arg = ctx };
	struct repair_args rargs = { .open = FS_OPEN_ARGS_INIT, .undo = ctx->undo, .dry_run = ctx->dry_run, .ino_cache = true };
	struct repair_result res;
	struct target t;
	int ret;

	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = rescue_unmounted(ctx, &t, false);
	if (!ret) {
		rargs.open.specs = (const char *const *)t.devices.v;
		rargs.open.nspecs = t.devices.len;
		ret = repair_run(ctx->env, &rargs, &ops, &res, &ctx->err) ? cmd_fail(ctx, "failed to clear ino cache") : 0;
	}
	if (!ret)
		cmd_say(ctx, 1, "Successfully cleared ino cache\n");
	target_fini(&t);
	return ret;
}

const struct cmd cmd_rescue_clear_ino_cache = { .name = "clear-ino-cache", .usage = { "btrfs rescue clear-ino-cache <device>" },
	.brief = "remove leftover items pertaining to the deprecated inode cache feature", .min_args = 1, .max_args = 1, .flags = CMD_WRITES | CMD_COUNT_SELF,
	.run = ino_run, .complete = "device" };

static int space_run(struct cmd_ctx *ctx, void *args)
{
	const char *version = ctx->argv[0];
	struct target t;
	int ret;

	if (strncasecmp(version, "v1", 2) && strncasecmp(version, "v2", 2))
		return cmd_error(ctx, "invalid version string, has \"%s\" expect \"v1\" or \"v2\"", version);
	if (target_parse(ctx->argv[1], &t))
		return cmd_error(ctx, "not enough memory");
	ret = rescue_unmounted(ctx, &t, false);
	if (!ret)
		ret = space_cache_clear(ctx, &t, version[1] - '0');
	target_fini(&t);
	return ret;
}

static const char *const space_details[] = {
	"The free space cache is a cache: the kernel makes it anew when it is next mounted.",
	"Where a block group tree is in use, which needs the free space tree, v2 is made anew at once.", NULL };
const struct cmd cmd_rescue_clear_space_cache = { .name = "clear-space-cache", .usage = { "btrfs rescue clear-space-cache (v1|v2) <device>" },
	.brief = "completely remove the v1 or v2 free space cache", .details = space_details, .min_args = 2, .max_args = 2, .flags = CMD_WRITES | CMD_COUNT_SELF,
	.run = space_run, .complete = "v1|v2 device" };

static int clear_uuid(struct cmd_ctx *ctx, struct fs *fs, struct txn *txn, void *arg)
{
	return uuid_tree_clear(fs, txn, &ctx->err) ? cmd_fail(ctx, "failed to clear uuid tree") : 0;
}

static int uuid_run(struct cmd_ctx *ctx, void *args)
{
	return rescue_change(ctx, ctx->argv[0], clear_uuid, NULL);
}

const struct cmd cmd_rescue_clear_uuid_tree = { .name = "clear-uuid-tree", .usage = { "btrfs rescue clear-uuid-tree <device>" },
	.brief = "Delete uuid tree so that kernel can rebuild it at mount time", .min_args = 1, .max_args = 1, .flags = CMD_WRITES | CMD_COUNT_SELF,
	.run = uuid_run, .complete = "device" };
