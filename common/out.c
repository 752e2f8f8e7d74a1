/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buffered output and the JSON layout of cli 5. */
#include "common/out.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "common/io.h"

enum { OUT_FULL = 1 << 20 };

void out_init(struct out *o, int fd)
{
	memset(o, 0, sizeof(*o));
	o->fd = fd;
	sb_init(&o->buf);
}

static void wrote(struct out *o, int ret)
{
	if (ret == -EPIPE && o->fd == STDOUT_FILENO)
		_exit(1); /* nobody reads any more: no message, and no work for nobody */
	if (ret)
		o->error = ret;
}

int out_flush(struct out *o)
{
	if (o->buf.failed && !o->error)
		o->error = -ENOMEM;
	wrote(o, o->error || !o->buf.len ? 0 : io_write(o->fd, o->buf.v, o->buf.len));
	sb_reset(&o->buf);
	return o->error;
}

void out_writev(struct out *o, struct iovec *iov, int n)
{
	if (!out_flush(o))
		wrote(o, io_writev(o->fd, iov, n));
}

int out_fini(struct out *o)
{
	int ret = out_flush(o);

	sb_fini(&o->buf);
	return ret;
}

void out_check(struct out *o)
{
	if (o->buf.len >= OUT_FULL || o->buf.failed)
		out_flush(o);
}

void out_printf(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	out_vprintf(o, fmt, ap);
	va_end(ap);
}

void out_vprintf(struct out *o, const char *fmt, va_list ap)
{
	char small[512];
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	if (n < (int)sizeof(small)) {
		if (n > 0)
			sb_add(&o->buf, small, n);
	} else if (sb_grow(&o->buf, (size_t)n + 1)) {
		vsnprintf(o->buf.v + o->buf.len, (size_t)n + 1, fmt, again);
		o->buf.len += n;
	}
	va_end(again);
	out_check(o);
}

void out_puts(struct out *o, const char *s)
{
	out_write(o, s, strlen(s));
}

void out_write(struct out *o, const void *p, size_t n)
{
	sb_add(&o->buf, p, n);
	out_check(o);
}

/* The comma, line break and indentation before the next member or element, and its key. */
static void json_member(struct out *o, const char *key)
{
	if (o->depth) {
		bool *first = &o->first[min_t(unsigned, o->depth, ARRAY_SIZE(o->first)) - 1];

		if (!*first)
			sb_char(&o->buf, ',');
		*first = false;
		sb_char(&o->buf, '\n');
		sb_pad(&o->buf, ' ', 2 * (size_t)o->depth);
	}
	if (key) {
		sb_char(&o->buf, '"');
		sb_puts(&o->buf, key);
		sb_lit(&o->buf, "\": ");
	}
	out_check(o);
}

static void json_open(struct out *o, const char *key, bool array)
{
	unsigned i;

	json_member(o, key);
	sb_char(&o->buf, array ? '[' : '{');
	i = min_t(unsigned, o->depth, ARRAY_SIZE(o->first) - 1);
	o->depth++;
	o->first[i] = true;
	o->array[i] = array;
}

void out_json_begin(struct out *o)
{
	o->depth = 0;
	json_open(o, NULL, false);
	out_obj(o, "__header");
	out_json_str(o, "version", "1");
	out_end(o);
}

void out_json_end(struct out *o)
{
	while (o->depth)
		out_end(o);
	sb_char(&o->buf, '\n');
	out_check(o);
}

void out_obj(struct out *o, const char *key)
{
	json_open(o, key, false);
}

void out_arr(struct out *o, const char *key)
{
	json_open(o, key, true);
}

void out_end(struct out *o)
{
	if (!o->depth)
		return;
	o->depth--;
	sb_char(&o->buf, '\n');
	sb_pad(&o->buf, ' ', 2 * (size_t)o->depth);
	sb_char(&o->buf, o->array[min_t(unsigned, o->depth, ARRAY_SIZE(o->array) - 1)] ? ']' : '}');
	out_check(o);
}

void out_json_u64(struct out *o, const char *key, u64 v)
{
	json_member(o, key);
	sb_u64(&o->buf, v);
}

void out_json_s64(struct out *o, const char *key, s64 v)
{
	json_member(o, key);
	sb_s64(&o->buf, v);
}

/* Bytes of the well-formed UTF-8 sequence at p, 0 if there is none. */
static unsigned utf8_len(const u8 *p, size_t left)
{
	unsigned n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;

	if (n > left)
		return 0;
	for (unsigned i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, past U+10FFFF */
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* The letter of a two-character escape, 0 if c has none. */
static char json_escape(u8 c)
{
	switch (c) {
	case '\b': return 'b';
	case '\t': return 't';
	case '\n': return 'n';
	case '\f': return 'f';
	case '\r': return 'r';
	case '"':
	case '\\': return c;
	default: return 0;
	}
}

static void json_quote(struct strbuf *sb, const u8 *p, size_t len)
{
	sb_char(sb, '"');
	for (size_t i = 0; i < len;) {
		unsigned n = utf8_len(p + i, len - i);
		char esc = json_escape(p[i]);

		if (esc) {
			sb_char(sb, '\\');
			sb_char(sb, esc);
			i++;
		} else if (!n || p[i] < 0x20 || p[i] == 0x7f) {
			sb_lit(sb, "\\u00");
			sb_hex0(sb, p[i++], 2);
		} else {
			sb_add(sb, p + i, n);
			i += n;
		}
	}
	sb_char(sb, '"');
}

void out_json_str(struct out *o, const char *key, const char *v)
{
	out_json_strn(o, key, v, strlen(v));
}

void out_json_strn(struct out *o, const char *key, const void *v, size_t len)
{
	json_member(o, key);
	json_quote(&o->buf, v, len);
}

void out_json_bool(struct out *o, const char *key, bool v)
{
	json_member(o, key);
	sb_puts(&o->buf, v ? "true" : "false");
}

void out_json_null(struct out *o, const char *key)
{
	json_member(o, key);
	sb_lit(&o->buf, "null");
}

void out_json_uuid(struct out *o, const char *key, const u8 uuid[16])
{
	char text[UUID_TEXT_MAX];

	if (uuid_is_null(uuid))
		out_json_null(o, key);
	else
		out_json_str(o, key, uuid_format(uuid, text));
}

void out_json_time(struct out *o, const char *key, s64 sec)
{
	char text[64] = "-";
	time_t t = sec;
	struct tm tm;

	if (sec && localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	out_json_str(o, key, text);
}

void out_json_double(struct out *o, const char *key, double v, unsigned decimals)
{
	if (!isfinite(v)) {
		out_json_null(o, key);
		return;
	}
	json_member(o, key);
	sb_printf(&o->buf, "%.*f", (int)decimals, v);
}
