/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A line of the shell as words. */
#include <stdlib.h>
#include "cmds/shell/shell.h"
#include "common/mem.h"

void shell_words_fini(struct shell_words *w)
{
	for (size_t i = 0; i < w->len; i++)
		free(w->v[i]);
	vec_fini(w);
}

static int push(struct shell_words *out, struct strbuf *word)
{
	char *copy = word->failed ? NULL : mem_strndup(word->v ? word->v : "", word->len);

	sb_reset(word);
	if (copy && !vec_push(out, copy))
		return 0;
	free(copy);
	return -ENOMEM;
}

/* One quoted or plain character or run into word; *p moves on. -EINVAL: a quote is not closed. */
static int take(const char **p, struct strbuf *word)
{
	char quote = **p;

	if (quote == '\\' && (*p)[1]) {
		sb_char(word, (*p)[1]);
		*p += 2;
		return 0;
	}
	if (quote != '\'' && quote != '"') {
		sb_char(word, *(*p)++);
		return 0;
	}
	for (++*p; **p && **p != quote; ++*p) {
		if (quote == '"' && **p == '\\' && ((*p)[1] == '"' || (*p)[1] == '\\'))
			++*p;
		sb_char(word, **p);
	}
	if (!**p)
		return -EINVAL;
	++*p;
	return 0;
}

int shell_split(const char *line, struct shell_words *out)
{
	struct strbuf word CLEANUP(sb_fini) = STRBUF_INIT;
	const char *p = line;
	int ret = 0;

	for (;;) {
		p += strspn(p, " \t\r\n");
		if (!*p || *p == '#')
			break;
		while (!ret && *p && !strchr(" \t\r\n", *p))
			ret = take(&p, &word);
		if (!ret)
			ret = push(out, &word);
		if (ret)
			return ret;
	}
	/* So that the words can be an argv. */
	if (vec_reserve(out, out->len + 1))
		return -ENOMEM;
	out->v[out->len] = NULL;
	return 0;
}
