/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks of several devices on one: each keeps the place of its first stripe if that is free, else it goes behind all others. A chunk that was striped becomes
 * longer on its device. Superblock copies must not fall into a chunk that did not leave them out before. Spec: metadump 4.1. */
#include "kernel-shared/dump/restore.h"

#define KEPT_TYPES (BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_SYSTEM | BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_DUP)

const struct place *plan_find(const struct plan *p, u64 bytenr)
{
	size_t lo = 0, hi = p->places.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->places.v[mid].start <= bytenr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && bytenr - p->places.v[lo - 1].start < p->places.v[lo - 1].length ? &p->places.v[lo - 1] : NULL;
}

static bool covers_super(u64 start, u64 len)
{
	for (unsigned i = 0; i < BTRFS_SUPER_MIRROR_MAX; i++)
		if (btrfs_super_offset[i] + BTRFS_STRIPE_LEN > start && btrfs_super_offset[i] < start + len)
			return true;
	return false;
}

/* Takes a range if nobody has it yet. */
static int take(struct ranges *used, u64 start, u64 len, bool *taken)
{
	u64 end;

	*taken = false;
	if (add_overflows(start, len, &end) || ranges_touches(used, start, end))
		return 0;
	*taken = true;
	return ranges_add(used, start, end);
}

/* Behind everything, past a superblock copy that would be covered. */
static int append(struct plan *p, struct ranges *used, u64 len, u64 *at)
{
	u64 start = max_t(u64, p->end, BTRFS_BLOCK_RESERVED_1M_FOR_SUPER);

	for (unsigned i = 0; i < BTRFS_SUPER_MIRROR_MAX; i++)
		if (covers_super(start, len) && btrfs_super_offset[i] + BTRFS_STRIPE_LEN > start)
			start = btrfs_super_offset[i] + BTRFS_STRIPE_LEN;
	*at = start;
	p->end = start + len;
	return ranges_add(used, start, start + len);
}

/* Does every byte lie in the first stripe where it lies in a chunk of one stripe? */
static bool is_linear(const struct chunk *c)
{
	return c->data_stripes == 1 && !c->profile->parity;
}

static int place_one(struct plan *p, struct ranges *used, const struct chunk *c, struct place *to)
{
	bool taken;
	int ret;

	*to = (struct place){ .start = c->start, .length = c->length, .type = c->type & KEPT_TYPES, .physical = c->stripes[0].physical };
	if (to->type & BTRFS_BLOCK_GROUP_DUP && c->num_stripes > 1)
		to->second = c->stripes[1].physical;
	if (!p->several)
		return 0;
	ret = take(used, to->physical, c->length, &taken);
	if (!ret && (!taken || (!is_linear(c) && covers_super(to->physical, c->length)))) {
		p->moved = true;
		ret = append(p, used, c->length, &to->physical);
	}
	if (ret || !to->second)
		return ret;
	ret = take(used, to->second, c->length, &taken);
	if (!ret && !taken) {
		p->moved = true;
		ret = append(p, used, c->length, &to->second);
	}
	return ret;
}

static u64 place_end(const struct place *p)
{
	u64 end, last = max_t(u64, p->physical, p->second);

	return add_overflows(last, p->length, &end) ? -1ULL : end;
}

int plan_make(struct plan *p, const struct volume *vol, struct err *err)
{
	struct ranges used = RANGES_INIT;
	int ret = 0;

	*p = (struct plan){ .several = le64_get(vol->sb.num_devices) > 1 };
	for (size_t i = 0; p->several && i < vol->chunks.len; i++) {
		const struct chunk *c = vol->chunks.v[i];

		for (unsigned s = 0; s < c->num_stripes; s++)
			if (c->stripes[s].physical < 1ULL << 62 && c->length < 1ULL << 62)
				p->end = max_t(u64, p->end, c->stripes[s].physical + c->length);
	}
	for (size_t i = 0; !ret && i < vol->chunks.len; i++) {
		struct place to;

		ret = place_one(p, &used, vol->chunks.v[i], &to);
		if (!ret)
			ret = vec_push(&p->places, to);
	}
	p->end = 0;
	for (size_t i = 0; i < p->places.len; i++)
		p->end = max_t(u64, p->end, place_end(&p->places.v[i]));
	ranges_fini(&used);
	return ret ? err_nomem(err) : 0;
}

void plan_fini(struct plan *p) { vec_fini(&p->places); }
