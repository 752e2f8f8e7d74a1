/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Manual pages: names, synopses, descriptions and options come from the tables, the prose around them from a text in simple Markdown
 * (Documentation/man): what stands before its first heading is the DESCRIPTION, the rest follows the options. */
#include "cmds/frame.h"

#include <stdlib.h>
#include "common/io.h"
#include "common/mem.h"

/* Text of one line, with `code`, *emphasis* and what troff takes for itself. */
static void put_inline(struct strbuf *sb, const char *p, size_t n)
{
	char open = 0;

	if (n && (*p == '.' || *p == '\''))
		sb_lit(sb, "\\&");
	for (; n; p++, n--) {
		if ((*p == '`' || (*p == '*' && open != '`')) && (!open || open == *p)) {
			sb_puts(sb, open ? "\\fR" : *p == '`' ? "\\fB" : "\\fI");
			open = open ? 0 : *p;
		} else if (*p == '\\') {
			sb_lit(sb, "\\e");
		} else if (*p == '-') {
			sb_lit(sb, "\\-");
		} else {
			sb_char(sb, *p);
		}
	}
	if (open)
		sb_lit(sb, "\\fR");
}

static void put_literal(struct strbuf *sb, const char *p, size_t n)
{
	if (n && (*p == '.' || *p == '\''))
		sb_lit(sb, "\\&");
	for (; n; p++, n--)
		sb_puts(sb, *p == '\\' ? "\\e" : *p == '-' ? "\\-" : (char[]){ *p, 0 });
}

static void put_text(struct strbuf *sb, const char *s)
{
	put_inline(sb, s, strlen(s));
}

/* Headings, paragraphs, indented code, lists. */
static void put_markdown(struct strbuf *sb, const char *p, const char *end)
{
	bool code = false, blank = true, heading = true; /* a heading begins a paragraph by itself */

	while (p < end) {
		const char *nl = memchr(p, '\n', end - p);
		size_t n = (nl ? nl : end) - p;
		bool is_code = n > 4 && !memcmp(p, "    ", 4), is_heading = n && *p == '#';

		if (code && !is_code && n) {
			sb_lit(sb, ".fi\n.RE\n");
			code = false;
		}
		if (!n) {
			if (code)
				sb_char(sb, '\n');
			blank = true;
		} else if (is_code) {
			if (!code)
				sb_puts(sb, heading ? ".RS 4\n.nf\n" : ".PP\n.RS 4\n.nf\n");
			code = true;
			put_literal(sb, p + 4, n - 4);
			sb_char(sb, '\n');
		} else if (is_heading) {
			size_t level = n > 1 && p[1] == '#' ? 2 : 1;

			sb_puts(sb, level == 2 ? ".SS " : ".SH ");
			p += level + 1;
			n -= min_t(size_t, n, level + 1);
			put_inline(sb, p, n);
			sb_char(sb, '\n');
		} else {
			bool item = n > 2 && p[0] == '-' && p[1] == ' ';

			if (item)
				sb_lit(sb, ".IP \\(bu 2\n");
			else if (blank && !heading)
				sb_lit(sb, ".PP\n");
			put_inline(sb, item ? p + 2 : p, item ? n - 2 : n);
			sb_char(sb, '\n');
		}
		if (n)
			blank = false;
		heading = n ? is_heading : heading;
		p = nl ? nl + 1 : end;
	}
	if (code)
		sb_lit(sb, ".fi\n.RE\n");
}

static const char options_head[] = ".SH OPTIONS\n";

static void put_option(const struct shown_opt *o, void *arg)
{
	struct strbuf *sb = arg;
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;

	if (o->head) {
		if (*o->help) {
			/* A heading begins a paragraph by itself. */
			if (sb->len < strlen(options_head) || strcmp(sb_str(sb) + sb->len - strlen(options_head), options_head))
				sb_lit(sb, ".PP\n");
			put_text(sb, o->help);
			sb_char(sb, '\n');
		}
		return;
	}
	opt_text(o, &text);
	sb_lit(sb, ".TP\n\\fB");
	put_literal(sb, text.v, text.len);
	sb_lit(sb, "\\fR\n");
	put_text(sb, o->help);
	sb_char(sb, '\n');
}

static void put_synopses(struct strbuf *sb, const struct cmd *cmd)
{
	for (const char *const *u = cmd->usage; u < cmd->usage + ARRAY_SIZE(cmd->usage) && *u; u++) {
		sb_puts(sb, u == cmd->usage ? "\\fB" : ".br\n\\fB");
		put_literal(sb, *u, strlen(*u));
		sb_lit(sb, "\\fR\n");
	}
}

/* first: right behind a heading, which begins a paragraph by itself. */
static void put_details(struct strbuf *sb, const struct cmd *cmd, bool first)
{
	bool blank = !first;

	for (const char *const *d = cmd->details; d && *d; d++) {
		if (!**d) {
			blank = !first;
			continue;
		}
		/* a line with a leading blank begins a new one anyway */
		if (blank)
			sb_lit(sb, ".PP\n");
		first = blank = false;
		put_text(sb, *d);
		sb_char(sb, '\n');
	}
}

