/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open-addressing map from u64 to u64 or to a pointer, and a mixing function. Grows; never shrinks. Not thread-safe. */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include "common/base.h"

/* A good 64-bit mix of one word, of two, and of bytes (not for hostile keys that must not collide: tables stay correct, only slower). */
static inline u64 hash_mix(u64 x)
{
	x ^= x >> 32; x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32; x *= 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}
static inline u64 hash_mix2(u64 a, u64 b) { return hash_mix(a ^ hash_mix(b + 0x9e3779b97f4a7c15ULL)); }
u64 hash_bytes(const void *p, size_t len);

/* slots[cap] is the place of key 0, which marks an empty slot elsewhere. */
struct hmap { struct hmap_slot { u64 key, value; } *slots; size_t len, cap; bool has_zero; };
#define HMAP_INIT { NULL, 0, 0, false }
void hmap_fini(struct hmap *m);
/* The value's place, or NULL. Valid until the next insertion. */
u64 *hmap_get(const struct hmap *m, u64 key);
/* The value's place, new ones zero; *fresh (may be NULL) says whether it is new. NULL: out of memory. */
u64 *hmap_put(struct hmap *m, u64 key, bool *fresh);
/* False: it was not there. */
bool hmap_del(struct hmap *m, u64 key);
/* Iteration in no particular order: start with *pos = 0; false at the end. The map must not change meanwhile, values may. */
bool hmap_next(const struct hmap *m, size_t *pos, u64 *key, u64 *value);

#endif
