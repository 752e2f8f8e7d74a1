/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mv, ln. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/copy.h"
#include "common/mem.h"

struct mv_args { bool force, no_clobber, bare, verbose, update, exchange; const char *dir; };
#define OPT_STRUCT struct mv_args
static const struct opt mv_opts[] = {
	OPT_FLAG(0, "exchange", exchange, "exchange source and destination"),
	OPT_FLAG('f', "force", force, "do not prompt before overwriting (nothing does)"),
	OPT_FLAG('n', "no-clobber", no_clobber, "do not overwrite an existing file"),
	OPT_STRING('t', "target-directory", dir, "DIRECTORY", "move all SOURCE arguments into DIRECTORY"),
	OPT_FLAG('T', "no-target-directory", bare, "treat DEST as a normal file"),
	OPT_FLAG('u', "update", update, "move only when the source is newer than what is there, or nothing is"),
	OPT_FLAG('v', "verbose", verbose, "explain what is being done"),
	OPT_END
};
#undef OPT_STRUCT

/* Into another subvolume: a copy that shares the data, then the source goes. */
static int move_by_copy(struct edit *e, const char *from, const char *to, struct loc dir, const char *name, size_t len)
{
	static const struct copy_opts o = { .recursive = true, .keep_mode = true, .keep_owner = true, .keep_times = true, .keep_xattrs = true,
		.keep_links = true, .force = true, .follow = 'P' };
	struct copier *c = copier_new(e, &o);
	int ret = c ? copy_path(c, from, to) : edit_fail(e, "not enough memory");

	copier_free(c);
	return ret ? ret : remove_tree(e, from, dir, name, len);
}

/* -n and -u: is what is there to stay? */
static bool stays(struct edit *e, const struct mv_args *a, const char *from, const char *to)
{
	struct inode src, dst;
	struct loc loc;

	if (edit_find(e, to, false, &loc, &dst))
		return false;
	if (a->no_clobber)
		return true;
	return a->update && !edit_find(e, from, false, &loc, &src) &&
		(src.mtime.sec < dst.mtime.sec || (src.mtime.sec == dst.mtime.sec && src.mtime.nsec <= dst.mtime.nsec));
}

static int move_one(struct edit *e, const struct mv_args *a, const char *from, const char *to)
{
	struct loc src, dst, at, there;
	const char *name, *new_name;
	struct inode in, old;
	size_t len, new_len;
	int ret = edit_find(e, from, false, &at, &in);

	if (ret)
		return edit_cannot(e, "stat", from, ret);
	if (stays(e, a, from, to))
		return 0;
	if (!inode_is(&in, S_IFDIR) && !edit_find(e, to, false, &there, &old)) {
		if (there.root == at.root && there.ino == at.ino)
			return edit_fail(e, "'%s' and '%s' are the same file", from, to);
		if (inode_is(&old, S_IFDIR) && !a->exchange)
			return edit_fail(e, "cannot overwrite directory '%s' with non-directory", to);
	}
	ret = edit_parent(e, from, &src, &name, &len);
	if (!ret)
		ret = edit_parent(e, to, &dst, &new_name, &new_len);
	if (!ret && !inode_is(&in, S_IFDIR) && new_name[new_len] == '/')
		ret = -ENOTDIR;
	if (!ret)
		ret = op_rename(e->txn, src, name, len, dst, new_name, new_len, a->exchange ? RENAME_EXCHANGE_OP : 0, &e->ctx->err);
	if (ret == -EXDEV && !a->exchange && src.root != dst.root)
		ret = move_by_copy(e, from, to, src, name, len) ? 1 : 0;
	if (ret < 0) {
		edit_weigh(e, ret);
		if (ret == -EINVAL && inode_is(&in, S_IFDIR) && strstr(err_text(&e->ctx->err), "below itself"))
			return edit_fail(e, "cannot move '%s' to a subdirectory of itself, '%s'", from, to);
		return edit_fail(e, "cannot move '%s' to '%s': %s", from, to, e->ctx->err.text[0] ? err_text(&e->ctx->err) : strerror(-ret));
	}
	if (!ret)
		edit_say(e, a->exchange ? "exchanged '%s' <-> '%s'" : "renamed '%s' -> '%s'", from, to);
	return ret;
}

