/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a place in a stream. */
#include "kernel-shared/send/stream.h"

void send_token_text(const struct send_token *t, struct strbuf *out)
{
	sb_u64(out, t->version);
	sb_char(out, ':');
	sb_u64(out, t->offset);
	sb_char(out, ':');
	sb_u64(out, t->command);
	sb_char(out, ':');
	sb_uuid(out, t->uuid);
}

/* Decimal up to a colon, which is passed. */
static bool number(const char **text, u64 max, u64 *out)
{
	const char *p = *text;
	u64 v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (mul_overflows(v, 10, &v) || add_overflows(v, (u64)(*p - '0'), &v) || v > max)
			return false;
	if (p == *text || *p != ':')
		return false;
	*text = p + 1;
	*out = v;
	return true;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool uuid(const char *p, u8 out[16])
{
	for (unsigned i = 0; i < 16; i++) {
		int hi, lo;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
			return false;
		hi = digit(*p);
		lo = hi < 0 ? -1 : digit(p[1]);
		if (lo < 0)
			return false;
		out[i] = hi << 4 | lo;
		p += 2;
	}
	return !*p;
}

int send_token_parse(const char *text, struct send_token *out, struct err *err)
{
	const char *p = text;
	u64 version;

	if (!number(&p, SEND_VERSION_MAX, &version) || !version || !number(&p, INT64_MAX, &out->offset) || !number(&p, INT64_MAX, &out->command) ||
	    !uuid(p, out->uuid) || out->offset < SEND_HEADER_SIZE || out->command > out->offset / SEND_CMD_HEADER_SIZE)
		return err_set(err, -EINVAL, "not a resume token: %s", text);
	out->version = version;
	return 0;
}
