/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/sortkeys.h"

bool sort_keys_parse(struct sort_keys *keys, const char *text, const char *const *names, size_t n, const char **bad, int *bad_len)
{
	while (text && *text) {
		bool descending = *text == '-';
		const char *word = text + (descending || *text == '+');
		size_t len = strcspn(word, ","), key = 0;

		text = word + len + (word[len] == ',');
		if (!len)
			continue;
		while (key < n && (strlen(names[key]) != len || memcmp(names[key], word, len)))
			key++;
		if (key == n || keys->n == SORT_KEYS_MAX) {
			*bad = word;
			*bad_len = len;
			return false;
		}
		keys->by[keys->n].key = key;
		keys->by[keys->n++].descending = descending;
	}
	return true;
}
