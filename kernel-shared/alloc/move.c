/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A chunk gets other stripes at the same logical place, so that no reference to what lies in it changes. Planned here: which stripes stay, where the others go; the
 * bytes are copied by the caller, and the commit writes the new items. Dev extents left behind stay taken until then, because the last commit names them.
 * Spec: on-disk-format 5.1, 5.4, 5.5. */
#include "kernel-shared/alloc/internal.h"

#include "common/mem.h"

struct plan {
	struct alloc *a;
	const struct chunk *c;
	const struct profile *p;
	bool avoid;                  /* keep off the places of superblock copies */
	bool restripe;
	struct chunk_plan *out;
};

/* --- where there is room --- */

/* The first hole of at least len bytes, and all the room there is. */
static bool find_hole(const struct plan *w, const struct dev_space *d, u64 len, u64 *start, u64 *room)
{
	u64 pos = BTRFS_BLOCK_RESERVED_1M_FOR_SUPER;
	struct ranges used = RANGES_INIT;
	bool found = false, failed = false;
	struct range r;

	*room = 0;
	for (int i = 1; w->avoid && i < BTRFS_SUPER_MIRROR_MAX; i++)
		failed |= ranges_add(&used, btrfs_super_offset[i], btrfs_super_offset[i] + BTRFS_STRIPE_LEN);
	while (!failed && pos < d->total_bytes) {
		struct range a = { d->total_bytes, ~0ULL }, b = a;
		u64 end;

		if (ranges_next(&d->used, pos, &r))
			a = r;
		if (ranges_next(&used, pos, &r))
			b = r;
		if (b.start < a.start)
			a = b;
		end = min_t(u64, a.start, d->total_bytes);
		pos = round_up_p2(pos, BTRFS_STRIPE_LEN);
		if (end > pos && end - pos >= len && !found) {
			*start = pos;
			found = true;
		}
		*room += end > pos ? end - pos : 0;
		pos = max_t(u64, a.end, pos);
	}
	ranges_fini(&used);
	return found;
}

static bool planned(const struct plan *w, unsigned n, u64 devid)
{
	for (unsigned i = 0; i < n; i++)
		if (w->out->stripes[i].devid == devid)
			return true;
	return false;
}

/* The roomiest device that has no stripe of the plan's first n yet. False: none. */
static bool pick_device(struct plan *w, unsigned n, u64 len)
{
	u64 best = 0, room, start;
	bool found = false;

	for (size_t i = 0; i < w->a->devs.len; i++) {
		const struct dev_space *d = &w->a->devs.v[i];

		if (planned(w, n, d->devid) || !find_hole(w, d, len, &start, &room) || (found && room <= best))
			continue;
		w->out->stripes[n].devid = d->devid;
		w->out->stripes[n].physical = start;
		best = room;
		found = true;
	}
	return found;
}

/* A second place on the device of stripe 0, which may itself be new. */
static bool pick_twin(struct plan *w, u64 len)
{
	struct dev_space *d = dev_space(w->a, w->out->stripes[0].devid);
	u64 first = w->out->stripes[0].physical, room, start;
	bool was, found;

	if (!d)
		return false;
	was = ranges_touches(&d->used, first, first + len);
	if (!was && ranges_add(&d->used, first, first + len))
		return false;
	found = find_hole(w, d, len, &start, &room);
	if (!was)
		ranges_del(&d->used, first, first + len);
	w->out->stripes[1].devid = d->devid;
	w->out->stripes[1].physical = start;
	return found;
}

/* Both on one device. */
static bool pick_twins(struct plan *w, u64 len)
{
	u64 start, room;

	for (size_t i = 0; i < w->a->devs.len; i++) {
		if (!find_hole(w, &w->a->devs.v[i], len, &start, &room))
			continue;
		w->out->stripes[0].devid = w->a->devs.v[i].devid;
		w->out->stripes[0].physical = start;
		if (pick_twin(w, len))
			return true;
	}
	return false;
}

/* --- which stripes stay --- */

static bool stripe_stays(struct alloc *a, const struct chunk *c, unsigned k)
{
	const struct stripe *s = &c->stripes[k];
	const struct dev_space *d = s->dev->bdev && !s->dev->leaving ? dev_space(a, s->dev->devid) : NULL;

	return d && s->physical + c->stripe_length <= d->total_bytes;
}

bool chunk_is_misplaced(struct alloc *a, const struct chunk *c)
{
	if (devs_load(a, NULL))
		return false;
	for (unsigned k = 0; k < c->num_stripes; k++)
		if (!stripe_stays(a, c, k))
			return true;
	return false;
}

