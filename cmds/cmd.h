/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command is a row: names, text, options, a function. Parser, help, shell completion and the manual page's options come from it.
 *
 *     struct snapshot_args { bool readonly; struct strlist qgroups; };
 *     #define OPT_STRUCT struct snapshot_args
 *     static const struct opt snapshot_opts[] = {
 *             OPT_FLAG('r', NULL, readonly, "create a read-only snapshot"),
 *             OPT_LIST('i', NULL, qgroups, "QGROUP", "add the new snapshot to QGROUP"),
 *             OPT_END
 *     };
 *     #undef OPT_STRUCT
 *     static int snapshot_run(struct cmd_ctx *ctx, void *args) { ... }
 *     const struct cmd cmd_subvolume_snapshot = {
 *             .name = "snapshot", .usage = { "btrfs subvolume snapshot [-r] [-i <qgroupid>] <source> <dest>|<dest>/<name>" },
 *             .brief = "Create a snapshot of the subvolume", .opts = snapshot_opts, CMD_ARGS(struct snapshot_args), .min_args = 2, .max_args = 2,
 *             .run = snapshot_run };
 *
 * Spec: cli 2. */
#ifndef CMDS_CMD_H
#define CMDS_CMD_H

#include "common/env.h"
#include "common/out.h"
#include "common/units.h"
#include "common/vec.h"

/* The release of the incumbent whose behaviour is promised. */
#define COMPAT_VERSION "6.19"

VEC_TYPE(strlist, const char *);

enum opt_kind {
	OPT_KIND_END, OPT_KIND_FLAG, /* bool = true */
	OPT_KIND_COUNT,  /* unsigned, one more each time */
	OPT_KIND_STRING, /* const char * */
	OPT_KIND_LIST,   /* struct strlist */
	OPT_KIND_U64,    /* u64, plain decimal (cli 4.2) */
	OPT_KIND_SIZE,   /* u64 with suffix */
	OPT_KIND_CALL,   /* int (*call)(args, value): anything else; an error ends the command with 1. Without a metavar it takes no value */
	OPT_KIND_OPTARG, /* const char *, the value is optional: -c[zlib], --data[=F]; present without value = "" */
	OPT_KIND_HEAD,   /* a line of text in the option list, or an empty one */
};
struct opt {
	enum opt_kind kind;
	char letter;             /* 0: none */
	const char *name;        /* long name, NULL: none */
	size_t field;            /* offset in the args struct */
	const char *metavar;     /* shown in help: "QGROUP" */
	const char *help;        /* NULL: hidden */
	int (*call)(void *args, const char *value, struct err *err);
	const char *complete;    /* what completes the value: "file", "dir", "device", "fs" (mounted or not), "subvol", "qgroup", "algo", "none", or words "a|b|c" */
	size_t present;          /* offset + 1 of a bool that is set when given, 0: none */
	bool ours;               /* not the incumbent's: its long name matches only when written in full */
};
/* Further fields may follow the help text: OPT_FLAG(0, "all", all, "do all", .ours = true). Two rows with one field are two names of
 * one option; only rows with a help text are shown. */
#define OPT_FLAG(l, n, f, h, ...) { .kind = OPT_KIND_FLAG, .letter = l, .name = n, .field = offsetof(OPT_STRUCT, f), .help = h, ##__VA_ARGS__ }
#define OPT_COUNT(l, n, f, h, ...) { .kind = OPT_KIND_COUNT, .letter = l, .name = n, .field = offsetof(OPT_STRUCT, f), .help = h, ##__VA_ARGS__ }
#define OPT_VALUE_(k, l, n, f, m, h, ...) { .kind = k, .letter = l, .name = n, .field = offsetof(OPT_STRUCT, f), .metavar = m, .help = h, ##__VA_ARGS__ }
#define OPT_STRING(l, n, f, m, h, ...) OPT_VALUE_(OPT_KIND_STRING, l, n, f, m, h, ##__VA_ARGS__)
#define OPT_LIST(l, n, f, m, h, ...) OPT_VALUE_(OPT_KIND_LIST, l, n, f, m, h, ##__VA_ARGS__)
/* The value and whether it was given: fields f (u64) and has_f (bool). */
#define OPT_U64(l, n, f, m, h, ...) OPT_VALUE_(OPT_KIND_U64, l, n, f, m, h, .present = offsetof(OPT_STRUCT, has_##f) + 1, ##__VA_ARGS__)
#define OPT_SIZE(l, n, f, m, h, ...) OPT_VALUE_(OPT_KIND_SIZE, l, n, f, m, h, .present = offsetof(OPT_STRUCT, has_##f) + 1, ##__VA_ARGS__)
#define OPT_CALL(l, n, fn, m, h, ...) { .kind = OPT_KIND_CALL, .letter = l, .name = n, .metavar = m, .help = h, .call = fn, ##__VA_ARGS__ }
#define OPT_OPTARG(l, n, f, m, h, ...) OPT_VALUE_(OPT_KIND_OPTARG, l, n, f, m, h, ##__VA_ARGS__)
#define OPT_HEAD(h) { .kind = OPT_KIND_HEAD, .help = h }
#define OPT_END { .kind = OPT_KIND_END }

