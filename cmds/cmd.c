/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From argv to a command and back to an exit code: program names, words, what every command gets. Spec: cli 1, 2.3, 2.5, 2.6. */
#include "cmds/frame.h"
#include "kernel-shared/kapi/lacks.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "common/mem.h"
#include "common/progress.h"

int cmd_error(struct cmd_ctx *ctx, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX + 512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	env_msg(ctx->env, MSG_ERROR, "%s", text);
	return 1;
}

int cmd_fail(struct cmd_ctx *ctx, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return cmd_error(ctx, "%s: %s", text, err_text(&ctx->err));
}

void cmd_warn(struct cmd_ctx *ctx, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX + 512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	env_msg(ctx->env, MSG_WARNING, "%s", text);
}

void cmd_say(struct cmd_ctx *ctx, int level, const char *fmt, ...)
{
	va_list ap;

	if (cmd_level(ctx) < level)
		return;
	va_start(ap, fmt);
	out_vprintf(ctx->out, fmt, ap);
	va_end(ap);
	if (isatty(ctx->out->fd))
		out_flush(ctx->out);
}

int cmd_usage(struct cmd_ctx *ctx)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	out_flush(ctx->out);
	help_command(ctx->cmd, &sb);
	fputs(sb_str(&sb), stderr);
	return 1;
}

bool cmd_ask(struct cmd_ctx *ctx, const char *question)
{
	char answer[16] = "";

	out_printf(ctx->out, "%s [y/N]: ", question);
	out_flush(ctx->out);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	answer[strcspn(answer, "\n")] = 0;
	return !strcasecmp(answer, "y") || !strcasecmp(answer, "yes");
}

int cmd_check_count(struct cmd_ctx *ctx, int least, int most)
{
	const struct cmd *cmd = ctx->cmd;
	int self = cmd->flags & CMD_COUNT_SELF ? 1 : 0, given = ctx->argc + self, min = least + self, max = most + self;
	const char *who = cmd->flags & CMD_STANDALONE ? ctx->program : ctx->words;

	if (ctx->argc >= least && (most < 0 || ctx->argc <= most))
		return 0;
	out_flush(ctx->out);
	if (least == most)
		fprintf(stderr, "%s: exactly %d argument%s expected, %d given\n", who, min, min == 1 ? "" : "s", given);
	else if (ctx->argc < least)
		fprintf(stderr, "%s: not enough arguments: %d but at least %d expected\n", who, given, min);
	else
		fprintf(stderr, "%s: too many arguments: %d but at most %d expected\n", who, given, max);
	return cmd->bad_count_exit ? cmd->bad_count_exit : 1;
}

/* What the options that many commands share mean for the context. */
static int apply_common(struct cmd_ctx *ctx, const struct common_args *c)
{
	if (c->quiet)
		ctx->verbosity = 0;
	for (unsigned i = 0; i < c->verbose; i++)
		cmd_louder(ctx);
	ctx->dry_run |= c->dry_run;
	if (c->undo)
		ctx->undo = c->undo;
	if (c->progress || c->no_progress)
		ctx->progress = c->no_progress ? PROGRESS_OFF : PROGRESS_ON;
	if (c->has_jobs) {
		if (!c->jobs || c->jobs > 1024)
			return cmd_error(ctx, "invalid number of jobs: %llu is not between 1 and 1024", c->jobs);
		ctx->env->jobs = c->jobs;
	}
	if (c->has_seed)
		env_seed(ctx->env, c->seed);
	return c->format ? cmd_set_format(ctx, c->format) : 0;
}

/* Programs of their own know --help and --version among their options. True when that was all. */
static bool program_help(struct cmd_ctx *ctx, const struct common_args *c)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	if (c->help) {
		cmd_usage(ctx);
	} else if (c->version) {
		sb_printf(&sb, "%s, part of ", ctx->cmd->name);
		version_print(ctx->out, sb_str(&sb));
	}
	return c->help || c->version;
}

/* A failed command that wanted more of the kernel than it knows: what, and when that came. */
static void explain_kernel(struct cmd_ctx *ctx)
{
	const char *name, *since;
	struct utsname here;

	if (klacks(&name, &since) && !uname(&here))
		cmd_error(ctx, "this kernel (Linux %s) does not know %s, which came with Linux %s", here.release, name, since);
}

