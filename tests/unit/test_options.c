/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/frame.h"
#include "common/progress.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

struct args {
	bool flag, other, background, has_size, has_id, own;
	unsigned count;
	u64 size, id;
	const char *string, *maybe;
	struct strlist list;
	int called;
};

static int call(void *args, const char *value, struct err *err)
{
	struct args *a = args;

	a->called = strlen(value);
	return strcmp(value, "bad") ? 0 : err_set(err, -EINVAL, "bad is bad");
}

#define OPT_STRUCT struct args
static const struct opt opts[] = {
	OPT_HEAD("Head:"),
	OPT_FLAG('f', "flag", flag, "a flag"),
	OPT_FLAG('o', "other", other, "another"),
	OPT_COUNT('c', "count", count, "counts"),
	OPT_SIZE('s', "size", size, "SIZE", "a size"),
	OPT_U64('i', "id", id, "ID", "a number"),
	OPT_STRING(0, "string", string, "TEXT", "a text"),
	OPT_OPTARG('m', "maybe", maybe, "TEXT", "an optional value"),
	OPT_LIST('l', NULL, list, "TEXT", "several"),
	OPT_CALL('x', "call", call, "TEXT", "calls"),
	OPT_FLAG(0, "background", background, "two names"),
	OPT_FLAG(0, "backgr", background, NULL),
	OPT_FLAG(0, "ours-alone", own, "ours", .ours = true),
	OPT_END
};
#undef OPT_STRUCT

static struct args got;
static char positional[256];
static struct cmd_ctx seen;

static int keep(struct cmd_ctx *ctx, void *args)
{
	struct args *a = args;
	int n = 0;

	seen = *ctx;
	got = *a;
	positional[0] = 0;
	for (int i = 0; i < ctx->argc; i++)
		n += snprintf(positional + n, sizeof(positional) - n, "%s%s", i ? " " : "", ctx->argv[i]);
	if (a->list.len)
		got.string = a->list.v[a->list.len - 1];
	return 0;
}

static const struct cmd plain = { .name = "plain", .usage = { "btrfs plain [options] <path>" }, .opts = opts, CMD_ARGS(struct args), .max_args = 9,
	.flags = CMD_QUIET_VERBOSE | CMD_JOBS | CMD_PROGRESS | CMD_SEED, .run = keep };
static const struct cmd strict = { .name = "strict", .usage = { "btrfs strict -f <path>" }, .opts = opts, CMD_ARGS(struct args), .max_args = 9,
	.flags = CMD_NO_PERMUTE, .run = keep };
static const struct cmd units = { .name = "units", .usage = { "btrfs units <path>" }, .min_args = 1, .max_args = 1, CMD_ARGS(struct args),
	.flags = CMD_UNITS, .run = keep };
static const struct cmd unitsdf = { .name = "unitsdf", .usage = { "btrfs unitsdf <path>" }, .min_args = 1, .max_args = 1, CMD_ARGS(struct args),
	.flags = CMD_UNITS_DF, .run = keep };
static const struct cmd negative = { .name = "negative", .usage = { "btrfs negative [options] <size> <path>" }, .opts = opts, CMD_ARGS(struct args),
	.min_args = 2, .max_args = 2, .flags = CMD_NEGATIVE, .run = keep };
static const struct cmd self = { .name = "self", .usage = { "btrfs self <path>" }, .min_args = 1, .max_args = 1, CMD_ARGS(struct args),
	.flags = CMD_COUNT_SELF, .run = keep };
static const struct cmd program = { .name = "prog.btrfs", .usage = { "prog.btrfs [options] <path>" }, .brief = "A program", .opts = opts,
	CMD_ARGS(struct args), .min_args = 1, .max_args = 2, .flags = CMD_STANDALONE, .run = keep };
static const struct cmd writer = { .name = "writer", .usage = { "btrfs writer <path>" }, CMD_ARGS(struct args), .max_args = 1, .flags = CMD_WRITES, .run = keep };
static const struct cmd *const rows[] = { &plain, &strict, &units, &unitsdf, &negative, &self, &program, &writer, NULL };
static const struct cmd group = { .name = "group", .usage = { "btrfs group <command>" }, .subs = rows };

static char said[8192];

