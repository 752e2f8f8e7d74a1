/* SPDX-License-Identifier: GPL-2.0-or-later */
/* find: the tests and actions that are asked for most. Its options are words with one dash, so it parses them itself. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/walk.h"
#include "common/mem.h"

enum test_kind { TEST_NAME, TEST_PATH, TEST_TYPE, TEST_SIZE, TEST_NEWER, TEST_EMPTY, TEST_INUM, TEST_LINKS, TEST_UID, TEST_GID, TEST_PERM };
struct test {
	enum test_kind kind;
	bool negated, ignore_case, or_next; /* or_next: an alternative begins behind it */
	const char *pattern;
	int sign;              /* -1: less, 1: more, 0: exactly; of -perm: 1 all bits, 2 any */
	u64 number, unit;
	struct timespec64 time;
};
struct find {
	struct cmd_ctx *ctx;
	VEC(struct test) tests;
	unsigned min_depth, max_depth;
	bool bounded, print0;
};

static const char *const find_details[] = {
	"Tests:   -name PATTERN  -iname PATTERN  -path PATTERN  -ipath PATTERN  -type [bcdpfls]  -size [+-]N[bcwkMG]",
	"         -newer FILE  -empty  -inum N  -links N  -uid N  -gid N  -perm [-/]MODE",
	"Joining: ! TEST  -not TEST  TEST TEST  TEST -a TEST  TEST -o TEST",
	"Bounds:  -maxdepth N  -mindepth N",
	"Actions: -print (default)  -print0",
	NULL
};

static int parse_number(struct find *f, struct test *t, const char *word, const char *arg)
{
	t->sign = *arg == '+' ? 1 : *arg == '-' ? -1 : 0;
	if (parse_u64(arg + !!t->sign, &t->number, &f->ctx->err))
		return cmd_error(f->ctx, "find: invalid argument '%s' to '%s'", arg, word);
	return 0;
}

static int parse_size_arg(struct find *f, struct test *t, const char *arg)
{
	static const struct { char letter; u64 unit; } units[] = { { 'c', 1 }, { 'w', 2 }, { 'b', 512 }, { 'k', 1 << 10 }, { 'M', 1 << 20 }, { 'G', 1 << 30 } };
	size_t n = strlen(arg);
	char *digits CLEANUP(mem_freep) = mem_strdup(arg);

	t->unit = 512;
	for (size_t i = 0; n && digits && i < ARRAY_SIZE(units); i++) {
		if (arg[n - 1] == units[i].letter) {
			t->unit = units[i].unit;
			digits[n - 1] = 0;
			break;
		}
	}
	return digits ? parse_number(f, t, "-size", digits) : cmd_error(f->ctx, "find: not enough memory");
}

static int parse_perm(struct find *f, struct test *t, const char *arg)
{
	char *end;

	t->sign = *arg == '-' ? 1 : *arg == '/' ? 2 : 0;
	t->number = strtoul(arg + !!t->sign, &end, 8);
	if (*end || !arg[!!t->sign] || t->number > 07777)
		return cmd_error(f->ctx, "find: invalid mode '%s'", arg);
	return 0;
}

static int parse_newer(struct find *f, struct test *t, const char *arg)
{
	struct inode inode;
	struct loc loc;

	if (shell_look(f->ctx, arg, true, &loc, &inode))
		return 1;
	t->time = inode.mtime;
	return 0;
}

static const struct { const char *word; enum test_kind kind; bool ignore_case; } words[] = {
	{ "-name", TEST_NAME, false }, { "-iname", TEST_NAME, true }, { "-path", TEST_PATH, false }, { "-ipath", TEST_PATH, true },
	{ "-type", TEST_TYPE, false }, { "-size", TEST_SIZE, false }, { "-newer", TEST_NEWER, false }, { "-inum", TEST_INUM, false },
	{ "-links", TEST_LINKS, false }, { "-uid", TEST_UID, false }, { "-gid", TEST_GID, false }, { "-perm", TEST_PERM, false },
};

