/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkdir, rmdir. */
#include <errno.h>
#include <sys/stat.h>
#include "cmds/shell/edit.h"
#include "common/mem.h"

struct mkdir_args { bool parents, verbose; const char *mode; };
#define OPT_STRUCT struct mkdir_args
static const struct opt mkdir_opts[] = {
	OPT_STRING('m', "mode", mode, "MODE", "set the mode (as in chmod), not a=rwx less the umask"),
	OPT_FLAG('p', "parents", parents, "no error if existing, make parent directories as needed"),
	OPT_FLAG('v', "verbose", verbose, "print a message for each created directory"),
	OPT_END
};
#undef OPT_STRUCT

struct mkdirs { struct edit e; const struct mkdir_args *a; struct mode_change *mode; };

/* A directory of its own mode. */
static int make_one(struct mkdirs *m, struct loc dir, const char *name, size_t len, bool last, struct loc *out)
{
	struct new_inode ni = edit_new(&m->e, dir, S_IFDIR | 0777);
	struct inode attr;
	int ret;

	if (!last)
		ni.mode |= 0300; /* what lies below has to be made */
	ret = op_create(m->e.txn, dir, name, len, &ni, &out->ino, &m->e.ctx->err);
	out->root = dir.root;
	if (ret || !last || !m->mode)
		return ret;
	ret = inode_get(dir.root, out->ino, &attr, &m->e.ctx->err);
	attr.mode = mode_apply(m->mode, S_IFDIR | 0777) | (attr.mode & 02000);
	return ret ? ret : op_setattr(m->e.txn, *out, ATTR_MODE, &attr, &m->e.ctx->err);
}

static int mkdir_plain(struct mkdirs *m, const char *path)
{
	const char *name;
	struct loc dir, made;
	size_t len;
	int ret = edit_parent(&m->e, path, &dir, &name, &len);

	if (!ret && !edit_find(&m->e, path, false, &made, NULL))
		ret = -EEXIST;
	if (!ret)
		ret = make_one(m, dir, name, len, true, &made);
	if (ret)
		return edit_cannot(&m->e, "create directory", path, ret);
	edit_say(&m->e, "mkdir: created directory '%s'", path);
	return 0;
}

/* Every prefix of the path that is not there. */
static int mkdir_parents(struct mkdirs *m, const char *path)
{
	struct strbuf part CLEANUP(sb_fini) = STRBUF_INIT;
	const char *p = path;

	while (*p) {
		const char *name = p + strspn(p, "/"), *end = name + strcspn(name, "/"), *last_name;
		struct loc dir, at;
		struct inode inode;
		size_t len;
		int ret;

		if (end == name)
			break;
		sb_add(&part, p, end - p);
		p = end;
		ret = edit_find(&m->e, sb_str(&part), true, &at, &inode);
		if (!ret && !inode_is(&inode, S_IFDIR))
			return edit_cannot(&m->e, "create directory", sb_str(&part), p[strspn(p, "/")] ? -ENOTDIR : -EEXIST);
		if (ret == -ENOENT) {
			ret = edit_parent(&m->e, sb_str(&part), &dir, &last_name, &len);
			if (!ret)
				ret = make_one(m, dir, last_name, len, !p[strspn(p, "/")], &at);
			if (!ret)
				edit_say(&m->e, "mkdir: created directory '%s'", sb_str(&part));
		}
		if (ret)
			return edit_cannot(&m->e, "create directory", sb_str(&part), ret);
	}
	return *path ? 0 : edit_cannot(&m->e, "create directory", path, -ENOENT);
}

static int mkdir_run(struct cmd_ctx *ctx, void *args)
{
	struct mkdirs m = { .a = args };
	int ret;

	if (m.a->mode && mode_parse(m.a->mode, &m.mode))
		return cmd_error(ctx, "mkdir: invalid mode '%s'", m.a->mode);
	ret = edit_begin(ctx, m.a->verbose, &m.e);
	if (!ret) {
		for (int i = 0; i < ctx->argc && !edit_over(&m.e); i++)
			(m.a->parents ? mkdir_parents : mkdir_plain)(&m, ctx->argv[i]);
		ret = edit_end(&m.e);
	}
	free(m.mode);
	return ret;
}
const struct cmd verb_mkdir = { .name = "mkdir", .usage = { "mkdir [-pv] [-m MODE] DIRECTORY..." }, .brief = "Make directories", .opts = mkdir_opts,
	CMD_ARGS(struct mkdir_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = mkdir_run, .complete = "inside" };

struct rmdir_args { bool parents, verbose, ignore; };
#define OPT_STRUCT struct rmdir_args
static const struct opt rmdir_opts[] = {
	OPT_FLAG(0, "ignore-fail-on-non-empty", ignore, "say nothing of directories that are not empty"),
	OPT_FLAG('p', "parents", parents, "remove DIRECTORY and its ancestors"),
	OPT_FLAG('v', "verbose", verbose, "print a message for every directory"),
	OPT_END
};
#undef OPT_STRUCT

/* 1: it failed, quietly or not. */
static int rmdir_one(struct edit *e, const struct rmdir_args *a, const char *path)
{
	const char *name;
	struct loc dir;
	size_t len;
	int ret = edit_parent(e, path, &dir, &name, &len);

	if (ret == -EEXIST)
		ret = err_set(&e->ctx->err, -EBUSY, "it is the top directory");
	edit_say(e, "rmdir: removing directory, '%s'", path);
	if (!ret)
		ret = op_rmdir(e->txn, dir, name, len, &e->ctx->err);
	if (!ret)
		return 0;
	if (ret == -ENOTEMPTY && a->ignore)
		return 1;
	e->failed = true;
	return cmd_error(e->ctx, "rmdir: failed to remove '%s': %s", path, ret == -EPERM || ret == -EROFS || ret == -EBUSY ? err_text(&e->ctx->err) : strerror(-ret));
}

static int rmdir_path(struct edit *e, const struct rmdir_args *a, char *path)
{
	int ret = rmdir_one(e, a, path);

	while (!ret && a->parents) {
		size_t n = strlen(path);

		while (n && path[n - 1] == '/')
			n--;
		while (n && path[n - 1] != '/')
			n--;
		while (n && path[n - 1] == '/')
			n--;
		path[n] = 0;
		if (!n)
			break;
		ret = rmdir_one(e, a, path);
	}
	return ret;
}

static int rmdir_run(struct cmd_ctx *ctx, void *args)
{
	const struct rmdir_args *a = args;
	struct edit e;
	int ret = edit_begin(ctx, a->verbose, &e);

	if (ret)
		return ret;
	for (int i = 0; i < ctx->argc && !edit_over(&e); i++) {
		char *path = mem_strdup(ctx->argv[i]);

		if (path)
			rmdir_path(&e, a, path);
		else
			edit_fail(&e, "not enough memory");
		free(path);
	}
	return edit_end(&e);
}
const struct cmd verb_rmdir = { .name = "rmdir", .usage = { "rmdir [-pv] DIRECTORY..." }, .brief = "Remove empty directories", .opts = rmdir_opts,
	CMD_ARGS(struct rmdir_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = rmdir_run, .complete = "inside" };
