/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs inspect-internal inode-resolve, logical-resolve, subvolid-resolve, rootid. Spec: cli 15.1. */
#include "cmds/report.h"
#include "kernel-shared/fs/users.h"

/* What stands before a path inside the filesystem of an argument, so that the whole is an argument again: "disk.img:/". */
static void inside_prefix(struct cmd_ctx *ctx, const char *arg, bool whole, struct strbuf *out)
{
	struct target t;

	if (target_arg(ctx, arg, &t))
		return;
	if (whole && t.kind == TARGET_INSIDE) {
		free(t.path);
		t.path = NULL;
	}
	target_name(&t, out);
	if (!t.path && t.devices.len)
		sb_char(out, ':');
	if (!out->len || out->v[out->len - 1] != '/')
		sb_char(out, '/');
	target_fini(&t);
}

struct path_printer { struct cmd_ctx *ctx; const char *prefix; };

static int print_path(void *arg, const char *path, size_t len)
{
	struct path_printer *p = arg;
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	sb_puts(&sb, p->prefix);
	sb_add(&sb, path, len);
	if (p->ctx->json) {
		out_json_strn(p->ctx->out, NULL, sb.v, sb.len);
	} else {
		sb_char(&sb, '\n');
		out_write(p->ctx->out, sb.v, sb.len);
	}
	return 0;
}

static int inode_run(struct cmd_ctx *ctx, void *args)
{
	struct strbuf prefix CLEANUP(sb_fini) = STRBUF_INIT;
	struct path_printer printer = { .ctx = ctx };
	struct inode inode;
	struct loc loc;
	struct fs *fs;
	u64 ino;
	int ret;

	if (parse_u64(ctx->argv[0], &ino, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = report_open(ctx, ctx->argv[1], &fs, &loc);
	if (ret)
		return ret;
	inside_prefix(ctx, ctx->argv[1], false, &prefix);
	printer.prefix = sb_str(&prefix);
	ret = inode_get(loc.root, ino, &inode, &ctx->err);
	if (!ret && ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "inode-resolve");
	}
	if (!ret)
		ret = inode_paths(loc.root, ino, print_path, &printer, &ctx->err);
	if (!ret && ctx->json)
		out_json_end(ctx->out);
	target_close(ctx, fs);
	if (ret == -ENOENT)
		return cmd_error(ctx, "ino paths ioctl: %s", strerror(ENOENT));
	return ret ? cmd_fail(ctx, "cannot resolve inode %llu", ino) : 0;
}

const struct cmd cmd_inspect_inode_resolve = {
	.name = "inode-resolve", .usage = { "btrfs inspect-internal inode-resolve <inode> <path>" }, .brief = "Get file system paths for the given inode",
	.min_args = 2, .max_args = 2, .flags = CMD_JSON | CMD_QUIET_VERBOSE, .run = inode_run, .complete = "dir",
};

struct logical_args { bool no_paths, ignore_offset, has_bufsize; u64 bufsize; };

struct user_printer { struct cmd_ctx *ctx; struct fs *fs; const struct logical_args *args; const char *prefix; };

/* All names of the file, each below its subvolume's path. */
static int print_user_paths(struct user_printer *p, u64 id, u64 ino)
{
	struct strbuf top CLEANUP(sb_fini) = STRBUF_INIT;
	struct root *root;
	int ret;

	sb_puts(&top, p->prefix);
	ret = subvol_path(p->fs, id, &top, &p->ctx->err);
	if (!ret)
		ret = fs_subvol_root(p->fs, id, &root, &p->ctx->err);
	if (!ret && top.len && top.v[top.len - 1] != '/')
		sb_char(&top, '/');
	if (!ret)
		ret = inode_paths(root, ino, print_path, &(struct path_printer){ p->ctx, sb_str(&top) }, &p->ctx->err);
	return ret == -ENOENT ? 0 : ret;
}

static int print_user(void *arg, u64 root, u64 ino, u64 offset)
{
	struct user_printer *p = arg;
	struct out *o = p->ctx->out;
	int ret = 0;

	if (p->ctx->json) {
		out_obj(o, NULL);
		out_json_u64(o, "inode", ino);
		out_json_u64(o, "offset", offset);
		out_json_u64(o, "root", root);
		out_arr(o, "paths");
		if (!p->args->no_paths)
			ret = print_user_paths(p, root, ino);
		out_end(o);
		out_end(o);
		return ret;
	}
	if (!p->args->no_paths)
		return print_user_paths(p, root, ino);
	out_printf(o, "inode %llu offset %llu root %llu\n", ino, offset, root);
	return 0;
}

static int resolve_logical(struct cmd_ctx *ctx, struct fs *fs, u64 logical, struct user_printer *p)
{
	struct extent_view ext;
	struct resolver r;
	int ret = extent_find(fs, logical, &ext, &ctx->err);

	if (!ret && !ext.is_data)
		ret = -ENOENT;
	if (ret)
		return ret;
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "logical-resolve");
	}
	resolver_init(&r, fs);
	ret = extent_users(&r, &ext, p->args->ignore_offset ? -1ULL : logical - ext.bytenr, print_user, p, &ctx->err);
	resolver_fini(&r);
	if (ctx->json)
		out_json_end(ctx->out);
	return ret;
}

