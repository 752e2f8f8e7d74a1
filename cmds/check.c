/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs check, also as btrfsck. Spec: check.md 1, cli 17. */
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
#include "cmds/check.h"
#include "cmds/spacecache.h"

static int check_mounted(struct cmd_ctx *ctx, const struct check_opts *a, const struct target *t)
{
	for (size_t i = 0; i < t->devices.len; i++) {
		const char *dev = t->devices.v[i];
		int ret = bdev_in_use(dev, NULL, &ctx->err);

		if (ret < 0 && !a->force)
			return cmd_error(ctx, "could not check mount status: %s", strerror(-ret));
		if (ret < 0)
			cmd_warn(ctx, "cannot check mount status of %s, the filesystem could be mounted, continuing because of --force", dev);
		else if (ret && !a->force)
			return cmd_error(ctx, "%s is currently mounted, use --force if you really intend to check the filesystem", dev);
		else if (ret)
			cmd_warn(ctx, "filesystem mounted, continuing because of --force");
	}
	return 0;
}

void check_open_args(struct cmd_ctx *ctx, const struct check_opts *a, const struct target *t, struct fs_open_args *args)
{
	*args = (struct fs_open_args)FS_OPEN_ARGS_INIT;
	args->specs = (const char *const *)t->devices.v;
	args->nspecs = t->devices.len;
	if (a->backup)
		args->flags |= FS_OPEN_BACKUP_ROOT;
	if (a->force)
		args->flags |= FS_OPEN_FORCE_MOUNTED;
	if (a->has_super)
		args->super_copy = a->super;
	args->tree_root = a->tree_root;
	args->chunk_root = a->chunk_root;
	args->cache_memory = (a->has_memory ? a->memory : MiB(256)) / 8;
}

static int open_fs(struct cmd_ctx *ctx, const struct check_opts *a, const struct target *t, struct fs **fs)
{
	struct fs_open_args args;

	check_open_args(ctx, a, t, &args);
	args.flags |= FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_DEGRADED | FS_OPEN_NEIGHBOURS | FS_OPEN_QUIET;
	/* the check tells all that the reader meets; where there can be none, a second try tells why */
	if (!fs_open(ctx->env, &args, fs, &ctx->err) && (*fs)->root_tree)
		return 0;
	fs_close(*fs);
	*fs = NULL;
	err_clear(&ctx->err);
	args.flags &= ~FS_OPEN_QUIET;
	if (!fs_open(ctx->env, &args, fs, &ctx->err))
		return 0;
	cmd_error(ctx, "%s", err_text(&ctx->err));
	return cmd_error(ctx, "cannot open file system");
}

/* What nothing can be checked without. */
int check_critical(struct cmd_ctx *ctx, const struct fs *fs)
{
	static const char format[] = "critical root %s corrupted, unable to continue";

	if (!fs->root_tree)
		return cmd_error(ctx, format, "tree_root");
	if (!fs->chunk_tree && !(le64_get(fs->sb->flags) & BTRFS_SUPER_FLAG_METADUMP))
		return cmd_error(ctx, format, "chunk_root");
	return 0;
}

static int print_extent(void *arg, u64 bytenr, u64 len, const u64 *roots, size_t n)
{
	struct cmd_ctx *ctx = arg;

	out_printf(ctx->out, "%llu\t%llu\t%zu\t", bytenr, len, n);
	for (size_t i = 0; i < n; i++)
		out_printf(ctx->out, "%llu ", roots[i]);
	out_puts(ctx->out, "\n");
	return 0;
}

/* -E */
static int list_extents(struct cmd_ctx *ctx, const struct check_opts *a, struct fs *fs)
{
	struct check_args args = { .memory = a->memory, .subvol_extents = a->subvol_extents };
	struct check_ops ops = { .extent = print_extent, .arg = ctx };
	struct check_totals totals;

	out_puts(ctx->out, "Offset\t\tLen\tRoot Refs\tRoots\n");
	return check_run(fs, &args, &ops, &totals, &ctx->err) ? cmd_fail(ctx, "the extents cannot be listed") : 0;
}

