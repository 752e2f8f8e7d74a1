/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfstune: properties of an unmounted filesystem that no mount can change. Spec: cli 20. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "cmds/tune/tune.h"
#include "common/text.h"

/* Options of different groups do not go together. */
static unsigned count_groups(const struct tune_args *a)
{
	return (a->extref || a->skinny || a->no_holes) + !!a->seed + (a->new_fsid || a->fsid) + (a->new_metadata_fsid || a->metadata_fsid) +
	       (a->enable_simple_quota || a->remove_simple_quota) + (a->to_block_group_tree || a->from_block_group_tree) + a->to_free_space_tree;
}

static int bad_options(struct cmd_ctx *ctx, const char *why)
{
	cmd_error(ctx, "%s", why);
	return cmd_usage(ctx);
}

static int check_args(struct cmd_ctx *ctx, const struct tune_args *a)
{
	u8 uuid[16];
	unsigned n = count_groups(a);

	if (!n)
		return bad_options(ctx, "at least one option should be specified");
	if (n > 1 || (a->to_block_group_tree && a->from_block_group_tree) || (a->enable_simple_quota && a->remove_simple_quota))
		return bad_options(ctx, "too many conflicting options specified");
	if ((a->new_fsid && a->fsid) || (a->new_metadata_fsid && a->metadata_fsid))
		return cmd_error(ctx, "random fsid can't be used with specified fsid");
	if (a->fsid && parse_uuid(a->fsid, uuid))
		return cmd_error(ctx, "could not parse UUID: %s", a->fsid);
	if (a->metadata_fsid && parse_uuid(a->metadata_fsid, uuid))
		return cmd_error(ctx, "could not parse UUID: %s", a->metadata_fsid);
	if (a->seed && strcmp(a->seed, "0") && strcmp(a->seed, "1"))
		return cmd_error(ctx, "invalid value for -S: %s (0 or 1)", a->seed);
	return 0;
}

/* The words that scripts know, before anything is opened. */
static int check_device(struct cmd_ctx *ctx, const struct target *t)
{
	for (size_t i = 0; i < t->devices.len; i++) {
		const char *name = t->devices.v[i];
		int ret = bdev_in_use(name, NULL, NULL);

		/* A part of a disk image and a filesystem found by its id have names that are no paths. */
		if (!strpbrk(name, "=@") && access(name, F_OK))
			return cmd_error(ctx, "mount check: cannot open %s: %s", name, strerror(errno));
		if (ret > 0)
			return cmd_error(ctx, "%s is mounted", name);
	}
	return 0;
}

int tune_open(struct tune *t, unsigned flags)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	struct err *err = &t->ctx->err;

	fs_close(t->fs);
	t->fs = NULL;
	args.specs = (const char *const *)t->target.devices.v;
	args.nspecs = t->target.devices.len;
	args.flags = flags;
	err_clear(err);
	if (!fs_open(t->ctx->env, &args, &t->fs, err))
		return 0;
	cmd_error(t->ctx, "%s", err_text(err));
	return cmd_error(t->ctx, "open ctree failed");
}

static int tune_all(struct tune *t)
{
	const struct tune_args *a = t->a;

	if (a->seed)
		return tune_seed(t);
	if (a->new_fsid || a->fsid)
		return tune_fsid(t);
	if (a->new_metadata_fsid || a->metadata_fsid)
		return tune_metadata_fsid(t);
	if (a->enable_simple_quota || a->remove_simple_quota)
		return tune_quota(t);
	if (a->to_block_group_tree || a->from_block_group_tree || a->to_free_space_tree)
		return tune_trees(t);
	return tune_features(t);
}

static int tune_run(struct cmd_ctx *ctx, void *args)
{
	struct tune t = { .ctx = ctx, .a = args };
	int ret = check_args(ctx, args);

	if (ret)
		return ret;
	if (target_parse(ctx->argv[0], &t.target))
		return cmd_error(ctx, "not enough memory");
	if (t.target.kind != TARGET_DEVICE && access(ctx->argv[0], F_OK))
		ret = cmd_error(ctx, "mount check: cannot open %s: %s", ctx->argv[0], strerror(errno));
	else if (t.target.kind != TARGET_DEVICE)
		ret = cmd_error(ctx, "%s is no device or image", ctx->argv[0]);
	if (!ret)
		ret = check_device(ctx, &t.target);
	if (!ret)
		ret = tune_all(&t);
	fs_close(t.fs);
	target_fini(&t.target);
	return ret ? cmd_error(ctx, "btrfstune failed") : 0;
}

#define OPT_STRUCT struct tune_args
static const struct opt tune_opts[] = {
	OPT_HEAD("change feature status:"),
	OPT_FLAG('r', NULL, extref, "enable extended inode refs (mkfs: extref, for hardlink limits)"),
	OPT_FLAG('x', NULL, skinny, "enable skinny metadata extent refs (mkfs: skinny-metadata)"),
	OPT_FLAG('n', NULL, no_holes, "enable no-holes feature (mkfs: no-holes, more efficient sparse file representation)"),
	OPT_STRING('S', NULL, seed, "0|1", "set/unset seeding status of a device", .complete = "0|1"),
	OPT_FLAG(0, "convert-to-block-group-tree", to_block_group_tree, "convert filesystem to track block groups in the separate block-group-tree instead of extent tree (sets the incompat bit)"),
	OPT_FLAG(0, "convert-from-block-group-tree", from_block_group_tree, "convert the block group tree back to extent tree (remove the incompat bit)"),
	OPT_FLAG(0, "convert-to-free-space-tree", to_free_space_tree, "convert filesystem to use free space tree (v2 cache)"),
	OPT_HEAD(""),
	OPT_HEAD("UUID changes:"),
	OPT_FLAG('u', NULL, new_fsid, "rewrite fsid, use a random one"),
	OPT_STRING('U', NULL, fsid, "UUID", "rewrite fsid to UUID"),
	OPT_FLAG('m', NULL, new_metadata_fsid, "change fsid in metadata_uuid to a random UUID incompat change, more lightweight than -u|-U"),
	OPT_STRING('M', NULL, metadata_fsid, "UUID", "change fsid in metadata_uuid to UUID"),
	OPT_HEAD(""),
	OPT_HEAD("Quota:"),
	OPT_FLAG(0, "enable-simple-quota", enable_simple_quota, "enable simple quotas on the file system. (squota)"),
	OPT_FLAG(0, "remove-simple-quota", remove_simple_quota, "remove simple quotas from the file system."),
	OPT_HEAD(""),
	OPT_HEAD("General:"),
	OPT_FLAG('f', NULL, force, "allow dangerous operations, make sure that you are aware of the dangers"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_tune = {
	.name = "btrfstune", .usage = { "btrfstune [options] device" }, .brief = "Tune settings of filesystem features on an unmounted device",
	.opts = tune_opts, CMD_ARGS(struct tune_args), .min_args = 1, .max_args = 1, .flags = CMD_STANDALONE | CMD_SEED | CMD_PROGRESS, .run = tune_run,
	.complete = "device",
};
