/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Balance: which chunks, and what becomes of them. Spec: cli 9.1. */
#include "kernel-shared/chunks/work.h"

#include "kernel-shared/fs/usage.h"
#include "kernel-shared/fs/write.h"

enum { BATCH_GROUPS = 32 };
#define BATCH_BYTES (1ULL << 30)

/* --- filters --- */

static u64 percent(u64 length, u64 n)
{
	return n > 100 ? length : (u64)((double)length / 100 * n);
}

static bool usage_fits(const struct balance_filter *f, const struct chunk *c, u64 used)
{
	if (f->flags & BTRFS_BALANCE_ARGS_USAGE)
		return used < (f->usage ? percent(c->length, f->usage) : 1);
	return used >= percent(c->length, f->usage_min) && used < (f->usage_max ? percent(c->length, f->usage_max) : 1);
}

static bool devid_fits(const struct balance_filter *f, const struct chunk *c)
{
	for (unsigned k = 0; k < c->num_stripes; k++) {
		const struct stripe *s = &c->stripes[k];

		if (s->dev->devid != f->devid)
			continue;
		if (!(f->flags & BTRFS_BALANCE_ARGS_DRANGE) || (s->physical < f->pend && s->physical + c->stripe_length > f->pstart))
			return true;
	}
	return false;
}

static u64 extended(u64 type)
{
	u64 profile = type & BTRFS_BLOCK_GROUP_PROFILE_MASK;

	return profile ? profile : BTRFS_AVAIL_ALLOC_BIT_SINGLE;
}

/* All but the limit. */
static bool fits(const struct balance_filter *f, const struct chunk *c, u64 used)
{
	u64 flags = f->flags;

	if (flags & BTRFS_BALANCE_ARGS_PROFILES && !(f->profiles & extended(c->type)))
		return false;
	if (flags & (BTRFS_BALANCE_ARGS_USAGE | BTRFS_BALANCE_ARGS_USAGE_RANGE) && !usage_fits(f, c, used))
		return false;
	if (flags & BTRFS_BALANCE_ARGS_DEVID && !devid_fits(f, c))
		return false;
	if (flags & BTRFS_BALANCE_ARGS_VRANGE && !(c->start < f->vend && c->start + c->length > f->vstart))
		return false;
	if (flags & BTRFS_BALANCE_ARGS_STRIPES_RANGE && (c->num_stripes < f->stripes_min || c->num_stripes > f->stripes_max))
		return false;
	return !(flags & BTRFS_BALANCE_ARGS_SOFT && flags & BTRFS_BALANCE_ARGS_CONVERT && f->target == extended(c->type));
}

static const struct balance_filter *filter_of(const struct balance *b, u64 type)
{
	if (type & BTRFS_BLOCK_GROUP_DATA)
		return b->flags & BTRFS_BALANCE_DATA ? &b->data : NULL;
	if (type & BTRFS_BLOCK_GROUP_SYSTEM)
		return b->flags & BTRFS_BALANCE_SYSTEM ? &b->system : NULL;
	return b->flags & BTRFS_BALANCE_METADATA ? &b->meta : NULL;
}

static unsigned count_fitting(struct fs *fs, const struct balance *b, const struct balance_filter *f)
{
	unsigned n = 0;
	u64 used;

	for (size_t i = 0; i < fs->vol->chunks.len; i++) {
		const struct chunk *c = fs->vol->chunks.v[i];

		n += filter_of(b, c->type) == f && !fs_block_group_used(fs, c, &used, NULL) && fits(f, c, used);
	}
	return n;
}

struct chosen { u64 start, used, type, target; bool convert; };
VEC_TYPE(chosen_list, struct chosen);

