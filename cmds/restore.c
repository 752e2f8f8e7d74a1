/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `btrfs restore`: copies files out of an unmounted filesystem that may be damaged. Spec: check.md 3. */
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/copyout/summary.h"
#include "cmds/target.h"
#include "common/mem.h"
#include "kernel-shared/fs/file.h"
#include "kernel-shared/tree/salvage.h"

struct restore_args {
	bool dry_run, ignore_errors, overwrite, metadata, symlinks, snapshots, xattrs, ignore_case, find_dir, list_roots;
	const char *regex;
	u64 fs_location, tree_location, root, super;
	bool has_fs_location, has_tree_location, has_root, has_super;
};
#define OPT_STRUCT struct restore_args
static const struct opt restore_opts[] = {
	OPT_HEAD("Control:"),
	OPT_FLAG('D', "dry-run", dry_run, "dry run (only list files that would be recovered)"),
	OPT_FLAG('i', "ignore-errors", ignore_errors, "ignore errors; data whose checksum does not match is written as it is"),
	OPT_FLAG('o', "overwrite", overwrite, "overwrite"),
	OPT_HEAD(""),
	OPT_HEAD("Restoration:"),
	OPT_FLAG('m', "metadata", metadata, "restore owner, mode and times"),
	OPT_FLAG('S', "symlinks", symlinks, "restore symbolic links"),
	OPT_FLAG(0, "symlink", symlinks, NULL),
	OPT_FLAG('s', "snapshots", snapshots, "get snapshots"),
	OPT_FLAG('x', "xattr", xattrs, "restore extended attributes"),
	OPT_HEAD(""),
	OPT_HEAD("Filtering:"),
	OPT_STRING(0, "path-regex", regex, "REGEX", "restore only filenames matching regex, which must match every directory above as well: "
		   "^/(|home(|/username(|/Desktop(|/.*))))$"),
	OPT_FLAG('c', NULL, ignore_case, "ignore case (--path-regex only)"),
	OPT_HEAD(""),
	OPT_HEAD("Analysis:"),
	OPT_FLAG('d', NULL, find_dir, "find the first directory"),
	OPT_FLAG('l', "list-roots", list_roots, "list tree roots"),
	OPT_HEAD(""),
	OPT_HEAD("Alternate starting point:"),
	OPT_U64('f', NULL, fs_location, "BYTENR", "filesystem location"),
	OPT_U64('r', "root", root, "ROOTID", "root objectid"),
	OPT_U64('t', NULL, tree_location, "BYTENR", "tree location"),
	OPT_U64('u', "super", super, "MIRROR", "super mirror"),
	OPT_END
};
#undef OPT_STRUCT

struct restore {
	struct cmd_ctx *ctx;
	const struct restore_args *a;
	struct target target;
	struct fs *fs;
	struct root located;      /* -f */
	bool has_located;
	regex_t regex;
	bool has_regex;
	bool ordered;             /* one worker, everything told as it goes */
	VEC(char *) skipped;      /* else: snapshots to be named at the end */
};

static bool want_path(void *arg, const char *path)
{
	struct restore *r = arg;

	return !regexec(&r->regex, path, 0, NULL, 0);
}

/* Engine notes in the incumbent's words. Standard output, too, goes through env_msg: notes come from several threads. */
static void say(struct restore *r, int level, const char *fmt, const char *a, const char *b)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	if (cmd_level(r->ctx) < level)
		return;
	sb_printf(&sb, "%s%s%s", fmt, a, b);
	env_msg(r->ctx->env, MSG_PRINT, "%s", sb_str(&sb));
}

/* With several workers it is told at the end which the first was. */
static void tell_existing(struct restore *r, const char *path, bool first)
{
	say(r, first ? 1 : 2, "Skipping existing file ", path, "");
	if (first)
		say(r, 1, "If you wish to overwrite use -o", "", "");
}

static void tell_snapshot(struct restore *r, const char *name)
{
	say(r, 1, "Skipping snapshot ", name, "");
}

