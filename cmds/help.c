/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help in all its forms, from the tables. Spec: cli 2.4, 2.5. */
#include "cmds/frame.h"

enum {
	HELP_COLUMN = 30,     /* where the description of an option starts */
	HELP_OPTION_MAX = 25, /* the widest option text that leaves room for its description on the same line */
	HELP_WRAP = 81,       /* a line ends after the word that takes its description past this */
};

void opt_text(const struct shown_opt *o, struct strbuf *sb)
{
	const char *value = o->value ? o->value : "";

	if (o->letter)
		sb_printf(sb, o->optional && !o->name ? "%s[%s]" : "%s", o->letter, value);
	if (o->letter && o->name)
		sb_char(sb, '|');
	if (o->name)
		sb_printf(sb, o->optional ? "%s[=%s]" : "%s", o->name, value);
	if (*value && !o->optional)
		sb_printf(sb, " %s", value);
}

static void option_line(struct strbuf *sb, const char *option, const char *text)
{
	size_t column = 4 + strlen(option), width = 0;

	sb_pad(sb, ' ', 4);
	sb_puts(sb, option);
	if (strlen(option) > HELP_OPTION_MAX) {
		sb_char(sb, '\n');
		column = 0;
	}
	sb_pad(sb, ' ', column < HELP_COLUMN ? HELP_COLUMN - column : 1);
	while (*text) {
		size_t n = strcspn(text, " \n");
		bool full = width + n > HELP_WRAP, ends = full || text[n] == '\n';

		sb_add(sb, text, n);
		if (!full)
			sb_char(sb, ' ');
		width = ends ? 0 : width + n + 1;
		text += n + strspn(text + n, " \n");
		if (ends && *text) {
			sb_char(sb, '\n');
			sb_pad(sb, ' ', HELP_COLUMN);
		}
	}
	sb_char(sb, '\n');
}

/* Both lists: option, description; NULL ends. */
static const struct shown_opt unit_opts_df[] = {
	{ .letter = "-b", .name = "--raw", .help = "raw numbers in bytes" },
	{ .letter = "-h", .name = "--human-readable", .help = "human friendly numbers, base 1024 (default)" },
	{ .letter = "-H", .help = "human friendly numbers, base 1000" },
	{ .name = "--iec", .help = "use 1024 as a base (KiB, MiB, GiB, TiB)" },
	{ .name = "--si", .help = "use 1000 as a base (kB, MB, GB, TB)" },
	{ .letter = "-k", .name = "--kbytes", .help = "show sizes in KiB, or kB with --si" },
	{ .letter = "-m", .name = "--mbytes", .help = "show sizes in MiB, or MB with --si" },
	{ .letter = "-g", .name = "--gbytes", .help = "show sizes in GiB, or GB with --si" },
	{ .letter = "-t", .name = "--tbytes", .help = "show sizes in TiB, or TB with --si" },
};

struct shown_each { void (*fn)(const struct shown_opt *opt, void *arg); void *arg; };

static void show_row(const struct opt *o, void *arg)
{
	const struct shown_each *each = arg;
	struct strbuf name CLEANUP(sb_fini) = STRBUF_INIT;
	char letter[] = { '-', o->letter, 0 };
	struct shown_opt s = { .value = o->metavar, .help = o->help, .complete = o->complete, .optional = o->kind == OPT_KIND_OPTARG,
		.head = o->kind == OPT_KIND_HEAD };

	if (!o->help)
		return;
	if (o->letter)
		s.letter = letter;
	if (o->name) {
		sb_printf(&name, "--%s", o->name);
		s.name = sb_str(&name);
	}
	each->fn(&s, each->arg);
}

