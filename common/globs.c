/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths by their beginning. */
#include "common/globs.h"

#include <string.h>
#include "common/strbuf.h"

int path_glob(const char *prefix, int flags, glob_t *out)
{
	struct strbuf pattern CLEANUP(sb_fini) = STRBUF_INIT;

	for (const char *p = prefix; *p; p++) {
		if (strchr("*?[\\", *p))
			sb_char(&pattern, '\\');
		sb_char(&pattern, *p);
	}
	sb_char(&pattern, '*');
	return glob(sb_str(&pattern), flags, NULL, out);
}
