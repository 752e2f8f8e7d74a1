/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local time in bulk: the offset from UTC is looked up once a quarter of an hour, the date written once a day. */
#include <time.h>
#include "kernel-shared/format/print.h"

enum { QUARTER = 900, DAY = 86400 };

static s64 floor_div(s64 a, s64 b)
{
	return a / b - (a % b < 0);
}

static bool lookup_offset(s64 sec, s32 *offset)
{
	time_t t = sec;
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return false;
	*offset = tm.tm_gmtoff;
	return true;
}

/* Transitions of modern zones fall on quarters; for those that do not, the offset is not cached. */
static bool tz_offset(struct print_ctx *p, s64 sec, s32 *offset)
{
	s64 quarter = floor_div(sec, QUARTER);
	unsigned slot = (u64)quarter % ARRAY_SIZE(p->tz);
	s32 last;

	if (likely(p->tz[slot].valid && p->tz[slot].quarter == quarter)) {
		*offset = p->tz[slot].offset;
		return true;
	}
	if (!lookup_offset(sec, offset))
		return false;
	p->tz[slot].quarter = quarter;
	p->tz[slot].offset = *offset;
	p->tz[slot].valid = lookup_offset(quarter * QUARTER, &last) && last == *offset && lookup_offset(quarter * QUARTER + QUARTER - 1, &last) &&
			    last == *offset;
	return true;
}

/* "YYYY-MM-DD " of a day counted from 1970, by the proleptic Gregorian calendar: years from March, eras of 400 of them. */
static char *text_date(char *o, s64 day)
{
	s64 shifted = day + 719468, era = floor_div(shifted, 146097), year;
	u32 doe = shifted - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	u32 doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9;

	year = era * 400 + yoe + (month <= 2);
	o = text_2(text_lit(text_s64(o, year), "-"), month); /* the year is not padded, as strftime has it */
	return text_lit(text_2(text_lit(o, "-"), doy - (153 * mp + 2) / 5 + 1), " ");
}

static char *text_local_time(struct print_ctx *p, char *o, s64 sec)
{
	s64 local, day;
	u32 rest;
	s32 offset;

	if (!tz_offset(p, sec, &offset))
		return text_lit(o, "out of range");
	local = sec + offset;
	day = floor_div(local, DAY);
	if (unlikely(day != p->day || !p->day_len)) {
		p->day = day;
		p->day_len = text_date(p->day_text, day) - p->day_text;
	}
	o = text_bytes(o, p->day_text, p->day_len);
	rest = local - day * DAY;
	o = text_lit(text_2(o, rest / 3600), ":");
	o = text_lit(text_2(o, rest / 60 % 60), ":");
	return text_2(o, rest % 60);
}

unsigned print_local_time(struct print_ctx *p, s64 sec, char out[PRINT_TIME_MAX])
{
	char *end = text_local_time(p, out, sec);

	*end = '\0';
	return end - out;
}

char *text_time(struct print_ctx *p, char *o, const struct disk_timespec *ts)
{
	s64 sec = le64_get(ts->sec);

	o = text_u64(o, sec);
	o = text_le32(o, ".", ts->nsec);
	o = text_local_time(p, text_lit(o, " ("), sec);
	return text_lit(o, ")");
}

void print_time(struct print_ctx *p, const struct disk_timespec *ts)
{
	char *o = text_open(p->sb, PRINT_TIMESPEC_MAX);

	if (o)
		text_close(p->sb, text_time(p, o, ts));
}

char *text_iso_time(struct print_ctx *p, char *o, s64 sec)
{
	char *blank;
	s32 offset;

	if (!tz_offset(p, sec, &offset))
		return text_lit(o, "out of range");
	blank = o + 1;
	o = text_local_time(p, o, sec);
	while (*blank != ' ')
		blank++;
	*blank = 'T';
	*o++ = offset < 0 ? '-' : '+';
	offset = offset < 0 ? -offset : offset;
	return text_2(text_2(o, offset / 3600), offset / 60 % 60);
}

void print_ctx_init(struct print_ctx *p, struct strbuf *sb, const struct geometry *geo)
{
	memset(p, 0, sizeof(*p));
	p->sb = sb;
	p->geo = geo;
	tzset();
}