static void keep(struct plan *w, unsigned at, unsigned k)
{
	w->out->stripes[at].devid = w->c->stripes[k].dev->devid;
	w->out->stripes[at].physical = w->c->stripes[k].physical;
}

/* The same layout: each stripe stays or finds a place on a device that the chunk does not use yet. */
static bool plan_places(struct plan *w)
{
	const struct chunk *c = w->c;
	unsigned n = c->num_stripes;

	if (n >= ARRAY_SIZE(w->out->stripes))
		return false;
	w->out->num_stripes = n;
	/* those that stay are known before others are looked for */
	for (unsigned k = 0; k < n; k++) {
		w->out->stripes[k].devid = ~0ULL;
		if (stripe_stays(w->a, c, k))
			keep(w, k, k);
	}
	for (unsigned k = 0; k < n; k++) {
		struct chunk_plan *out = w->out;

		if (out->stripes[k].devid != ~0ULL)
			continue;
		/* found behind all others, then put in its place */
		if (!pick_device(w, n, c->stripe_length))
			return false;
		out->stripes[k] = out->stripes[n];
	}
	return true;
}

/* Each stripe is a copy of the chunk, before and afterwards. */
static bool plan_copies(struct plan *w)
{
	unsigned want = w->p->max_devs * w->p->dev_stripes, n = 0;
	bool dup = w->p->dev_stripes > 1;

	w->out->num_stripes = want;
	for (int stale = 0; stale < 2; stale++)
		for (unsigned k = 0; k < w->c->num_stripes && n < (dup ? 1 : want); k++)
			if (stripe_stays(w->a, w->c, k) && w->c->stripes[k].dev->stale == stale && !planned(w, n, w->c->stripes[k].dev->devid))
				keep(w, n++, k);
	if (dup) {
		for (unsigned k = 0; n && k < w->c->num_stripes; k++)
			if (stripe_stays(w->a, w->c, k) && w->c->stripes[k].dev->devid == w->out->stripes[0].devid
			    && w->c->stripes[k].physical != w->out->stripes[0].physical) {
				keep(w, 1, k);
				return true;
			}
		return (n && pick_twin(w, w->c->length)) || pick_twins(w, w->c->length);
	}
	while (n < want && pick_device(w, n, w->c->length))
		n++;
	return n == want;
}

/* How many devices have room for a stripe of that length. */
static unsigned devices_with(const struct plan *w, u64 len)
{
	unsigned n = 0;
	u64 start, room;

	for (size_t i = 0; i < w->a->devs.len; i++)
		n += find_hole(w, &w->a->devs.v[i], len, &start, &room);
	return n;
}

/* Over as many devices as possible, all stripes new. -EDOM: fewer than there are, for the length's sake. */
static int plan_stripes(struct plan *w, bool loose)
{
	const struct profile *p = w->p;
	unsigned most = p->max_devs ? p->max_devs : min_t(unsigned, devices_with(w, BTRFS_STRIPE_LEN), 255);
	bool shortened = false;

	for (unsigned devs = most - most % p->devs_increment; devs && devs >= p->min_devs; devs -= p->devs_increment) {
		unsigned num = devs * p->dev_stripes, data = profile_data_stripes(p, num), n = 0;
		u64 len = data ? w->c->length / data : 0;

		if (!data || w->c->length % ((u64)data * BTRFS_STRIPE_LEN)) {
			shortened = true;
			continue;
		}
		w->out->num_stripes = num;
		if (p->dev_stripes > 1) {
			if (pick_twins(w, len))
				return 0;
			continue;
		}
		while (n < num && pick_device(w, n, len))
			n++;
		if (n == num)
			return shortened && !loose ? -EDOM : 0;
	}
	return -ENOSPC;
}

/* Is each stripe a copy of the whole? */
static bool makes_copies(const struct profile *p)
{
	return !p->parity && p->max_devs && profile_data_stripes(p, p->max_devs * p->dev_stripes) == 1;
}

static bool is_copies(const struct chunk *c)
{
	return !c->profile->parity && c->data_stripes == 1;
}

static int plan_all(struct plan *w, bool loose)
{
	w->out->length = w->c->length;
	w->out->sub_stripes = w->p->sub_stripes;
	if (makes_copies(w->p) && is_copies(w->c))
		return plan_copies(w) ? 0 : -ENOSPC;
	if (w->p == w->c->profile && !w->restripe && plan_places(w))
		return 0;
	return plan_stripes(w, loose);
}

/* --- superblocks --- */

struct taken { struct block_group *bg; const struct ranges *free; bool conflict; };