void opt_each_shown(const struct cmd *cmd, void (*fn)(const struct shown_opt *opt, void *arg), void *arg)
{
	struct common_args common = { 0 };
	struct shown_each each = { fn, arg };
	struct opt_set set;

	opt_set_init(&set, cmd, NULL, &common);
	opt_set_each(&set, show_row, &each);
	if (!(cmd->flags & (CMD_UNITS | CMD_UNITS_DF)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(unit_opts_df); i++) {
		struct shown_opt s = unit_opts_df[i];

		if (!(cmd->flags & CMD_UNITS_DF))
			s.letter = NULL;
		if (s.letter || s.name)
			fn(&s, arg);
	}
}

struct listing { struct strbuf *sb; unsigned indent; };

static void list_option(const struct shown_opt *o, void *arg)
{
	struct listing *l = arg;
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;

	if (o->head) {
		sb_pad(l->sb, ' ', l->indent);
		sb_printf(l->sb, "%s\n", o->help);
		return;
	}
	opt_text(o, &text);
	option_line(l->sb, sb_str(&text), o->help);
}

static void global_block(const struct cmd *cmd, struct listing *l)
{
	/* programs have their own --format among their options */
	unsigned json = cmd->flags & CMD_STANDALONE ? 0 : cmd->flags & CMD_JSON;
	unsigned verbose = cmd->flags & (CMD_VERBOSE | CMD_QUIET_VERBOSE), quiet = cmd->flags & (CMD_QUIET | CMD_QUIET_VERBOSE);

	if (!verbose && !quiet && !json && !(cmd->flags & CMD_DRY_RUN))
		return;
	if (l->sb->len) {
		sb_pad(l->sb, ' ', l->indent);
		sb_char(l->sb, '\n');
	}
	sb_pad(l->sb, ' ', l->indent);
	sb_lit(l->sb, "Global options:\n");
	if (verbose)
		option_line(l->sb, "-v|--verbose", "increase output verbosity");
	if (quiet)
		option_line(l->sb, "-q|--quiet", "print only errors");
	if (cmd->flags & CMD_DRY_RUN)
		option_line(l->sb, "--dry-run", "do not do any active/changing actions");
	if (json)
		sb_printf(l->sb, "    %-26swhere TYPE is: text, json\n", "--format TYPE");
}

/* The options block of a command, its heads and empty lines indented by indent. */
static void options_block(const struct cmd *cmd, unsigned indent, struct strbuf *sb)
{
	struct listing l = { sb, indent };

	opt_each_shown(cmd, list_option, &l);
	global_block(cmd, &l);
}

/* Long description and options, each block followed by an empty line. */
static void full_text(const struct cmd *cmd, unsigned indent, struct strbuf *sb)
{
	struct strbuf options CLEANUP(sb_fini) = STRBUF_INIT;

	if (cmd->details) {
		for (const char *const *d = cmd->details; *d; d++) {
			sb_pad(sb, ' ', **d ? indent : 0);
			sb_printf(sb, "%s\n", *d);
		}
		sb_char(sb, '\n');
	}
	options_block(cmd, indent, &options);
	if (options.len) {
		sb_add(sb, options.v, options.len);
		sb_char(sb, '\n');
	}
}

void help_command(const struct cmd *cmd, struct strbuf *sb)
{
	for (const char *const *u = cmd->usage; u < cmd->usage + ARRAY_SIZE(cmd->usage) && *u; u++)
		sb_printf(sb, "%s%s\n", u == cmd->usage ? "usage: " : "        ", *u);
	if (cmd->brief)
		sb_printf(sb, "\n    %s\n", cmd->brief);
	sb_char(sb, '\n');
	full_text(cmd, 4, sb);
}

/* One command in a list of many. */
static void list_command(const struct cmd *cmd, enum help_form form, struct strbuf *sb)
{
	for (const char *const *u = cmd->usage; u < cmd->usage + ARRAY_SIZE(cmd->usage) && *u; u++)
		sb_printf(sb, "    %s\n", *u);
	if (cmd->brief)
		sb_printf(sb, "        %s\n", cmd->brief);
	if (form == HELP_FULL) {
		sb_char(sb, '\n');
		full_text(cmd, 8, sb);
	}
}

static void list_group(const struct cmd *group, enum help_form form, struct strbuf *sb)
{
	for (const struct cmd *const *c = group->subs; *c; c++)
		if (cmd_listed(*c))
			list_command(*c, form, sb);
	if (form == HELP_SHORT)
		sb_char(sb, '\n');
}

void help_group(const struct cmd *group, enum help_form form, struct strbuf *sb)
{
	sb_printf(sb, "usage: %s\n\n", group->usage[0]);
	list_group(group, form, sb);
	if (group->info)
		sb_printf(sb, "%s\n", group->info);
}

static void main_head(struct strbuf *sb)
{
	sb_printf(sb, "usage: %s\n\n", cmd_btrfs.usage[0]);
	sb_lit(sb, "Global options:\n"
		   "  --format <format> if supported, print subcommand output in that format (text, json)\n"
		   "  -v|--verbose      increase verbosity of the subcommand\n"
		   "  -q|--quiet        print only errors\n"
		   "  --log <level>     set log level (default, info, verbose, debug, quiet)\n"
		   "  --dry-run         if supported, do not do any active/changing actions\n"
		   "\n"
		   "Options for the main command only:\n"
		   "  --help            print condensed help for all subcommands\n"
		   "  --version         print version string and built-in features\n"
		   "\n");
}

void help_main(enum help_form form, struct strbuf *sb)
{
	main_head(sb);
	for (const struct cmd *const *c = cmd_btrfs.subs; *c; c++) {
		if (!cmd_listed(*c))
			continue;
		if ((*c)->subs) {
			list_group(*c, form, sb);
			continue;
		}
		list_command(*c, form, sb);
		if (form == HELP_SHORT)
			sb_char(sb, '\n');
	}
	sb_lit(sb, "Use --help as an option for information about a group or command:\n"
		   "  btrfs subvolume --help\n"
		   "  btrfs subvolume create --help\n"
		   "\n"
		   "Global options like -q/-v must follow the tool name 'btrfs':\n"
		   "  btrfs -q subvolume create ...\n"
		   "  btrfs --dry-run subvolume create ...\n");
}

static void overview_list(struct strbuf *sb, bool groups, const char *head)
{
	sb_puts(sb, head);
	for (const struct cmd *const *c = cmd_btrfs.subs; *c; c++)
		if (cmd_listed(*c) && !(*c)->subs == !groups)
			sb_printf(sb, "  %-16s  %s\n", (*c)->name, groups ? (*c)->info : (*c)->brief);
	sb_char(sb, '\n');
}

void help_overview(struct strbuf *sb)
{
	main_head(sb);
	overview_list(sb, true, "Command groups:\n");
	overview_list(sb, false, "Commands:\n");
}
