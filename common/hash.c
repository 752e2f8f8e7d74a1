/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A map from u64 to u64 by linear probing, so that a lookup is mostly one cache line: see hash.h. */
#include "common/hash.h"
#include "common/mem.h"

#include <stdlib.h>
#include <xxhash.h>

u64 hash_bytes(const void *p, size_t len)
{
	return XXH3_64bits(p, len);
}

void hmap_fini(struct hmap *m)
{
	free(m->slots);
	memset(m, 0, sizeof(*m));
}

/* Where key is, or the empty slot where it belongs. The map is never full. */
static struct hmap_slot *hmap_slot(const struct hmap *m, u64 key)
{
	size_t mask = m->cap - 1, i = hash_mix(key) & mask;

	while (m->slots[i].key && m->slots[i].key != key)
		i = (i + 1) & mask;
	return &m->slots[i];
}

u64 *hmap_get(const struct hmap *m, u64 key)
{
	struct hmap_slot *slot;

	if (!m->len)
		return NULL;
	if (!key)
		return m->has_zero ? &m->slots[m->cap].value : NULL;
	slot = hmap_slot(m, key);
	return slot->key ? &slot->value : NULL;
}

static int hmap_grow(struct hmap *m)
{
	struct hmap bigger = { .len = m->len, .has_zero = m->has_zero };

	if (mul_overflows(m->cap, (size_t)2, &bigger.cap))
		return -ENOMEM;
	if (!bigger.cap)
		bigger.cap = 16;
	bigger.slots = mem_calloc(bigger.cap + 1, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	if (m->cap)
		bigger.slots[bigger.cap] = m->slots[m->cap];
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].key)
			*hmap_slot(&bigger, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

u64 *hmap_put(struct hmap *m, u64 key, bool *fresh)
{
	struct hmap_slot *slot;
	bool new_key;

	if (m->len >= m->cap / 4 * 3 && hmap_grow(m))
		return NULL;
	slot = key ? hmap_slot(m, key) : &m->slots[m->cap];
	new_key = key ? !slot->key : !m->has_zero;
	if (new_key) {
		slot->key = key;
		slot->value = 0;
		m->len++;
		m->has_zero |= !key;
	}
	if (fresh)
		*fresh = new_key;
	return &slot->value;
}

/* Closes the gap: whoever was pushed past the emptied slot moves back, so that no lookup stops too early. */
static void hmap_close_gap(struct hmap *m, size_t gap)
{
	size_t mask = m->cap - 1;

	for (size_t i = (gap + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
		size_t home = hash_mix(m->slots[i].key) & mask;

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		m->slots[gap] = m->slots[i];
		gap = i;
	}
	m->slots[gap].key = 0;
}

bool hmap_del(struct hmap *m, u64 key)
{
	u64 *value = hmap_get(m, key);

	if (!value)
		return false;
	m->len--;
	if (key)
		hmap_close_gap(m, container_of(value, struct hmap_slot, value) - m->slots);
	else
		m->has_zero = false;
	return true;
}

bool hmap_next(const struct hmap *m, size_t *pos, u64 *key, u64 *value)
{
	size_t i = *pos;

	while (i < m->cap && !m->slots[i].key)
		i++;
	*pos = i + 1;
	if (i > m->cap || (i == m->cap && !m->has_zero))
		return false;
	*key = m->slots[i].key;
	*value = m->slots[i].value;
	return true;
}
