/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The option parser: GNU permutation, clusters, abbreviated long names, values attached or not, from rows of struct opt. Spec: cli 2.6, 4.1. */
#include "cmds/frame.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define OPT_STRUCT struct common_args
static const struct opt quiet_verbose_opts[] = {
	OPT_COUNT('v', "verbose", verbose, NULL),
	OPT_COUNT('q', "quiet", quiet, NULL),
	OPT_END
};
static const struct opt progress_opts[] = {
	OPT_FLAG(0, "progress", progress, "show progress also where standard error is no terminal", .ours = true),
	OPT_FLAG(0, "no-progress", no_progress, "show no progress", .ours = true),
	OPT_END
};
static const struct opt jobs_opts[] = {
	OPT_U64(0, "jobs", jobs, "N", "number of threads (default: one for each processor)", .ours = true),
	OPT_END
};
static const struct opt seed_opts[] = {
	OPT_U64(0, "seed", seed, "N", "start random numbers and UUIDs from N, so that the same input gives the same bytes", .ours = true),
	OPT_END
};
static const struct opt write_opts[] = {
	OPT_FLAG(0, "dry-run", dry_run, "show what would be done, write nothing", .ours = true),
	OPT_STRING(0, "undo", undo, "FILE", "keep what is overwritten in FILE; 'btrfs rescue undo' takes the changes back", .ours = true, .complete = "file"),
	OPT_END
};
static const struct opt program_opts[] = {
	OPT_FLAG(0, "help", help, "print this help and exit"),
	OPT_FLAG('V', "version", version, "print the version and exit"),
	OPT_END
};
static const struct opt format_opts[] = {
	OPT_STRING(0, "format", format, "TYPE", "where TYPE is: text, json", .ours = true, .complete = "text|json"),
	OPT_END
};
#undef OPT_STRUCT

/* Any of the flags brings the row; all of those in with must be there, too. */
static const struct { unsigned flags, with; const struct opt *opts; } common_rows[] = {
	{ CMD_QUIET_VERBOSE, 0, quiet_verbose_opts },
	{ CMD_PROGRESS, 0, progress_opts },
	{ CMD_JOBS, 0, jobs_opts },
	{ CMD_SEED | CMD_WRITES, 0, seed_opts },
	{ CMD_WRITES, 0, write_opts },
	{ CMD_JSON, CMD_STANDALONE, format_opts },
	{ CMD_STANDALONE, 0, program_opts },
};

void opt_set_init(struct opt_set *set, const struct cmd *cmd, void *args, struct common_args *common)
{
	set->n = 0;
	if (cmd->opts) {
		set->part[0].opts = cmd->opts;
		set->part[0].base = args;
		set->n = 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(common_rows); i++) {
		if (!(cmd->flags & common_rows[i].flags) || (cmd->flags & common_rows[i].with) != common_rows[i].with)
			continue;
		set->part[set->n].opts = common_rows[i].opts;
		set->part[set->n++].base = common;
	}
}

void opt_set_each(const struct opt_set *set, void (*fn)(const struct opt *opt, void *arg), void *arg)
{
	for (unsigned i = 0; i < set->n; i++)
		for (const struct opt *o = set->part[i].opts; o->kind != OPT_KIND_END; o++)
			fn(o, arg);
}

static bool takes_value(const struct opt *o)
{
	return o->kind != OPT_KIND_FLAG && o->kind != OPT_KIND_COUNT && o->kind != OPT_KIND_OPTARG && (o->kind != OPT_KIND_CALL || o->metavar);
}

struct parser {
	struct cmd_ctx *ctx;
	const struct opt_set *set;
	int argc, at;     /* at: the next argument to look at */
	char **argv;
	int positional;   /* arguments kept so far, at the front of argv */
};

struct found { const struct opt *opt; void *base; };