static int logical_run(struct cmd_ctx *ctx, void *args)
{
	struct strbuf prefix CLEANUP(sb_fini) = STRBUF_INIT;
	struct user_printer p = { .ctx = ctx, .args = args };
	u64 logical;
	int ret;

	if (parse_u64(ctx->argv[0], &logical, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = report_open(ctx, ctx->argv[1], &p.fs, NULL);
	if (ret)
		return ret;
	inside_prefix(ctx, ctx->argv[1], true, &prefix);
	p.prefix = sb_str(&prefix);
	ret = resolve_logical(ctx, p.fs, logical, &p);
	target_close(ctx, p.fs);
	if (ret == -ENOENT)
		return cmd_error(ctx, "logical ino ioctl: %s", strerror(ENOENT));
	return ret ? cmd_fail(ctx, "cannot resolve address %llu", logical) : 0;
}

#define OPT_STRUCT struct logical_args
static const struct opt logical_opts[] = {
	OPT_FLAG('P', NULL, no_paths, "skip the path resolving and print the inodes instead"),
	OPT_FLAG('o', NULL, ignore_offset, "ignore offsets when matching references"),
	OPT_SIZE('s', NULL, bufsize, "BUFSIZE", "set inode container's size; no limit for an unmounted filesystem"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_inspect_logical_resolve = {
	.name = "logical-resolve", .usage = { "btrfs inspect-internal logical-resolve [-Pvo] [-s bufsize] <logical> <path>" },
	.brief = "Get file system paths for the given logical address", .opts = logical_opts, CMD_ARGS(struct logical_args),
	.min_args = 2, .max_args = 2, .flags = CMD_JSON | CMD_QUIET_VERBOSE, .run = logical_run, .complete = "dir",
};

static int subvolid_run(struct cmd_ctx *ctx, void *args)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	struct subvol_info info;
	struct fs *fs;
	u64 id;
	int ret;

	if (parse_u64(ctx->argv[0], &id, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = report_open(ctx, ctx->argv[1], &fs, NULL);
	if (ret)
		return ret;
	ret = subvol_info_get(fs, id, &info, &ctx->err);
	if (!ret) {
		subvol_info_fini(&info);
		ret = subvol_path(fs, id, &path, &ctx->err);
	}
	target_close(ctx, fs);
	if (ret) {
		env_msg(ctx->env, MSG_NOTE, "failed to lookup subvol_id %llu!", id);
		return cmd_error(ctx, "resolving subvolid %llu error %d", id, ret);
	}
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_json_strn(ctx->out, "subvolid-resolve", sb_str(&path), path.len);
		out_json_end(ctx->out);
	} else {
		out_printf(ctx->out, "%s\n", sb_str(&path));
	}
	return 0;
}

const struct cmd cmd_inspect_subvolid_resolve = {
	.name = "subvolid-resolve", .usage = { "btrfs inspect-internal subvolid-resolve <subvolid> <path>" },
	.brief = "Get file system paths for the given subvolume ID.", .min_args = 2, .max_args = 2, .flags = CMD_JSON, .run = subvolid_run, .complete = "dir",
};

static int rootid_run(struct cmd_ctx *ctx, void *args)
{
	struct loc loc;
	struct fs *fs;
	u64 id;
	int ret = report_open(ctx, ctx->argv[0], &fs, &loc);

	if (ret)
		return ret;
	id = loc.root->tree.id;
	target_close(ctx, fs);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_json_u64(ctx->out, "rootid", id);
		out_json_end(ctx->out);
	} else {
		out_printf(ctx->out, "%llu\n", id);
	}
	return 0;
}

const struct cmd cmd_inspect_rootid = {
	.name = "rootid", .usage = { "btrfs inspect-internal rootid <path>" }, .brief = "Get tree ID of the containing subvolume of path.",
	.min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = rootid_run, .complete = "file",
};