static int parse_test(struct find *f, struct test *t, const char *word, const char *arg)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words) && strcmp(word, words[i].word); i++)
		;
	if (i == ARRAY_SIZE(words))
		return cmd_error(f->ctx, "find: unknown predicate '%s'", word);
	if (!arg)
		return cmd_error(f->ctx, "find: missing argument to '%s'", word);
	t->kind = words[i].kind;
	t->ignore_case = words[i].ignore_case;
	t->pattern = arg;
	switch (t->kind) {
	case TEST_TYPE:
		return strlen(arg) == 1 && strchr("bcdpfls", *arg) ? 0 : cmd_error(f->ctx, "find: unknown argument to -type: %s", arg);
	case TEST_SIZE:
		return parse_size_arg(f, t, arg);
	case TEST_NEWER:
		return parse_newer(f, t, arg);
	case TEST_PERM:
		return parse_perm(f, t, arg);
	case TEST_NAME: case TEST_PATH: case TEST_EMPTY:
		return 0;
	default:
		return parse_number(f, t, word, arg);
	}
}

static int parse_depth(struct find *f, const char *word, const char *arg, unsigned *out)
{
	u64 n;

	if (!arg || parse_u64(arg, &n, &f->ctx->err) || n > UINT32_MAX)
		return cmd_error(f->ctx, "find: invalid argument '%s' to '%s'", arg ? arg : "", word);
	*out = n;
	return 0;
}

/* argv from the first word of the expression on. */
static int parse_expression(struct find *f, int argc, char **argv)
{
	bool negated = false;

	for (int i = 0; i < argc; i++) {
		const char *word = argv[i], *arg = i + 1 < argc ? argv[i + 1] : NULL;
		struct test t = { .negated = negated };
		int ret = 0;

		if (!strcmp(word, "!") || !strcmp(word, "-not")) {
			negated = !negated;
			continue;
		}
		if (!strcmp(word, "-print") || !strcmp(word, "-a") || !strcmp(word, "-and")) {
			continue;
		} else if (!strcmp(word, "-print0")) {
			f->print0 = true;
			continue;
		} else if (!strcmp(word, "-o") || !strcmp(word, "-or")) {
			if (!f->tests.len || !arg)
				return cmd_error(f->ctx, "find: '%s' must stand between two tests", word);
			f->tests.v[f->tests.len - 1].or_next = true;
			continue;
		} else if (!strcmp(word, "-maxdepth")) {
			ret = parse_depth(f, word, arg, &f->max_depth);
			f->bounded = true;
			i++;
		} else if (!strcmp(word, "-mindepth")) {
			ret = parse_depth(f, word, arg, &f->min_depth);
			i++;
		} else {
			t.kind = TEST_EMPTY;
			if (strcmp(word, "-empty")) {
				ret = parse_test(f, &t, word, arg);
				i++;
			}
			negated = false;
			if (!ret && vec_push(&f->tests, t))
				ret = cmd_error(f->ctx, "find: not enough memory");
		}
		if (ret)
			return ret;
	}
	return negated ? cmd_error(f->ctx, "find: expected an expression after '!'") : 0;
}

static bool compare(const struct test *t, u64 value)
{
	return t->sign < 0 ? value < t->number : t->sign ? value > t->number : value == t->number;
}

static bool is_empty(const struct walk_entry *e)
{
	struct dirent d;
	bool empty;

	if (!inode_is(&e->inode, S_IFDIR))
		return inode_is(&e->inode, S_IFREG) && !e->inode.size;
	struct dir_iter it CLEANUP(dir_close) = dir_open(e->loc.root, e->loc.ino);
	empty = dir_next(&it, &d, NULL) == -ENOENT;
	return empty;
}

static bool type_is(const struct inode *i, char type)
{
	char mode[11];

	text_mode(i->mode, mode);
	return mode[0] == (type == 'f' ? '-' : type);
}

