/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The prompt, by readline or by getline. */
#include "common/linedit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/mem.h"
#if HAVE_READLINE
#include <readline/history.h>
#include <readline/readline.h>
#endif

enum { HISTORY_LINES = 1000 };

struct linedit {
	linedit_complete_fn *complete;
	void *arg;
	char *history;
	char *line;        /* getline's */
	size_t cap;
};

bool linedit_interactive(void)
{
	return isatty(STDIN_FILENO);
}

#if HAVE_READLINE
static struct linedit *active; /* whose line readline is editing */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The longest beginning that all words share, heap. */
static char *common_beginning(const struct linedit_words *words)
{
	size_t n = strlen(words->v[0]);

	for (size_t i = 1; i < words->len; i++) {
		size_t k = 0;

		while (k < n && words->v[i][k] == words->v[0][k])
			k++;
		n = k;
	}
	return mem_strndup(words->v[0], n);
}

/* readline's shape: the beginning first, then all words, then NULL; it frees them. */
static char **complete_word(const char *word, int start, int end)
{
	struct linedit_words words = VEC_INIT;
	char **list = NULL;

	rl_attempted_completion_over = 1; /* no host file names when there is nothing */
	active->complete(active->arg, rl_line_buffer, start, word, &words);
	if (words.len)
		list = mem_calloc(words.len + 2, sizeof(*list));
	if (list)
		list[0] = common_beginning(&words);
	if (!list || !list[0]) {
		for (size_t i = 0; i < words.len; i++)
			free(words.v[i]);
		free(list);
		vec_fini(&words);
		return NULL;
	}
	vec_sort(&words, by_name);
	if (words.len > 1)
		memcpy(list + 1, words.v, words.len * sizeof(*list));
	else
		free(words.v[0]);
	end = strlen(list[0]);
	rl_completion_append_character = end && list[0][end - 1] == '/' ? 0 : ' ';
	vec_fini(&words);
	return list;
}

static int empty_line(void)
{
	fputc('\n', rl_outstream);
	rl_replace_line("", 0);
	rl_on_new_line();
	rl_redisplay();
	return 0;
}

static void start_readline(struct linedit *le)
{
	rl_readline_name = "btrbox";
	rl_completer_word_break_characters = " \t\n";
	rl_completer_quote_characters = "'\"";
	rl_attempted_completion_function = le->complete ? complete_word : NULL;
	rl_signal_event_hook = empty_line;
	using_history();
	stifle_history(HISTORY_LINES);
	if (le->history)
		read_history(le->history); /* the first time there is none */
}

static char *edit_line(struct linedit *le, const char *prompt)
{
	char *line;

	active = le;
	line = readline(prompt);
	if (line && *line)
		add_history(line);
	return line;
}

static void stop_readline(struct linedit *le)
{
	if (le->history)
		write_history(le->history);
	clear_history();
}
#endif

struct linedit *linedit_new(const char *history, linedit_complete_fn *complete, void *arg)
{
	struct linedit *le = mem_zalloc(sizeof(*le));

	if (!le)
		return NULL;
	le->complete = complete;
	le->arg = arg;
	if (history) {
		le->history = mem_strdup(history);
		if (!le->history) {
			free(le);
			return NULL;
		}
	}
#if HAVE_READLINE
	if (linedit_interactive())
		start_readline(le);
#endif
	return le;
}

void linedit_free(struct linedit *le)
{
	if (!le)
		return;
#if HAVE_READLINE
	if (linedit_interactive())
		stop_readline(le);
#endif
	free(le->history);
	free(le->line);
	free(le);
}

char *linedit_read(struct linedit *le, const char *prompt)
{
	ssize_t n;

	if (linedit_interactive()) {
#if HAVE_READLINE
		return edit_line(le, prompt);
#endif
		fputs(prompt, stderr);
		fflush(stderr);
	}
	n = getline(&le->line, &le->cap, stdin);
	if (n < 0)
		return NULL;
	if (n && le->line[n - 1] == '\n')
		n--;
	return mem_strndup(le->line, n);
}
