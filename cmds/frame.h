/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the frame's own files share: dispatch, option parser, help, completion, manual pages. Commands need only cmd.h. */
#ifndef CMDS_FRAME_H
#define CMDS_FRAME_H

#include "cmds/cmd.h"

/* Options that many commands have in common, by CMD_* flag. */
struct common_args {
	bool progress, no_progress, dry_run, has_jobs, has_seed, help, version;
	unsigned quiet, verbose;
	u64 jobs, seed;
	const char *undo, *format;
};

/* All options of a command: its own, then those that its flags bring. */
struct opt_set {
	struct { const struct opt *opts; void *base; } part[12];
	unsigned n;
};
void opt_set_init(struct opt_set *set, const struct cmd *cmd, void *args, struct common_args *common);
/* Calls fn for each row. */
void opt_set_each(const struct opt_set *set, void (*fn)(const struct opt *opt, void *arg), void *arg);

/* Parses argv (without the command word) into set; positional arguments are moved to the front of argv, their number goes to *argc.
 * Bad options are reported on standard error as cli 2.6 says. 0 or the exit code. */
int opt_parse(struct cmd_ctx *ctx, const struct opt_set *set, int *argc, char **argv);
/* Frees what parsing allocated in args. */
void opt_free(const struct opt *opts, void *args);
/* Takes the unit options out of argv (cli 4.1). */
void opt_units(struct cmd_ctx *ctx, int *argc, char **argv);

/* Groups list the options of all commands in this form. */
enum help_form { HELP_SHORT, HELP_FULL };
void help_command(const struct cmd *cmd, struct strbuf *sb);
void help_group(const struct cmd *group, enum help_form form, struct strbuf *sb);
void help_main(enum help_form form, struct strbuf *sb);
/* What `btrfs` alone prints. */
void help_overview(struct strbuf *sb);

/* A group without commands is not there. */
static inline bool cmd_exists(const struct cmd *cmd) { return !cmd->subs || cmd->subs[0]; }
/* Help, completion and manual pages name it. */
static inline bool cmd_listed(const struct cmd *cmd) { return cmd_exists(cmd) && !(cmd->flags & CMD_HIDDEN); }
/* The row that another name stands for. */
static inline const struct cmd *cmd_real(const struct cmd *cmd) { return cmd->same ? cmd->same : cmd; }
/* By the name of a link; and by that or its short form (mkfs, image, tune). NULL: none. */
const struct cmd *program_find(const char *name);
const struct cmd *program_find_short(const char *name);

/* One -v: unset becomes 1, which says no more than unset. */
static inline void cmd_louder(struct cmd_ctx *ctx) { ctx->verbosity = ctx->verbosity < 0 ? 1 : ctx->verbosity + 1; }

/* --format: 0, or 1 with the message said. */
int cmd_set_format(struct cmd_ctx *ctx, const char *format);

/* The row in ctx->cmd with its arguments (argv[0]: its own word): help, format, options, counts, run. Changes ctx. */
int cmd_run_row(struct cmd_ctx *ctx, int argc, char **argv);
/* A group with argv[0] being its own word. Changes ctx. */
int cmd_run_group(struct cmd_ctx *ctx, const struct cmd *group, int argc, char **argv);
/* The `btrfs` program: global options, then its groups. */
int main_run(struct cmd_ctx *ctx, int argc, char **argv);

/* Calls fn for every program, group and command that is listed; words: "btrfs subvolume list". Stops when fn returns non-zero. */
typedef int cmd_walk_fn(const struct cmd *cmd, const char *words, void *arg);
int cmd_walk(cmd_walk_fn *fn, void *arg);
/* An option as people see it: its names as written ("-s", "--status"), its value, what completes the value (each may be NULL). */
struct shown_opt { const char *letter, *name, *value, *help, *complete; bool optional, head; };
/* "-s|--status", "-i QGROUP", "-c[ALG]". */
void opt_text(const struct shown_opt *opt, struct strbuf *out);
/* Each option that help shows, those of the flags and the unit options included. */
void opt_each_shown(const struct cmd *cmd, void (*fn)(const struct shown_opt *opt, void *arg), void *arg);

/* "btrfs-progs v6.19", the features, our own line; prefix: "mkfs.btrfs, part of " or "". */
void version_print(struct out *out, const char *prefix);

/* Completion for bash, zsh or fish: -1 for another shell. */
int completion_print(struct out *out, const char *shell);
/* What can come next in a command line (words; the last one is being typed), for those scripts. */
int completion_words(struct cmd_ctx *ctx, int argc, char **argv);
/* A manual page, merged with the text of file (NULL: none); page "list": the names of all pages. 0, or a failure that err tells. */
int man_print(struct out *out, const char *page, const char *file, struct err *err);

#endif