/* The check itself, or -Q. */
static int run_check(struct report *r, struct fs *fs)
{
	const struct check_opts *a = r->opts;
	struct check_args args = { .data_csum = a->data_csum, .memory = a->memory, .qgroup_report = a->qgroup_report, .other_super = a->has_super,
				   .checked = &r->checked };
	struct check_ops ops = r->ctx->json ? check_json_ops : check_text_ops;
	struct check_totals totals;
	int ret;

	ops.arg = r;
	if (r->ctx->json) {
		out_json_begin(r->ctx->out);
		out_obj(r->ctx->out, "check");
		out_arr(r->ctx->out, "findings");
	}
	ret = check_run(fs, &args, &ops, &totals, &r->ctx->err);
	if (!ret && r->ctx->json)
		check_json_summary(r, &totals);
	else if (!ret && !a->qgroup_report)
		check_text_summary(r, &totals);
	report_fini(r);
	if (ret)
		return cmd_fail(r->ctx, "the check could not be finished");
	return r->errors ? 1 : 0;
}

static void say_opened(struct cmd_ctx *ctx, const struct fs *fs, const char *device)
{
	char uuid[UUID_TEXT_MAX];

	uuid_format(fs->sb->fsid, uuid);
	if (!ctx->json)
		out_printf(ctx->out, "Checking filesystem on %s\nUUID: %s\n", device, uuid);
}

static int check_opened(struct cmd_ctx *ctx, const struct check_opts *a, struct fs *fs, const char *device)
{
	struct report r = { .ctx = ctx, .opts = a, .fs = fs, .v2 = geo_compat_ro(fs->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE) };
	char uuid[UUID_TEXT_MAX];

	uuid_format(fs->sb->fsid, uuid);
	say_opened(ctx, fs, device);
	if (check_critical(ctx, fs))
		return 1;
	ctx->env->tempdir = a->temp;
	if (env_start_pool(ctx->env, &ctx->err))
		return cmd_fail(ctx, "cannot start threads");
	if (a->has_subvol_extents) {
		out_printf(ctx->out, "Print extent state for subvolume %llu on %s\nUUID: %s\n", a->subvol_extents, device, uuid);
		return list_extents(ctx, a, fs);
	}
	if (a->qgroup_report && !ctx->json)
		out_printf(ctx->out, "Print quota groups for %s\nUUID: %s\n", device, uuid);
	return run_check(&r, fs);
}

static int no_device(struct cmd_ctx *ctx, const char *path)
{
	if (access(path, F_OK)) {
		int code = errno;

		cmd_error(ctx, "mount check: cannot open %s: %s", path, strerror(code));
		return cmd_error(ctx, "could not check mount status: %s", strerror(code));
	}
	cmd_error(ctx, "cannot open '%s': not a regular file or block device", path);
	return cmd_error(ctx, "cannot open file system");
}

static int check_run_cmd(struct cmd_ctx *ctx, void *args)
{
	const struct check_opts *a = args;
	struct target t;
	struct fs *fs = NULL;
	int ret;

	if (a->has_super && a->super >= BTRFS_SUPER_MIRROR_MAX)
		return cmd_error(ctx, "super mirror should be less than %d", BTRFS_SUPER_MIRROR_MAX);
	if (a->clear_cache)
		cmd_warn(ctx, "--clear-space-cache option is deprecated, please use \"btrfs rescue clear-space-cache\" instead");
	if ((check_repairs(a) || a->clear_cache) && a->readonly)
		return cmd_error(ctx, "repair options are not compatible with --readonly");
	if (a->has_super && !ctx->json)
		out_printf(ctx->out, "using SB copy %llu, bytenr %llu\n", a->super, btrfs_super_offset[a->super]);
	check_repair_warning(ctx, a);
	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	if (!ctx->json)
		out_puts(ctx->out, "Opening filesystem to check...\n");
	if (t.kind != TARGET_DEVICE) {
		ret = no_device(ctx, ctx->argv[0]);
	} else {
		ret = check_mounted(ctx, a, &t);
	}
	if (!ret && check_repairs(a) && !a->clear_cache) {
		ret = check_repair(ctx, a, &t);
		target_fini(&t);
		return ret;
	}
	if (!ret)
		ret = open_fs(ctx, a, &t, &fs);
	if (!ret && a->clear_cache)
		say_opened(ctx, fs, ctx->argv[0]);
	else if (!ret)
		ret = check_opened(ctx, a, fs, ctx->argv[0]);
	fs_close(fs);
	if (!ret && a->clear_cache)
		ret = space_cache_clear(ctx, &t, a->clear_cache);
	target_fini(&t);
	return ret;
}

