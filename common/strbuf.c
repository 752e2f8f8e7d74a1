/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing text: see strbuf.h. */
#include "common/strbuf.h"
#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void sb_init(struct strbuf *sb)
{
	memset(sb, 0, sizeof(*sb));
}

void sb_fini(struct strbuf *sb)
{
	free(sb->v);
	sb_init(sb);
}

/* After a failure the buffer is gone, so that no later append, however small, succeeds. */
static bool sb_fail(struct strbuf *sb)
{
	sb_fini(sb);
	sb->failed = true;
	return false;
}

bool sb_grow(struct strbuf *sb, size_t n)
{
	size_t want, grown;
	char *v;

	if (sb->failed)
		return false;
	if (add_overflows(sb->len, n, &want))
		return sb_fail(sb);
	if (want <= sb->cap)
		return true;
	grown = sb->cap < 128 ? 128 : sb->cap;
	while (grown < want)
		if (mul_overflows(grown, (size_t)2, &grown))
			return sb_fail(sb);
	v = realloc(sb->v, grown);
	if (!v)
		return sb_fail(sb);
	sb->v = v;
	sb->cap = grown;
	return true;
}

const char *sb_str(struct strbuf *sb)
{
	if (!sb_room(sb, 1))
		return "";
	sb->v[sb->len] = '\0';
	return sb->v;
}

void sb_u64(struct strbuf *sb, u64 v)
{
	char *o = text_open(sb, TEXT_U64_MAX);

	if (o)
		text_close(sb, text_u64(o, v));
}

void sb_s64(struct strbuf *sb, s64 v)
{
	char *o = text_open(sb, TEXT_S64_MAX);

	if (o)
		text_close(sb, text_s64(o, v));
}

void sb_hex(struct strbuf *sb, u64 v)
{
	char *o = text_open(sb, TEXT_HEX_MAX);

	if (o)
		text_close(sb, text_hex(o, v));
}

void sb_hex0(struct strbuf *sb, u64 v, unsigned width)
{
	char digits[TEXT_HEX_MAX];
	unsigned n = text_hex(digits, v) - digits;

	if (n < width)
		sb_pad(sb, '0', width - n);
	sb_add(sb, digits, n);
}

void sb_oct(struct strbuf *sb, u64 v)
{
	char *o = text_open(sb, TEXT_OCT_MAX);

	if (o)
		text_close(sb, text_oct(o, v));
}

void sb_hexbytes(struct strbuf *sb, const void *p, size_t n)
{
	size_t chars;
	char *o;

	if (mul_overflows(n, (size_t)2, &chars))
		sb_fail(sb);
	else if (n && (o = text_open(sb, chars)))
		text_close(sb, text_hexbytes(o, p, n));
}

void sb_uuid(struct strbuf *sb, const u8 uuid[16])
{
	char *o = text_open(sb, TEXT_UUID_LEN);

	if (o)
		text_close(sb, text_uuid(o, uuid));
}

void sb_pad(struct strbuf *sb, char c, size_t n)
{
	if (!n || !sb_room(sb, n))
		return;
	memset(sb->v + sb->len, c, n);
	sb->len += n;
}

void sb_printf(struct strbuf *sb, const char *fmt, ...)
{
	size_t room = sb->cap - sb->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? sb->v + sb->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0) {
		sb_fail(sb);
		return;
	}
	if ((size_t)n >= room) {
		if (!sb_grow(sb, (size_t)n + 1))
			return;
		va_start(ap, fmt);
		vsnprintf(sb->v + sb->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	sb->len += n;
}

void sb_escape(struct strbuf *sb, const void *p, size_t n)
{
	size_t chars;
	char *o;

	if (mul_overflows(n, (size_t)4, &chars))
		sb_fail(sb);
	else if (n && (o = text_open(sb, chars)))
		text_close(sb, text_escape(o, p, n));
}