static int mv_run(struct cmd_ctx *ctx, void *args)
{
	const struct mv_args *a = args;
	struct dest d;
	struct edit e;
	int ret = edit_begin(ctx, a->verbose, &e);

	if (ret)
		return ret;
	if (!edit_dest(&e, a->dir, a->bare, &d)) {
		for (int i = 0; i < d.n && !edit_over(&e); i++) {
			char *to = edit_dest_path(&e, &d, ctx->argv[i]);

			if (to)
				move_one(&e, a, ctx->argv[i], to);
			free(to);
		}
	}
	return edit_end(&e);
}
const struct cmd verb_mv = { .name = "mv", .usage = { "mv [-fnuvT] SOURCE... DEST", "mv [OPTION]... -t DIRECTORY SOURCE..." }, .brief = "Rename or move files, directories, subvolumes",
	.opts = mv_opts, CMD_ARGS(struct mv_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = mv_run, .complete = "inside" };

struct ln_args { bool symbolic, force, bare, verbose, logical, physical, no_deref; const char *dir; };
#define OPT_STRUCT struct ln_args
static const struct opt ln_opts[] = {
	OPT_FLAG('f', "force", force, "remove existing destination files"),
	OPT_FLAG('L', "logical", logical, "dereference TARGETs that are symbolic links"),
	OPT_FLAG('n', "no-dereference", no_deref, "treat a link name that is a symbolic link to a directory as a normal file"),
	OPT_FLAG('P', "physical", physical, "make hard links directly to symbolic links (the default)"),
	OPT_FLAG('s', "symbolic", symbolic, "make symbolic links instead of hard links"),
	OPT_STRING('t', "target-directory", dir, "DIRECTORY", "make the links in DIRECTORY"),
	OPT_FLAG('T', "no-target-directory", bare, "treat the link name as a normal file"),
	OPT_FLAG('v', "verbose", verbose, "print the name of each linked file"),
	OPT_END
};
#undef OPT_STRUCT

static int link_one(struct edit *e, const struct ln_args *a, const char *target, const char *path)
{
	struct loc from = { 0 }, dir, at;
	struct new_inode ni;
	struct inode in, old;
	const char *name;
	size_t len;
	u64 ino;
	int ret = a->symbolic ? 0 : edit_find(e, target, a->logical, &from, &in);

	if (ret)
		return edit_fail(e, "failed to access '%s': %s", target, strerror(-ret));
	if (!a->symbolic && inode_is(&in, S_IFDIR))
		return edit_fail(e, "%s: hard link not allowed for directory", target);
	ret = edit_parent(e, path, &dir, &name, &len);
	if (!ret && a->force && !edit_find(e, path, false, &at, &old)) {
		if (!a->symbolic && at.root == from.root && at.ino == from.ino)
			return edit_fail(e, "'%s' and '%s' are the same file", target, path);
		ret = inode_is(&old, S_IFDIR) ? -EEXIST : op_unlink(e->txn, dir, name, len, &e->ctx->err);
	}
	if (!ret && a->symbolic) {
		ni = edit_new(e, dir, S_IFLNK | 0777);
		ret = op_symlink(e->txn, dir, name, len, target, strlen(target), &ni, &ino, &e->ctx->err);
	} else if (!ret) {
		ret = op_link(e->txn, from, dir, name, len, &e->ctx->err);
	}
	if (ret) {
		edit_weigh(e, ret);
		return edit_fail(e, "failed to create %s link '%s': %s", a->symbolic ? "symbolic" : "hard", path,
				 e->ctx->err.text[0] ? err_text(&e->ctx->err) : strerror(-ret));
	}
	edit_say(e, a->symbolic ? "'%s' -> '%s'" : "'%s' => '%s'", path, target);
	return 0;
}

static int ln_run(struct cmd_ctx *ctx, void *args)
{
	static char dot[] = ".";
	struct ln_args *a = args;
	struct inode in;
	struct loc loc;
	struct dest d;
	struct edit e;
	int ret = edit_begin(ctx, a->verbose, &e);

	if (ret)
		return ret;
	/* a link to a directory counts as one unless told otherwise */
	if (a->no_deref && ctx->argc == 2 && !edit_find(&e, ctx->argv[1], false, &loc, &in) && !inode_is(&in, S_IFDIR))
		a->bare = true;
	if (ctx->argc == 1 && !a->dir)
		a->dir = dot;
	if (!edit_dest(&e, a->dir, a->bare, &d)) {
		for (int i = 0; i < d.n && !edit_over(&e); i++) {
			char *path = edit_dest_path(&e, &d, ctx->argv[i]);

			if (path)
				link_one(&e, a, ctx->argv[i], path);
			free(path);
		}
	}
	return edit_end(&e);
}
const struct cmd verb_ln = { .name = "ln", .usage = { "ln [-fnsvLT] TARGET... [LINK_NAME|DIRECTORY]" }, .brief = "Make links", .opts = ln_opts,
	CMD_ARGS(struct ln_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = ln_run, .complete = "inside" };