static int take_place(void *arg, u64 logical, u64 len)
{
	struct taken *t = arg;
	struct block_group *bg = t->bg;
	u64 from = bg->start + (logical - bg->start) / BTRFS_STRIPE_LEN * BTRFS_STRIPE_LEN;
	u64 to = min_t(u64, bg->start + div_round_up(logical + len - bg->start, BTRFS_STRIPE_LEN) * BTRFS_STRIPE_LEN, bg->start + bg->length);

	if (t->free) {
		t->conflict |= !ranges_has(t->free, from, to);
		return 0;
	}
	return ranges_add(&bg->excluded, from, to) || ranges_del(&bg->free, from, to) || ranges_del(&bg->partial, from, to) ? -ENOMEM : 0;
}

static int each_place(struct alloc *a, const struct chunk *next, struct taken *t)
{
	int ret = 0;

	for (size_t i = 0; i < a->vol->devices.len && !ret; i++)
		for (int copy = 0; copy < BTRFS_SUPER_MIRROR_MAX && !ret; copy++)
			ret = chunk_reverse(next, a->vol->devices.v[i], btrfs_super_offset[copy], BTRFS_STRIPE_LEN, take_place, t);
	return ret;
}

/* What would lie where a superblock copy does must not be in use, nor come into use from here on. */
static int keep_off_supers(struct alloc *a, struct block_group *bg, const struct chunk *next, struct err *err)
{
	struct ranges free = RANGES_INIT;
	struct taken t = { bg, &free, false };
	int ret = extent_tree_free(a, bg, &free, err);

	if (!ret)
		ret = each_place(a, next, &t);
	t.free = NULL;
	if (!ret && t.conflict)
		ret = -ENOSPC;
	if (!ret && each_place(a, next, &t))
		ret = err_nomem(err);
	ranges_fini(&free);
	return ret;
}

/* --- making it so --- */

static bool has_extent(const struct chunk *c, const struct stripe *s, u64 length)
{
	for (unsigned i = 0; i < c->num_stripes; i++)
		if (c->stripes[i].dev == s->dev && c->stripes[i].physical == s->physical && c->stripe_length == length)
			return true;
	return false;
}

static int account(struct alloc *a, const struct chunk *old, const struct chunk *next, struct err *err)
{
	for (unsigned k = 0; k < next->num_stripes; k++) {
		const struct stripe *s = &next->stripes[k];

		if (has_extent(old, s, next->stripe_length))
			continue;
		s->dev->bytes_used += next->stripe_length;
		if (ranges_add(&dev_space(a, s->dev->devid)->used, s->physical, s->physical + next->stripe_length))
			return err_nomem(err);
	}
	for (unsigned k = 0; k < old->num_stripes; k++) {
		const struct stripe *s = &old->stripes[k];
		struct hole h = { s->dev->devid, s->physical, s->physical + old->stripe_length };

		if (has_extent(next, s, old->stripe_length))
			continue;
		s->dev->bytes_used -= min_t(u64, old->stripe_length, s->dev->bytes_used);
		if (vec_push(&a->holes, h))
			return err_nomem(err);
	}
	return 0;
}

static int start_move(struct alloc *a, struct block_group *bg, struct chunk_plan *plan, u64 flags, struct err *err)
{
	u32 size;
	struct disk_chunk *item CLEANUP(mem_freep) = chunk_item_new(a, flags, plan, &size);
	const struct chunk *c = bg->chunk;
	struct chunk *copy;
	int ret = item ? volume_move_chunk(a->vol, bg->start, item, err) : err_nomem(err);

	if (ret)
		return ret;
	ret = keep_off_supers(a, bg, c->next, err);
	if (ret) {
		volume_unmove_chunk(a->vol, bg->start);
		return ret;
	}
	copy = mem_dup(c, sizeof(*c) + c->num_stripes * sizeof(c->stripes[0]));
	if (!copy || vec_push(&a->moves, copy)) {
		free(copy);
		return err_nomem(err);
	}
	copy->next = NULL;
	bg->moving = true;
	bg->next_flags = flags;
	if (flags & BTRFS_BLOCK_GROUP_SYSTEM) {
		chunk_array_remove(a, bg->start);
		ret = chunk_array_add(a, c->next, err);
	}
	chunk_features(a, flags);
	return ret ? ret : account(a, copy, c->next, err);
}