static int set_mode(void *args, const char *value, struct err *err)
{
	if (!strcasecmp(value, "original") || !strcasecmp(value, "lowmem"))
		return 0;
	return err_set(err, -EINVAL, "unknown mode: %s", value);
}

static int set_clear_cache(void *args, const char *value, struct err *err)
{
	struct check_opts *a = args;

	if (strcmp(value, "v1") && strcmp(value, "v2"))
		return err_set(err, -EINVAL, "invalid argument to --clear-space-cache, must be v1 or v2");
	a->clear_cache = value[1] - '0';
	return 0;
}

#define OPT_STRUCT struct check_opts
static const struct opt check_options[] = {
	OPT_HEAD("Options:"),
	OPT_HEAD("  starting point selection:"),
	OPT_U64('s', "super", super, "SUPERBLOCK", "use this superblock copy"),
	OPT_FLAG('b', "backup", backup, "use the first valid backup root copy"),
	OPT_U64('r', "tree-root", tree_root, "BYTENR", "use the given bytenr for the tree root"),
	OPT_U64(0, "chunk-root", chunk_root, "BYTENR", "use the given bytenr for the chunk tree root"),
	OPT_HEAD("  operation modes:"),
	OPT_FLAG(0, "readonly", readonly, "run in read-only mode (default)"),
	OPT_OPTARG(0, "repair", repair, "ID,...", "try to repair the filesystem; with problem ids (see --format json): only these"),
	OPT_FLAG(0, "init-csum-tree", init_csum_tree, "create a new CRC tree (sums all data as it is now)"),
	OPT_FLAG(0, "init-extent-tree", init_extent_tree, "create a new extent tree (with block groups and free space)"),
	OPT_FLAG(0, "force", force, "skip mount checks and the countdown before a repair"),
	OPT_CALL(0, "mode", set_mode, "MODE", "original or lowmem: accepted, there is one mode that needs little memory"),
	OPT_FLAG(0, "check-data-csum", data_csum, "verify checksums of data blocks"),
	OPT_CALL(0, "clear-space-cache", set_clear_cache, "v1|v2", "clear the space cache and end (deprecated: btrfs rescue clear-space-cache does it)"),
	OPT_FLAG('Q', "qgroup-report", qgroup_report, "print a report on qgroup consistency"),
	OPT_U64('E', "subvol-extents", subvol_extents, "SUBVOLID", "print subvolume extents and sharing state"),
	OPT_FLAG('p', "progress", progress, "indicate progress"),
	OPT_FLAG('a', NULL, ignored, NULL),
	OPT_FLAG(0, "damaged-files", list_damaged, "list the files that cannot be read whole, and why", .ours = true),
	OPT_HEAD("  resources:"),
	OPT_SIZE(0, "memory", memory, "SIZE", "memory to use (default: 256M); what does not fit goes to temporary files", .ours = true),
	OPT_STRING(0, "temp", temp, "DIR", "where temporary files go (default: $TMPDIR or /tmp)", .ours = true, .complete = "dir"),
	OPT_END
};
#undef OPT_STRUCT

static const char *const check_details[] = {
	"Check structural integrity of a filesystem (unmounted)",
	"",
	"By default the filesystem is only read. A repair works in memory and writes its result at once, at the end, unless a file that could be",
	"read before could not be read after; --dry-run shows what it would do, --undo FILE keeps what it overwrites.",
	NULL
};
const struct cmd cmd_check = {
	.name = "check", .usage = { "btrfs check [options] <device>" }, .brief = "Check structural integrity of a filesystem (unmounted).",
	.details = check_details, .opts = check_options, CMD_ARGS(struct check_opts), .min_args = 1, .max_args = 1, .flags = CMD_JSON | CMD_JOBS | CMD_WRITES,
	.run = check_run_cmd, .complete = "device" };
const struct cmd cmd_btrfsck = {
	.name = "btrfsck", .usage = { "btrfsck [options] <device>" }, .brief = "Check structural integrity of a filesystem (unmounted).",
	.details = check_details, .opts = check_options, CMD_ARGS(struct check_opts), .min_args = 1, .max_args = 1,
	.flags = CMD_JSON | CMD_JOBS | CMD_WRITES | CMD_STANDALONE, .run = check_run_cmd, .complete = "device" };
