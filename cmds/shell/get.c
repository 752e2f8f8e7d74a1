/* SPDX-License-Identifier: GPL-2.0-or-later */
/* get: copies files and directories out of the filesystem, with everything that belongs to them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/copyout/summary.h"
#include "cmds/shell/shell.h"
#include "common/mem.h"

struct get_args { bool recursive, force, whole, unverified, verbose; };
#define OPT_STRUCT struct get_args
static const struct opt get_opts[] = {
	OPT_FLAG('f', "force", force, "replace files that exist"),
	OPT_FLAG('r', "recursive", recursive, "copy directories with all below them, subvolumes included"),
	OPT_FLAG('R', NULL, recursive, NULL),
	OPT_FLAG('v', "verbose", verbose, "name what is copied, one after the other"),
	OPT_FLAG(0, "whole", whole, "remove files of which some part could not be read; else they are kept with holes"),
	OPT_FLAG(0, "unverified", unverified, "write data whose checksum does not match as it is; else it becomes a hole"),
	OPT_END
};
#undef OPT_STRUCT

struct get {
	struct cmd_ctx *ctx;
	const struct get_args *a;
	struct strbuf dir;      /* the directory of the running system that is written to, as messages name it */
	int rc;
};

static void tell(void *arg, const struct copyout_note *n)
{
	struct get *g = arg;

	env_msg(g->ctx->env, MSG_PRINT, "%s", n->path);
}

/* From src as name in the directory dirfd; name "": its contents into the directory itself. */
static int copy(struct get *g, const char *path, struct loc src, int dirfd, const char *name)
{
	struct cmd_ctx *ctx = g->ctx;
	const char *dir = sb_str(&g->dir);
	const struct copyout_result *r;
	struct copyout *c = NULL;
	struct copyout_opts o = {
		.metadata = true, .xattrs = true, .symlinks = true, .specials = true, .subvolumes = true, .reflink = true,
		.overwrite = g->a->force, .ignore_csums = g->a->unverified, .whole_only = g->a->whole, .ordered = g->a->verbose,
		.note = tell, .arg = g,
	};
	int ret, rc = 0;

	if (g->a->verbose)
		o.note_mask = 1U << COPYOUT_DIR | 1U << COPYOUT_FILE | 1U << COPYOUT_SYMLINK;
	o.progress = progress_new("get", PROGRESS_BYTES, 0, ctx->progress);
	ret = copyout_new(ctx->env, ctx->session->fs, &o, dirfd, dir, &c, &ctx->err);
	if (!ret)
		ret = *name ? copyout_entry(c, src, name, &ctx->err) : copyout_contents(c, src, &ctx->err);
	progress_free(o.progress);
	if (ret)
		rc = cmd_error(ctx, "get: %s", err_text(&ctx->err));
	if (c) {
		r = copyout_result(c);
		copyout_refusals(ctx, r);
		if (r->existing)
			env_msg(ctx->env, MSG_NOTE, "-f replaces what exists");
		copyout_summary(ctx, r, "copied");
		if (ctx->json)
			copyout_summary_json(ctx, r, path);
		if (r->lost_count || r->failed || r->existing)
			rc = 1;
	}
	copyout_free(c);
	return rc;
}

static int open_dir(struct get *g, const char *path, bool make)
{
	int fd;

	if (make && mkdir(path, 0700) && errno != EEXIST)
		return -cmd_error(g->ctx, "get: cannot make directory '%s': %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -cmd_error(g->ctx, "get: cannot open directory '%s': %s", path, strerror(errno));
	sb_reset(&g->dir);
	sb_puts(&g->dir, path);
	return fd;
}

/* The directory part of a host path: "." where there is none. heap */
static char *dirname_of(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n ? mem_strndup(path, n) : mem_strdup(".");
}

/* cp's rule: into dest if that is a directory, else as dest. */
static int get_one(struct get *g, const char *path, const char *dest, bool into)
{
	char *base CLEANUP(mem_freep) = shell_basename(path), *name CLEANUP(mem_freep) = NULL, *dir CLEANUP(mem_freep) = NULL;
	struct cmd_ctx *ctx = g->ctx;
	struct inode inode;
	struct loc loc;
	int fd, rc;

	if (shell_look(ctx, path, !g->a->recursive, &loc, &inode))
		return 1;
	if (inode_is(&inode, S_IFDIR) && !g->a->recursive)
		return cmd_error(ctx, "get: -r not specified; omitting directory '%s'", path);
	name = into ? mem_strdup(base ? base : "") : shell_basename(dest);
	dir = into ? mem_strdup(dest) : dirname_of(dest);
	if (!base || !name || !dir)
		return cmd_error(ctx, "get: not enough memory");
	/* "/" and ".." have no name of their own: what they hold goes into the target. */
	if (inode_is(&inode, S_IFDIR) && (!*base || !*name)) {
		fd = open_dir(g, dest, true);
		*name = 0;
	} else if (!*name) {
		return cmd_error(ctx, "get: '%s' is no name for a file", dest);
	} else {
		fd = open_dir(g, dir, false);
	}
	if (fd < 0)
		return 1;
	rc = copy(g, path, loc, fd, name);
	close(fd);
	return rc;
}

static int get_run(struct cmd_ctx *ctx, void *args)
{
	static char dot[] = ".";
	struct get g = { .ctx = ctx, .a = args };
	const char *dest = ctx->argc > 1 ? ctx->argv[ctx->argc - 1] : dot;
	int n = max_t(int, ctx->argc - 1, 1);
	struct stat st;
	bool into = !stat(dest, &st) && S_ISDIR(st.st_mode);

	if (n > 1 && !into)
		return cmd_error(ctx, "get: target '%s' is not a directory", dest);
	if (env_start_pool(ctx->env, &ctx->err))
		return cmd_fail(ctx, "get: cannot start threads");
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "get");
	}
	for (int i = 0; i < n; i++)
		g.rc |= get_one(&g, ctx->argv[i], dest, into);
	if (ctx->json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	sb_fini(&g.dir);
	return g.rc;
}
static const char *const get_details[] = {
	"Owner, mode, times, extended attributes, ACLs, hard links, holes, device nodes are kept as far as the target and your rights allow;",
	"extents that files share are shared again where the target can. Existing files are not replaced without -f; directories are merged.",
	"Goes on past damage; what was lost and why is listed at the end, the exit code is then 1.",
	NULL
};
const struct cmd verb_get = { .name = "get", .usage = { "get [-rf] PATH... [DEST]" }, .brief = "Copy files out into the running system",
	.details = get_details, .opts = get_opts, CMD_ARGS(struct get_args), .min_args = 1, .max_args = -1,
	.flags = CMD_JSON | CMD_PROGRESS | CMD_JOBS, .run = get_run, .complete = "inside" };
