/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bulk text through a bare cursor: room for many fields is reserved once, then nothing is checked any more.
 *
 *     char *o = text_open(sb, bound);
 *     if (o) text_close(sb, text_u64(text_lit(o, "\t\tlevel "), level));
 *
 * Each function writes at o and returns where its text ends. strbuf.h is built on these; use that where speed is no matter. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include "common/endian.h"
#include "common/strbuf.h"

enum { TEXT_U64_MAX = 20, TEXT_S64_MAX = 21, TEXT_HEX_MAX = 16, TEXT_OCT_MAX = 22, TEXT_UUID_LEN = 36 };

extern const char text_pairs[201];     /* "00" to "99" */

/* Where to write at most bound bytes; NULL: no memory. */
static inline char *text_open(struct strbuf *sb, size_t bound)
{
	return sb_room(sb, bound) ? sb->v + sb->len : NULL;
}
static inline void text_close(struct strbuf *sb, const char *o)
{
	sb->len = o - sb->v;
}

static inline char *text_bytes(char *o, const void *p, size_t n)
{
	memcpy(o, p, n);
	return o + n;
}
/* A literal. */
#define text_lit(o, s) text_bytes(o, s, sizeof(s) - 1)
static inline char *text_str(char *o, const char *s)
{
	return text_bytes(o, s, strlen(s));
}

/* Two, four, eight digits with leading zeros. */
static inline char *text_2(char *o, unsigned v)
{
	return text_bytes(o, text_pairs + v * 2, 2);
}
static inline char *text_4(char *o, unsigned v)
{
	return text_2(text_2(o, v / 100), v % 100);
}
static inline char *text_8(char *o, u32 v)
{
	return text_4(text_4(o, v / 10000), v % 10000);
}
/* One to four digits. */
static inline char *text_upto4(char *o, unsigned v)
{
	if (v < 10) {
		*o = '0' + v;
		return o + 1;
	}
	if (v < 100)
		return text_2(o, v);
	if (v < 1000) {
		*o = '0' + v / 100;
		return text_2(o + 1, v % 100);
	}
	return text_4(o, v);
}
static inline char *text_upto8(char *o, u32 v)
{
	return v < 10000 ? text_upto4(o, v) : text_4(text_upto4(o, v / 10000), v % 10000);
}
/* Decimal. */
char *text_u64_long(char *o, u64 v);
static inline char *text_u64(char *o, u64 v)
{
	return likely(v < 100000000) ? text_upto8(o, v) : text_u64_long(o, v);
}
static inline char *text_s64(char *o, s64 v)
{
	if (v >= 0)
		return text_u64(o, v);
	*o = '-';
	return text_u64(o + 1, -(u64)v);
}
/* Lower case, no prefix, no leading zeros; sixteen digits; octal. */
char *text_hex(char *o, u64 v);
char *text_hex16(char *o, u64 v);
char *text_oct(char *o, u64 v);
char *text_hexbytes(char *o, const u8 *p, size_t n);
char *text_uuid(char *o, const u8 uuid[16]);
/* Names as dump-tree and receive --dump print them: \a \b \e \f \n \r \t \v, "\ " and "\\", other unprintable bytes as a backslash and three
 * octal digits. At most 4 * n bytes. Spec: cli 15.7. */
char *text_escape(char *o, const u8 *p, size_t n);

/* The fields of disk structures with what precedes them. */
#define text_field(o, lit, v) text_u64(text_lit(o, lit), v)
#define text_le64(o, lit, v) text_field(o, lit, le64_get(v))
#define text_le32(o, lit, v) text_field(o, lit, le32_get(v))
#define text_le16(o, lit, v) text_field(o, lit, le16_get(v))

/* The names of the bits set, in the order of the table, each but the first preceded by sep; *left receives the bits that have none. */
struct text_flag { u64 bit; const char *name; };
char *text_flags(char *o, u64 flags, const struct text_flag *names, unsigned n, const char *sep, u64 *left);

#endif
