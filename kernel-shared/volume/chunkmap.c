/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logical addresses to stripes and back. Spec: on-disk-format 5.1, 5.2, 13.9. */
#include "common/mem.h"
#include "kernel-shared/volume/private.h"

/* Index of the first chunk that ends after logical. */
static size_t chunk_index(const struct volume *vol, u64 logical)
{
	size_t lo = 0, hi = vol->chunks.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct chunk *c = vol->chunks.v[mid];

		if (c->start + (c->length - 1) < logical)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct chunk *chunk_lookup(const struct volume *vol, u64 logical)
{
	/* Lookups come in runs. The hint may be any number: it is only looked at. */
	unsigned *place = (unsigned *)&vol->chunk_hint, hint = __atomic_load_n(place, __ATOMIC_RELAXED);
	const struct chunk *c;
	size_t i;

	if (hint < vol->chunks.len) {
		c = vol->chunks.v[hint];
		if (logical >= c->start && logical - c->start < c->length)
			return c;
	}
	i = chunk_index(vol, logical);
	if (i == vol->chunks.len || vol->chunks.v[i]->start > logical)
		return NULL;
	__atomic_store_n(place, i, __ATOMIC_RELAXED);
	return vol->chunks.v[i];
}

const struct chunk *chunk_next(const struct volume *vol, u64 logical)
{
	size_t i = chunk_index(vol, logical);

	return i < vol->chunks.len ? vol->chunks.v[i] : NULL;
}

/* What the arithmetic below relies on; the other rules of 13.9 are the item's own. */
static int chunk_check(u64 start, const struct disk_chunk *dc, struct err *err)
{
	u64 length = le64_get(dc->length), type = le64_get(dc->type), profile_bits = type & BTRFS_BLOCK_GROUP_PROFILE_MASK;
	unsigned n = le16_get(dc->num_stripes), sub = le16_get(dc->sub_stripes);
	const struct profile *p = profile_of(type);
	const char *why = NULL;
	u64 end;

	if (!length || start + (length - 1) < start)
		why = "invalid length";
	else if (profile_bits & (profile_bits - 1))
		why = "more than one profile";
	else if (le64_get(dc->stripe_len) != BTRFS_STRIPE_LEN)
		why = "invalid stripe length";
	else if (n < p->min_devs * p->dev_stripes || n <= p->parity || (p->max_devs && n > (unsigned)p->max_devs * p->dev_stripes))
		why = "invalid number of stripes";
	else if (p->flag == BTRFS_BLOCK_GROUP_RAID10 && (sub != 2 || n % 2))
		why = "invalid number of sub-stripes";
	for (unsigned i = 0; i < n && !why; i++)
		if (add_overflows(le64_get(dc->stripes[i].offset), length / profile_data_stripes(p, n), &end))
			why = "a stripe beyond the end of all devices";
	if (!why)
		return 0;
	return err_set(err, -EUCLEAN, "corrupt chunk %llu: %s (length %llu, type 0x%llx, %u stripes, %u sub-stripes, stripe length %llu)", start, why,
		       length, type, n, sub, le64_get(dc->stripe_len));
}

static void chunk_count_missing(struct chunk *c)
{
	c->missing = 0;
	for (unsigned i = 0; i < c->num_stripes; i++)
		c->missing += !c->stripes[i].dev->bdev;
}

void volume_count_missing(struct volume *vol)
{
	vol->degraded = false;
	for (size_t i = 0; i < vol->devices.len; i++)
		vol->degraded |= !vol->devices.v[i]->bdev && !vol->source;
	for (size_t i = 0; i < vol->chunks.len; i++) {
		chunk_count_missing(vol->chunks.v[i]);
		if (vol->chunks.v[i]->next)
			chunk_count_missing(vol->chunks.v[i]->next);
	}
}

static int chunk_build(struct volume *vol, u64 start, const struct disk_chunk *dc, struct chunk **out, struct err *err)
{
	unsigned n = le16_get(dc->num_stripes);
	struct chunk *c = mem_zalloc(sizeof(*c) + n * sizeof(c->stripes[0]));

	if (!c)
		return err_nomem(err);
	c->start = start;
	c->length = le64_get(dc->length);
	c->type = le64_get(dc->type);
	c->profile = profile_of(c->type);
	c->num_stripes = n;
	c->sub_stripes = le16_get(dc->sub_stripes);
	c->data_stripes = profile_data_stripes(c->profile, n);
	c->stripe_length = c->length / c->data_stripes;
	for (unsigned i = 0; i < n; i++) {
		const struct disk_stripe *ds = &dc->stripes[i];

		c->stripes[i].physical = le64_get(ds->offset);
		c->stripes[i].dev = volume_need_device(vol, le64_get(ds->devid), ds->dev_uuid);
		if (!c->stripes[i].dev) {
			free(c);
			return err_nomem(err);
		}
	}
	chunk_count_missing(c);
	*out = c;
	return 0;
}

int volume_add_chunk(struct volume *vol, u64 start, const struct disk_chunk *dc, struct err *err)
{
	struct chunk *c = NULL;
	size_t i;
	int ret;

	if (volume_is_flat(vol) && vol->chunks.len)
		return 0;
	ret = chunk_check(start, dc, err);
	if (ret)
		return ret;
	i = chunk_index(vol, start);
	if (i < vol->chunks.len && vol->chunks.v[i]->start <= start + (le64_get(dc->length) - 1)) {
		c = vol->chunks.v[i];
		/* The system array names chunks that the chunk tree names again. */
		if (c->start == start && c->length == le64_get(dc->length) && c->type == le64_get(dc->type))
			return 0;
		return err_set(err, -EUCLEAN, "corrupt chunk %llu: overlaps the chunk at %llu (length %llu)", start, c->start, c->length);
	}
	ret = chunk_build(vol, start, dc, &c, err);
	if (ret)
		return ret;
	if (vec_push(&vol->chunks, c)) {
		free(c);
		return err_nomem(err);
	}
	memmove(&vol->chunks.v[i + 1], &vol->chunks.v[i], (vol->chunks.len - 1 - i) * sizeof(c));
	vol->chunks.v[i] = c;
	return 0;
}

void chunk_free(struct chunk *c)
{
	free(c->next);
	free(c);
}

static struct chunk *chunk_at(struct volume *vol, u64 start, size_t *i)
{
	*i = chunk_index(vol, start);
	return *i < vol->chunks.len && vol->chunks.v[*i]->start == start ? vol->chunks.v[*i] : NULL;
}

int volume_remove_chunk(struct volume *vol, u64 start)
{
	size_t i;
	struct chunk *c = chunk_at(vol, start, &i);

	if (!c)
		return -ENOENT;
	chunk_free(c);
	vec_remove(&vol->chunks, i);
	return 0;
}

int volume_move_chunk(struct volume *vol, u64 start, const struct disk_chunk *to, struct err *err)
{
	size_t i;
	struct chunk *c = chunk_at(vol, start, &i), *next = NULL;
	int ret = chunk_check(start, to, err);

	if (ret)
		return ret;
	if (!c || c->length != le64_get(to->length))
		return err_set(err, -EINVAL, "no chunk of length %llu at %llu can be moved", le64_get(to->length), start);
	if (c->next)
		return err_set(err, -EBUSY, "chunk %llu is moving already", start);
	ret = chunk_build(vol, start, to, &next, err);
	if (!ret)
		c->next = next;
	return ret;
}

void volume_unmove_chunk(struct volume *vol, u64 start)
{
	size_t i;
	struct chunk *c = chunk_at(vol, start, &i);

	if (!c)
		return;
	free(c->next);
	c->next = NULL;
}

void volume_settle_chunks(struct volume *vol, bool moved)
{
	for (size_t i = 0; i < vol->chunks.len; i++) {
		struct chunk *c = vol->chunks.v[i], *next = c->next;

		if (!next)
			continue;
		c->next = NULL;
		if (moved)
			vol->chunks.v[i] = next;
		chunk_free(moved ? c : next);
	}
}

unsigned rio_copies(const struct volume *vol, u64 logical)
{
	const struct chunk *c;

	if (vol->source)
		return 1;
	c = chunk_lookup(vol, logical);
	if (!c)
		return 0;
	if (c->type & BTRFS_BLOCK_GROUP_RAID6)
		return c->num_stripes;
	return c->type & BTRFS_BLOCK_GROUP_RAID5 ? 2 : c->profile->copies;
}

/* How many bytes from off on lie in one run in one stripe of a row. */
static u32 stripe_rest(u64 off, u64 len)
{
	return min_t(u64, BTRFS_STRIPE_LEN - off % BTRFS_STRIPE_LEN, len);
}

void chunk_map(const struct chunk *c, u64 off, u64 len, unsigned mirror, struct phys *out)
{
	u64 nr = off / BTRFS_STRIPE_LEN, row;
	unsigned k, n = c->num_stripes;

	switch (c->profile->flag) {
	case BTRFS_BLOCK_GROUP_RAID0:
		k = nr % n;
		row = nr / n;
		break;
	case BTRFS_BLOCK_GROUP_RAID10:
		k = nr % c->data_stripes * 2 + (mirror - 1);
		row = nr / c->data_stripes;
		break;
	case BTRFS_BLOCK_GROUP_RAID5:
	case BTRFS_BLOCK_GROUP_RAID6:
		row = nr / c->data_stripes;
		k = chunk_role(c, row, nr % c->data_stripes);
		break;
	default:
		k = mirror - 1;
		*out = (struct phys){ c->stripes[k].dev, c->stripes[k].physical + off, min_t(u64, len, 1 << 30), k };
		return;
	}
	*out = (struct phys){ c->stripes[k].dev, c->stripes[k].physical + row * BTRFS_STRIPE_LEN + off % BTRFS_STRIPE_LEN, stripe_rest(off, len), k };
}

/* From where data of a row lies to its P (0) or Q (1). */
static void map_parity(const struct chunk *c, u64 off, unsigned which, struct phys *out)
{
	u64 row = off / BTRFS_STRIPE_LEN / c->data_stripes;

	out->stripe = chunk_role(c, row, c->data_stripes + which);
	out->dev = c->stripes[out->stripe].dev;
	out->physical = c->stripes[out->stripe].physical + row * BTRFS_STRIPE_LEN + off % BTRFS_STRIPE_LEN;
}

int rio_map(const struct volume *vol, u64 logical, u64 len, unsigned mirror, struct phys *out)
{
	const struct chunk *c = chunk_lookup(vol, logical);
	u64 off;

	if (!c || !len)
		return -ENOENT;
	if (!mirror || mirror > max_t(unsigned, c->profile->copies, 1 + c->profile->parity))
		return -EINVAL;
	off = logical - c->start;
	chunk_map(c, off, min_t(u64, len, c->length - off), c->profile->parity ? 1 : mirror, out);
	if (c->profile->parity && mirror > 1)
		map_parity(c, off, mirror - 2, out);
	return 0;
}

/* The logical ranges of bytes [from, to) of stripe k of a chunk. */
static int reverse_stripe(const struct chunk *c, unsigned k, u64 from, u64 to, int (*fn)(void *arg, u64 logical, u64 len), void *arg)
{
	unsigned d = c->data_stripes, col = c->profile->flag == BTRFS_BLOCK_GROUP_RAID10 ? k / 2 : k;
	u64 start, end;
	int ret = 0;

	if (c->profile->parity || d == 1) {
		/* Any byte of a row with parity concerns the whole row; without striping a row is the stripe itself. */
		start = c->profile->parity ? from / BTRFS_STRIPE_LEN * d * BTRFS_STRIPE_LEN : from;
		end = c->profile->parity ? div_round_up(to, BTRFS_STRIPE_LEN) * d * BTRFS_STRIPE_LEN : to;
		end = min_t(u64, end, c->length);
		return start < end ? fn(arg, c->start + start, end - start) : 0;
	}
	while (from < to && !ret) {
		u64 part = min_t(u64, BTRFS_STRIPE_LEN - from % BTRFS_STRIPE_LEN, to - from);

		start = (from / BTRFS_STRIPE_LEN * d + col) * BTRFS_STRIPE_LEN + from % BTRFS_STRIPE_LEN;
		if (start < c->length)
			ret = fn(arg, c->start + start, min_t(u64, part, c->length - start));
		from += part;
	}
	return ret;
}

int chunk_reverse(const struct chunk *c, const struct device *dev, u64 physical, u64 len, int (*fn)(void *arg, u64 logical, u64 len), void *arg)
{
	u64 last = len ? physical + (len - 1) : 0;

	if (last < physical)
		last = ~0ULL;
	for (unsigned k = 0; len && k < c->num_stripes; k++) {
		u64 base = c->stripes[k].physical, from, to;
		int ret;

		if (c->stripes[k].dev != dev || last < base || physical >= base + c->stripe_length)
			continue;
		from = max_t(u64, physical, base) - base;
		to = min_t(u64, last - base, c->stripe_length - 1) + 1;
		ret = reverse_stripe(c, k, from, to, fn, arg);
		if (ret)
			return ret;
	}
	return 0;
}

int rio_reverse(const struct volume *vol, const struct device *dev, u64 physical, u64 len, int (*fn)(void *arg, u64 logical, u64 len), void *arg)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < vol->chunks.len; i++)
		ret = chunk_reverse(vol->chunks.v[i], dev, physical, len, fn, arg);
	return ret;
}