/* Runs the words of line below the group; what goes to standard error is in said. */
static int run(const char *line)
{
	static char copy[512]; /* option values are kept as pointers into it */
	char *argv[32], *save = NULL;
	struct out out;
	struct env env;
	struct cmd_ctx ctx = { .env = &env, .out = &out, .words = "btrfs group", .program = "./prog", .verbosity = -1 };
	int argc = 0, ret, old = dup(2), fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	ssize_t n;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	fflush(stderr);
	dup2(fd, 2);
	env_init(&env);
	out_init(&out, -1);
	ret = cmd_run(&ctx, &group, argc, argv);
	sb_fini(&out.buf);
	env_fini(&env);
	fflush(stderr);
	dup2(old, 2);
	close(old);
	n = pread(fd, said, sizeof(said) - 1, 0);
	said[n < 0 ? 0 : n] = 0;
	close(fd);
	return ret;
}

TEST(options_and_arguments_mix)
{
	CHECK_EQ(run("plain a -f b --other c"), 0);
	CHECK(got.flag && got.other);
	CHECK_STR(positional, "a b c");
	CHECK_EQ(run("plain a -- -f --other"), 0);
	CHECK(!got.flag && !got.other);
	CHECK_STR(positional, "a -f --other");
	CHECK_EQ(run("plain - -f -"), 0);
	CHECK_STR(positional, "- -");
}

TEST(options_end_at_the_first_argument_where_asked)
{
	CHECK_EQ(run("strict -f a -o"), 0);
	CHECK(got.flag && !got.other);
	CHECK_STR(positional, "a -o");
}

TEST(clusters_and_values)
{
	CHECK_EQ(run("plain -fcco -s4k -i 7 --string=x=y"), 0);
	CHECK(got.flag && got.other && got.has_size && got.has_id);
	CHECK_EQ(got.count, 2);
	CHECK_EQ(got.size, 4096);
	CHECK_EQ(got.id, 7);
	CHECK_STR(got.string, "x=y");
	CHECK_EQ(run("plain -fs 1m --string -f"), 0);
	CHECK_EQ(got.size, 1 << 20);
	CHECK_STR(got.string, "-f");
	CHECK_EQ(run("plain -l a -lb -l c"), 0);
	CHECK_STR(got.string, "c");
}

TEST(optional_values_stick_to_the_option)
{
	CHECK_EQ(run("plain -m a"), 0);
	CHECK_STR(got.maybe, "");
	CHECK_STR(positional, "a");
	CHECK_EQ(run("plain -mb"), 0);
	CHECK_STR(got.maybe, "b");
	CHECK_EQ(run("plain --maybe"), 0);
	CHECK_STR(got.maybe, "");
	CHECK_EQ(run("plain --maybe=c"), 0);
	CHECK_STR(got.maybe, "c");
	CHECK_EQ(run("plain"), 0);
	CHECK(!got.maybe);
}

TEST(long_names_may_be_shortened)
{
	CHECK_EQ(run("plain --fl --stri x"), 0);
	CHECK(got.flag);
	CHECK_EQ(run("plain --back"), 0); /* both names are one option */
	CHECK(got.background);
	CHECK_EQ(run("plain --backgr"), 0);
	CHECK_EQ(run("plain --c"), 1);
	CHECK_STR(said, "btrfs plain: option '--c' is ambiguous; possibilities: '--count' '--call'\nTry 'btrfs plain --help' for more information\n");
}

TEST(our_own_names_may_not)
{
	CHECK_EQ(run("plain --ours-alone"), 0);
	CHECK(got.own);
	CHECK_EQ(run("plain --ours"), 1);
	CHECK_STR(said, "btrfs plain: unrecognized option '--ours'\nTry 'btrfs plain --help' for more information\n");
	CHECK_EQ(run("plain --o"), 0); /* and do not make the incumbent's ambiguous */
	CHECK(got.other);
}

TEST(bad_options_of_commands)
{
	CHECK_EQ(run("plain --zz=3"), 1);
	CHECK_STR(said, "btrfs plain: unrecognized option '--zz=3'\nTry 'btrfs plain --help' for more information\n");
	CHECK_EQ(run("strict -Z"), 1);
	CHECK_STR(said, "btrfs strict: invalid option 'Z'\nTry 'btrfs strict --help' for more information\n");
	CHECK_EQ(run("plain --size"), 1);
	CHECK_STR(said, "btrfs plain: option '--size' requires an argument\nTry 'btrfs plain --help' for more information\n");
	CHECK_EQ(run("plain -s"), 1);
	CHECK_STR(said, "btrfs plain: option '-s' requires an argument\nTry 'btrfs plain --help' for more information\n");
	CHECK_EQ(run("plain --flag=1"), 1);
	CHECK_STR(said, "btrfs plain: option '--flag' doesn't allow an argument\nTry 'btrfs plain --help' for more information\n");
}

