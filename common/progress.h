/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What long work tells while it runs: done, total, rate, time left, on standard error, only on a terminal or when asked.
 * Workers add from any thread; a ticker thread draws once a second (five times on a terminal). */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include "common/base.h"

enum progress_unit { PROGRESS_BYTES, PROGRESS_ITEMS };
enum progress_when { PROGRESS_AUTO, PROGRESS_ON, PROGRESS_OFF };
struct progress;
/* title: what is being done, borrowed. total 0: unknown. NULL (which every function accepts) when nothing is to be drawn. */
struct progress *progress_new(const char *title, enum progress_unit unit, u64 total, enum progress_when when);
void progress_add(struct progress *p, u64 n);
void progress_total(struct progress *p, u64 total);
/* The title may change between phases. */
void progress_title(struct progress *p, const char *title);
/* Draws the end state, ends the line, frees. */
void progress_free(struct progress *p);

#endif