u64 rio_disk_order(const struct volume *vol, u64 logical)
{
	struct phys p;

	if (rio_map(vol, logical, 1, 1, &p))
		return ~0ULL;
	return ((u64)p.dev->index << 48) + (p.physical >> 12);
}

/* Can every byte of the chunk still be read? */
static bool chunk_survives(const struct chunk *c)
{
	if (c->profile->flag != BTRFS_BLOCK_GROUP_RAID10)
		return c->missing <= c->profile->tolerated;
	for (unsigned k = 0; k + 1 < c->num_stripes; k += 2)
		if (!c->stripes[k].dev->bdev && !c->stripes[k + 1].dev->bdev)
			return false;
	return true;
}

static int name_missing(struct volume *vol, const struct chunk *c, struct err *err)
{
	char names[512] = "";
	size_t len = 0;

	for (unsigned k = 0; k < c->num_stripes && len + 32 < sizeof(names); k++)
		if (!c->stripes[k].dev->bdev)
			len += snprintf(names + len, sizeof(names) - len, "%s%llu", len ? ", " : "", c->stripes[k].dev->devid);
	return err_set(err, -ENODEV, "chunk %llu (%s, %s) has lost more devices than it survives: devid %s missing", c->start, bg_type_name(c->type),
		       c->profile->name, names);
}

int volume_check_missing(struct volume *vol, bool write, struct err *err)
{
	if (vol->source || !vol->degraded)
		return 0;
	if (!write && vol->flags & VOLUME_DEGRADED)
		return 0;
	for (size_t i = 0; i < vol->chunks.len; i++) {
		const struct chunk *c = vol->chunks.v[i];

		if (write ? c->missing > c->profile->tolerated : !chunk_survives(c))
			return name_missing(vol, c, err);
	}
	if (!write || vol->flags & VOLUME_DEGRADED)
		return 0;
	for (size_t i = 0; i < vol->devices.len; i++)
		if (!vol->devices.v[i]->bdev)
			return err_set(err, -ENODEV, "devid %llu is missing: writing needs it, or -o degraded", vol->devices.v[i]->devid);
	return 0;
}