static void remember_snapshot(struct restore *r, const char *name)
{
	char *copy = mem_strdup(name);

	if (copy && vec_push(&r->skipped, copy))
		free(copy);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void tell_snapshots(struct restore *r)
{
	vec_sort(&r->skipped, by_text);
	for (size_t i = 0; i < r->skipped.len; i++) {
		tell_snapshot(r, r->skipped.v[i]);
		free(r->skipped.v[i]);
	}
	vec_fini(&r->skipped);
}

static void tell_damage(struct restore *r, const struct copyout_note *n)
{
	if (n->from == n->to)
		return; /* in the list at the end */
	if (n->copies) {
		for (unsigned i = 1; i < n->copies; i++)
			env_msg(r->ctx->env, MSG_NOTE, "trying another mirror");
		cmd_error(r->ctx, "exhausted mirrors trying to read (%u > %u)", n->copies + 1, n->copies);
	}
	cmd_error(r->ctx, "copying data for %s failed", n->path);
}

static void tell(void *arg, const struct copyout_note *n)
{
	struct restore *r = arg;

	switch (n->event) {
	case COPYOUT_DIR:
	case COPYOUT_FILE:
		say(r, 2, "Restoring ", n->path, "");
		break;
	case COPYOUT_SYMLINK:
		env_msg(r->ctx->env, MSG_PRINT, "SYMLINK: '%s' => '%s'", n->path, n->text);
		break;
	case COPYOUT_DIR_DONE:
		say(r, 2, "Done searching ", n->path, "");
		break;
	case COPYOUT_EXISTS:
		if (r->ordered)
			tell_existing(r, n->path, n->first);
		break;
	case COPYOUT_SNAPSHOT:
		if (r->ordered)
			tell_snapshot(r, n->path);
		else
			remember_snapshot(r, n->path);
		break;
	case COPYOUT_DAMAGE:
		tell_damage(r, n);
		break;
	case COPYOUT_FAILED:
	case COPYOUT_EVENTS:
		break;
	}
}

static int list_roots(struct restore *r)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&r->fs->root_tree->tree, KEY_MIN, KEY_MAX);
	struct cmd_ctx *ctx = r->ctx;
	struct print_ctx print;
	struct item item;
	int ret, rc = 0;

	print_ctx_init(&print, &ctx->out->buf, r->fs->geo);
	while ((ret = salvage_next(&s, &item, &ctx->err)) >= 0) {
		struct disk_root_item root;

		if (ret == 1) {
			rc = cmd_fail(ctx, "some roots cannot be read");
			continue;
		}
		if (item.key.type != BTRFS_ROOT_ITEM_KEY)
			continue;
		root_item_parse(&item, &root);
		sb_lit(&ctx->out->buf, " tree key ");
		print_key(&print, &item.key);
		sb_printf(&ctx->out->buf, " %llu level %u\n", le64_get(root.bytenr), root.level);
		out_check(ctx->out);
	}
	return ret == -ENOENT ? rc : cmd_fail(ctx, "cannot list roots");
}

static int open_once(struct restore *r, int super_copy, unsigned more_flags)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;

	args.specs = (const char *const *)r->target.devices.v;
	args.nspecs = r->target.devices.len;
	args.flags = FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_DEGRADED | FS_OPEN_NEIGHBOURS | FS_OPEN_NO_BLOCK_GROUPS | more_flags;
	args.super_copy = super_copy;
	args.tree_root = r->a->tree_location;
	err_clear(&r->ctx->err);
	return fs_open(r->ctx->env, &args, &r->fs, &r->ctx->err);
}

static bool usable(struct restore *r, int ret)
{
	if (!ret && r->fs->root_tree)
		return true;
	if (!ret) {
		fs_close(r->fs);
		r->fs = NULL;
	}
	return false;
}

/* Nothing to be done with this superblock. True: it is good, but the tree root is not. */
static bool root_is_bad(struct restore *r, int ret)
{
	if (ret)
		cmd_error(r->ctx, "%s", err_text(&r->ctx->err));
	return !ret;
}

/* The superblock copies in turn, then the older roots that the superblock remembers. */
static int open_fs(struct restore *r)
{
	struct cmd_ctx *ctx = r->ctx;
	int first = r->a->has_super ? (int)r->a->super : -1, ret = open_once(r, first, 0);
	bool bad_root;

	if (usable(r, ret))
		return 0;
	bad_root = root_is_bad(r, ret);
	for (int copy = max_t(int, first, 0) + 1; copy < BTRFS_SUPER_MIRROR_MAX; copy++) {
		env_msg(ctx->env, MSG_NOTE, "Could not open root, trying backup super");
		ret = open_once(r, copy, 0);
		if (usable(r, ret))
			return 0;
		bad_root |= root_is_bad(r, ret);
	}
	if (bad_root && !r->a->has_tree_location) {
		env_msg(ctx->env, MSG_NOTE, "Could not open root, trying backup roots");
		if (usable(r, open_once(r, first, FS_OPEN_BACKUP_ROOT)))
			return 0;
	}
	return cmd_error(ctx, "opening tree root failed");
}