/* Options, counts, the command itself. argv: what follows the command word. */
static int run_parsed(struct cmd_ctx *ctx, int argc, char **argv)
{
	const struct cmd *cmd = ctx->cmd;
	struct common_args common = { 0 };
	void *args = mem_zalloc(cmd->args_size + 1);
	struct opt_set set;
	int ret;

	if (!args)
		return cmd_error(ctx, "not enough memory");
	if (cmd->init)
		cmd->init(args);
	opt_set_init(&set, cmd, args, &common);
	if (cmd->flags & (CMD_UNITS | CMD_UNITS_DF))
		opt_units(ctx, &argc, argv);
	ret = opt_parse(ctx, &set, &argc, argv);
	if (!ret && program_help(ctx, &common))
		goto out;
	if (!ret)
		ret = apply_common(ctx, &common);
	ctx->argc = argc;
	ctx->argv = argv;
	if (!ret)
		ret = cmd_check_count(ctx, ctx->cmd->min_args, ctx->cmd->max_args);
	if (!ret) {
		ret = cmd->run(ctx, args);
		if (ret)
			explain_kernel(ctx);
	}
out:
	opt_free(cmd->opts, args);
	free(args);
	return ret;
}

/* "--help" right behind the word. True when that was all. */
static bool run_help(struct cmd_ctx *ctx, int argc, char **argv)
{
	const struct cmd *cmd = ctx->cmd;
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	if (argc < 1 || strcmp(argv[0], "--help"))
		return false;
	if (cmd->subs)
		help_group(cmd, argc > 1 && !strcmp(argv[1], "--full") ? HELP_FULL : HELP_SHORT, &sb);
	else
		help_command(cmd, &sb);
	out_write(ctx->out, sb.v, sb.len);
	return true;
}

int cmd_run_row(struct cmd_ctx *ctx, int argc, char **argv)
{
	const struct cmd *cmd = ctx->cmd;

	if (!(cmd->flags & (CMD_RAW | CMD_STANDALONE)) && run_help(ctx, argc - 1, argv + 1))
		return 0;
	if (ctx->json && !(cmd->flags & (CMD_JSON | CMD_ANY_FORMAT)))
		return cmd_error(ctx, "output format json is unsupported for this command");
	if (ctx->dry_run && !(cmd->flags & (CMD_DRY_RUN | CMD_WRITES))) {
		cmd_error(ctx, "--dry-run option not supported for %s\n", cmd->name);
		return 1;
	}
	ctx->out->json = ctx->json;
	if (cmd->flags & CMD_RAW) {
		ctx->argc = argc - 1;
		ctx->argv = argv + 1;
		return cmd->run(ctx, NULL);
	}
	return run_parsed(ctx, argc - 1, argv + 1);
}

enum { FIND_NONE, FIND_ONE, FIND_MANY };

static bool has_name(const struct cmd *cmd, const char *word)
{
	return !strcmp(cmd->name, word) || (cmd->alias && !strcmp(cmd->alias, word));
}

/* word abbreviates one of the names; only what is the incumbent's and not hidden can be abbreviated. */
static bool has_prefix(const struct cmd *cmd, const char *word, size_t len)
{
	if (!cmd_listed(cmd) || cmd->flags & CMD_OURS)
		return false;
	return !strncmp(cmd->name, word, len) || (cmd->alias && !strncmp(cmd->alias, word, len));
}

static int find_word(const struct cmd *const *subs, const char *word, const struct cmd **out)
{
	size_t len = strlen(word);
	int n = 0;

	for (const struct cmd *const *s = subs; *s; s++)
		if (cmd_exists(*s) && has_name(*s, word)) {
			*out = *s;
			return FIND_ONE;
		}
	for (const struct cmd *const *s = subs; len && *s; s++)
		if (has_prefix(*s, word, len)) {
			*out = *s;
			n++;
		}
	return n > 1 ? FIND_MANY : n ? FIND_ONE : FIND_NONE;
}

static int ambiguous_word(struct cmd_ctx *ctx, const struct cmd *group, const char *word)
{
	size_t len = strlen(word);

	out_flush(ctx->out);
	fprintf(stderr, "%s: ambiguous token '%s'\n\nDid you mean one of these ?\n", ctx->words, word);
	for (const struct cmd *const *s = group->subs; *s; s++)
		if (has_prefix(*s, word, len))
			fprintf(stderr, "\t%s\n", (*s)->name);
	return 1;
}

static int unknown_word(struct cmd_ctx *ctx, const struct cmd *group, const char *word)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	out_flush(ctx->out);
	if (group == &cmd_btrfs)
		help_main(HELP_SHORT, &sb);
	else
		help_group(group, HELP_SHORT, &sb);
	fprintf(stderr, "%s: unknown token '%s'\n%s", ctx->words, word, sb_str(&sb));
	return 1;
}

