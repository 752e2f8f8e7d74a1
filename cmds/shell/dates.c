/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Points in time as people write them. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "cmds/shell/edit.h"

static bool eat(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncasecmp(*p, word, n) || isalpha((unsigned char)(*p)[n]))
		return false;
	*p += n;
	return true;
}

static void skip_blanks(const char **p)
{
	*p += strspn(*p, " \t,");
}

/* Exactly n digits. */
static bool digits(const char **p, int n, int *out)
{
	for (*out = 0; n; n--, ++*p) {
		if (!isdigit((unsigned char)**p))
			return false;
		*out = *out * 10 + **p - '0';
	}
	return true;
}

/* ".123456789": what is behind the seconds; more digits are cut off. */
static void fraction(const char **p, u32 *nsec)
{
	u32 scale = 100000000;

	*nsec = 0;
	if ((**p != '.' && **p != ',') || !isdigit((unsigned char)(*p)[1]))
		return;
	for (++*p; isdigit((unsigned char)**p); ++*p, scale /= 10)
		*nsec += (u32)(**p - '0') * scale;
}

/* "Z", "UTC", "+0200", "+02:00", "-5". *east: seconds. */
static bool zone(const char **p, long *east)
{
	int h = 0, m = 0, sign;

	*east = 0;
	if (eat(p, "Z") || eat(p, "UTC") || eat(p, "GMT"))
		return true;
	if ((**p != '+' && **p != '-') || !isdigit((unsigned char)(*p)[1]))
		return false;
	sign = *(*p)++ == '-' ? -1 : 1;
	for (int n = 0; n < 2 && isdigit((unsigned char)**p); n++)
		h = h * 10 + *(*p)++ - '0';
	*p += **p == ':';
	for (int n = 0; n < 2 && isdigit((unsigned char)**p); n++)
		m = m * 10 + *(*p)++ - '0';
	*east = sign * (h * 3600L + m * 60L);
	return true;
}

/* "HH:MM[:SS[.FRACTION]]". */
static bool clock_time(const char **p, struct tm *tm, u32 *nsec)
{
	const char *q = *p;
	int h, m, s = 0;

	if (!digits(&q, 2, &h) || *q++ != ':' || !digits(&q, 2, &m) || h > 24 || m > 59)
		return false;
	*nsec = 0;
	if (*q == ':') {
		q++;
		if (!digits(&q, 2, &s) || s > 60)
			return false;
		fraction(&q, nsec);
	}
	tm->tm_hour = h;
	tm->tm_min = m;
	tm->tm_sec = s;
	*p = q;
	return true;
}

/* "YYYY-MM-DD". */
static bool iso_date(const char **p, struct tm *tm)
{
	const char *q = *p;
	int y, m, d;

	if (!digits(&q, 4, &y) || *q++ != '-' || !digits(&q, 2, &m) || *q++ != '-' || !digits(&q, 2, &d) || !m || m > 12 || !d || d > 31)
		return false;
	tm->tm_year = y - 1900;
	tm->tm_mon = m - 1;
	tm->tm_mday = d;
	*p = q;
	return true;
}

static s64 epoch(struct tm *tm, bool has_zone, long east)
{
	tm->tm_isdst = -1;
	return has_zone ? timegm(tm) - east : mktime(tm);
}

