/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can come next in a command line, from the same rows that parse it: which command, which of its options, which kind of value. The shells call
 * `btrbox --complete WORD...` (the line so far; the last word is the one being typed, perhaps empty) and get one candidate a line, with what it is behind
 * a tab. Candidates that end in a slash, a comma or '=' go on. Lines "+files" and "+dirs" ask the shell for its own. */
#include "cmds/complete.h"

#include <stdio.h>

static bool matches(const struct completion *c, const char *word)
{
	return !strncmp(word, c->cur, strlen(c->cur));
}

void complete_offer(struct completion *c, const char *word, const char *what)
{
	for (const char *p = word; *p; p++)
		if ((unsigned char)*p < ' ')
			return; /* one line each */
	if (!matches(c, word))
		return;
	out_printf(c->ctx->out, "%.*s%s", (int)(c->cur - c->words[c->last]), c->words[c->last], word);
	if (what && *what)
		out_printf(c->ctx->out, "\t%.*s", (int)strcspn(what, "\n"), what);
	out_puts(c->ctx->out, "\n");
}

/* "a|b|c" */
void complete_choice(struct completion *c, const char *words)
{
	char word[64];

	while (*words) {
		size_t n = strcspn(words, "|");

		snprintf(word, sizeof(word), "%.*s", (int)n, words);
		complete_offer(c, word, NULL);
		words += n + (words[n] == '|');
	}
}

/* --- commands --- */

static const char *line_of(const struct cmd *cmd) { return cmd->info ? cmd->info : cmd->brief; }

static void offer_rows(struct completion *c, const struct cmd *const *rows, bool groups_only)
{
	for (; rows && *rows; rows++)
		if (cmd_listed(*rows) && (!groups_only || (*rows)->subs))
			complete_offer(c, (*rows)->name, line_of(cmd_real(*rows)));
}

/* By its name, or by what only it begins with. */
static const struct cmd *child(const struct cmd *const *rows, const char *word)
{
	const struct cmd *found = NULL;
	unsigned n = 0;

	for (; rows && *rows; rows++) {
		if (!strcmp((*rows)->name, word) || ((*rows)->alias && !strcmp((*rows)->alias, word)))
			return cmd_real(*rows);
		if (cmd_listed(*rows) && !((*rows)->flags & CMD_OURS) && !strncmp((*rows)->name, word, strlen(word))) {
			found = cmd_real(*rows);
			n++;
		}
	}
	return n == 1 ? found : NULL;
}

/* --- options --- */

struct wanted { const char *name; size_t len; char letter; bool found, value, optional; char kind[128]; };

/* What a value is that no row describes: its name in the help says it. */
static const char *kind_by_name(const char *value)
{
	static const struct { const char *name, *kind; } kinds[] = {
		{ "FILE", "file" }, { "PATH", "file" }, { "DIR", "dir" }, { "DEV", "device" }, { "QGROUP", "qgroup" }, { "qgroup", "qgroup" },
		{ "SUBVOL", "subvol" }, { "subvol", "subvol" }, { "device", "device" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strstr(value, kinds[i].name))
			return kinds[i].kind;
	return "none";
}

static void look_at_option(const struct shown_opt *o, void *arg)
{
	struct wanted *w = arg;
	bool same = w->letter ? o->letter && o->letter[1] == w->letter : o->name && !strncmp(o->name, w->name, w->len) && !o->name[w->len];

	if (o->head || !same || w->found)
		return;
	w->found = true;
	w->value = o->value;
	w->optional = o->optional;
	if (o->value)
		snprintf(w->kind, sizeof(w->kind), "%s", o->complete ? o->complete : kind_by_name(o->value));
}

static void offer_option(const struct shown_opt *o, void *arg)
{
	if (o->head)
		return;
	if (o->letter)
		complete_offer(arg, o->letter, o->help);
	if (o->name)
		complete_offer(arg, o->name, o->help);
}

/* Does the option in word take the next word as its value? *w says what of. */
static bool takes_next(const struct cmd *cmd, const char *word, struct wanted *w)
{
	*w = (struct wanted){ .name = word, .len = strcspn(word, "=") };
	if (word[1] == '-') {
		opt_each_shown(cmd, look_at_option, w);
		return w->value && !w->optional && !word[w->len];
	}
	for (const char *p = word + 1; *p; p++) {
		*w = (struct wanted){ .letter = *p };
		opt_each_shown(cmd, look_at_option, w);
		if (w->value)
			return !w->optional && !p[1];
	}
	return false;
}

static void offer_options(struct completion *c, const struct cmd *cmd)
{
	size_t n = strcspn(c->cur, "=");
	struct wanted w = { .name = c->cur, .len = n };

	if (!strncmp(c->cur, "--", 2) && c->cur[n]) {
		opt_each_shown(cmd, look_at_option, &w);
		if (w.value) {
			c->cur += n + 1;
			complete_value(c, w.kind);
		}
		return;
	}
	opt_each_shown(cmd, offer_option, c);
	complete_offer(c, "--help", "show help");
}

/* --- where the words lead --- */

/* The kind of the n-th argument: "qgroup qgroup dir"; the last one counts for all that follow. */
static void offer_argument(struct completion *c, const struct cmd *cmd, int n)
{
	const char *kinds = cmd->complete ? cmd->complete : c->session ? "inside" : "file";
	char kind[128];

	if (cmd->max_args >= 0 && n >= cmd->max_args)
		return;
	while (n-- && strchr(kinds, ' '))
		kinds = strchr(kinds, ' ') + 1;
	snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(kinds, " "), kinds);
	complete_value(c, kind);
}

