/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An error on its way up: see err.h. */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>

void err_clear(struct err *err)
{
	if (!err)
		return;
	err->code = 0;
	err->len = 0;
	err->text[0] = '\0';
}

/* Puts n bytes at position pos of the text, moving what is there behind them; what does not fit is cut at the end. */
static void err_insert(struct err *err, unsigned pos, const char *text, size_t n)
{
	size_t room = ERR_TEXT_MAX - 1 - pos, rest = err->len - pos;

	if (n > room)
		n = room;
	if (rest > room - n)
		rest = room - n;
	memmove(err->text + pos + n, err->text + pos, rest);
	memcpy(err->text + pos, text, n);
	err->len = pos + n + rest;
	err->text[err->len] = '\0';
}

/* Formats into buf (the arguments may point into err->text, so never in place); the length kept. */
static size_t err_format(char buf[ERR_TEXT_MAX], const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, ERR_TEXT_MAX, fmt, ap);

	if (n < 0) {
		buf[0] = '\0';
		return 0;
	}
	return n < ERR_TEXT_MAX ? n : ERR_TEXT_MAX - 1;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	char buf[ERR_TEXT_MAX];
	va_list ap;
	size_t n;

	if (!err)
		return code;
	va_start(ap, fmt);
	n = err_format(buf, fmt, ap);
	va_end(ap);
	err_clear(err);
	err->code = code;
	err_insert(err, 0, buf, n);
	return code;
}

int err_errno(struct err *err, int code, const char *fmt, ...)
{
	char buf[ERR_TEXT_MAX];
	const char *why = strerror(-code);
	va_list ap;
	size_t n;

	if (!err)
		return code;
	va_start(ap, fmt);
	n = err_format(buf, fmt, ap);
	va_end(ap);
	err_clear(err);
	err->code = code;
	err_insert(err, 0, buf, n);
	err_insert(err, err->len, ": ", 2);
	err_insert(err, err->len, why, strlen(why));
	return code;
}

int err_wrap(struct err *err, int code, const char *fmt, ...)
{
	char buf[ERR_TEXT_MAX];
	va_list ap;
	size_t n;

	if (!err)
		return code;
	va_start(ap, fmt);
	n = err_format(buf, fmt, ap);
	va_end(ap);
	err->code = code;
	if (err->len)
		err_insert(err, 0, ": ", 2);
	err_insert(err, 0, buf, n);
	return code;
}

int err_nomem(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

const char *err_text(const struct err *err)
{
	if (!err)
		return "unknown error";
	if (err->len)
		return err->text;
	return err->code ? strerror(-err->code) : "no error";
}