/* "3 days ago", "2 hours", "tomorrow", "yesterday": moves tm. */
static bool relative(const char **p, struct tm *tm)
{
	static const struct { const char *name; size_t field; int factor; } units[] = {
		{ "sec", offsetof(struct tm, tm_sec), 1 }, { "second", offsetof(struct tm, tm_sec), 1 }, { "min", offsetof(struct tm, tm_min), 1 },
		{ "minute", offsetof(struct tm, tm_min), 1 }, { "hour", offsetof(struct tm, tm_hour), 1 }, { "day", offsetof(struct tm, tm_mday), 1 },
		{ "week", offsetof(struct tm, tm_mday), 7 }, { "fortnight", offsetof(struct tm, tm_mday), 14 },
		{ "month", offsetof(struct tm, tm_mon), 1 }, { "year", offsetof(struct tm, tm_year), 1 },
	};
	const char *q = *p;
	char *end;
	long n = 1;

	if (eat(p, "tomorrow") || eat(p, "yesterday")) {
		tm->tm_mday += *q == 't' || *q == 'T' ? 1 : -1;
		return true;
	}
	if (isdigit((unsigned char)*q) || ((*q == '+' || *q == '-') && (isdigit((unsigned char)q[1]) || q[1] == ' '))) {
		n = strtol(q, &end, 10);
		q = end + strspn(end, " ");
	} else if (eat(&q, "next") || eat(&q, "last")) {
		n = strncasecmp(*p, "last", 4) ? 1 : -1;
		skip_blanks(&q);
	}
	if (n > 1000000000 || n < -1000000000)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t len = strlen(units[i].name);

		if (strncasecmp(q, units[i].name, len))
			continue;
		len += q[len] == 's' || q[len] == 'S';
		if (isalpha((unsigned char)q[len]))
			continue;
		q += len;
		skip_blanks(&q);
		if (eat(&q, "ago"))
			n = -n;
		*(int *)((char *)tm + units[i].field) += (int)n * units[i].factor;
		*p = q;
		return true;
	}
	return false;
}

int date_parse(struct env *env, const char *text, struct timespec64 *out)
{
	const char *p = text;
	bool has_zone = false, has_date = false, has_clock = false;
	long east = 0;
	struct tm tm;
	time_t now;
	char *end;

	env_now(env, &out->sec, &out->nsec);
	skip_blanks(&p);
	if (*p == '@') {
		out->sec = strtoll(p + 1, &end, 10);
		if (end == p + 1)
			return -EINVAL;
		p = end;
		fraction(&p, &out->nsec);
		if (text[strspn(text, " \t,") + 1] == '-' && out->nsec) { /* the fraction of a negative number counts downwards */
			out->sec--;
			out->nsec = 1000000000 - out->nsec;
		}
		skip_blanks(&p);
		return *p ? -EINVAL : 0;
	}
	now = out->sec;
	localtime_r(&now, &tm);
	for (skip_blanks(&p); *p; skip_blanks(&p)) {
		if (!has_date && iso_date(&p, &tm)) {
			has_date = true;
			if (*p == 'T' || *p == 't')
				p++;
		} else if (!has_clock && clock_time(&p, &tm, &out->nsec)) {
			has_clock = true;
		} else if (has_clock && !has_zone && zone(&p, &east)) {
			has_zone = true;
		} else if (eat(&p, "now") || eat(&p, "today")) {
			continue;
		} else if (!relative(&p, &tm)) {
			return -EINVAL;
		}
	}
	if (has_date && !has_clock)
		tm.tm_hour = tm.tm_min = tm.tm_sec = out->nsec = 0;
	out->sec = epoch(&tm, has_zone, east);
	return 0;
}

int date_parse_stamp(struct env *env, const char *text, struct timespec64 *out)
{
	size_t n = strcspn(text, ".");
	const char *p = text;
	int year, month, day, hour, min, sec = 0, century;
	struct tm tm;
	time_t now;

	env_now(env, &out->sec, &out->nsec);
	now = out->sec;
	localtime_r(&now, &tm);
	year = tm.tm_year + 1900;
	if (n != 8 && n != 10 && n != 12)
		return -EINVAL;
	if (n == 12 && !digits(&p, 4, &year))
		return -EINVAL;
	if (n == 10) {
		if (!digits(&p, 2, &year))
			return -EINVAL;
		century = year < 69 ? 2000 : 1900;
		year += century;
	}
	if (!digits(&p, 2, &month) || !digits(&p, 2, &day) || !digits(&p, 2, &hour) || !digits(&p, 2, &min) || !month || month > 12 || !day || day > 31 ||
	    hour > 23 || min > 59)
		return -EINVAL;
	if (*p == '.' && (p++, !digits(&p, 2, &sec) || sec > 60))
		return -EINVAL;
	tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = min, .tm_sec = sec };
	out->sec = epoch(&tm, false, 0);
	out->nsec = 0;
	return *p ? -EINVAL : 0;
}
