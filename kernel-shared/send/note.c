/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is noted in an incomplete subvolume. */
#include <stdio.h>
#include "kernel-shared/send/apply.h"

/* "TOKEN CTRANSID PARENT-UUID" */
void apply_note_text(const struct apply_note *n, struct strbuf *out)
{
	send_token_text(&n->token, out);
	sb_char(out, ' ');
	sb_u64(out, n->ctransid);
	sb_char(out, ' ');
	sb_hexbytes(out, n->parent, sizeof(n->parent));
}

int apply_note_parse(const char *text, size_t len, struct apply_note *out, struct err *err)
{
	char token[128], parent[33];
	int end = 0;

	if (len < 200 && !memchr(text, 0, len)) {
		char copy[200];

		memcpy(copy, text, len);
		copy[len] = '\0';
		if (sscanf(copy, "%127s %20llu %32[0-9a-f]%n", token, &out->ctransid, parent, &end) == 3 && (size_t)end == len && strlen(parent) == 32) {
			for (unsigned i = 0; i < 16; i++)
				sscanf(parent + 2 * i, "%2hhx", &out->parent[i]);
			return send_token_parse(token, &out->token, err);
		}
	}
	return err_set(err, -EINVAL, "the note in the incomplete subvolume is damaged");
}

int apply_partial_name(const char *name, char out[256], struct err *err)
{
	return (size_t)snprintf(out, 256, "%s" APPLY_PARTIAL, name) < 256 ? 0 : err_set(err, -ENAMETOOLONG, "no room for \"" APPLY_PARTIAL "\" behind the name");
}