/* -f: the tree that begins with this block, whatever it belongs to. */
static int locate_root(struct restore *r, struct root **out)
{
	struct block_ref ref = { .bytenr = r->a->fs_location, .any_owner = true };
	struct cmd_ctx *ctx = r->ctx;
	struct node *n CLEANUP(node_putp) = NULL;

	if (!is_aligned_p2(ref.bytenr, r->fs->geo->sectorsize)) {
		cmd_error(ctx, "tree block bytenr %llu is not aligned to sectorsize %u", ref.bytenr, r->fs->geo->sectorsize);
		return cmd_error(ctx, "failed to read fs location");
	}
	if (node_get(&r->fs->store, &ref, &n, &ctx->err)) {
		cmd_error(ctx, "%s", err_text(&ctx->err));
		return cmd_error(ctx, "failed to read fs location");
	}
	tree_init(&r->located.tree, &r->fs->store, is_fstree(node_owner(n)) ? node_owner(n) : BTRFS_FS_TREE_OBJECTID, ref.bytenr,
		  node_generation(n), node_level(n));
	r->located.tree.any_owner = true;
	r->located.tree.owner = &r->located;
	r->located.fs = r->fs;
	r->has_located = true;
	*out = &r->located;
	return 0;
}

static int find_root(struct restore *r, struct root **out)
{
	struct cmd_ctx *ctx = r->ctx;
	int ret;

	if (r->a->fs_location)
		return locate_root(r, out);
	if (r->a->has_root) {
		ret = fs_subvol_root(r->fs, r->a->root, out, &ctx->err);
		if (ret)
			return cmd_error(ctx, "failed to read root %llu: %s", r->a->root, ret == -ENOENT ? strerror(ENOENT) : err_text(&ctx->err));
		return 0;
	}
	*out = r->fs->fs_tree;
	if (!*out)
		return cmd_error(ctx, "could not read fs root: %d", -EIO);
	return 0;
}

/* -d: the first directory that has entries. */
static int first_dir(struct restore *r, struct root *root, u64 *dir)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&root->tree, KEY(BTRFS_FIRST_FREE_OBJECTID, 0, 0), KEY_MAX);
	struct item item;
	int ret;

	*dir = BTRFS_FIRST_FREE_OBJECTID;
	if (!r->a->find_dir)
		return 0;
	while ((ret = salvage_next(&s, &item, &r->ctx->err)) >= 0) {
		if (ret == 1 || item.key.type != BTRFS_DIR_INDEX_KEY)
			continue;
		*dir = item.key.objectid;
		out_printf(r->ctx->out, "Using objectid %llu for first dir\n", *dir);
		return 0;
	}
	env_msg(r->ctx->env, MSG_NOTE, "Couldn't find a dir index item");
	return 1;
}

static void fill_opts(struct restore *r, struct copyout_opts *o)
{
	const struct restore_args *a = r->a;
	int level = cmd_level(r->ctx);

	*o = (struct copyout_opts){
		.metadata = a->metadata, .xattrs = a->xattrs, .symlinks = a->symlinks, .subvolumes = true, .reflink = true,
		.overwrite = a->overwrite, .ignore_csums = a->ignore_errors, .dry_run = a->dry_run, .ordered = a->dry_run || level >= 2,
		.stop_on_failure = !a->ignore_errors, .snapshots = a->snapshots ? SNAPSHOTS_ALL : SNAPSHOTS_SKIP,
		.want = r->has_regex ? want_path : NULL, .note = tell, .arg = r,
		.note_mask = 1U << COPYOUT_EXISTS | 1U << COPYOUT_SNAPSHOT | 1U << COPYOUT_DAMAGE,
	};
	r->ordered = o->ordered;
	if (level >= 2)
		o->note_mask |= 1U << COPYOUT_DIR | 1U << COPYOUT_FILE | 1U << COPYOUT_DIR_DONE | 1U << COPYOUT_SYMLINK;
}

static int copy(struct restore *r, struct loc dir, const char *path)
{
	struct cmd_ctx *ctx = r->ctx;
	const struct copyout_result *result;
	struct copyout_opts opts;
	struct copyout *c = NULL;
	int dirfd = -1, ret, rc = 0;

	fill_opts(r, &opts);
	if (!r->fs->csum_tree)
		cmd_warn(ctx, "there is no readable checksum tree: data is restored without verification");
	if (!opts.dry_run) {
		dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dirfd < 0)
			return cmd_error(ctx, "cannot open the target '%s': %s", path, strerror(errno));
	}
	opts.progress = progress_new("restore", PROGRESS_BYTES, 0, opts.dry_run ? PROGRESS_OFF : ctx->progress);
	ret = copyout_new(ctx->env, r->fs, &opts, dirfd, path, &c, &ctx->err);
	if (!ret)
		ret = copyout_contents(c, dir, &ctx->err);
	progress_free(opts.progress);
	if (ret)
		rc = cmd_error(ctx, "%s", err_text(&ctx->err));
	if (c) {
		result = copyout_result(c);
		if (!r->ordered && result->first_existing)
			tell_existing(r, result->first_existing, true);
		tell_snapshots(r);
		if (r->a->ignore_errors)
			copyout_refusals(ctx, result);
		copyout_summary(ctx, result, "restored");
		if (result->lost_count && !r->a->ignore_errors)
			rc = 1;
	}
	copyout_free(c);
	if (dirfd >= 0)
		close(dirfd);
	return rc;
}

