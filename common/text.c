/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and names at a cursor: see text.h. */
#include "common/text.h"

const char text_pairs[201] =
	"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
	"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

static const char hex_digits[] = "0123456789abcdef";

char *text_u64_long(char *o, u64 v)
{
	u64 high = v / 100000000;
	u32 low = v % 100000000;

	if (high < 100000000)
		return text_8(text_upto8(o, high), low);
	o = text_upto4(o, high / 100000000);
	return text_8(text_8(o, high % 100000000), low);
}

char *text_hex16(char *o, u64 v)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*o++ = hex_digits[v >> shift & 15];
	return o;
}

char *text_hex(char *o, u64 v)
{
	int shift = v ? (63 - __builtin_clzll(v)) & ~3 : 0;

	for (; shift >= 0; shift -= 4)
		*o++ = hex_digits[v >> shift & 15];
	return o;
}

char *text_oct(char *o, u64 v)
{
	int shift = v ? (63 - __builtin_clzll(v)) / 3 * 3 : 0;

	for (; shift >= 0; shift -= 3)
		*o++ = '0' + (v >> shift & 7);
	return o;
}

char *text_hexbytes(char *o, const u8 *p, size_t n)
{
	for (const u8 *end = p + n; p < end; p++) {
		*o++ = hex_digits[*p >> 4];
		*o++ = hex_digits[*p & 15];
	}
	return o;
}

char *text_uuid(char *o, const u8 uuid[16])
{
	static const u8 group[5] = { 4, 2, 2, 2, 6 };

	for (int i = 0; i < 5; i++) {
		if (i)
			*o++ = '-';
		o = text_hexbytes(o, uuid, group[i]);
		uuid += group[i];
	}
	return o;
}

/* What follows the backslash; 0: the byte stands for itself, 1: three octal digits. */
static const u8 escapes[256] = {
	[0 ... 6] = 1, ['\a'] = 'a', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\v'] = 'v', ['\f'] = 'f', ['\r'] = 'r', [14 ... 26] = 1, [27] = 'e',
	[28 ... 31] = 1, [' '] = ' ', ['\\'] = '\\', [127 ... 255] = 1,
};

char *text_escape(char *o, const u8 *p, size_t n)
{
	for (const u8 *end = p + n; p < end; p++) {
		u8 e = escapes[*p];

		if (likely(!e)) {
			*o++ = *p;
			continue;
		}
		*o++ = '\\';
		if (e != 1) {
			*o++ = e;
			continue;
		}
		*o++ = '0' + (*p >> 6);
		*o++ = '0' + (*p >> 3 & 7);
		*o++ = '0' + (*p & 7);
	}
	return o;
}

char *text_flags(char *o, u64 flags, const struct text_flag *names, unsigned n, const char *sep, u64 *left)
{
	bool first = true;

	*left = flags;
	for (unsigned i = 0; i < n; i++) {
		if (!(flags & names[i].bit))
			continue;
		o = text_str(text_str(o, first ? "" : sep), names[i].name);
		first = false;
		*left &= ~names[i].bit;
	}
	return o;
}
