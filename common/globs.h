/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What begins with a text, in the running system: for completion. */
#ifndef COMMON_GLOBS_H
#define COMMON_GLOBS_H

#include <glob.h>

/* All paths that begin with prefix, taken literally. flags: of glob(3). 0, or as glob(); globfree(out) in any case (which begins as zeros). */
int path_glob(const char *prefix, int flags, glob_t *out);

#endif
