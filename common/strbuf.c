/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing text: see strbuf.h. */
#include "common/strbuf.h"

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

static const char decimal_pairs[200] =
	"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
	"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

static const char hex_digits[16] = "0123456789abcdef";

/* Writes v so that it ends before end; where it begins. */
static char *decimal_before(char *end, u64 v)
{
	while (v >= 100) {
		end -= 2;
		memcpy(end, decimal_pairs + v % 100 * 2, 2);
		v /= 100;
	}
	if (v >= 10) {
		end -= 2;
		memcpy(end, decimal_pairs + v * 2, 2);
	} else {
		*--end = '0' + v;
	}
	return end;
}

void sb_u64(struct strbuf *sb, u64 v)
{
	char buf[20], *p = decimal_before(buf + sizeof(buf), v);

	sb_add(sb, p, buf + sizeof(buf) - p);
}

void sb_s64(struct strbuf *sb, s64 v)
{
	char buf[21], *p = decimal_before(buf + sizeof(buf), v < 0 ? -(u64)v : (u64)v);

	if (v < 0)
		*--p = '-';
	sb_add(sb, p, buf + sizeof(buf) - p);
}

/* Digits of shift bits each, padded with zeros to width. */
static void sb_digits(struct strbuf *sb, u64 v, unsigned shift, unsigned width)
{
	char buf[22], *p = buf + sizeof(buf);
	unsigned n;

	do {
		*--p = hex_digits[v & ((1u << shift) - 1)];
		v >>= shift;
	} while (v);
	n = buf + sizeof(buf) - p;
	if (n < width)
		sb_pad(sb, '0', width - n);
	sb_add(sb, p, n);
}

void sb_hex(struct strbuf *sb, u64 v)
{
	sb_digits(sb, v, 4, 0);
}

void sb_hex0(struct strbuf *sb, u64 v, unsigned width)
{
	sb_digits(sb, v, 4, width);
}

void sb_oct(struct strbuf *sb, u64 v)
{
	sb_digits(sb, v, 3, 0);
}

static char *hex_bytes(char *to, const u8 *p, size_t n)
{
	while (n--) {
		*to++ = hex_digits[*p >> 4];
		*to++ = hex_digits[*p++ & 15];
	}
	return to;
}

void sb_hexbytes(struct strbuf *sb, const void *p, size_t n)
{
	size_t chars;

	if (mul_overflows(n, (size_t)2, &chars)) {
		sb_fail(sb);
		return;
	}
	if (!n || !sb_room(sb, chars))
		return;
	hex_bytes(sb->v + sb->len, p, n);
	sb->len += chars;
}

void sb_uuid(struct strbuf *sb, const u8 uuid[16])
{
	static const u8 group[5] = { 4, 2, 2, 2, 6 };
	char *to;

	if (!sb_room(sb, 36))
		return;
	to = sb->v + sb->len;
	for (int i = 0; i < 5; i++) {
		if (i)
			*to++ = '-';
		to = hex_bytes(to, uuid, group[i]);
		uuid += group[i];
	}
	sb->len += 36;
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

/* What follows the backslash of c; 0 where c stands for itself, '0' where its octal digits follow. */
static char escape_of(u8 c)
{
	switch (c) {
	case '\a': return 'a';
	case '\b': return 'b';
	case 0x1b: return 'e';
	case '\f': return 'f';
	case '\n': return 'n';
	case '\r': return 'r';
	case '\t': return 't';
	case '\v': return 'v';
	case ' ': return ' ';
	case '\\': return '\\';
	}
	return c < ' ' || c >= 0x7f ? '0' : 0;
}

void sb_escape(struct strbuf *sb, const void *p, size_t n)
{
	const u8 *s = p, *end = s + n;

	while (s < end) {
		const u8 *run = s;
		char e = 0;

		while (s < end && !(e = escape_of(*s)))
			s++;
		if (s > run)
			sb_add(sb, run, s - run);
		if (s == end)
			return;
		if (e == '0') {
			char octal[4] = { '\\', '0' + (*s >> 6), '0' + (*s >> 3 & 7), '0' + (*s & 7) };

			sb_add(sb, octal, 4);
		} else {
			char pair[2] = { '\\', e };

			sb_add(sb, pair, 2);
		}
		s++;
	}
}
