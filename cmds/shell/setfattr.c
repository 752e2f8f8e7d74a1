/* SPDX-License-Identifier: GPL-2.0-or-later */
/* setfattr: extended attributes, one by one or from a dump of getfattr. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "cmds/shell/edit.h"
#include "cmds/shell/xattrtext.h"
#include "common/mem.h"

struct setfattr_args { bool no_follow, raw; const char *name, *value, *remove, *restore; bool has_value; };
#define OPT_STRUCT struct setfattr_args
static const struct opt setfattr_opts[] = {
	OPT_FLAG('h', "no-dereference", no_follow, "do not follow symbolic links"),
	OPT_STRING('n', "name", name, "NAME", "set this attribute"),
	OPT_FLAG(0, "raw", raw, "the value is not decoded"),
	OPT_STRING('v', "value", value, "VALUE", "to this value: text, \"quoted text\", 0x and hex digits, 0s and base64"),
	OPT_STRING('x', "remove", remove, "NAME", "remove this attribute"),
	OPT_STRING(0, "restore", restore, "FILE", "restore attributes from a dump of getfattr in the running system (- for standard input)", .complete = "file"),
	OPT_END
};
#undef OPT_STRUCT

enum { NAME_MAX_XATTR = 255 };

/* What the kernel lets a process set: the namespaces, and nothing without a name behind them. */
static int check_name(const char *name)
{
	static const char *const spaces[] = { "user.", "trusted.", "security.", "system.", "btrfs." };

	if (strlen(name) > NAME_MAX_XATTR)
		return -ERANGE;
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
		if (!strncmp(name, spaces[i], strlen(spaces[i])))
			return name[strlen(spaces[i])] ? 0 : -EINVAL;
	return -EOPNOTSUPP;
}

static int set_one(struct edit *e, const char *path, struct loc loc, const char *name, const void *value, size_t len)
{
	int ret = check_name(name);

	err_clear(&e->ctx->err);
	if (!ret)
		ret = op_xattr(e->txn, loc, name, strlen(name), value, len, 0, &e->ctx->err);
	if (!ret)
		return 0;
	edit_weigh(e, ret);
	return edit_fail(e, "%s: %s", path, ret == -ENODATA ? "No such attribute" : e->ctx->err.text[0] ? err_text(&e->ctx->err) : strerror(-ret));
}

/* A dump: "# file: PATH", then "NAME=VALUE" lines. */
static int restore_line(struct edit *e, char *line, struct strbuf *path, struct loc *loc, bool no_follow)
{
	static const char head[] = "# file: ";
	struct strbuf value CLEANUP(sb_fini) = STRBUF_INIT;
	char *eq;
	int ret;

	if (!strncmp(line, head, sizeof(head) - 1)) {
		sb_reset(path);
		xattr_unescape(line + sizeof(head) - 1, path);
		ret = edit_find(e, sb_str(path), !no_follow, loc, NULL);
		if (ret) {
			edit_fail(e, "%s: %s", sb_str(path), strerror(-ret));
			sb_reset(path);
		}
		return 0;
	}
	if (!*line || *line == '#' || !path->len)
		return 0;
	eq = strchr(line, '=');
	if (eq)
		*eq++ = 0;
	if (eq && xattr_decode(eq, &value))
		return edit_fail(e, "%s: bad value of %s", sb_str(path), line);
	return set_one(e, sb_str(path), *loc, line, value.len ? value.v : "", value.len);
}

static int restore(struct edit *e, const struct setfattr_args *a)
{
	FILE *f = strcmp(a->restore, "-") ? fopen(a->restore, "re") : stdin;
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	char *line = NULL;
	size_t cap = 0;
	struct loc loc;

	if (!f)
		return edit_fail(e, "%s: %s", a->restore, strerror(errno));
	while (getline(&line, &cap, f) >= 0 && !edit_over(e)) {
		line[strcspn(line, "\n")] = 0;
		restore_line(e, line, &path, &loc, a->no_follow);
	}
	free(line);
	if (f != stdin)
		fclose(f);
	return 0;
}

static int setfattr_run(struct cmd_ctx *ctx, void *args)
{
	const struct setfattr_args *a = args;
	struct strbuf value CLEANUP(sb_fini) = STRBUF_INIT;
	struct edit e;
	int ret;

	if (!!a->name + !!a->remove + !!a->restore != 1)
		return cmd_error(ctx, "setfattr: one of -n, -x and --restore is needed");
	if (!a->restore && !ctx->argc)
		return cmd_error(ctx, "setfattr: missing operand");
	if (a->value && a->raw)
		sb_puts(&value, a->value);
	else if (a->value && xattr_decode(a->value, &value))
		return cmd_error(ctx, "setfattr: bad input encoding");
	ret = edit_begin(ctx, false, &e);
	if (ret)
		return ret;
	if (a->restore)
		restore(&e, a);
	for (int i = 0; i < ctx->argc && !a->restore && !edit_over(&e); i++) {
		struct loc loc;

		ret = edit_find(&e, ctx->argv[i], !a->no_follow, &loc, NULL);
		if (ret)
			edit_fail(&e, "%s: %s", ctx->argv[i], strerror(-ret));
		else
			set_one(&e, ctx->argv[i], loc, a->name ? a->name : a->remove, a->remove ? NULL : value.len ? value.v : "", value.len);
	}
	return edit_end(&e);
}
const struct cmd verb_setfattr = { .name = "setfattr",
	.usage = { "setfattr [-h] -n NAME [-v VALUE] FILE...", "setfattr [-h] -x NAME FILE...", "setfattr [-h] --restore=DUMP" },
	.brief = "Set and remove extended attributes", .opts = setfattr_opts, CMD_ARGS(struct setfattr_args), .max_args = -1,
	.flags = CMD_WRITES | CMD_ANY_FORMAT, .run = setfattr_run, .complete = "inside" };