/* One command of a group's page. */
static void put_command(struct strbuf *sb, const struct cmd *cmd)
{
	struct strbuf more CLEANUP(sb_fini) = STRBUF_INIT;

	sb_lit(sb, ".TP\n");
	put_synopses(sb, cmd);
	if (!cmd->usage[0]) {
		sb_lit(sb, "\\fB");
		put_literal(sb, cmd->name, strlen(cmd->name));
		sb_lit(sb, "\\fR\n");
	}
	put_text(sb, cmd->brief ? cmd->brief : "");
	sb_char(sb, '\n');
	put_details(&more, cmd, false);
	opt_each_shown(cmd, put_option, &more);
	if (more.len)
		sb_printf(sb, ".RS\n%s.RE\n", sb_str(&more));
}

static void put_commands(struct strbuf *sb, const struct cmd *group)
{
	for (const struct cmd *const *s = group->subs; *s; s++)
		if (cmd_listed(*s))
			put_command(sb, *s);
}

static void put_body(struct strbuf *sb, const struct cmd *cmd, bool first)
{
	if (!cmd->subs) {
		put_details(sb, cmd, first);
		sb_puts(sb, options_head);
		opt_each_shown(cmd, put_option, sb);
		if (cmd->inside) {
			sb_lit(sb, ".SH COMMANDS\n");
			put_commands(sb, cmd->inside);
		}
		return;
	}
	if (cmd == &cmd_btrfs) {
		sb_lit(sb, ".SH COMMANDS\n");
		for (const struct cmd *const *s = cmd->subs; *s; s++) {
			if (!cmd_listed(*s))
				continue;
			sb_printf(sb, ".TP\n\\fB%s\\fR\n", (*s)->name);
			put_text(sb, (*s)->info ? (*s)->info : (*s)->brief ? (*s)->brief : "");
			sb_char(sb, '\n');
		}
		return;
	}
	sb_lit(sb, ".SH COMMANDS\n");
	put_commands(sb, cmd);
}

static void put_page(struct strbuf *sb, const struct cmd *cmd, const char *page, const char *prose)
{
	const char *info = cmd == &cmd_btrfs ? "a toolbox to manage btrfs filesystems, mounted or not" : cmd->info ? cmd->info : cmd->brief;
	const char *end = prose + strlen(prose), *rest = *prose == '#' ? prose : strstr(prose, "\n#");

	rest = rest ? rest + (*rest == '\n') : end;
	sb_lit(sb, ".TH \"");
	for (const char *p = page; *p; p++)
		sb_char(sb, *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
	sb_lit(sb, "\" \"8\" \"\" \"btrbox\" \"\"\n.SH NAME\n");
	put_literal(sb, page, strlen(page));
	sb_lit(sb, " \\- ");
	put_text(sb, info ? info : "");
	sb_lit(sb, "\n.SH SYNOPSIS\n");
	put_synopses(sb, cmd);
	sb_lit(sb, ".SH DESCRIPTION\n");
	put_markdown(sb, prose, rest);
	put_body(sb, cmd, prose == rest);
	put_markdown(sb, rest, end);
}

struct page_search { const char *page; struct strbuf *list; const struct cmd *found; };

/* btrfs.8 for the program, btrfs-GROUP.8 for each of its rows, NAME.8 for each other program. */
static int page_of(const struct cmd *cmd, const char *words, void *arg)
{
	struct page_search *s = arg;
	const char *blank = strchr(words, ' ');
	struct strbuf name CLEANUP(sb_fini) = STRBUF_INIT;

	if ((blank && strchr(blank + 1, ' ')) || (blank && cmd->flags & CMD_ANY_FORMAT))
		return 0; /* inside a group; help and version, which are described with the program */
	sb_puts(&name, words);
	if (blank)
		name.v[blank - words] = '-';
	if (s->list)
		sb_printf(s->list, "%s\n", sb_str(&name));
	else if (!strcmp(sb_str(&name), s->page))
		s->found = cmd;
	return s->found != NULL;
}

int man_print(struct out *out, const char *page, const char *file, struct err *err)
{
	char *prose CLEANUP(mem_freep) = NULL;
	struct page_search s = { .page = page };
	size_t len;
	int ret;

	if (!strcmp(page, "list")) {
		s.list = &out->buf;
		cmd_walk(page_of, &s);
		return 0;
	}
	cmd_walk(page_of, &s);
	if (!s.found)
		return err_set(err, -ENOENT, "there is no such page ('list' lists them)");
	if (file) {
		ret = io_read_file(file, 1 << 20, &prose, &len);
		if (ret)
			return err_errno(err, ret, "cannot read %s", file);
	}
	put_page(&out->buf, s.found, page, prose ? prose : "");
	out_check(out);
	return 0;
}
