/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/siphash.h"
#include "common/endian.h"

struct sip { u64 a, b, c, d; };

static u64 rotate(u64 x, unsigned n) { return x << n | x >> (64 - n); }

static void sip_round(struct sip *s)
{
	s->a += s->b; s->b = rotate(s->b, 13) ^ s->a; s->a = rotate(s->a, 32);
	s->c += s->d; s->d = rotate(s->d, 16) ^ s->c;
	s->a += s->d; s->d = rotate(s->d, 21) ^ s->a;
	s->c += s->b; s->b = rotate(s->b, 17) ^ s->c; s->c = rotate(s->c, 32);
}

static void sip_word(struct sip *s, u64 word)
{
	s->d ^= word;
	sip_round(s);
	sip_round(s);
	s->a ^= word;
}

u64 siphash(const u64 key[2], const void *data, size_t len)
{
	struct sip s = { key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL, key[0] ^ 0x6c7967656e657261ULL, key[1] ^ 0x7465646279746573ULL };
	const u8 *p = data;
	u8 last[8] = { 0 };

	for (size_t left = len; left >= 8; left -= 8, p += 8)
		sip_word(&s, get_le64(p));
	memcpy(last, p, len % 8);
	last[7] = len;
	sip_word(&s, get_le64(last));
	s.c ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}
