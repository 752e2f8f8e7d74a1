/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs inspect-internal inode-resolve, logical-resolve, subvolid-resolve, rootid. Spec: cli 15.1. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "cmds/mounted/subvols.h"
#include "cmds/report.h"
#include "common/mem.h"
#include "kernel-shared/fs/users.h"
#include "kernel-shared/kapi/mounts.h"
#include "kernel-shared/kapi/resolve.h"
#include "kernel-shared/kapi/subvol.h"

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

/* The names of inode ino in the subvolume of either side. */
static int print_names(struct path_printer *p, const struct host *h, struct root *root, u64 ino)
{
	struct cmd_ctx *ctx = p->ctx;
	struct inode inode;
	int ret = root ? inode_get(root, ino, &inode, &ctx->err) : 0;

	if (!ret && ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "inode-resolve");
	}
	if (!ret)
		ret = root ? inode_paths(root, ino, print_path, p, &ctx->err) : kino_names(h->fd, ino, print_path, p, &ctx->err);
	if (!ret && ctx->json)
		out_json_end(ctx->out);
	if (ret == -ENOENT || ret == -EPERM)
		return cmd_error(ctx, "ino paths ioctl: %s", strerror(-ret));
	return ret ? cmd_fail(ctx, "cannot resolve inode %llu", ino) : 0;
}

static int inode_run(struct cmd_ctx *ctx, void *args)
{
	struct strbuf prefix CLEANUP(sb_fini) = STRBUF_INIT;
	struct path_printer printer = { .ctx = ctx };
	struct host h;
	struct loc loc;
	struct fs *fs;
	u64 ino;
	int ret;

	if (parse_u64(ctx->argv[0], &ino, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = host_open(ctx, ctx->argv[1], HOST_DIR, &h);
	if (!ret) {
		sb_printf(&prefix, "%s/", ctx->argv[1]);
		printer.prefix = sb_str(&prefix);
		ret = print_names(&printer, &h, NULL, ino);
		host_close(&h);
		return ret;
	}
	if (ret == HOST_OFFLINE)
		ret = report_open(ctx, ctx->argv[1], &fs, &loc);
	if (ret)
		return ret;
	inside_prefix(ctx, ctx->argv[1], false, &prefix);
	printer.prefix = sb_str(&prefix);
	ret = print_names(&printer, NULL, loc.root, ino);
	target_close(ctx, fs);
	return ret;
}

const struct cmd cmd_inspect_inode_resolve = {
	.name = "inode-resolve", .usage = { "btrfs inspect-internal inode-resolve <inode> <path>" }, .brief = "Get file system paths for the given inode",
	.min_args = 2, .max_args = 2, .flags = CMD_JSON | CMD_QUIET_VERBOSE, .run = inode_run, .complete = "none dir",
};

struct logical_args { bool no_paths, ignore_offset, has_bufsize; u64 bufsize; };

/* What uses an address is printed one by one. fs: unmounted; live: mounted, with its subvolumes. */
struct user_printer { struct cmd_ctx *ctx; struct fs *fs; struct subvols *live; const struct logical_args *args; const char *prefix; };

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

/* The subvolume's place among the mounted: the incumbent looks no further than where the subvolume itself is mounted. The top level needs no place of its own
 * where PATH shows it. Heap; NULL: none. */
static char *live_place(struct user_printer *p, u64 id, const char *path)
{
	char *dir = NULL;

	if (id == BTRFS_FS_TREE_OBJECTID && p->live->id == id && p->live->top)
		return mem_strdup(p->ctx->argv[1]);
	return kmount_of_subvol(p->live->host.info.fsid, id, path, &dir) ? NULL : dir;
}

static int print_live_paths(struct user_printer *p, u64 id, u64 ino)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT, prefix CLEANUP(sb_fini) = STRBUF_INIT;
	char *dir CLEANUP(mem_freep) = NULL;
	int fd, ret = subvols_path(p->live, id, &path, &p->ctx->err);

	if (ret)
		return ret == -ENOENT ? 0 : ret; /* deleted meanwhile */
	dir = live_place(p, id, sb_str(&path));
	fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0) {
		if (!p->ctx->json)
			out_printf(p->ctx->out, "inode %llu subvol %s could not be accessed: not mounted\n", ino, sb_str(&path));
		return 0;
	}
	sb_printf(&prefix, "%s/", dir);
	ret = kino_names(fd, ino, print_path, &(struct path_printer){ p->ctx, sb_str(&prefix) }, &p->ctx->err);
	close(fd);
	return ret == -ENOENT ? 0 : ret;
}

