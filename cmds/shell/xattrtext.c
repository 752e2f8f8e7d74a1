/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/shell/xattrtext.h"

#include <ctype.h>
#include <errno.h>

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

static int decode_hex(const char *text, struct strbuf *out)
{
	for (; *text; text += 2) {
		int hi, lo;

		while (*text == ' ')
			text++;
		if (!*text)
			break;
		hi = hex_digit(text[0]);
		lo = hi < 0 ? -1 : hex_digit(text[1]);
		if (lo < 0)
			return -EINVAL;
		sb_char(out, hi << 4 | lo);
	}
	return 0;
}

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? at - digits : -1;
}

static int decode_base64(const char *text, struct strbuf *out)
{
	u32 word = 0;
	unsigned n = 0;

	for (; *text && *text != '='; text++) {
		int d = base64_digit(*text);

		if (*text == ' ')
			continue;
		if (d < 0)
			return -EINVAL;
		word = word << 6 | (u32)d;
		if (++n == 4) {
			sb_char(out, word >> 16);
			sb_char(out, word >> 8 & 255);
			sb_char(out, word & 255);
			word = n = 0;
		}
	}
	for (; *text == '='; text++)
		;
	if (*text || n == 1)
		return -EINVAL;
	if (n >= 2)
		sb_char(out, word >> (n == 2 ? 4 : 10) & 255);
	if (n == 3)
		sb_char(out, word >> 2 & 255);
	return 0;
}

/* One character, perhaps escaped. */
static const char *unescape_one(const char *p, struct strbuf *out)
{
	unsigned v = 0;
	int n = 0;

	if (*p != '\\' || !p[1]) {
		sb_char(out, *p);
		return p + 1;
	}
	while (n < 3 && p[1 + n] >= '0' && p[1 + n] <= '7')
		v = v * 8 + (unsigned)(p[1 + n++] - '0');
	sb_char(out, n ? (char)v : p[1]);
	return p + 1 + (n ? n : 1);
}

void xattr_unescape(const char *text, struct strbuf *out)
{
	while (*text)
		text = unescape_one(text, out);
}

int xattr_decode(const char *text, struct strbuf *out)
{
	bool quoted = *text == '"';

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return decode_hex(text + 2, out);
	if (text[0] == '0' && (text[1] == 's' || text[1] == 'S'))
		return decode_base64(text + 2, out);
	for (text += quoted; *text && !(quoted && *text == '"');)
		text = unescape_one(text, out);
	return quoted && (*text != '"' || text[1]) ? -EINVAL : 0;
}