/* From the last one down, as the kernel goes. */
static int choose(struct fs *fs, const struct balance *b, struct chosen_list *out, struct err *err)
{
	const struct balance_filter *filters[] = { &b->data, &b->meta, &b->system };
	u64 left[3];

	for (unsigned k = 0; k < 3; k++) {
		const struct balance_filter *f = filters[k];

		left[k] = f->flags & BTRFS_BALANCE_ARGS_LIMIT ? f->limit : f->flags & BTRFS_BALANCE_ARGS_LIMIT_RANGE ? f->limit_max : ~0ULL;
		if (f->flags & BTRFS_BALANCE_ARGS_LIMIT_RANGE && count_fitting(fs, b, f) < f->limit_min)
			left[k] = 0;
	}
	for (size_t i = fs->vol->chunks.len; i; i--) {
		const struct chunk *c = fs->vol->chunks.v[i - 1];
		const struct balance_filter *f = filter_of(b, c->type);
		struct chosen x = { .start = c->start, .type = c->type };

		if (!f || fs_block_group_used(fs, c, &x.used, NULL) || !fits(f, c, x.used))
			continue;
		if (!left[f == &b->data ? 0 : f == &b->meta ? 1 : 2]--) {
			left[f == &b->data ? 0 : f == &b->meta ? 1 : 2] = 0;
			continue;
		}
		x.convert = f->flags & BTRFS_BALANCE_ARGS_CONVERT;
		x.target = f->target & BTRFS_BLOCK_GROUP_PROFILE_MASK;
		if (vec_push(out, x))
			return err_nomem(err);
	}
	return 0;
}

u64 fs_balance_bytes(struct fs *fs, const struct balance *b)
{
	struct chosen_list list = VEC_INIT;
	u64 sum = 0;

	if (!choose(fs, b, &list, NULL))
		for (size_t i = 0; i < list.len; i++)
			sum += list.v[i].used;
	vec_fini(&list);
	return sum;
}

/* --- what may not be --- */

static unsigned usable_devices(const struct fs *fs)
{
	unsigned n = 0;

	for (size_t i = 0; i < fs->vol->devices.len; i++)
		n += fs->vol->devices.v[i]->bdev && !fs->vol->devices.v[i]->seed;
	return n;
}

static bool is_redundant(u64 profile)
{
	return profile_of(profile)->copies > 1 || profile_of(profile)->tolerated;
}

static bool reduces(const struct fs *fs, const struct balance_filter *f, u64 type)
{
	if (!(f->flags & BTRFS_BALANCE_ARGS_CONVERT) || is_redundant(f->target))
		return false;
	for (size_t i = 0; i < fs->vol->chunks.len; i++)
		if (fs->vol->chunks.v[i]->type & type && is_redundant(fs->vol->chunks.v[i]->type))
			return true;
	return false;
}

