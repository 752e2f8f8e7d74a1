/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The `btrfs` program itself: options before the first word, overview, version, help. Spec: cli 1.1, 2.1 to 2.5. */
#include "cmds/frame.h"

#include <getopt.h>
#include <stdio.h>
#include <strings.h>

int cmd_set_format(struct cmd_ctx *ctx, const char *format)
{
	if (!strcasecmp(format, "text")) {
		ctx->json = false;
	} else if (!strcasecmp(format, "json")) {
		ctx->json = true;
	} else {
		fprintf(stderr, "error: invalid output format \"%s\"\n\nOptions for --format are: text, json\n", format);
		return 1;
	}
	ctx->out->json = ctx->json;
	return 0;
}

static int set_log(struct cmd_ctx *ctx, const char *level)
{
	static const char *const levels[] = { "quiet", "default", "info", "verbose", "debug" };

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (!strcasecmp(level, levels[i])) {
			ctx->verbosity = i;
			return 0;
		}
	return cmd_error(ctx, "unrecognized log level: %s", level);
}

static void print_programs(struct out *out)
{
	for (const struct cmd *const *p = programs; *p; p++)
		if (cmd_listed(*p))
			out_printf(out, "%s\n", (*p)->name);
}

/* Options of btrbox itself, never abbreviated: its names, and what `make install` generates. -1: it is none of them. */
static int own_options(struct cmd_ctx *ctx, int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		print_programs(ctx->out);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "--completion"))
		return completion_print(ctx->out, argv[2]) ? cmd_error(ctx, "no completion for '%s', only for bash, zsh and fish", argv[2]) : 0;
	if (argc >= 3 && !strcmp(argv[1], "--complete"))
		return completion_words(ctx, argc - 2, argv + 2);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "--man"))
		return man_print(ctx->out, argv[2], argv[3], &ctx->err) ? cmd_fail(ctx, "cannot print manual page %s", argv[2]) : 0;
	return -1;
}

struct main_flags { bool help, full, version; };

/* Options up to the first word. 0, or the exit code. */
static int global_options(struct cmd_ctx *ctx, int argc, char **argv, struct main_flags *flags)
{
	enum { HELP = 256, VERSION, FULL, FORMAT, LOG, DRY_RUN, PARAM };
	static const struct option options[] = {
		{ "help", no_argument, NULL, HELP }, { "version", no_argument, NULL, VERSION }, { "full", no_argument, NULL, FULL },
		{ "format", required_argument, NULL, FORMAT }, { "verbose", no_argument, NULL, 'v' }, { "quiet", no_argument, NULL, 'q' },
		{ "log", required_argument, NULL, LOG }, { "dry-run", no_argument, NULL, DRY_RUN }, { "param", required_argument, NULL, PARAM },
		{ NULL, 0, NULL, 0 }
	};
	int c, ret = 0;

	opterr = 0;
	while (!ret && (c = getopt_long(argc, argv, "+vq", options, NULL)) != -1) {
		switch (c) {
		case HELP: flags->help = true; break;
		case VERSION: flags->version = true; break;
		case FULL: flags->full = true; break;
		case FORMAT: ret = cmd_set_format(ctx, optarg); break;
		case LOG: ret = set_log(ctx, optarg); break;
		case DRY_RUN: ctx->dry_run = true; break;
		case PARAM: out_printf(ctx->out, "Global param: %s\n", optarg); break;
		case 'v': cmd_louder(ctx); break;
		case 'q': ctx->verbosity = 0; break;
		default:
			fprintf(stderr, "Unknown global option: %s\n", argv[optind - 1]);
			ret = 129;
		}
	}
	return ret;
}

static int print_overview(struct cmd_ctx *ctx)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	help_overview(&sb);
	out_write(ctx->out, sb.v, sb.len);
	out_flush(ctx->out);
	fputs("Say 'btrfs GROUP --help' or 'btrfs GROUP COMMAND --help' for one group or command,\n"
	      "'btrfs --help' for the list of all commands,\n"
	      "'btrfs --help --full' for all their options.\n"
	      "Words may be shortened as long as they stay unambiguous; scripts should write them in full.\n"
	      "Each group has a manual page: 'man btrfs-GROUP'.\n", stderr);
	return 1;
}

static int print_help(struct cmd_ctx *ctx, enum help_form form)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	help_main(form, &sb);
	out_write(ctx->out, sb.v, sb.len);
	return 0;
}

int main_run(struct cmd_ctx *ctx, int argc, char **argv)
{
	struct main_flags flags = { 0 };
	int ret = own_options(ctx, argc, argv);

	if (ret >= 0)
		return ret;
	ret = global_options(ctx, argc, argv, &flags);
	if (ret)
		return ret;
	if (flags.help)
		return print_help(ctx, flags.full ? HELP_FULL : HELP_SHORT);
	if (flags.version) {
		version_print(ctx->out, "");
		return 0;
	}
	if (optind >= argc)
		return print_overview(ctx);
	return cmd_run_group(ctx, &cmd_btrfs, argc - optind + 1, argv + optind - 1);
}

static int version_run(struct cmd_ctx *ctx, void *args)
{
	version_print(ctx->out, "");
	return 0;
}

const struct cmd cmd_version = {
	.name = "version", .usage = { "btrfs version" }, .brief = "Display btrfs-progs version", .max_args = -1, .flags = CMD_ANY_FORMAT, .run = version_run };

struct help_args { bool full, box; };
#define OPT_STRUCT struct help_args
static const struct opt help_opts[] = {
	OPT_FLAG(0, "full", full, "display full help of all commands"),
	OPT_FLAG(0, "box", box, "display list of built-in standalone tools"),
	OPT_END
};
#undef OPT_STRUCT

static int help_run(struct cmd_ctx *ctx, void *args)
{
	const struct help_args *a = args;

	if (!a->box)
		return print_help(ctx, a->full ? HELP_FULL : HELP_SHORT);
	out_puts(ctx->out, "Standalone tools built-in in the busybox style:\n");
	for (const struct cmd *const *p = programs; *p; p++)
		if (cmd_listed(*p) && (*p)->flags & CMD_STANDALONE)
			out_printf(ctx->out, "- %s\n", (*p)->name);
	return 0;
}

const struct cmd cmd_help = {
	.name = "help", .usage = { "btrfs help [--full] [--box]" }, .brief = "Display help information", .opts = help_opts, CMD_ARGS(struct help_args),
	.max_args = -1, .flags = CMD_ANY_FORMAT, .run = help_run };
