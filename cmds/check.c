/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs check, also as btrfsck. Spec: check.md 1, cli 17. */
#include <stdlib.h>
#include <strings.h>
#include "cmds/check.h"

/* --- text --- */

static const char *phase_title(const struct report *r, enum check_phase phase, bool skipped)
{
	switch (phase) {
	case CHECK_LOG: return skipped ? "[1/8] checking log skipped (none written)" : "[1/8] checking log";
	case CHECK_ROOT_ITEMS: return "[2/8] checking root items";
	case CHECK_EXTENTS: return "[3/8] checking extents";
	case CHECK_FREE_SPACE: return r->v2 ? "[4/8] checking free space tree" : "[4/8] checking free space cache";
	case CHECK_FS_ROOTS: return "[5/8] checking fs roots";
	case CHECK_CSUMS: return r->opts->data_csum ? "[6/8] checking csums against data" : "[6/8] checking only csums items (without verifying data)";
	case CHECK_ROOT_REFS: return "[7/8] checking root refs";
	case CHECK_QUOTA: return skipped ? "[8/8] checking quota groups skipped (not enabled on this FS)" : "[8/8] checking quota groups";
	}
	return "";
}

static const char *phase_failed(enum check_phase phase)
{
	switch (phase) {
	case CHECK_LOG: return "errors found in log";
	case CHECK_EXTENTS: return "errors found in extent allocation tree or chunk allocation";
	case CHECK_FS_ROOTS: return "errors found in fs roots";
	case CHECK_CSUMS: return "errors found in csum tree";
	case CHECK_ROOT_REFS: return "errors found in root refs";
	default: return NULL;
	}
}

void check_say(struct report *r, enum channel channel, const char *text)
{
	static const enum msg_level levels[] = { [CHANNEL_ERROR] = MSG_ERROR, [CHANNEL_WARNING] = MSG_WARNING, [CHANNEL_NOTE] = MSG_NOTE };

	if (channel == CHANNEL_PART)
		return;
	if (channel == CHANNEL_PRINT) {
		out_printf(r->ctx->out, "%s\n", text);
		return;
	}
	out_flush(r->ctx->out);
	env_msg(r->ctx->env, levels[channel], "%s", text);
}

static void text_begin(void *arg, enum check_phase phase, bool skipped)
{
	struct report *r = arg;

	check_say(r, CHANNEL_NOTE, phase_title(r, phase, skipped));
}

static void text_finding(void *arg, const struct check_finding *f)
{
	check_say(arg, problem_row(f->id)->channel, f->text);
}

static void text_end(void *arg, enum check_phase phase, u64 errors)
{
	struct report *r = arg;

	r->errors += errors;
	if (errors && phase_failed(phase))
		check_say(r, CHANNEL_ERROR, phase_failed(phase));
}

void check_text_summary(struct report *r, const struct check_totals *t)
{
	struct out *o = r->ctx->out;

	out_printf(o, "found %llu bytes used, %s\n", t->bytes_used, r->errors ? "error(s) found" : "no error found");
	out_printf(o, "total csum bytes: %llu\ntotal tree bytes: %llu\ntotal fs tree bytes: %llu\ntotal extent tree bytes: %llu\n", t->csum_bytes,
		   t->tree_bytes, t->fs_tree_bytes, t->extent_tree_bytes);
	out_printf(o, "btree space waste bytes: %llu\nfile data blocks allocated: %llu\n referenced %llu\n", t->waste_bytes, t->data_allocated,
		   t->data_referenced);
}

/* --- JSON --- */

static void json_finding(void *arg, const struct check_finding *f)
{
	static const char *const severities[] = { "info", "warning", "error" };
	struct report *r = arg;
	struct out *o = r->ctx->out;
	const struct problem *row = problem_row(f->id);

	out_obj(o, NULL);
	out_json_str(o, "id", row->name);
	out_json_str(o, "severity", severities[row->severity]);
	out_json_u64(o, "phase", f->phase);
	out_json_str(o, "message", f->text);
	if (f->tree)
		out_json_s64(o, "tree", f->tree);
	if (f->ino)
		out_json_u64(o, "inode", f->ino);
	if (f->path)
		out_json_str(o, "path", f->path);
	if (f->name_len) {
		out_json_strn(o, "name", f->name, f->name_len);
		out_json_u64(o, "directory", f->parent);
		out_json_u64(o, "index", f->index);
	}
	if (f->key.objectid || f->key.type || f->key.offset) {
		out_obj(o, "key");
		out_json_u64(o, "objectid", f->key.objectid);
		out_json_u64(o, "type", f->key.type);
		out_json_u64(o, "offset", f->key.offset);
		out_end(o);
	}
	if (f->block)
		out_json_u64(o, "block", f->block);
	if (f->bytenr || f->len) {
		out_json_u64(o, "bytenr", f->bytenr);
		out_json_u64(o, "length", f->len);
	}
	if (f->have || f->want) {
		out_json_u64(o, "have", f->have);
		out_json_u64(o, "want", f->want);
	}
	if (f->devid)
		out_json_u64(o, "devid", f->devid);
	if (f->mirror)
		out_json_u64(o, "mirror", f->mirror);
	if (row->repair) {
		out_json_str(o, "repair", row->repair);
		out_json_bool(o, "repair-asks", row->kind == REPAIR_ASKS);
	}
	out_end(o);
}