static void walk_rows(struct completion *c, const struct cmd *const *rows, int at);

/* Behind `btrfs offline DEVICE`: its verbs, and all groups. */
static void walk_session(struct completion *c, const struct cmd *inside, int at)
{
	const struct cmd *verb;

	c->session = c->words[at - 1];
	if (at == c->last) {
		offer_rows(c, inside->subs, false);
		offer_rows(c, cmd_btrfs.subs, true);
		return;
	}
	verb = child(inside->subs, c->words[at]);
	walk_rows(c, verb ? inside->subs : cmd_btrfs.subs, at);
}

static void walk_command(struct completion *c, const struct cmd *cmd, int at)
{
	bool options = true, value = false;
	struct wanted w = { .value = false };
	int n = 0;

	for (; at < c->last; at++) {
		const char *word = c->words[at];

		if (value) {
			value = false;
		} else if (options && !strcmp(word, "--")) {
			options = false;
		} else if (options && word[0] == '-' && word[1]) {
			value = takes_next(cmd, word, &w);
		} else {
			n++;
			options &= !(cmd->flags & CMD_NO_PERMUTE);
			if (cmd->inside) {
				walk_session(c, cmd->inside, at + 1);
				return;
			}
		}
	}
	if (value)
		complete_value(c, w.kind);
	else if (options && *c->cur == '-')
		offer_options(c, cmd);
	else
		offer_argument(c, cmd, n);
}

static void offer_globals(struct completion *c)
{
	static const struct { const char *name, *what; } globals[] = {
		{ "--format", "text or json" }, { "--verbose", "say more" }, { "-v", "say more" }, { "--quiet", "say nothing but errors" }, { "-q", "say nothing but errors" },
		{ "--log", "how much is said" }, { "--dry-run", "show what would be done" }, { "--version", "print the version" }, { "--help", "show help" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(globals); i++)
		complete_offer(c, globals[i].name, globals[i].what);
}

static void walk_group(struct completion *c, const struct cmd *group, int at)
{
	for (; at < c->last && c->words[at][0] == '-'; at++) {
		const char *values = !strcmp(c->words[at], "--format") ? "text|json" : !strcmp(c->words[at], "--log") ? "default|info|verbose|debug|quiet" : NULL;

		if (values && group == &cmd_btrfs && ++at == c->last) {
			complete_choice(c, values);
			return;
		}
	}
	if (at < c->last)
		walk_rows(c, group->subs, at);
	else if (*c->cur != '-')
		offer_rows(c, group->subs, false);
	else if (group == &cmd_btrfs)
		offer_globals(c);
	else
		complete_offer(c, "--help", "show help");
}

static void walk_rows(struct completion *c, const struct cmd *const *rows, int at)
{
	const struct cmd *cmd = child(rows, c->words[at]);

	if (cmd && cmd->subs)
		walk_group(c, cmd, at + 1);
	else if (cmd)
		walk_command(c, cmd, at + 1);
}

int completion_words(struct cmd_ctx *ctx, int argc, char **argv)
{
	struct completion c = { .ctx = ctx, .words = argv, .last = argc - 1, .cur = argv[argc - 1] };
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	const struct cmd *prog = program_find(name);

	ctx->env->msg = NULL;
	if (argc < 2)
		return 0;
	if (!prog && argc == 2) {
		offer_rows(&c, programs, false);
		prog = &cmd_btrfs;
	} else if (!prog) {
		prog = program_find_short(argv[1]);
		if (prog)
			c.words++, c.last--;
		else
			prog = &cmd_btrfs;
	}
	prog = cmd_real(prog);
	if (prog->subs)
		walk_group(&c, prog, 1);
	else
		walk_command(&c, prog, 1);
	return 0;
}