static int check(struct fs *fs, struct balance *b, struct err *err)
{
	const struct { u64 flag; const struct balance_filter *f; const char *too_few; } rows[] = {
		{ BTRFS_BALANCE_DATA, &b->data, "too few devices for the data profile" },
		{ BTRFS_BALANCE_METADATA, &b->meta, "too few devices for the metadata profile" },
		{ BTRFS_BALANCE_SYSTEM, &b->system, "too few devices for the system profile" } };
	bool mixed = geo_incompat(fs->geo, BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (b->flags & rows[i].flag && rows[i].f->flags & BTRFS_BALANCE_ARGS_CONVERT && profile_of(rows[i].f->target)->min_devs > usable_devices(fs))
			b->refused = rows[i].too_few;
	if (!b->refused && mixed && b->flags & (BTRFS_BALANCE_DATA | BTRFS_BALANCE_METADATA)
	    && (~b->flags & (BTRFS_BALANCE_DATA | BTRFS_BALANCE_METADATA) || memcmp(&b->data, &b->meta, sizeof(b->data))))
		b->refused = "with mixed groups data and metadata options must be the same";
	if (!b->refused && !(b->flags & BTRFS_BALANCE_FORCE)
	    && ((b->flags & BTRFS_BALANCE_METADATA && reduces(fs, &b->meta, BTRFS_BLOCK_GROUP_METADATA))
		|| (b->flags & BTRFS_BALANCE_SYSTEM && reduces(fs, &b->system, BTRFS_BLOCK_GROUP_SYSTEM))))
		b->refused = "balance reduces metadata redundancy, use --force if you want this";
	return b->refused ? err_set(err, -EINVAL, "%s", b->refused) : 0;
}

/* --- moving --- */

int relocate_begin(struct fs *fs, struct err *err)
{
	struct key key = KEY(BTRFS_TREE_RELOC_OBJECTID, BTRFS_ROOT_ITEM_KEY, 0);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct txn *txn;
	struct item item;
	int ret = tree_lookup_ge(&fs->root_tree->tree, &key, &p, &item, err);

	if (!ret && item.key.objectid == key.objectid && item.key.type == key.type)
		return err_set(err, -EBUSY, "a balance of the kernel was interrupted half way: mount the filesystem for writing, which finishes or drops that, then try again");
	path_fini(&p);
	if (ret && ret != -ENOENT)
		return ret;
	err_clear(err);
	ret = txn_begin(fs->writer, &txn, err);
	if (ret)
		return ret;
	ret = fs_clean_orphans(txn, err);
	if (!ret)
		return work_commit(fs, txn, err);
	txn_abort(txn);
	return ret;
}

static int remove_groups(struct fs *fs, const struct addresses *groups, struct chunks_work *w, struct err *err)
{
	struct txn *txn;
	int ret = txn_begin(fs->writer, &txn, err);

	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < groups->len; i++)
		ret = chunk_remove(txn_alloc(txn), groups->v[i], err);
	return work_end(fs, txn, ret, groups->len, w, err);
}

static void set_readonly(struct fs *fs, const struct addresses *groups, bool readonly)
{
	for (size_t i = 0; groups && i < groups->len; i++)
		alloc_set_readonly(writer_alloc(fs->writer), groups->v[i], readonly);
}

int groups_relocate(struct fs *fs, const struct addresses *groups, const struct addresses *avoid, struct chunks_work *w, struct err *err)
{
	int ret;

	set_readonly(fs, avoid, true);
	set_readonly(fs, groups, true);
	ret = groups_empty(fs, groups, w, err);
	if (!ret)
		ret = remove_groups(fs, groups, w, err);
	if (writer_dead(fs->writer))
		return ret;
	set_readonly(fs, avoid, false);
	if (ret)
		set_readonly(fs, groups, false);
	return ret;
}

/* All groups of a type whose profile is another. */
static int other_profiles(struct fs *fs, u64 type, u64 profile, struct addresses *out)
{
	for (size_t i = 0; i < fs->vol->chunks.len; i++) {
		const struct chunk *c = fs->vol->chunks.v[i];

		if ((c->type & BTRFS_BLOCK_GROUP_TYPE_MASK) == (type & BTRFS_BLOCK_GROUP_TYPE_MASK) && (c->type & BTRFS_BLOCK_GROUP_PROFILE_MASK) != profile
		    && vec_push(out, c->start))
			return -ENOMEM;
	}
	return 0;
}

static int convert_extents(struct fs *fs, const struct chosen *x, struct chunks_work *w, struct err *err)
{
	struct addresses one = VEC_INIT, avoid = VEC_INIT;
	int ret = vec_push(&one, x->start) || other_profiles(fs, x->type, x->target, &avoid) ? err_nomem(err) : relocate_begin(fs, err);

	if (!ret)
		ret = groups_relocate(fs, &one, &avoid, w, err);
	vec_fini(&one);
	vec_fini(&avoid);
	return ret;
}