/* Bad option: what is wrong in getopt's words for programs of their own, in the incumbent's for commands. Returns 1. */
static int PRINTF(3, 4) bad_option(struct parser *p, const char *plain, const char *fmt, ...)
{
	struct cmd_ctx *ctx = p->ctx;
	const char *synopsis = ctx->cmd->usage[0] ? ctx->cmd->usage[0] : ctx->words;
	size_t n = strcspn(synopsis, "<[");
	const char *dash = strstr(synopsis, " -");
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_flush(ctx->out);
	if (ctx->cmd->flags & CMD_STANDALONE) {
		fprintf(stderr, "%s: %s\n", ctx->program, text);
		return cmd_usage(ctx);
	}
	if (dash && (size_t)(dash - synopsis) < n)
		n = dash - synopsis;
	while (n && synopsis[n - 1] == ' ')
		n--;
	fprintf(stderr, "%.*s: %s\nTry '%.*s --help' for more information\n", (int)n, synopsis, plain ? plain : text, (int)n, synopsis);
	return 1;
}

static int set_value(struct parser *p, const struct found *f, const char *value)
{
	char *field = (char *)f->base + f->opt->field;
	struct err *err = &p->ctx->err;
	int ret = 0;

	err_clear(err);
	switch (f->opt->kind) {
	case OPT_KIND_FLAG:
		*(bool *)field = true;
		break;
	case OPT_KIND_COUNT:
		++*(unsigned *)field;
		break;
	case OPT_KIND_STRING:
	case OPT_KIND_OPTARG:
		*(const char **)field = value;
		break;
	case OPT_KIND_LIST:
		if (vec_push((struct strlist *)field, value))
			ret = err_nomem(err);
		break;
	case OPT_KIND_U64:
		ret = parse_u64(value, (u64 *)field, err);
		break;
	case OPT_KIND_SIZE:
		ret = parse_size(value, (u64 *)field, err);
		break;
	case OPT_KIND_CALL:
		ret = f->opt->call(f->base, value, err);
		break;
	case OPT_KIND_HEAD:
	case OPT_KIND_END:
		break;
	}
	if (ret)
		return cmd_error(p->ctx, "%s", err_text(err));
	if (f->opt->present)
		((bool *)f->base)[f->opt->present - 1] = true;
	return 0;
}

static bool find_letter(const struct opt_set *set, char letter, struct found *f)
{
	for (unsigned i = 0; i < set->n; i++)
		for (const struct opt *o = set->part[i].opts; o->kind != OPT_KIND_END; o++)
			if (letter && o->letter == letter) {
				*f = (struct found){ o, set->part[i].base };
				return true;
			}
	return false;
}

static bool same_option(const struct found *a, const struct found *b)
{
	return a->base == b->base && a->opt->kind == b->opt->kind && a->opt->field == b->opt->field && a->opt->call == b->opt->call;
}

/* An exact name, or a prefix of just one option that is not ours. 1 found, 0 unknown, -1 ambiguous (the names are in list). */
static int find_long(const struct opt_set *set, const char *name, size_t len, struct found *f, struct strbuf *list)
{
	int n = 0;

	for (unsigned i = 0; i < set->n; i++) {
		for (const struct opt *o = set->part[i].opts; o->kind != OPT_KIND_END; o++) {
			struct found this = { o, set->part[i].base };

			if (!o->name || strncmp(o->name, name, len))
				continue;
			if (strlen(o->name) == len) {
				*f = this;
				return 1;
			}
			if (o->ours || (n == 1 && same_option(f, &this)))
				continue;
			if (!n++)
				*f = this;
			sb_printf(list, " '--%s'", o->name);
		}
	}
	return n > 1 ? -1 : n;
}

static int parse_long(struct parser *p, char *arg)
{
	const char *name = arg + 2, *value = strchr(name, '=');
	size_t len = value ? (size_t)(value - name) : strlen(name);
	struct strbuf list CLEANUP(sb_fini) = STRBUF_INIT;
	struct found f = { NULL, NULL };
	int n = find_long(p->set, name, len, &f, &list);

	if (n < 0)
		return bad_option(p, NULL, "option '%s' is ambiguous; possibilities:%s", arg, sb_str(&list));
	if (!n)
		return bad_option(p, NULL, "unrecognized option '%s'", arg);
	if (value && (f.opt->kind == OPT_KIND_FLAG || f.opt->kind == OPT_KIND_COUNT))
		return bad_option(p, NULL, "option '--%s' doesn't allow an argument", f.opt->name);
	if (!value && takes_value(f.opt)) {
		if (p->at == p->argc)
			return bad_option(p, NULL, "option '--%s' requires an argument", f.opt->name);
		return set_value(p, &f, p->argv[p->at++]);
	}
	return set_value(p, &f, value ? value + 1 : "");
}

