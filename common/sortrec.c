/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sorting records in memory: see sortrec.h.
 *
 * Records are looked at a word (eight bytes, big-endian) at a time. The sort is by radix, from the front: the records of a
 * group share everything before the word; whichever bits of it differ first are the digit that splits the group further. So
 * the zeros and constants that keys are full of cost nothing. */
#include "common/sortrec.h"
#include "common/endian.h"

enum {
	DIGIT_MAX = 10,      /* bits */
	INSERTION_MAX = 20,  /* records; up to here simple insertion is faster */
};

#define INLINE inline __attribute__((always_inline))

struct sorter {
	u8 *tmp;
	u32 count[1 << DIGIT_MAX];
};

typedef void (*radix_fn)(struct sorter *s, u8 *a, size_t n, size_t size, size_t depth);

static INLINE u64 load_word(const u8 *p, size_t size)
{
	u64 w = 0;

	memcpy(&w, p, size < 8 ? size : 8);
	return __builtin_bswap64(LE_SWAP64(w));
}

/* The word at depth. The last one may begin earlier: the bytes before depth are the same in the whole group. */
static INLINE size_t word_offset(size_t depth, size_t size)
{
	return size < 8 ? 0 : depth + 8 <= size ? depth : size - 8;
}

/* x < y where their words at off are known, and what is before is the same. */
static INLINE bool record_less(const u8 *x, u64 wx, const u8 *y, u64 wy, size_t size, size_t off)
{
	if (likely(wx != wy))
		return wx < wy;
	return size > off + 8 && memcmp(x + off + 8, y + off + 8, size - off - 8) < 0;
}

static INLINE void insertion_sort(struct sorter *s, u8 *a, size_t n, size_t size, size_t off)
{
	for (size_t i = 1; i < n; i++) {
		const u8 *record = a + i * size;
		u64 w = load_word(record + off, size);
		size_t to = i;

		if (!record_less(record, w, record - size, load_word(record - size + off, size), size, off))
			continue;
		memcpy(s->tmp, record, size);
		do {
			to--;
			memcpy(a + (to + 1) * size, a + to * size, size);
		} while (to && record_less(s->tmp, w, a + (to - 1) * size, load_word(a + (to - 1) * size + off, size), size, off));
		memcpy(a + to * size, s->tmp, size);
	}
}

/* Sorts by some bits of the word at off. */
static INLINE void distribute(struct sorter *s, u8 *a, size_t n, size_t size, size_t off, unsigned shift, unsigned bits)
{
	u32 mask = (1u << bits) - 1, sum = 0;

	memset(s->count, 0, sizeof(s->count[0]) << bits);
	for (size_t i = 0; i < n; i++)
		s->count[load_word(a + i * size + off, size) >> shift & mask]++;
	for (u32 d = 0; d <= mask; d++) {
		u32 here = s->count[d];

		s->count[d] = sum;
		sum += here;
	}
	for (size_t i = 0; i < n; i++) {
		u32 *next = &s->count[load_word(a + i * size + off, size) >> shift & mask];

		memcpy(s->tmp + (size_t)(*next)++ * size, a + i * size, size);
	}
	memcpy(a, s->tmp, n * size);
}

static INLINE void radix_sort(struct sorter *s, u8 *a, size_t n, size_t size, size_t depth, radix_fn self)
{
	unsigned top, bits, shift;
	size_t off, end;
	u64 diff = 0;

	do {
		u64 first;

		off = word_offset(depth, size);
		if (n <= INSERTION_MAX) {
			insertion_sort(s, a, n, size, off);
			return;
		}
		first = load_word(a + off, size);
		for (size_t i = 1; i < n; i++)
			diff |= load_word(a + i * size + off, size) ^ first;
		depth = off + 8;
		if (!diff && depth >= size)
			return;
	} while (!diff);
	top = 64 - __builtin_clzll(diff);
	bits = 62 - __builtin_clzll(n); /* about four records for each digit, if all are used */
	bits = min_t(unsigned, min_t(unsigned, bits, DIGIT_MAX), top);
	shift = top - bits;
	distribute(s, a, n, size, off, shift, bits);
	for (size_t i = 0; i < n; i = end) {
		u64 high = load_word(a + i * size + off, size) >> shift;

		for (end = i + 1; end < n && load_word(a + end * size + off, size) >> shift == high; end++)
			;
		if (end - i > 1)
			self(s, a + i * size, end - i, size, off);
	}
}

static void radix_any(struct sorter *s, u8 *a, size_t n, size_t size, size_t depth)
{
	radix_sort(s, a, n, size, depth, radix_any);
}

/* The common sizes, with the size known to the compiler. */
#define RADIX_OF(bytes) \
	static void radix_##bytes(struct sorter *s, u8 *a, size_t n, size_t size UNUSED, size_t depth) \
	{ \
		radix_sort(s, a, n, bytes, depth, radix_##bytes); \
	}
RADIX_OF(8)
RADIX_OF(16)
RADIX_OF(24)
RADIX_OF(32)
RADIX_OF(40)
RADIX_OF(48)

static radix_fn radix_for(size_t size)
{
	switch (size) {
	case 8: return radix_8;
	case 16: return radix_16;
	case 24: return radix_24;
	case 32: return radix_32;
	case 40: return radix_40;
	case 48: return radix_48;
	}
	return radix_any;
}

static bool is_sorted(const u8 *a, size_t n, size_t size)
{
	for (size_t i = 1; i < n; i++, a += size)
		if (memcmp(a, a + size, size) > 0)
			return false;
	return true;
}

void sortrec(void *records, void *tmp, size_t n, size_t size)
{
	struct sorter s = { .tmp = tmp };

	/* Facts that come from a walk through a tree often are in order. */
	if (!is_sorted(records, n, size))
		radix_for(size)(&s, records, n, size, 0);
}

size_t sortrec_bound(const void *records, size_t n, size_t size, const void *key, bool equal)
{
	const u8 *base = records;
	size_t lo = 0;

	while (n) {
		size_t half = n / 2;
		int order = memcmp(base + (lo + half) * size, key, size);

		if (order < 0 || (equal && !order)) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo;
}
