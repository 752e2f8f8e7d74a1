/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines that a person types, with editing, history and completion where the build has readline; else, and where standard
 * input is no terminal, plain lines. One at a time in a process: readline has but one state. */
#ifndef COMMON_LINEDIT_H
#define COMMON_LINEDIT_H

#include "common/vec.h"

VEC_TYPE(linedit_words, char *);

/* Adds to words (heap, taken) what word, which begins at line + start, can be completed to: whole words as they shall stand in the
 * line, quoted if need be. A word that ends in a slash gets no space behind it. */
typedef void linedit_complete_fn(void *arg, const char *line, size_t start, const char *word, struct linedit_words *words);

struct linedit;
/* history: a file that is read now and written by linedit_free, NULL for none. complete: NULL for none. */
struct linedit *linedit_new(const char *history, linedit_complete_fn *complete, void *arg);
void linedit_free(struct linedit *le);
/* The next line without its newline, heap; NULL at the end. The prompt shows on a terminal only. Ctrl-C empties the line. */
char *linedit_read(struct linedit *le, const char *prompt);
/* Standard input is a terminal: someone is there to be asked. */
bool linedit_interactive(void);

#endif