static int print_paths(struct user_printer *p, u64 id, u64 ino)
{
	return p->live ? print_live_paths(p, id, ino) : print_user_paths(p, id, ino);
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
			ret = print_paths(p, root, ino);
		out_end(o);
		out_end(o);
		return ret;
	}
	if (!p->args->no_paths)
		return print_paths(p, root, ino);
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

struct user { u64 root, ino, offset; };
VEC_TYPE(users, struct user);

static int keep_user(void *arg, u64 root, u64 ino, u64 offset)
{
	return vec_push((struct users *)arg, ((struct user){ root, ino, offset }));
}

/* What does not fit is asked for again with the most that a kernel gives, unless -s said how much it may be. */
static int ask_kernel(struct user_printer *p, u64 logical, struct users *users, u64 *missed)
{
	struct klogical ask = { logical, p->args->has_bufsize ? p->args->bufsize : KiB(64), p->args->ignore_offset };
	int ret = klogical_each(p->live->host.fd, &ask, keep_user, users, missed);

	if (ret || !*missed || p->args->has_bufsize)
		return ret;
	vec_fini(users);
	ask.size = MiB(16);
	return klogical_each(p->live->host.fd, &ask, keep_user, users, missed);
}

static int resolve_live(struct user_printer *p, u64 logical)
{
	struct cmd_ctx *ctx = p->ctx;
	struct users users = VEC_INIT;
	u64 missed = 0;
	int ret = ask_kernel(p, logical, &users, &missed);

	if (ret) {
		vec_fini(&users);
		return cmd_error(ctx, "logical ino ioctl: %s", strerror(-ret));
	}
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "logical-resolve");
	}
	for (size_t i = 0; !ret && i < users.len; i++)
		ret = print_user(p, users.v[i].root, users.v[i].ino, users.v[i].offset);
	if (ctx->json)
		out_json_end(ctx->out);
	vec_fini(&users);
	if (!ret && missed)
		cmd_warn(ctx, "%llu more references do not fit into the buffer, see option -s", missed);
	return ret ? cmd_fail(ctx, "cannot resolve address %llu", logical) : 0;
}

static int logical_run(struct cmd_ctx *ctx, void *args)
{
	struct strbuf prefix CLEANUP(sb_fini) = STRBUF_INIT;
	struct user_printer p = { .ctx = ctx, .args = args };
	struct subvols live;
	u64 logical;
	int ret;

	if (parse_u64(ctx->argv[0], &logical, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = subvols_open_dir(ctx, ctx->argv[1], &live);
	if (ret)
		return ret;
	p.fs = live.fs;
	if (!p.fs) {
		p.live = &live;
		ret = resolve_live(&p, logical);
		subvols_close(ctx, &live);
		return ret;
	}
	inside_prefix(ctx, ctx->argv[1], true, &prefix);
	p.prefix = sb_str(&prefix);
	ret = resolve_logical(ctx, p.fs, logical, &p);
	subvols_close(ctx, &live);
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
	.min_args = 2, .max_args = 2, .flags = CMD_JSON | CMD_QUIET_VERBOSE, .run = logical_run, .complete = "none fs",
};

static int subvolid_run(struct cmd_ctx *ctx, void *args)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	struct subvols subvols;
	u64 id;
	int ret;

	if (parse_u64(ctx->argv[0], &id, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = subvols_open_dir(ctx, ctx->argv[1], &subvols);
	if (ret)
		return ret;
	if (!subvols_find(&subvols, id, &ret, &ctx->err))
		ret = ret ? ret : -ENOENT;
	else
		ret = subvols_path(&subvols, id, &path, &ctx->err);
	subvols_close(ctx, &subvols);
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
	.brief = "Get file system paths for the given subvolume ID.", .min_args = 2, .max_args = 2, .flags = CMD_JSON, .run = subvolid_run, .complete = "none fs",
};

static int rootid_run(struct cmd_ctx *ctx, void *args)
{
	struct subvols subvols;
	u64 id;
	int ret = subvols_open(ctx, ctx->argv[0], &subvols);

	if (ret)
		return ret;
	id = subvols.id;
	subvols_close(ctx, &subvols);
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
