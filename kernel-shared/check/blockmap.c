/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of tree block addresses: a bitmap per gigabyte of each chunk, made when the first block falls into it. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>
#include "common/mem.h"

#define PART_BYTES GiB(1)

struct blockmap_part { u64 start, end; _Atomic(u64) *bits; };

int blockmap_init(struct blockmap *m, const struct volume *vol)
{
	size_t n = 0;

	*m = (struct blockmap){ .sectorsize = vol->geo.sectorsize };
	pthread_mutex_init(&m->lock, NULL);
	for (size_t i = 0; i < vol->chunks.len; i++)
		n += min_t(u64, div_round_up(vol->chunks.v[i]->length, PART_BYTES), 1 << 24);
	m->parts = mem_calloc(n ? n : 1, sizeof(*m->parts));
	if (!m->parts)
		return -ENOMEM;
	for (size_t i = 0; i < vol->chunks.len; i++) {
		u64 start = vol->chunks.v[i]->start, last = start + (vol->chunks.v[i]->length - 1);

		for (u64 at = start; at <= last && m->n < n; at += PART_BYTES) {
			m->parts[m->n++] = (struct blockmap_part){ at, last - at < PART_BYTES ? last : at + PART_BYTES - 1, NULL };
			if (last - at < PART_BYTES)
				break;
		}
	}
	return 0;
}

void blockmap_fini(struct blockmap *m)
{
	for (size_t i = 0; i < m->n; i++)
		free((void *)m->parts[i].bits);
	free(m->parts);
	pthread_mutex_destroy(&m->lock);
}

void blockmap_clear(struct blockmap *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free((void *)m->parts[i].bits);
		m->parts[i].bits = NULL;
	}
}

static struct blockmap_part *part_of(const struct blockmap *m, u64 bytenr)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->parts[mid].end < bytenr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->n && m->parts[lo].start <= bytenr ? &m->parts[lo] : NULL;
}

static _Atomic(u64) *part_bits(struct blockmap *m, struct blockmap_part *p)
{
	_Atomic(u64) *bits = __atomic_load_n(&p->bits, __ATOMIC_ACQUIRE);

	if (bits)
		return bits;
	pthread_mutex_lock(&m->lock);
	bits = p->bits;
	if (!bits) {
		bits = mem_calloc((p->end - p->start) / m->sectorsize / 64 + 1, sizeof(u64));
		__atomic_store_n(&p->bits, bits, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&m->lock);
	return bits;
}

int blockmap_set(struct blockmap *m, u64 bytenr)
{
	struct blockmap_part *p = part_of(m, bytenr);
	_Atomic(u64) *bits;
	u64 bit, mask;

	if (!p)
		return 0;
	bits = part_bits(m, p);
	if (!bits)
		return -ENOMEM;
	bit = (bytenr - p->start) / m->sectorsize;
	mask = 1ULL << bit % 64;
	return __atomic_fetch_or((u64 *)&bits[bit / 64], mask, __ATOMIC_RELAXED) & mask ? 1 : 0;
}

bool blockmap_has(const struct blockmap *m, u64 bytenr)
{
	const struct blockmap_part *p = part_of(m, bytenr);
	_Atomic(u64) *bits = p ? __atomic_load_n(&p->bits, __ATOMIC_ACQUIRE) : NULL;
	u64 bit;

	if (!bits)
		return false;
	bit = (bytenr - p->start) / m->sectorsize;
	return __atomic_load_n((u64 *)&bits[bit / 64], __ATOMIC_RELAXED) >> bit % 64 & 1;
}

bool blockmap_next(const struct blockmap *m, u64 *at, u64 end)
{
	const struct blockmap_part *p;

	for (u64 pos = *at; pos < end && (p = part_of(m, pos)); pos = p->end + 1) {
		_Atomic(u64) *bits = __atomic_load_n(&p->bits, __ATOMIC_ACQUIRE);
		u64 n = (p->end - p->start) / m->sectorsize + 1;

		for (u64 bit = (pos - p->start) / m->sectorsize; bits && bit < n;) {
			u64 word = bits[bit / 64] >> bit % 64;

			bit = word ? bit + __builtin_ctzll(word) : (bit / 64 + 1) * 64;
			if (!word || bit >= n)
				continue;
			*at = p->start + bit * m->sectorsize;
			return *at < end;
		}
	}
	return false;
}