static int parse_cluster(struct parser *p, char *arg)
{
	for (char *c = arg + 1; *c; c++) {
		char plain[64];
		struct found f;
		int ret;

		if (!find_letter(p->set, *c, &f)) {
			snprintf(plain, sizeof(plain), "invalid option '%c'", *c);
			return bad_option(p, plain, "invalid option -- '%c'", *c);
		}
		if (f.opt->kind == OPT_KIND_OPTARG)
			return set_value(p, &f, c + 1);
		if (!takes_value(f.opt)) {
			ret = set_value(p, &f, "");
			if (ret)
				return ret;
			continue;
		}
		if (c[1])
			return set_value(p, &f, c + 1);
		if (p->at == p->argc) {
			snprintf(plain, sizeof(plain), "option '-%c' requires an argument", *c);
			return bad_option(p, plain, "option requires an argument -- '%c'", *c);
		}
		return set_value(p, &f, p->argv[p->at++]);
	}
	return 0;
}

static bool is_option(const struct cmd *cmd, const char *arg)
{
	if (arg[0] != '-' || !arg[1])
		return false;
	return !(cmd->flags & CMD_NEGATIVE) || arg[1] < '0' || arg[1] > '9';
}

int opt_parse(struct cmd_ctx *ctx, const struct opt_set *set, int *argc, char **argv)
{
	struct parser p = { .ctx = ctx, .set = set, .argc = *argc, .argv = argv };
	bool over = false;

	while (p.at < p.argc) {
		char *arg = argv[p.at++];
		int ret;

		if (!over && !strcmp(arg, "--")) {
			over = true;
			continue;
		}
		if (over || !is_option(ctx->cmd, arg)) {
			argv[p.positional++] = arg;
			over |= !!(ctx->cmd->flags & CMD_NO_PERMUTE);
			continue;
		}
		ret = arg[1] == '-' ? parse_long(&p, arg) : parse_cluster(&p, arg);
		if (ret)
			return ret;
	}
	*argc = p.positional;
	argv[p.positional] = NULL;
	return 0;
}

void opt_free(const struct opt *opts, void *args)
{
	for (const struct opt *o = opts; o && o->kind != OPT_KIND_END; o++)
		if (o->kind == OPT_KIND_LIST)
			vec_fini((struct strlist *)((char *)args + o->field));
}

static const struct { const char *word; bool df_only; signed char base, step; } unit_words[] = {
	{ "--raw", false, UNIT_RAW, 0 }, { "--human-readable", false, UNIT_BINARY, 0 },
	{ "--iec", false, UNIT_BINARY, -1 }, { "--si", false, UNIT_DECIMAL, -1 },
	{ "--kbytes", false, -1, 1 }, { "--mbytes", false, -1, 2 }, { "--gbytes", false, -1, 3 }, { "--tbytes", false, -1, 4 },
	{ "-b", true, UNIT_RAW, 0 }, { "-h", true, UNIT_BINARY, 0 }, { "-H", true, UNIT_DECIMAL, 0 },
	{ "-k", true, -1, 1 }, { "-m", true, -1, 2 }, { "-g", true, -1, 3 }, { "-t", true, -1, 4 },
};

static bool unit_option(struct cmd_ctx *ctx, const char *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(unit_words); i++) {
		if (strcmp(arg, unit_words[i].word) || (unit_words[i].df_only && !(ctx->cmd->flags & CMD_UNITS_DF)))
			continue;
		if (unit_words[i].base >= 0)
			ctx->units.base = unit_words[i].base;
		if (unit_words[i].step >= 0)
			ctx->units.step = unit_words[i].step;
		return true;
	}
	return false;
}

void opt_units(struct cmd_ctx *ctx, int *argc, char **argv)
{
	int n = 0, i = 0;

	for (; i < *argc && strcmp(argv[i], "--"); i++)
		if (!unit_option(ctx, argv[i]))
			argv[n++] = argv[i];
	for (; i < *argc; i++)
		argv[n++] = argv[i];
	argv[n] = NULL;
	*argc = n;
}
