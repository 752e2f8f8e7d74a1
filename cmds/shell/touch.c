/* SPDX-License-Identifier: GPL-2.0-or-later */
/* touch. */
#include <errno.h>
#include <sys/stat.h>
#include "cmds/shell/edit.h"

struct touch_args { bool access, modify, no_create, no_follow; const char *date, *reference, *stamp, *time; };
#define OPT_STRUCT struct touch_args
static const struct opt touch_opts[] = {
	OPT_FLAG('a', NULL, access, "change only the access time"),
	OPT_FLAG('c', "no-create", no_create, "do not create any files"),
	OPT_STRING('d', "date", date, "STRING", "this time: \"2026-11-20 12:28:29.5 +0100\", \"@SECONDS\", \"now\", \"3 days ago\""),
	OPT_FLAG('h', "no-dereference", no_follow, "change symbolic links themselves"),
	OPT_FLAG('m', NULL, modify, "change only the modification time"),
	OPT_STRING('r', "reference", reference, "FILE", "use this file's times"),
	OPT_STRING('t', NULL, stamp, "STAMP", "this time: [[CC]YY]MMDDhhmm[.ss]"),
	OPT_STRING(0, "time", time, "WORD", "the time to change: access, atime, use; modify, mtime", .complete = "access|atime|use|modify|mtime"),
	OPT_END
};
#undef OPT_STRUCT

static int take_word(struct cmd_ctx *ctx, struct touch_args *a)
{
	if (!a->time)
		return 0;
	if (!strcmp(a->time, "access") || !strcmp(a->time, "atime") || !strcmp(a->time, "use"))
		a->access = true;
	else if (!strcmp(a->time, "modify") || !strcmp(a->time, "mtime"))
		a->modify = true;
	else
		return cmd_error(ctx, "touch: invalid argument '%s' for '--time'", a->time);
	return 0;
}

/* The times that are wanted, as if of an inode. */
static int find_times(struct edit *e, const struct touch_args *a, struct inode *times)
{
	struct cmd_ctx *ctx = e->ctx;
	struct loc loc;
	int ret = 0;

	if (a->reference) {
		ret = edit_find(e, a->reference, !a->no_follow, &loc, times);
		if (ret)
			return edit_fail(e, "failed to get attributes of '%s': %s", a->reference, strerror(-ret));
	} else if (a->stamp) {
		if (date_parse_stamp(ctx->env, a->stamp, &times->mtime))
			return edit_fail(e, "invalid date format '%s'", a->stamp);
		times->atime = times->mtime;
	} else if (a->date) {
		if (date_parse(ctx->env, a->date, &times->mtime))
			return edit_fail(e, "invalid date format '%s'", a->date);
		times->atime = times->mtime;
	} else {
		env_now(ctx->env, &times->mtime.sec, &times->mtime.nsec);
		times->atime = times->mtime;
	}
	return 0;
}

static int touch_one(struct edit *e, const struct touch_args *a, const char *path, const struct inode *times)
{
	unsigned set = a->access == a->modify ? ATTR_ATIME | ATTR_MTIME : a->access ? ATTR_ATIME : ATTR_MTIME;
	struct new_inode ni;
	struct loc loc, dir;
	const char *name;
	size_t len;
	int ret = edit_find(e, path, !a->no_follow, &loc, NULL);

	if (a->access == a->modify && !a->reference && !a->stamp && !a->date)
		set |= ATTR_NOW;
	if (ret == -ENOENT && (a->no_create || a->no_follow))
		return a->no_create ? 0 : edit_fail(e, "setting times of '%s': %s", path, strerror(ENOENT));
	if (ret == -ENOENT) {
		ret = edit_parent(e, path, &dir, &name, &len);
		if (!ret && path[strlen(path) - 1] == '/')
			ret = -ENOENT;
		if (!ret) {
			ni = edit_new(e, dir, S_IFREG | 0666);
			ret = op_create(e->txn, dir, name, len, &ni, &loc.ino, &e->ctx->err);
			loc.root = dir.root;
		}
	}
	if (!ret)
		ret = op_setattr(e->txn, loc, set, times, &e->ctx->err);
	return ret ? edit_cannot(e, "touch", path, ret) : 0;
}

static int touch_run(struct cmd_ctx *ctx, void *args)
{
	struct touch_args *a = args;
	struct inode times;
	struct edit e;
	int ret = take_word(ctx, a);

	if (!ret && !!a->reference + !!a->stamp + !!a->date > 1)
		ret = cmd_error(ctx, "touch: cannot specify times from more than one source");
	if (!ret)
		ret = edit_begin(ctx, false, &e);
	if (ret)
		return ret;
	if (!find_times(&e, a, &times))
		for (int i = 0; i < ctx->argc && !edit_over(&e); i++)
			touch_one(&e, a, ctx->argv[i], &times);
	return edit_end(&e);
}
const struct cmd verb_touch = { .name = "touch", .usage = { "touch [-achm] [-d STRING|-r FILE|-t STAMP] FILE..." }, .brief = "Change times, make empty files",
	.opts = touch_opts, CMD_ARGS(struct touch_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = touch_run,
	.complete = "inside" };
