/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion at the prompt: commands, their groups, paths inside the filesystem, directories of the running system for lcd. */
#include <stdlib.h>
#include "cmds/shell/shell.h"
#include "common/globs.h"
#include "common/linedit.h"
#include "common/mem.h"

static void add_word(struct linedit_words *words, const char *text, const char *tail)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;
	char *copy;

	for (const char *p = text; *p; p++) {
		if (strchr(" \t\\'\"#", *p))
			sb_char(&sb, '\\');
		sb_char(&sb, *p);
	}
	sb_puts(&sb, tail);
	copy = sb.failed ? NULL : mem_strdup(sb_str(&sb));
	if (copy && vec_push(words, copy))
		free(copy);
}

static void complete_rows(const struct cmd *const *rows, bool groups, const char *word, struct linedit_words *words)
{
	for (; *rows; rows++) {
		if (shell_shows(*rows, groups) && !strncmp((*rows)->name, word, strlen(word)))
			add_word(words, (*rows)->name, "");
	}
}

static void complete_path(struct cmd_ctx *ctx, const char *word, struct linedit_words *words)
{
	struct strbuf dir CLEANUP(sb_fini) = STRBUF_INIT;
	const char *slash = strrchr(word, '/'), *name = slash ? slash + 1 : word;
	struct dirent d;
	struct loc loc;

	sb_add(&dir, word, name - word);
	if (fs_resolve_under(ctx->session->top, ctx->session->cwd, dir.len ? sb_str(&dir) : ".", true, &loc, NULL))
		return;
	struct dir_iter it CLEANUP(dir_close) = dir_open(loc.root, loc.ino);
	while (!dir_next(&it, &d, NULL)) {
		struct strbuf full CLEANUP(sb_fini) = STRBUF_INIT;

		if (d.name_len < strlen(name) || memcmp(d.name, name, strlen(name)) || (!*name && d.name[0] == '.'))
			continue;
		sb_puts(&full, sb_str(&dir));
		sb_add(&full, d.name, d.name_len);
		add_word(words, sb_str(&full), d.type == BTRFS_FT_DIR ? "/" : "");
	}
}

/* What the running system has: for lcd and put. */
static void complete_host(const char *word, bool dirs_only, struct linedit_words *words)
{
	glob_t found = { 0 };

	if (!path_glob(word, GLOB_MARK | (dirs_only ? GLOB_ONLYDIR : 0), &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			if (!dirs_only || found.gl_pathv[i][strlen(found.gl_pathv[i]) - 1] == '/')
				add_word(words, found.gl_pathv[i], "");
		}
	}
	globfree(&found);
}

/* Down the groups as far as the words lead. The rows to choose from, or NULL behind a command, which is then in *cmd. */
static const struct cmd *const *rows_behind(const struct shell_words *before, const struct cmd **cmd)
{
	const struct cmd *const *rows = cmd_btrfs.subs;

	*cmd = NULL;
	for (const struct cmd *const *v = cmd_shell.subs; *v; v++) {
		if (!strcmp((*v)->name, before->v[0])) {
			*cmd = *v;
			return NULL;
		}
	}
	for (size_t i = 0; rows && i < before->len; i++) {
		const struct cmd *const *next = NULL;

		for (const struct cmd *const *r = rows; *r; r++) {
			if (!strcmp((*r)->name, before->v[i]))
				next = (*r)->subs;
		}
		rows = next;
	}
	return rows;
}

static void complete_argument(struct cmd_ctx *ctx, const char *what, const char *word, struct linedit_words *words)
{
	bool dir = !strcmp(what, "dir");

	if (dir || !strcmp(what, "file"))
		complete_host(word, dir, words);
	if (!dir) /* what put copies lies there, where to, here */
		complete_path(ctx, word, words);
}

void shell_complete(void *arg, const char *line, size_t start, const char *word, struct linedit_words *words)
{
	struct cmd_ctx *ctx = arg;
	struct shell_words before = VEC_INIT;
	char *head CLEANUP(mem_freep) = mem_strndup(line, start);
	const struct cmd *const *rows;
	const struct cmd *cmd;

	if (head)
		shell_split(head, &before);
	if (!before.len) {
		complete_rows(cmd_shell.subs, false, word, words);
		complete_rows(cmd_btrfs.subs, true, word, words);
	} else {
		rows = rows_behind(&before, &cmd);
		if (rows)
			complete_rows(rows, false, word, words);
		else
			complete_argument(ctx, cmd && cmd->complete ? cmd->complete : "inside", word, words);
	}
	shell_words_fini(&before);
}
