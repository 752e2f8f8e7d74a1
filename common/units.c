/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes, numbers and ids in text. Spec: cli 4. */
#include "common/units.h"

#include <stdio.h>

static const char *const suffix_binary[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
static const char *const suffix_decimal[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };

const char *units_format(u64 bytes, struct units u, char *buf)
{
	unsigned div = u.base == UNIT_DECIMAL ? 1000 : 1024, step = 0, last = ARRAY_SIZE(suffix_binary) - 1;
	u64 above = bytes; /* the number before its last division: only that division's remainder shows, unless the unit is fixed */
	u64 size = 1;          /* of the unit */
	float whole = bytes;   /* the incumbent's precision, which decides how a half is rounded */

	if (u.base == UNIT_RAW) {
		snprintf(buf, SIZE_TEXT_MAX, "%llu", bytes);
		return buf;
	}
	while (step < last && (u.step ? step < u.step : bytes >= div)) {
		above = bytes;
		bytes /= div;
		size *= div;
		step++;
	}
	if (!u.step)
		whole = (float)above / (step ? div : 1);
	else
		whole /= size;
	snprintf(buf, SIZE_TEXT_MAX, "%.2f%s", whole, (u.base == UNIT_DECIMAL ? suffix_decimal : suffix_binary)[step]);
	return buf;
}

const char *units_human(u64 bytes)
{
	static __thread char ring[8][SIZE_TEXT_MAX];
	static __thread unsigned next;

	return units_format(bytes, UNITS_HUMAN, ring[next++ % ARRAY_SIZE(ring)]);
}

/* Digits up to *end. 0, -EINVAL without any, -ERANGE. */
static int digits(const char *s, const char **end, u64 *out)
{
	u64 v = 0;
	bool large = false;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++)
		large |= mul_overflows(v, 10ULL, &v) || add_overflows(v, (u64)(*s - '0'), &v);
	*end = s;
	*out = v;
	return large ? -ERANGE : 0;
}

int parse_u64(const char *s, u64 *out, struct err *err)
{
	const char *end;
	u64 v;
	int ret;

	if (*s == '-' && s[1] >= '0' && s[1] <= '9')
		return err_set(err, -EINVAL, "%s: negative value is invalid", s);
	ret = digits(s, &end, &v);
	if (ret == -EINVAL || *end)
		return err_set(err, -EINVAL, "%s is not a valid numeric value", s);
	if (ret)
		return err_set(err, ret, "%s is too large", s);
	*out = v;
	return 0;
}

/* The power of two that a size suffix stands for, -1 if it is none. */
static int suffix_shift(char c)
{
	static const char letters[] = "bkmgtpe";
	const char *p = c ? strchr(letters, c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) : letters;

	return p ? 10 * (int)(p - letters) : -1;
}

int parse_size(const char *s, u64 *out, struct err *err)
{
	const char *end;
	u64 v;
	int ret, shift;

	ret = digits(s, &end, &v);
	if (ret == -EINVAL)
		return err_set(err, ret, "%s is not a valid numeric value with supported size suffixes", s);
	shift = suffix_shift(*end);
	if (shift < 0 || (*end && end[1]))
		return err_set(err, -EINVAL, "%s is not a valid numeric value with supported size suffixes", s);
	if (ret || mul_overflows(v, 1ULL << shift, &v))
		return err_set(err, -ERANGE, "size value '%s' is too large for u64", s);
	*out = v;
	return 0;
}

int parse_range(const char *s, u64 *lo, u64 *hi, struct err *err)
{
	const char *dots = strstr(s, ".."), *end = s;
	u64 a = 0, b = UINT64_MAX;
	int ret = 0;

	if (!dots)
		return err_set(err, -EINVAL, "%s is not a range", s);
	if (dots != s)
		ret = digits(s, &end, &a);
	if (!ret && end != dots)
		ret = -EINVAL;
	if (!ret && dots[2]) {
		ret = digits(dots + 2, &end, &b);
		if (!ret && *end)
			ret = -EINVAL;
	}
	if (ret)
		return err_set(err, ret, ret == -ERANGE ? "%s is too large" : "%s is not a range", s);
	*lo = a;
	*hi = b;
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int parse_uuid(const char *s, u8 out[16])
{
	u8 v[16];

	for (unsigned i = 0; i < 16; i++) {
		int hi, lo;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *s++ != '-')
			return -EINVAL;
		hi = hex_digit(s[0]);
		lo = hi < 0 ? -1 : hex_digit(s[1]);
		if (lo < 0)
			return -EINVAL;
		v[i] = hi << 4 | lo;
		s += 2;
	}
	if (*s)
		return -EINVAL;
	memcpy(out, v, 16);
	return 0;
}

const char *uuid_format(const u8 uuid[16], char *buf)
{
	static const char hex[] = "0123456789abcdef";
	char *p = buf;

	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[uuid[i] >> 4];
		*p++ = hex[uuid[i] & 15];
	}
	*p = 0;
	return buf;
}

bool uuid_is_null(const u8 uuid[16])
{
	static const u8 null[16];

	return !memcmp(uuid, null, 16);
}

int parse_qgroupid(const char *s, u64 *out)
{
	u64 level, id;

	if (digits(s, &s, &level) || *s != '/' || digits(s + 1, &s, &id) || *s || level >> 16 || id >> 48)
		return -EINVAL;
	*out = level << 48 | id;
	return 0;
}
