/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An error on its way up. Functions return 0 or a negative errno and describe the failure here; each level may wrap
 * what it was doing around the text. The result reads outermost first:
 *
 *     cannot add snapshot /snap/1: no space for 16 KiB of metadata (free 0, reserved 512 KiB)
 *
 * Bounded: text beyond the capacity is cut at its end. Never allocates. All functions accept err == NULL. */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include "common/base.h"

enum { ERR_TEXT_MAX = 2048 };

struct err {
	int code;                /* the last code set, negative errno, 0 if none */
	unsigned len;
	char text[ERR_TEXT_MAX]; /* NUL-terminated */
};

#define ERR_INIT { 0 }

/* Forgets what was said. */
void err_clear(struct err *err);
/* Replaces the text. Returns code, so that `return err_set(err, -EINVAL, ...)` reads well. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);
/* Like err_set, with ": " and the text of -code behind. */
int err_errno(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);
/* Puts "text: " before what is there (alone, if nothing is there). Returns code. */
int err_wrap(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);
/* "out of memory" and -ENOMEM. */
int err_nomem(struct err *err);
/* The text, or the name of the code where no text was set. Never NULL. */
const char *err_text(const struct err *err);

#endif
