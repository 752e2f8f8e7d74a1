/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --sort=KEY,-KEY,+KEY: in which order a report is printed. */
#ifndef CMDS_SORTKEYS_H
#define CMDS_SORTKEYS_H

#include "common/base.h"

enum { SORT_KEYS_MAX = 16 };
struct sort_keys { unsigned n; struct { unsigned key; bool descending; } by[SORT_KEYS_MAX]; };
/* Appends what text (may be NULL) names of the n names; key is the index. Nothing between two commas is nothing. False: *bad is a word that is none of them, of
 * *bad_len bytes, or one too many. */
bool sort_keys_parse(struct sort_keys *keys, const char *text, const char *const *names, size_t n, const char **bad, int *bad_len);
static inline int sort_compare(u64 a, u64 b) { return a < b ? -1 : a > b; }

#endif
