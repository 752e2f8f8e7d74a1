/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing text. The hot appenders (numbers, literals) are inline and use no printf: bulk text goes through them.
 * An allocation failure is remembered (sb->failed) and later appends do nothing, so that callers check once. */
#ifndef COMMON_STRBUF_H
#define COMMON_STRBUF_H

#include "common/base.h"

struct strbuf {
	char *v;      /* not NUL-terminated until sb_str() */
	size_t len, cap;
	bool failed;
};

#define STRBUF_INIT { NULL, 0, 0, false }

void sb_init(struct strbuf *sb);
void sb_fini(struct strbuf *sb);
/* Makes room for n more bytes; false when it cannot (sb->failed is then set). */
bool sb_grow(struct strbuf *sb, size_t n);
/* The text with a NUL behind; "" when failed or empty. Valid until the next change. */
const char *sb_str(struct strbuf *sb);
static inline void sb_reset(struct strbuf *sb) { sb->len = 0; }

static inline bool sb_room(struct strbuf *sb, size_t n) { return likely(sb->cap - sb->len >= n) || sb_grow(sb, n); }

static inline void sb_add(struct strbuf *sb, const void *p, size_t n)
{
	if (n && sb_room(sb, n)) {
		memcpy(sb->v + sb->len, p, n);
		sb->len += n;
	}
}
static inline void sb_char(struct strbuf *sb, char c)
{
	if (sb_room(sb, 1))
		sb->v[sb->len++] = c;
}
/* A string literal. */
#define sb_lit(sb, s) sb_add(sb, s, sizeof(s) - 1)
static inline void sb_puts(struct strbuf *sb, const char *s) { sb_add(sb, s, strlen(s)); }

/* Decimal, hexadecimal (lower case, no prefix), hexadecimal padded to width with zeros, octal. */
void sb_u64(struct strbuf *sb, u64 v);
void sb_s64(struct strbuf *sb, s64 v);
void sb_hex(struct strbuf *sb, u64 v);
void sb_hex0(struct strbuf *sb, u64 v, unsigned width);
void sb_oct(struct strbuf *sb, u64 v);
/* 16 bytes as xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx. */
void sb_uuid(struct strbuf *sb, const u8 uuid[16]);
/* Bytes as hex, two digits each. */
void sb_hexbytes(struct strbuf *sb, const void *p, size_t n);
/* n spaces or other characters. */
void sb_pad(struct strbuf *sb, char c, size_t n);
void sb_printf(struct strbuf *sb, const char *fmt, ...) PRINTF(2, 3);
/* Names as dump-tree and receive --dump print them: \a \b \e \f \n \r \t \v, "\ " and "\\", other unprintable bytes
 * as a backslash and three octal digits. Spec: cli 15.7. */
void sb_escape(struct strbuf *sb, const void *p, size_t n);

#endif
