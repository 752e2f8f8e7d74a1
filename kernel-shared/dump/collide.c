/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Substitutes for names. Spec: metadump 5. */
#include "common/siphash.h"
#include "crypto/csum.h"
#include "kernel-shared/dump/internal.h"

enum { FIRST = 33, LETTERS = 126 - FIRST /* without the slash */, SHORT = 4, PREFIXES = 4096 };

void namer_init(struct namer *n, struct env *env)
{
	env_random(env, n->key, sizeof(n->key));
	for (unsigned i = 0; i < 256; i++) {
		u8 byte = i;

		n->table[i] = crc32c_raw(0, &byte, 1);
		n->back[n->table[i] >> 24] = i; /* the top bytes are all different */
	}
}

/* Letters by number, and back; -1 for bytes that are none. */
static u8 letter(u64 number)
{
	u8 c = FIRST + number % LETTERS;

	return c < '/' ? c : c + 1;
}

static int letter_number(u8 c)
{
	if (c < FIRST || c > 126 || c == '/')
		return -1;
	return c < '/' ? c - FIRST : c - FIRST - 1;
}

/* A stream of numbers that the name determines. */
struct stream { u64 state; };

static struct stream stream_of(const struct namer *n, const u8 *name, size_t len)
{
	return (struct stream){ siphash(n->key, name, len) };
}

static u32 stream_next(struct stream *s)
{
	s->state += 0x9e3779b97f4a7c15ULL;
	return hash_mix(s->state) >> 32;
}

/* A permutation of 0 .. 2^(2 half) - 1: four rounds of a Feistel network. */
static u64 permute(const struct namer *n, u64 x, unsigned half, size_t len)
{
	u64 mask = (1ULL << half) - 1, left = x >> half, right = x & mask;

	for (u64 round = 0; round < 4; round++) {
		u64 in[3] = { len, round, right }, next = left ^ (siphash(n->key, in, sizeof(in)) & mask);

		left = right;
		right = next;
	}
	return left << half | right;
}

/* Names of few letters are mapped one to one: at this length two of them would often meet. */
static bool garbage_short(const struct namer *n, u8 *name, size_t len)
{
	u64 x = 0, all = 1, from;
	unsigned half = 1;

	for (size_t i = 0; i < len; i++) {
		int d = letter_number(name[i]);

		if (d < 0)
			return false;
		x = x * LETTERS + d;
		all *= LETTERS;
	}
	while (1ULL << 2 * half < all)
		half++;
	from = x;
	/* Outside the range of names, or a name that means something: the next one of the cycle. */
	do {
		x = permute(n, x, half, len);
		for (size_t i = len, v = x; i--; v /= LETTERS)
			name[i] = letter(v);
	} while (x >= all || (x != from && (len == 1 ? name[0] == '.' : len == 2 && name[0] == '.' && name[1] == '.')));
	return true;
}

void name_garbage(const struct namer *n, u8 *name, size_t len)
{
	struct stream s = stream_of(n, name, len);

	if (len <= SHORT && garbage_short(n, name, len))
		return;
	do {
		for (size_t i = 0; i < len; i++)
			name[i] = letter(stream_next(&s));
	} while ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'));
}

static bool fits(u8 c, bool any)
{
	return any ? c && c != '/' : c >= 32 && c <= 126 && c != '/';
}

/* The n-th byte that may be used, counted from a start that wraps. */
static u8 wheel(u32 number, bool any)
{
	if (any)
		return (number %= 254) + 1 < '/' ? number + 1 : number + 2;
	number %= 94;
	return number + 32 < '/' ? number + 32 : number + 33;
}

/* Tries all last bytes of the prefix: the four bytes behind it follow from the checksum that is wanted. */
static bool try_prefix(const struct namer *n, const u8 *name, u8 *try, size_t len, u32 wanted, u32 start, bool any)
{
	u32 before = crc32c_raw(0, try, len - 5), wheels = any ? 254 : 94;

	for (u32 i = 0; i < wheels; i++) {
		u8 last = wheel(start + i, any);
		u32 crc = before >> 8 ^ n->table[(before ^ last) & 0xff], suffix = wanted ^ crc;

		if (!fits(suffix & 0xff, any) || !fits(suffix >> 8 & 0xff, any) || !fits(suffix >> 16 & 0xff, any) || !fits(suffix >> 24, any))
			continue;
		try[len - 5] = last;
		put_le32(try + len - 4, suffix);
		if (memcmp(try, name, len))
			return true;
	}
	return false;
}

/* The register before four zero bytes that lead to crc. */
static u32 crc_back(const struct namer *n, u32 crc)
{
	for (int i = 0; i < 4; i++) {
		u8 index = n->back[crc >> 24];

		crc = (crc ^ n->table[index]) << 8 | index;
	}
	return crc;
}

bool name_collide(const struct namer *n, u8 *name, size_t len)
{
	struct stream s = stream_of(n, name, len);
	u8 try[256] = { 0 };
	u32 wanted;

	if (len <= SHORT || len > BTRFS_NAME_LEN) {
		name_garbage(n, name, len);
		return false;
	}
	wanted = crc_back(n, crc32c_raw(0, name, len));
	/* The search begins where the name says, so that names of one hash find different ones. Other bytes than letters only if need be. */
	for (unsigned round = 0; round < PREFIXES; round++) {
		bool any = round >= PREFIXES / 2 || (len == 5 && round);

		for (size_t i = 0; i < len - 5; i++)
			try[i] = wheel(stream_next(&s), any);
		if (try_prefix(n, name, try, len, wanted, stream_next(&s), any)) {
			memcpy(name, try, len);
			return true;
		}
	}
	name_garbage(n, name, len);
	return false;
}