static int convert(struct fs *fs, const struct chosen *x, struct chunks_work *w, struct err *err)
{
	int ret = chunk_relocate_stripes(fs, x->start, x->target, MOVE_RESTRIPE, w, err);

	if (ret == -EDOM || ret == -ENOSPC) {
		err_clear(err);
		ret = convert_extents(fs, x, w, err);
	}
	if ((ret == -EDOM || ret == -ENOSPC) && !writer_dead(fs->writer)) {
		err_clear(err);
		ret = chunk_relocate_stripes(fs, x->start, x->target, MOVE_RESTRIPE | MOVE_LOOSE, w, err);
	}
	return ret == -EALREADY ? 0 : ret;
}

/* As many as are moved well together: each transaction walks all subvolumes once. */
static size_t batch_of(struct fs *fs, const struct chosen_list *list, size_t from, struct addresses *out)
{
	u64 room, chunks, bytes = 0;
	size_t n = 0;

	alloc_available(writer_alloc(fs->writer), list->v[from].type & BTRFS_BLOCK_GROUP_TYPE_MASK, &room, &chunks);
	out->len = 0;
	while (from + n < list->len && n < BATCH_GROUPS) {
		const struct chosen *x = &list->v[from + n];

		if (n && (x->convert || x->type != list->v[from].type || bytes + x->used > BATCH_BYTES || bytes + x->used > (room + chunks) / 4))
			break;
		if (vec_push(out, x->start))
			return 0;
		bytes += x->used;
		n++;
	}
	return n;
}

/* What is still to be moved is avoided, so that nothing is moved twice; if that leaves no room it is not. */
static int pack(struct fs *fs, const struct chosen_list *list, size_t *at, struct chunks_work *w, struct err *err)
{
	struct addresses batch = VEC_INIT, rest = VEC_INIT;
	size_t n = batch_of(fs, list, *at, &batch);
	int ret = n ? 0 : err_nomem(err);

	for (size_t i = *at + n; !ret && i < list->len; i++)
		if (vec_push(&rest, list->v[i].start))
			ret = err_nomem(err);
	if (!ret)
		ret = groups_relocate(fs, &batch, &rest, w, err);
	if (ret == -ENOSPC && !writer_dead(fs->writer)) {
		n = batch.len = 1;
		err_clear(err);
		ret = groups_relocate(fs, &batch, NULL, w, err);
	}
	vec_fini(&batch);
	vec_fini(&rest);
	*at += n;
	return ret;
}

static int balance_list(struct fs *fs, struct balance *b, const struct chosen_list *list, struct chunks_work *w, struct err *err)
{
	bool begun = false;
	int ret = 0;

	for (size_t i = 0; !ret && i < list->len;) {
		size_t before = i;

		ret = env_check_interrupt(fs->env, err);
		if (!ret && list->v[i].convert) {
			ret = convert(fs, &list->v[i++], w, err);
		} else if (!ret) {
			ret = begun ? 0 : relocate_begin(fs, err);
			begun = true;
			if (!ret)
				ret = pack(fs, list, &i, w, err);
		}
		if (!ret)
			b->completed += i - before;
	}
	return ret;
}

int fs_balance(struct fs *fs, struct balance *b, struct chunks_work *w, struct err *err)
{
	static const u64 types[] = { BTRFS_BLOCK_GROUP_DATA, BTRFS_BLOCK_GROUP_METADATA, BTRFS_BLOCK_GROUP_SYSTEM };
	struct chosen_list list = VEC_INIT;
	int ret;

	b->considered = fs->vol->chunks.len;
	b->completed = 0;
	b->refused = NULL;
	ret = check(fs, b, err);
	for (unsigned i = 0; !ret && i < ARRAY_SIZE(types); i++) {
		const struct balance_filter *f = filter_of(b, types[i]);

		if (f && f->flags & BTRFS_BALANCE_ARGS_CONVERT)
			alloc_set_profile(writer_alloc(fs->writer), types[i], f->target);
	}
	if (!ret)
		ret = choose(fs, b, &list, err);
	if (!ret)
		ret = balance_list(fs, b, &list, w, err);
	vec_fini(&list);
	return ret;
}