int chunk_move(struct alloc *a, u64 start, u64 profile, unsigned how, struct err *err)
{
	struct block_group *bg = alloc_block_group(a, start);
	struct plan w = { .a = a, .p = profile_of(profile), .out = NULL };
	struct chunk_plan *plan CLEANUP(mem_freep) = mem_zalloc(sizeof(*plan));
	int ret = plan ? devs_load(a, err) : err_nomem(err);

	if (ret)
		return ret;
	if (!bg || bg->start != start || bg->item_missing || bg->removed || bg->moving)
		return err_set(err, -EBUSY, "block group %llu cannot be moved now", start);
	w.c = bg->chunk;
	w.out = plan;
	w.restripe = how & MOVE_RESTRIPE && !w.p->max_devs && w.p->dev_stripes == 1
		&& w.c->num_stripes + w.p->devs_increment <= min_t(unsigned, devices_with(&w, BTRFS_STRIPE_LEN), 255);
	if (w.p == w.c->profile && !chunk_is_misplaced(a, w.c) && !w.restripe)
		return -EALREADY;
	for (int avoid = 1; avoid >= 0; avoid--) {
		w.avoid = avoid;
		memset(plan, 0, sizeof(*plan));
		ret = plan_all(&w, how & MOVE_LOOSE);
		if (!ret)
			ret = start_move(a, bg, plan, (bg->flags & BTRFS_BLOCK_GROUP_TYPE_MASK) | w.p->flag, err);
		if (ret != -ENOSPC)
			break;
	}
	if (ret == -EDOM)
		return err_set(err, ret, "chunk %llu does not divide among the devices", start);
	if (ret == -ENOSPC)
		return err_set(err, ret, "no room for %s of chunk %llu as %s on the devices that are left", units_human(w.c->length), start, w.p->name);
	return ret;
}

int moves_write(struct alloc *a, bool *changed, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < a->moves.len; i++) {
		const struct chunk *old = a->moves.v[i], *c = chunk_lookup(a->vol, old->start), *next = c->next;
		struct block_group *bg = alloc_block_group(a, old->start);

		*changed = true;
		bg->used_item = ~bg->used; /* its item has other flags now */
		ret = chunk_item_put(a, next, err);
		for (unsigned k = 0; !ret && k < old->num_stripes; k++)
			if (!has_extent(next, &old->stripes[k], old->stripe_length))
				ret = dev_extent_write(a, old, k, false, err);
		for (unsigned k = 0; !ret && k < next->num_stripes; k++)
			if (!has_extent(old, &next->stripes[k], next->stripe_length))
				ret = dev_extent_write(a, next, k, true, err);
	}
	for (size_t i = 0; i < a->moves.len; i++)
		free(a->moves.v[i]);
	a->moves.len = 0;
	return ret;
}

/* Rows and superblocks are elsewhere now: what is free is found out anew. */
static void group_forget(struct block_group *bg)
{
	ranges_fini(&bg->free);
	ranges_fini(&bg->partial);
	ranges_fini(&bg->opened);
	ranges_fini(&bg->excluded);
	bg->loaded = false;
}

int moves_committed(struct alloc *a)
{
	bool moved = false;

	for (size_t i = 0; i < a->vol->chunks.len && !moved; i++)
		moved = a->vol->chunks.v[i]->next;
	if (!moved)
		return 0;
	volume_settle_chunks(a->vol, true);
	for (size_t i = 0; i < a->groups.len; i++) {
		struct block_group *bg = a->groups.v[i];

		bg->chunk = chunk_lookup(a->vol, bg->start);
		if (!bg->moving)
			continue;
		bg->moving = false;
		bg->flags = bg->next_flags;
		bg->readonly = bg->chunk->missing > bg->chunk->profile->tolerated;
		group_forget(bg);
	}
	return groups_exclude_supers(a);
}

void alloc_set_profile(struct alloc *a, u64 type, u64 profile)
{
	a->profile[type_index(type)] = profile & BTRFS_BLOCK_GROUP_PROFILE_MASK;
}

void alloc_trim_features(struct alloc *a)
{
	u64 used = 0, gone;

	for (size_t i = 0; i < a->groups.len; i++)
		if (!a->groups.v[i]->removed)
			used |= a->groups.v[i]->moving ? a->groups.v[i]->next_flags : a->groups.v[i]->flags;
	gone = (used & BTRFS_BLOCK_GROUP_RAID56_MASK ? 0 : BTRFS_FEATURE_INCOMPAT_RAID56)
		| (used & (BTRFS_BLOCK_GROUP_RAID1C3 | BTRFS_BLOCK_GROUP_RAID1C4) ? 0 : BTRFS_FEATURE_INCOMPAT_RAID1C34);
	a->super->incompat_flags = le64_of(le64_get(a->super->incompat_flags) & ~gone);
	a->vol->geo.incompat &= ~gone;
}
