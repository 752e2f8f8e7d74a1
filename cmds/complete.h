/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of completion. */
#ifndef CMDS_COMPLETE_H
#define CMDS_COMPLETE_H

#include "cmds/frame.h"

struct completion {
	struct cmd_ctx *ctx;
	char **words;
	int last;                /* the word being typed */
	const char *cur;         /* in it, what candidates begin with: behind "--option=" or "a.img," */
	const char *session;     /* the DEVICE that the words are inside of, else NULL */
};
/* Prints word, after what stands before cur, if it begins with cur. what: its description, or NULL. */
void complete_offer(struct completion *c, const char *word, const char *what);
void complete_choice(struct completion *c, const char *words); /* "a|b|c" */
/* complete_values.c: a value of this kind (the table's .complete). */
void complete_value(struct completion *c, const char *kind);

#endif