static bool holds(const struct test *t, const struct walk_entry *e)
{
	const struct inode *i = &e->inode;
	const char *base = strrchr(e->name, '/');
	int flags = t->ignore_case ? FNM_CASEFOLD : 0;

	switch (t->kind) {
	case TEST_NAME: return !fnmatch(t->pattern, base && base[1] ? base + 1 : e->name, flags);
	case TEST_PATH: return !fnmatch(t->pattern, e->path, flags);
	case TEST_TYPE: return type_is(i, *t->pattern);
	case TEST_SIZE: return compare(t, div_round_up(i->size, t->unit));
	case TEST_NEWER: return i->mtime.sec > t->time.sec || (i->mtime.sec == t->time.sec && i->mtime.nsec > t->time.nsec);
	case TEST_EMPTY: return is_empty(e);
	case TEST_INUM: return compare(t, i->ino);
	case TEST_LINKS: return compare(t, i->nlink);
	case TEST_UID: return compare(t, i->uid);
	case TEST_GID: return compare(t, i->gid);
	case TEST_PERM:
		if (t->sign == 2)
			return !t->number || i->mode & t->number;
		return (i->mode & (t->sign ? t->number : 07777)) == t->number;
	}
	return false;
}

/* Alternatives of which each is a row of tests that must all hold. */
static bool matches(const struct find *f, const struct walk_entry *e)
{
	bool all = true;

	for (size_t i = 0; i < f->tests.len; i++) {
		const struct test *t = &f->tests.v[i];

		all = all && holds(t, e) != t->negated;
		if (t->or_next) {
			if (all)
				return true;
			all = true;
		}
	}
	return all;
}

static int find_entry(void *arg, const struct walk_entry *e)
{
	struct find *f = arg;
	struct out *o = f->ctx->out;

	if (e->depth < f->min_depth || !matches(f, e))
		return o->error ? WALK_STOP : WALK_GO;
	if (f->ctx->json) {
		out_obj(o, NULL);
		out_json_strn(o, "path", e->path, strlen(e->path));
		json_inode(o, &e->inode, &e->loc);
		if (e->target)
			out_json_strn(o, "target", e->target, strlen(e->target));
		out_end(o);
	} else {
		out_write(o, e->path, strlen(e->path));
		out_write(o, f->print0 ? "" : "\n", 1);
	}
	return WALK_GO;
}

static int find_help(struct cmd_ctx *ctx)
{
	out_printf(ctx->out, "usage: %s\n\n    %s\n\n", ctx->cmd->usage[0], ctx->cmd->brief);
	for (const char *const *line = find_details; *line; line++)
		out_printf(ctx->out, "    %s\n", *line);
	return 0;
}

static int find_run(struct cmd_ctx *ctx, void *args)
{
	static char dot[] = ".";
	struct find f = { .ctx = ctx };
	struct walk_ops ops = { .enter = find_entry };
	int npaths = 0, rc;
	bool json;

	if (ctx->argc == 1 && !strcmp(ctx->argv[0], "--help"))
		return find_help(ctx);
	while (npaths < ctx->argc && ctx->argv[npaths][0] != '-' && strcmp(ctx->argv[npaths], "!"))
		npaths++;
	rc = parse_expression(&f, ctx->argc - npaths, ctx->argv + npaths);
	ops.max_depth = f.max_depth;
	ops.bounded = f.bounded;
	json = !rc && ctx->json;
	if (json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "find");
	}
	for (int i = 0, bad = rc; !bad && i < max_t(int, npaths, 1); i++)
		rc |= shell_walk(ctx, npaths ? ctx->argv[i] : dot, &ops, &f);
	if (json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	vec_fini(&f.tests);
	return rc;
}
const struct cmd verb_find = { .name = "find", .usage = { "find [PATH...] [EXPRESSION]" }, .brief = "Search for files in a directory hierarchy",
	.details = find_details, .max_args = -1, .flags = CMD_JSON | CMD_RAW, .run = find_run, .complete = "inside" };
