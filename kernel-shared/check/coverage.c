/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which sectors of data have checksums: sorted ranges for each gigabyte of each chunk, or a bitmap where that is smaller. Known before
 * the first file is looked at, so that each file extent is judged where it is met. */
#include "kernel-shared/check/isum.h"

#include <stdlib.h>
#include "common/mem.h"

#define PART_BYTES GiB(1)
enum { RANGES_MAX = 4096 }; /* as many bytes as a bitmap of 4 KiB sectors */

struct span { u32 from, to; }; /* sectors of the part */
struct coverage_part {
	u64 start, end;       /* end: the last byte */
	struct span *v;
	u32 len, cap;
	u64 *bits;
};

int coverage_init(struct coverage_map *m, const struct volume *vol)
{
	size_t n = 0;

	*m = (struct coverage_map){ .sectorsize = vol->geo.sectorsize };
	for (size_t i = 0; i < vol->chunks.len; i++)
		n += min_t(u64, div_round_up(vol->chunks.v[i]->length, PART_BYTES), 1 << 24);
	m->parts = mem_calloc(n ? n : 1, sizeof(*m->parts));
	if (!m->parts)
		return -ENOMEM;
	for (size_t i = 0; i < vol->chunks.len; i++) {
		u64 start = vol->chunks.v[i]->start, last = start + (vol->chunks.v[i]->length - 1);

		for (u64 at = start; at <= last && m->n < n; at += PART_BYTES) {
			m->parts[m->n++] = (struct coverage_part){ .start = at, .end = last - at < PART_BYTES ? last : at + PART_BYTES - 1 };
			if (last - at < PART_BYTES)
				break;
		}
	}
	return 0;
}

void coverage_fini(struct coverage_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->parts[i].v);
		free(m->parts[i].bits);
	}
	free(m->parts);
	*m = (struct coverage_map){ 0 };
}

static struct coverage_part *part_at(const struct coverage_map *m, u64 bytenr)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->parts[mid].end < bytenr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->n ? &m->parts[lo] : NULL;
}

/* --- building --- */

static void set_bits(u64 *bits, u32 from, u32 to)
{
	for (u32 i = from; i < to; i++) {
		if (!(i % 64) && to - i >= 64) {
			bits[i / 64] = -1ULL;
			i += 63;
		} else {
			bits[i / 64] |= 1ULL << i % 64;
		}
	}
}

static int span_cmp(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* Sorted, neighbours merged. */
static void part_settle(struct coverage_part *p)
{
	u32 n = 0;

	if (p->len > 1)
		qsort(p->v, p->len, sizeof(*p->v), span_cmp);
	for (u32 i = 0; i < p->len; i++) {
		if (n && p->v[i].from <= p->v[n - 1].to)
			p->v[n - 1].to = max_t(u32, p->v[n - 1].to, p->v[i].to);
		else
			p->v[n++] = p->v[i];
	}
	p->len = n;
}

static int part_to_bits(struct coverage_part *p, u32 sectorsize)
{
	p->bits = mem_calloc((p->end - p->start) / sectorsize / 64 + 1, sizeof(u64));
	if (!p->bits)
		return -ENOMEM;
	for (u32 i = 0; i < p->len; i++)
		set_bits(p->bits, p->v[i].from, p->v[i].to);
	free(p->v);
	p->v = NULL;
	p->len = p->cap = 0;
	return 0;
}

static int part_add(struct coverage_part *p, u32 from, u32 to, u32 sectorsize)
{
	struct span *grown;

	if (p->bits) {
		set_bits(p->bits, from, to);
		return 0;
	}
	if (p->len == RANGES_MAX) {
		part_settle(p);
		if (p->len > RANGES_MAX / 2) {
			int ret = part_to_bits(p, sectorsize);

			return ret ? ret : part_add(p, from, to, sectorsize);
		}
	}
	if (p->len == p->cap) {
		u32 cap = p->cap ? 2 * p->cap : 16;

		grown = realloc(p->v, cap * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		p->v = grown;
		p->cap = cap;
	}
	p->v[p->len++] = (struct span){ from, to };
	return 0;
}

int coverage_add(struct coverage_map *m, u64 start, u64 len)
{
	u64 end;
	int ret = 0;

	if (add_overflows(start, len, &end))
		return 0;
	while (!ret && start < end) {
		struct coverage_part *p = part_at(m, start);
		u64 stop;

		if (!p || p->start >= end)
			return ret;
		start = max_t(u64, start, p->start);
		stop = min_t(u64, end, p->end + 1);
		ret = part_add(p, (start - p->start) / m->sectorsize, div_round_up(stop - p->start, m->sectorsize), m->sectorsize);
		start = stop;
	}
	return ret;
}

void coverage_settle(struct coverage_map *m)
{
	for (size_t i = 0; i < m->n; i++)
		part_settle(&m->parts[i]);
}

/* --- asking --- */

/* The first span that ends behind pos. */
static u32 first_span(const struct coverage_part *p, u32 pos)
{
	u32 lo = 0, hi = p->len;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (p->v[mid].to <= pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* How many sectors of [from, to) are covered; 0, all of them, or something between. */
static u32 part_count(const struct coverage_part *p, u32 from, u32 to)
{
	u32 n = 0;

	if (p->bits) {
		for (u32 i = from; i < to; i++)
			n += p->bits[i / 64] >> i % 64 & 1;
		return n;
	}
	for (u32 lo = first_span(p, from); lo < p->len && p->v[lo].from < to; lo++)
		n += min_t(u32, to, p->v[lo].to) - max_t(u32, from, p->v[lo].from);
	return n;
}

u64 coverage_bytes(const struct coverage_map *m, u64 start, u64 len)
{
	u64 end, sum = 0;

	if (add_overflows(start, len, &end))
		return 0;
	while (start < end) {
		const struct coverage_part *p = part_at(m, start);
		u64 stop;

		if (!p || p->start >= end)
			break;
		start = max_t(u64, start, p->start);
		stop = min_t(u64, end, p->end + 1);
		sum += (u64)part_count(p, (start - p->start) / m->sectorsize, div_round_up(stop - p->start, m->sectorsize)) * m->sectorsize;
		start = stop;
	}
	return sum;
}

enum coverage coverage_of(const struct check *c, u64 start, u64 len)
{
	u64 have = coverage_bytes(&c->summed, start, len);

	return !have ? COVERED_NOT : have >= len ? COVERED : COVERED_PARTLY;
}

static bool part_next(const struct coverage_part *p, u32 pos, u32 sectors, struct span *out)
{
	u32 lo;

	if (p->bits) {
		u32 i = pos;

		while (i < sectors && !(p->bits[i / 64] >> i % 64 & 1))
			i++;
		out->from = i;
		while (i < sectors && p->bits[i / 64] >> i % 64 & 1)
			i++;
		out->to = i;
		return out->from < out->to;
	}
	lo = first_span(p, pos);
	if (lo == p->len)
		return false;
	*out = (struct span){ max_t(u32, p->v[lo].from, pos), p->v[lo].to };
	return true;
}

bool coverage_next(const struct coverage_map *m, u64 pos, u64 *start, u64 *end)
{
	for (struct coverage_part *p = part_at(m, pos); p && p < m->parts + m->n; p++) {
		u32 from = pos > p->start ? (pos - p->start) / m->sectorsize : 0;
		struct span s;

		if (part_next(p, from, (p->end - p->start) / m->sectorsize + 1, &s)) {
			*start = p->start + (u64)s.from * m->sectorsize;
			*end = p->start + (u64)s.to * m->sectorsize;
			return true;
		}
	}
	return false;
}