static int restore_opened(struct restore *r, const char *path)
{
	struct root *root;
	struct loc dir;

	if (r->a->list_roots)
		return list_roots(r);
	if (r->a->dry_run)
		out_puts(r->ctx->out, "This is a dry-run, no files are going to be restored\n");
	if (find_root(r, &root) || first_dir(r, root, &dir.ino))
		return 1;
	dir.root = root;
	if (env_start_pool(r->ctx->env, &r->ctx->err))
		return cmd_fail(r->ctx, "cannot start threads");
	return copy(r, dir, path);
}

/* What is wrong with the command line alone. */
static int check_args(struct cmd_ctx *ctx, const struct restore_args *a)
{
	int least = a->list_roots ? 1 : 2;

	if (a->has_super && a->super >= BTRFS_SUPER_MIRROR_MAX)
		return cmd_error(ctx, "super mirror %llu not valid", a->super);
	if (a->has_root && !is_fstree(a->root))
		return cmd_error(ctx, "objectid %llu is not a valid fs/file tree", a->root);
	if (a->fs_location && a->has_root)
		return cmd_error(ctx, "can't use -f and -r at the same time");
	return cmd_check_count(ctx, least, -1) ? cmd_usage(ctx) : 0;
}

static int check_device(struct restore *r, const char *arg)
{
	struct cmd_ctx *ctx = r->ctx;
	struct stat st;

	if (target_parse(arg, &r->target))
		return cmd_error(ctx, "not enough memory");
	if (r->target.kind == TARGET_HOST) {
		if (!stat(arg, &st))
			return cmd_error(ctx, "not a regular file or block device: %s", arg);
		cmd_error(ctx, "mount check: cannot open %s: %s", arg, strerror(errno));
		return cmd_error(ctx, "could not check mount status: %s", strerror(errno));
	}
	for (size_t i = 0; i < r->target.devices.len; i++) {
		if (bdev_in_use(r->target.devices.v[i], NULL, NULL) == 1)
			return cmd_error(ctx, "%s is currently mounted, cannot continue", r->target.devices.v[i]);
	}
	return 0;
}

static int compile_regex(struct restore *r)
{
	char text[256];
	int ret;

	if (!r->a->regex)
		return 0;
	ret = regcomp(&r->regex, r->a->regex, REG_EXTENDED | REG_NOSUB | (r->a->ignore_case ? REG_ICASE : 0));
	if (ret) {
		regerror(ret, &r->regex, text, sizeof(text));
		return cmd_error(r->ctx, "regex compilation failed: %s", text);
	}
	r->has_regex = true;
	return 0;
}

static int restore_run(struct cmd_ctx *ctx, void *args)
{
	struct restore r = { .ctx = ctx, .a = args };
	int ret = check_args(ctx, args);

	if (!ret)
		ret = check_device(&r, ctx->argv[0]);
	if (!ret)
		ret = compile_regex(&r);
	if (!ret)
		ret = open_fs(&r);
	if (!ret)
		ret = restore_opened(&r, ctx->argv[1]);
	if (r.has_located)
		tree_fini(&r.located.tree);
	if (r.fs)
		fs_close(r.fs);
	if (r.has_regex)
		regfree(&r.regex);
	target_fini(&r.target);
	return ret;
}

static const char *const restore_details[] = {
	"Goes on past damage; what was lost and why is listed at the end.",
	"Compression support: zlib, lzo, zstd",
	NULL
};
const struct cmd cmd_restore = {
	.name = "restore", .usage = { "btrfs restore [options] <device> <path>", "btrfs restore [options] -l <device>" },
	.brief = "Try to restore files from a damaged filesystem (unmounted)", .details = restore_details, .opts = restore_opts,
	CMD_ARGS(struct restore_args), .min_args = 0, .max_args = -1, .flags = CMD_QUIET_VERBOSE | CMD_VERBOSE | CMD_PROGRESS | CMD_JOBS,
	.run = restore_run, .complete = "device dir" };