static void json_end(void *arg, enum check_phase phase, u64 errors)
{
	((struct report *)arg)->errors += errors;
}

void check_json_summary(struct report *r, const struct check_totals *t)
{
	struct out *o = r->ctx->out;

	out_end(o);
	out_obj(o, "summary");
	out_json_bool(o, "errors-found", r->errors);
	out_json_u64(o, "errors", t->errors);
	out_json_u64(o, "warnings", t->warnings);
	out_json_u64(o, "bytes-used", t->bytes_used);
	out_json_u64(o, "csum-bytes", t->csum_bytes);
	out_json_u64(o, "tree-bytes", t->tree_bytes);
	out_json_u64(o, "fs-tree-bytes", t->fs_tree_bytes);
	out_json_u64(o, "extent-tree-bytes", t->extent_tree_bytes);
	out_json_u64(o, "waste-bytes", t->waste_bytes);
	out_json_u64(o, "data-allocated", t->data_allocated);
	out_json_u64(o, "data-referenced", t->data_referenced);
	out_end(o);
	out_json_end(o);
}

const struct check_ops check_text_ops = { text_begin, text_finding, text_end, NULL }, check_json_ops = { NULL, json_finding, json_end, NULL };

/* --- running --- */

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
	if (a->has_super) {
		args->super_copy = a->super;
		if (!ctx->json)
			out_printf(ctx->out, "using SB copy %llu, bytenr %llu\n", a->super, btrfs_super_offset[a->super]);
	}
	args->tree_root = a->tree_root;
	args->chunk_root = a->chunk_root;
	args->cache_memory = (a->has_memory ? a->memory : MiB(256)) / 8;
}

static int open_fs(struct cmd_ctx *ctx, const struct check_opts *a, const struct target *t, struct fs **fs)
{
	struct fs_open_args args;

	check_open_args(ctx, a, t, &args);
	args.flags |= FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_DEGRADED | FS_OPEN_NEIGHBOURS;
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

static int run_check(struct report *r, struct fs *fs)
{
	struct check_args args = { .data_csum = r->opts->data_csum, .memory = r->opts->memory };
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
	if (ret)
		return cmd_fail(r->ctx, "the check could not be finished");
	if (r->ctx->json)
		check_json_summary(r, &totals);
	else
		check_text_summary(r, &totals);
	return r->errors ? 1 : 0;
}

static int check_opened(struct cmd_ctx *ctx, const struct check_opts *a, struct fs *fs, const char *device)
{
	struct report r = { .ctx = ctx, .opts = a, .fs = fs, .v2 = geo_compat_ro(fs->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE) };
	char uuid[UUID_TEXT_MAX];

	if (!ctx->json)
		out_printf(ctx->out, "Checking filesystem on %s\nUUID: %s\n", device, uuid_format(fs->sb->fsid, uuid));
	if (check_critical(ctx, fs))
		return 1;
	ctx->env->tempdir = a->temp;
	if (env_start_pool(ctx->env, &ctx->err))
		return cmd_fail(ctx, "cannot start threads");
	return run_check(&r, fs);
}

static int check_run_cmd(struct cmd_ctx *ctx, void *args)
{
	const struct check_opts *a = args;
	struct target t;
	struct fs *fs = NULL;
	int ret;

	if (a->has_super && a->super >= BTRFS_SUPER_MIRROR_MAX)
		return cmd_error(ctx, "super mirror should be less than %d", BTRFS_SUPER_MIRROR_MAX);
	if (check_repairs(a) && a->readonly)
		return cmd_error(ctx, "repair options are not compatible with --readonly");
	check_repair_warning(ctx, a);
	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	if (!ctx->json)
		out_puts(ctx->out, "Opening filesystem to check...\n");
	if (t.kind != TARGET_DEVICE) {
		ret = cmd_error(ctx, "cannot open '%s': not a regular file or block device", ctx->argv[0]);
		cmd_error(ctx, "cannot open file system");
	} else {
		ret = check_mounted(ctx, a, &t);
	}
	if (!ret && check_repairs(a)) {
		ret = check_repair(ctx, a, &t);
		target_fini(&t);
		return ret;
	}
	if (!ret)
		ret = open_fs(ctx, a, &t, &fs);
	if (!ret)
		ret = check_opened(ctx, a, fs, ctx->argv[0]);
	fs_close(fs);
	target_fini(&t);
	return ret;
}

static int set_mode(void *args, const char *value, struct err *err)
{
	if (!strcasecmp(value, "original") || !strcasecmp(value, "lowmem"))
		return 0;
	return err_set(err, -EINVAL, "unknown mode: %s", value);
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
	OPT_FLAG('p', "progress", progress, "indicate progress"),
	OPT_FLAG('a', NULL, ignored, NULL),
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