int cmd_run_group(struct cmd_ctx *ctx, const struct cmd *group, int argc, char **argv)
{
	struct strbuf words CLEANUP(sb_fini) = STRBUF_INIT;
	struct strbuf help CLEANUP(sb_fini) = STRBUF_INIT;
	const struct cmd *row = NULL;
	int found;

	ctx->cmd = group;
	if (argc < 2) {
		help_group(group, HELP_SHORT, &help);
		out_write(ctx->out, help.v, help.len);
		return 1;
	}
	if (run_help(ctx, argc - 1, argv + 1))
		return 0;
	found = find_word(group->subs, argv[1], &row);
	if (found != FIND_ONE)
		return (found == FIND_MANY ? ambiguous_word : unknown_word)(ctx, group, argv[1]);
	sb_printf(&words, "%s %s", ctx->words, row->name);
	ctx->words = sb_str(&words);
	ctx->cmd = cmd_real(row);
	if (ctx->cmd->subs)
		return cmd_run_group(ctx, ctx->cmd, argc - 1, argv + 1);
	return cmd_run_row(ctx, argc - 1, argv + 1);
}

int cmd_run(struct cmd_ctx *parent, const struct cmd *group, int argc, char **argv)
{
	struct cmd_ctx ctx = *parent;
	char **copy = mem_calloc((size_t)argc + 2, sizeof(*copy)); /* parsing reorders it */
	int ret;

	if (!copy)
		return cmd_error(parent, "not enough memory");
	memcpy(copy + 1, argv, (size_t)argc * sizeof(*copy));
	copy[0] = (char *)group->name;
	err_clear(&ctx.err);
	ret = cmd_run_group(&ctx, group, argc + 1, copy);
	free(copy);
	return ret;
}

static volatile int interrupted;

/* The first signal asks; the second ends. */
static void on_signal(int sig)
{
	if (interrupted) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
	interrupted = sig;
}

void cmd_forget_interrupt(void)
{
	interrupted = 0;
}

/* What the caller has us ignore (a shell's background, nohup) stays so. */
static void take_signal(int sig, const struct sigaction *action)
{
	struct sigaction old;

	if (!sigaction(sig, NULL, &old) && old.sa_handler == SIG_IGN)
		return;
	sigaction(sig, action, NULL);
}

static void set_signals(void)
{
	struct sigaction ask = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };

	take_signal(SIGINT, &ask);
	take_signal(SIGTERM, &ask);
	sigaction(SIGPIPE, &ignore, NULL);
}

/* A device must never be opened under the number of a standard stream that came closed: messages would be written into it. */
static void hold_streams(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) != fd)
			_exit(1);
}

struct sink { struct out *out; pthread_t owner; };

static void print_msg(struct env *env, enum msg_level level, const char *text)
{
	struct sink *sink = env->msg_arg;
	bool mine = pthread_equal(sink->owner, pthread_self());

	if (level == MSG_PRINT) {
		out_puts(sink->out, text);
		out_puts(sink->out, "\n");
		return;
	}
	if (mine)
		out_flush(sink->out); /* so that both streams in one file keep their order */
	fprintf(stderr, "%s%s\n", level == MSG_ERROR ? "ERROR: " : level == MSG_WARNING ? "WARNING: " : "", text);
}

/* By the name of the link, else by the first word, which then takes the place of argv[0]. */
static const struct cmd *program_of(int *argc, char ***argv)
{
	const char *slash = strrchr((*argv)[0], '/'), *base = slash ? slash + 1 : (*argv)[0];
	const struct cmd *prog = program_find(base);

	if (prog || *argc < 2)
		return prog ? prog : &cmd_btrfs;
	prog = program_find_short((*argv)[1]);
	if (!prog)
		return &cmd_btrfs;
	++*argv;
	--*argc;
	return prog;
}

int cmd_main(int argc, char **argv)
{
	struct strbuf words CLEANUP(sb_fini) = STRBUF_INIT;
	struct out out;
	struct env env;
	struct sink sink = { &out, pthread_self() };
	struct cmd_ctx ctx = { .env = &env, .out = &out, .verbosity = -1, .units = UNITS_HUMAN, .progress = PROGRESS_AUTO };
	int ret;

	if (argc < 1)
		return 1;
	hold_streams();
	set_signals();
	out_init(&out, STDOUT_FILENO);
	env_init(&env);
	env.msg = print_msg;
	env.msg_arg = &sink;
	env.interrupted = &interrupted;
	ctx.cmd = program_of(&argc, &argv);
	ctx.program = argv[0];
	ctx.words = ctx.cmd->name;
	if (ctx.cmd->same) { /* btrfsck is `btrfs check` */
		ctx.cmd = ctx.cmd->same;
		sb_printf(&words, "btrfs %s", ctx.cmd->name);
		ctx.words = sb_str(&words);
	}
	ret = ctx.cmd == &cmd_btrfs ? main_run(&ctx, argc, argv) : cmd_run_row(&ctx, argc, argv);
	if (out_fini(&out)) {
		env_msg(&env, MSG_ERROR, "cannot write standard output: %s", strerror(-out.error));
		ret = ret ? ret : 1;
	}
	env_fini(&env);
	return ret;
}