TEST(bad_options_of_programs)
{
	CHECK_EQ(run("program"), 1);
	CHECK_EQ(run("prog.btrfs -Z"), 1);
	CHECK(!strncmp(said, "./prog: invalid option -- 'Z'\nusage: prog.btrfs [options] <path>\n", 60));
	CHECK_EQ(run("prog.btrfs --zz"), 1);
	CHECK(!strncmp(said, "./prog: unrecognized option '--zz'\nusage: ", 41));
	CHECK_EQ(run("prog.btrfs -s"), 1);
	CHECK(!strncmp(said, "./prog: option requires an argument -- 's'\nusage: ", 49));
	CHECK_EQ(run("prog.btrfs"), 1);
	CHECK_STR(said, "./prog: not enough arguments: 0 but at least 1 expected\n");
	CHECK_EQ(run("prog.btrfs a b c"), 1);
	CHECK_STR(said, "./prog: too many arguments: 3 but at most 2 expected\n");
	CHECK_EQ(run("prog.btrfs --help"), 0);
	CHECK(!strncmp(said, "usage: prog.btrfs [options] <path>\n\n    A program\n", 49));
}

TEST(argument_counts)
{
	CHECK_EQ(run("units"), 1);
	CHECK_STR(said, "btrfs group units: exactly 1 argument expected, 0 given\n");
	CHECK_EQ(run("negative a b c"), 1);
	CHECK_STR(said, "btrfs group negative: exactly 2 arguments expected, 3 given\n");
	CHECK_EQ(run("self"), 1);
	CHECK_STR(said, "btrfs group self: exactly 2 arguments expected, 1 given\n");
}

TEST(negative_sizes_are_arguments)
{
	CHECK_EQ(run("negative -1G x -f"), 0);
	CHECK_STR(positional, "-1G x");
	CHECK(got.flag);
}

TEST(unit_options)
{
	CHECK_EQ(run("units --si x --kbytes"), 0);
	CHECK_EQ(seen.units.base, UNIT_DECIMAL);
	CHECK_EQ(seen.units.step, 1);
	CHECK_EQ(run("units x"), 0);
	CHECK_EQ(run("unitsdf -k --raw x"), 0);
	CHECK_EQ(seen.units.base, UNIT_RAW);
	CHECK_EQ(run("unitsdf -k -h x"), 0);
	CHECK_EQ(seen.units.base, UNIT_BINARY);
	CHECK_EQ(seen.units.step, 0);
	CHECK_EQ(run("unitsdf -k -H x"), 0);
	CHECK_EQ(seen.units.base, UNIT_DECIMAL);
	CHECK_EQ(run("units -k x"), 1);
	CHECK_EQ(run("unitsdf -- -k"), 0);
	CHECK_STR(positional, "-k");
}

TEST(bad_values_end_the_command)
{
	CHECK_EQ(run("plain -s x"), 1);
	CHECK_EQ(run("plain -i -3"), 1);
	CHECK_EQ(run("plain -x bad"), 1);
	CHECK_EQ(run("plain -x good"), 0);
	CHECK_EQ(got.called, 4);
}

TEST(common_options)
{
	CHECK_EQ(run("plain -v"), 0);
	CHECK_EQ(seen.verbosity, 1);
	CHECK_EQ(run("plain -vvv"), 0);
	CHECK_EQ(seen.verbosity, 3);
	CHECK_EQ(run("plain -q"), 0);
	CHECK_EQ(seen.verbosity, 0);
	CHECK_EQ(run("plain --progress"), 0);
	CHECK_EQ(seen.progress, PROGRESS_ON);
	CHECK_EQ(run("plain --no-progress"), 0);
	CHECK_EQ(seen.progress, PROGRESS_OFF);
	CHECK_EQ(run("plain --jobs 0"), 1);
	CHECK_EQ(run("plain --job 2"), 1);
	CHECK_EQ(run("strict --jobs 2"), 1);
	CHECK_EQ(run("writer --undo file --dry-run"), 0);
	CHECK(seen.dry_run);
	CHECK_STR(seen.undo, "file");
}

UNIT_MAIN