enum {
	CMD_JSON = 1 << 0,        /* accepts --format json */
	CMD_DRY_RUN = 1 << 1,     /* accepts the global --dry-run */
	CMD_HIDDEN = 1 << 2,      /* exact match only, not listed */
	CMD_OURS = 1 << 3,        /* not the incumbent's: matches only when written in full */
	CMD_UNITS = 1 << 4,       /* long unit options (cli 4.1) */
	CMD_UNITS_DF = 1 << 5,    /* and the short ones */
	CMD_NO_PERMUTE = 1 << 6,  /* options end at the first positional argument */
	CMD_STANDALONE = 1 << 7,  /* a program of its own: help on stderr, -V */
	CMD_COUNT_SELF = 1 << 8,  /* argument count messages count the command word (cli 2.6) */
	CMD_PROGRESS = 1 << 9,    /* --progress, --no-progress where the incumbent has no such option */
	CMD_JOBS = 1 << 10,       /* --jobs N */
	CMD_WRITES = 1 << 11,     /* --undo FILE, --dry-run of our own for offline work */
	CMD_QUIET_VERBOSE = 1 << 12, /* -q and -v are also accepted after the command word, as the historic ones */
	CMD_RAW = 1 << 13,        /* no parsing: argv as is */
	CMD_QUIET = 1 << 14,      /* help names the global -q */
	CMD_VERBOSE = 1 << 15,    /* help names the global -v */
	CMD_SEED = 1 << 16,       /* --seed N; implied by CMD_WRITES */
	CMD_NEGATIVE = 1 << 17,   /* an argument like -1G is no option */
	CMD_ANY_FORMAT = 1 << 18, /* --format json is accepted and ignored */
};

struct cmd_ctx;
struct cmd {
	const char *name, *alias;
	const char *usage[6];          /* synopsis lines, NULL-terminated */
	const char *brief;             /* one line */
	const char *const *details;    /* long description, lines, NULL-terminated */
	const struct opt *opts;
	size_t args_size;
	void (*init)(void *args);      /* defaults other than zero */
	int min_args, max_args;        /* max -1: any number */
	int bad_count_exit;            /* the exit code for another number; 0: 1 */
	unsigned flags;
	int (*run)(struct cmd_ctx *ctx, void *args); /* returns the exit code */
	const struct cmd *const *subs; /* a group: NULL-terminated */
	const struct cmd *same;        /* this row is only another name of that one */
	const char *info;              /* the group's info line */
	const struct cmd *inside;      /* the group of commands that are typed inside it: its manual page describes them, too */
	const char *complete;          /* the same for positional arguments: "qgroup qgroup fs", the last one for all that follow */
};
#define CMD_ARGS(type) .args_size = sizeof(type)

struct cmd_ctx {
	struct env *env;
	struct out *out;               /* standard output: text and JSON */
	int argc;                      /* positional arguments */
	char **argv;
	const struct cmd *cmd;
	const char *words;             /* "btrfs filesystem df": for messages */
	int verbosity;                 /* 0 quiet, 1 default, 2 info, 3 verbose, 4 debug; -1 unset (cli 2.2) */
	bool dry_run, json;
	struct units units;
	int progress;                  /* enum progress_when */
	const char *undo;              /* --undo FILE */
	const char *program;           /* argv[0] as typed: before messages of standalone programs */
	/* An open offline filesystem when the command runs inside `btrfs offline`: positional paths are then inside it. NULL otherwise. */
	struct session *session;
	struct err err;
};

/* Prints "ERROR: " + text. Returns 1, so that `return cmd_error(ctx, ...)` ends a command. */
int cmd_error(struct cmd_ctx *ctx, const char *fmt, ...) PRINTF(2, 3);
/* "ERROR: text: what ctx->err says". */
int cmd_fail(struct cmd_ctx *ctx, const char *fmt, ...) PRINTF(2, 3);
void cmd_warn(struct cmd_ctx *ctx, const char *fmt, ...) PRINTF(2, 3);
/* Text on standard output when verbosity (unset counts as 1) is at least level. */
void cmd_say(struct cmd_ctx *ctx, int level, const char *fmt, ...) PRINTF(3, 4);
/* The level in effect: verbosity, where unset counts as 1. */
static inline int cmd_level(const struct cmd_ctx *ctx) { return ctx->verbosity < 0 ? 1 : ctx->verbosity; }
/* Is the number of arguments within bounds (most -1: any)? If not, says so in the words of cli 2.6 and returns the exit code. Every command line is checked
 * against its row; this is for commands whose options change the bounds. */
int cmd_check_count(struct cmd_ctx *ctx, int least, int most);
/* Usage error: prints the full help on standard error, returns 1. */
int cmd_usage(struct cmd_ctx *ctx);
/* "QUESTION [y/N]: ", flushed; only y, Y, yes are yes; end of file is no. */
bool cmd_ask(struct cmd_ctx *ctx, const char *question);

/* Runs one command line below group (argv[0] is looked up among group->subs, and so on), as the shell does with each line. What the
 * command gets (env, out, session, verbosity, dry_run, json, units) is taken from ctx; ctx itself is unchanged. Returns the exit code. */
int cmd_run(struct cmd_ctx *ctx, const struct cmd *group, int argc, char **argv);

/* Forgets a SIGINT or SIGTERM that came (env_check_interrupt), as a prompt does before its next line. */
void cmd_forget_interrupt(void);

/* The program table and its groups; one extern per file in cmds/, listed in cmds/commands.c. */
extern const struct cmd *const programs[];
extern const struct cmd cmd_btrfs;
int cmd_main(int argc, char **argv);

#endif
