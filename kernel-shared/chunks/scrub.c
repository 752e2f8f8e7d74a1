/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scrub. The trees are walked by one thread, which says what each piece of a chunk must hold; the pool reads all copies of it and judges them; mending is done
 * piece after piece, in order. What is mended is written in place: it was bad before. Spec: on-disk-format 5.3. */
#include "kernel-shared/chunks/scrub.h"

#include <stdlib.h>
#include <time.h>
#include "common/pool.h"

enum { PIECE = 1 << 20, ROWS_MEMORY = 1 << 20 };

struct scrub {
	struct fs *fs;
	const struct scrub_args *a;
	struct scrub_stats *stats;
	u64 *reached;
	u64 begun_ns, read;        /* for the limit: bytes read of the busiest device, about */
};

/* --- the piece in hand --- */

void scrub_job_free(struct scrub_job *j)
{
	if (!j)
		return;
	window_fini(&j->w);
	vec_fini(&j->events);
	free(j->memory);
	free(j->state);
	free(j);
}

void scrub_count(struct scrub_job *j, const struct device *dev, enum scrub_counter c, u64 n)
{
	__atomic_fetch_add(&j->stats[dev->index].v[c], n, __ATOMIC_RELAXED);
}

void scrub_seen(struct scrub_job *j, const struct device *dev, u64 physical_end)
{
	u64 *last = &j->stats[dev->index].v[SCRUB_LAST_PHYSICAL], old = __atomic_load_n(last, __ATOMIC_RELAXED);

	while (old < physical_end && !__atomic_compare_exchange_n(last, &old, physical_end, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

int scrub_event(struct scrub_job *j, enum scrub_fault fault, const struct phys *p, u64 logical, u32 len, const u8 *good)
{
	struct scrub_event e = { fault, *p, logical, len, good, false };

	return vec_push(&j->events, e) ? -ENOMEM : 0;
}

/* What was read of one copy, in the kernel's units: an extent counts once in each 64 KiB stripe that it touches. */
void scrub_count_read(struct scrub_job *j, const struct device *dev, u32 from, u32 n)
{
	u32 sector = j->fs->geo->sectorsize, per_stripe = BTRFS_STRIPE_LEN / sector;
	u64 extents[2] = { 0, 0 }, sectors[2] = { 0, 0 }, no_csum = 0;

	for (u32 i = from; i < from + n; i++) {
		bool tree = j->w.kind[i] == SECTOR_NODE || j->w.kind[i] == SECTOR_NODE_REST;

		if (j->w.kind[i] == SECTOR_FREE)
			continue;
		sectors[tree]++;
		no_csum += j->w.kind[i] == SECTOR_UNSUMMED;
		extents[tree] += j->w.first[i] || (!tree && i % per_stripe == 0);
	}
	scrub_count(j, dev, SCRUB_DATA_EXTENTS, extents[0]);
	scrub_count(j, dev, SCRUB_TREE_EXTENTS, extents[1]);
	scrub_count(j, dev, SCRUB_DATA_BYTES, sectors[0] * sector);
	scrub_count(j, dev, SCRUB_TREE_BYTES, sectors[1] * sector);
	scrub_count(j, dev, SCRUB_NO_CSUM, no_csum);
}

/* --- chunks whose copies are mirrors of one another, or single --- */

enum { GOOD, BAD, OLD, UNREADABLE, ABSENT };

static int read_copy(struct scrub_job *j, unsigned mirror)
{
	u8 *buf = j->memory + (size_t)(mirror - 1) * j->w.len, *state = j->state + (size_t)(mirror - 1) * j->w.sectors;
	u32 sector = j->fs->geo->sectorsize;

	for (u32 from = 0, n; window_run(&j->w, &from, &n); from += n) {
		for (u32 i = 0, part; i < n; i += part) {
			struct err err = ERR_INIT;
			struct phys p;

			if (rio_map(j->fs->vol, j->w.start + (u64)(from + i) * sector, (u64)(n - i) * sector, mirror, &p))
				return -EUCLEAN;
			part = p.len / sector;
			if (!p.dev->bdev) {
				memset(state + from + i, ABSENT, part);
				continue;
			}
			if (bdev_read(p.dev->bdev, p.physical, buf + (size_t)(from + i) * sector, p.len, &err)) {
				/* which of the sectors? */
				for (u32 k = 0; k < part; k++)
					if (bdev_read(p.dev->bdev, p.physical + (u64)k * sector, buf + (size_t)(from + i + k) * sector, sector, &err))
						state[from + i + k] = UNREADABLE;
			}
			scrub_seen(j, p.dev, p.physical + p.len);
			scrub_count_read(j, p.dev, from + i, part);
		}
	}
	return 0;
}

/* Units of which a sector could not be read are bad as a whole. */
static int judge_copy(struct scrub_job *j, unsigned mirror)
{
	const u8 *buf = j->memory + (size_t)(mirror - 1) * j->w.len;
	u8 *state = j->state + (size_t)(mirror - 1) * j->w.sectors, *bad = mem_alloc(j->w.sectors, 1);
	u32 sector = j->fs->geo->sectorsize;

	if (!bad)
		return -ENOMEM;
	for (u32 from = 0, n; window_run(&j->w, &from, &n); from += n) {
		window_judge(j->fs, &j->w, from, n, buf + (size_t)from * sector, bad);
		for (u32 i = 0; i < n; i++)
			if (bad[i] && state[from + i] == GOOD)
				state[from + i] = BAD;
	}
	free(bad);
	return 0;
}

/* Of data without checksums a device that has missed commits knows less than the others. */
static void compare_stale(struct scrub_job *j, unsigned mirror)
{
	const u8 *buf = j->memory + (size_t)(mirror - 1) * j->w.len;
	u8 *state = j->state + (size_t)(mirror - 1) * j->w.sectors;
	u32 sector = j->fs->geo->sectorsize;

	for (u32 i = 0; i < j->w.sectors; i++) {
		struct phys p;

		if (j->w.kind[i] != SECTOR_UNSUMMED || state[i] != GOOD || rio_map(j->fs->vol, j->w.start + (u64)i * sector, sector, mirror, &p) || !p.dev->stale)
			continue;
		for (unsigned m = 1; m <= j->copies; m++) {
			struct phys other;

			if (m == mirror || j->state[(size_t)(m - 1) * j->w.sectors + i] != GOOD
			    || rio_map(j->fs->vol, j->w.start + (u64)i * sector, sector, m, &other) || other.dev->stale)
				continue;
			if (memcmp(buf + (size_t)i * sector, j->memory + (size_t)(m - 1) * j->w.len + (size_t)i * sector, sector))
				state[i] = OLD;
			break;
		}
	}
}

static const u8 *good_copy(struct scrub_job *j, u32 from, u32 unit)
{
	for (unsigned m = 0; m < j->copies; m++) {
		const u8 *state = j->state + (size_t)m * j->w.sectors + from;
		u32 i = 0;

		while (i < unit && state[i] == GOOD)
			i++;
		if (i == unit)
			return j->memory + (size_t)m * j->w.len + (size_t)from * j->fs->geo->sectorsize;
	}
	return NULL;
}

static enum scrub_fault fault_of(const struct window *w, u32 at, u8 state)
{
	return state == UNREADABLE ? SCRUB_FAULT_READ : state == OLD ? SCRUB_FAULT_OLD : w->kind[at] == SECTOR_SUMMED ? SCRUB_FAULT_CSUM : SCRUB_FAULT_NODE;
}

static int note_unit(struct scrub_job *j, unsigned mirror, u32 from, u32 unit)
{
	const u8 *state = j->state + (size_t)(mirror - 1) * j->w.sectors + from;
	u32 sector = j->fs->geo->sectorsize, worst = 0, part;
	u64 logical = j->w.start + (u64)from * sector;
	const u8 *good;

	for (u32 i = 0; i < unit; i++)
		worst = max_t(u32, worst, state[i]);
	if (worst == GOOD || worst == ABSENT)
		return 0;
	good = good_copy(j, from, unit);
	for (u32 i = 0; i < unit; i += part) {
		struct phys p;
		int ret = rio_map(j->fs->vol, logical + (u64)i * sector, (u64)(unit - i) * sector, mirror, &p);

		if (!ret)
			ret = scrub_event(j, fault_of(&j->w, from, worst), &p, logical + (u64)i * sector, p.len, good ? good + (size_t)i * sector : NULL);
		if (ret)
			return ret;
		part = p.len / sector;
	}
	return 0;
}

static int work_mirrors(struct scrub_job *j)
{
	int ret = 0;

	j->copies = j->chunk->profile->copies;
	j->memory = mem_alloc_io((size_t)j->copies * j->w.len);
	j->state = mem_calloc(j->copies, j->w.sectors);
	if (!j->memory || !j->state)
		return -ENOMEM;
	for (unsigned m = 1; m <= j->copies && !ret; m++) {
		ret = read_copy(j, m);
		if (!ret)
			ret = judge_copy(j, m);
	}
	for (unsigned m = 1; m <= j->copies && !ret; m++)
		compare_stale(j, m);
	for (unsigned m = 1; m <= j->copies && !ret; m++)
		for (u32 from = 0, unit; from < j->w.sectors && !ret; from += unit) {
			unit = window_unit(j->fs, &j->w, from);
			if (j->w.kind[from] != SECTOR_FREE)
				ret = note_unit(j, m, from, unit);
		}
	return ret;
}

static void job_work(void *job, void *arg, unsigned worker)
{
	struct scrub_job *j = job;

	(void)arg, (void)worker;
	j->ret = j->chunk->profile->parity ? scrub_rows(j) : work_mirrors(j);
}

/* --- mending, in order --- */

static void settle_event(struct scrub *s, struct scrub_job *j, const struct scrub_event *e)
{
	static const enum scrub_counter counter[] = { [SCRUB_FAULT_READ] = SCRUB_READ_ERRORS, [SCRUB_FAULT_CSUM] = SCRUB_CSUM_ERRORS,
		[SCRUB_FAULT_NODE] = SCRUB_VERIFY_ERRORS, [SCRUB_FAULT_PARITY] = SCRUB_VERIFY_ERRORS, [SCRUB_FAULT_OLD] = SCRUB_CSUM_ERRORS };
	struct scrub_bad b = { e->fault, e->p.dev, e->logical, e->p.physical, e->len, e->good };
	u64 sectors = e->len / s->fs->geo->sectorsize;
	struct err err = ERR_INIT;

	if (e->good && !s->a->readonly && bdev_write(e->p.dev->bdev, e->p.physical, e->good, e->len, &err))
		b.good = false;
	if (e->fault == SCRUB_FAULT_SUPER || e->silent)
		return;
	scrub_count(j, e->p.dev, counter[e->fault], sectors);
	scrub_count(j, e->p.dev, b.good ? SCRUB_CORRECTED : SCRUB_UNCORRECTABLE, sectors);
	if (s->a->bad)
		s->a->bad(s->a->arg, &b);
}

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Sleeps until no more than the limit has been read. */
static void keep_limit(struct scrub *s, u64 bytes)
{
	u64 due, now;

	if (!s->a->limit)
		return;
	s->read += bytes;
	due = s->begun_ns + (u64)((double)s->read / s->a->limit * 1e9);
	while ((now = now_ns()) < due && !env_check_interrupt(s->fs->env, NULL)) {
		u64 part = min_t(u64, due - now, 200000000);

		nanosleep(&(struct timespec){ part / 1000000000, part % 1000000000 }, NULL);
	}
}

static int job_done(void *job, void *arg)
{
	struct scrub_job *j = job;
	struct scrub *s = arg;
	u64 used = (u64)j->w.used * s->fs->geo->sectorsize;
	int ret = j->ret;

	for (size_t i = 0; !ret && i < j->events.len; i++)
		settle_event(s, j, &j->events.v[i]);
	if (!ret)
		*s->reached = j->w.start + j->w.len;
	progress_add(s->a->progress, used * j->chunk->profile->copies);
	keep_limit(s, used);
	scrub_job_free(j);
	return ret;
}

static void job_drop(void *job, void *arg)
{
	(void)arg;
	scrub_job_free(job);
}

/* --- all chunks --- */

/* Bytes of one piece: whole rows where there is parity, whole stripes else. */
static u32 piece_length(const struct chunk *c)
{
	u64 row = c->profile->parity ? (u64)c->data_stripes * BTRFS_STRIPE_LEN : BTRFS_STRIPE_LEN;

	return row * max_t(u64, 1, (c->profile->parity ? ROWS_MEMORY : PIECE) / row);
}

static int scrub_chunk(struct scrub *s, struct ordq *q, const struct chunk *c, struct err *err)
{
	u64 unit = piece_length(c), at;
	struct used_walk walk;
	int ret = used_walk_init(&walk, s->fs, c->start, c->start + c->length, err);

	if (ret)
		return ret;
	for (u64 pos = c->start; !ret && used_walk_next(&walk, pos, &at);) {
		struct scrub_job *j = mem_zalloc(sizeof(*j));
		u64 start = c->start + (at - c->start) / unit * unit;

		if (!j) {
			ret = err_nomem(err);
			break;
		}
		*j = (struct scrub_job){ .fs = s->fs, .chunk = c, .stats = s->stats, .readonly = s->a->readonly };
		pos = start + min_t(u64, unit, c->start + c->length - start);
		ret = used_walk_window(&walk, start, pos - start, &j->w, err);
		if (ret) {
			scrub_job_free(j);
			break;
		}
		ret = ordq_push(q, j);
		if (ret)
			ret = err_set(err, ret, "cannot scrub at logical %llu", start);
		if (!ret)
			ret = env_check_interrupt(s->fs->env, err);
	}
	used_walk_fini(&walk);
	return ret;
}

/* --- superblocks --- */

static bool super_is_good(const struct scrub *s, struct device *d, unsigned copy)
{
	struct disk_super sb;

	return !volume_read_super(d->bdev, copy, &sb, NULL) && le64_get(sb.generation) == le64_get(s->fs->sb->generation)
		&& !memcmp(sb.fsid, s->fs->sb->fsid, sizeof(sb.fsid));
}

static bool supers_are_bad(struct scrub *s)
{
	bool bad = false;

	for (size_t i = 0; i < s->fs->vol->devices.len; i++) {
		struct device *d = s->fs->vol->devices.v[i];

		for (unsigned copy = 0; d->bdev && !d->seed && copy < BTRFS_SUPER_MIRROR_MAX; copy++) {
			struct scrub_bad b = { SCRUB_FAULT_SUPER, d, 0, btrfs_super_offset[copy], BTRFS_SUPER_INFO_SIZE, true };

			if (b.physical + b.len > min_t(u64, d->total_bytes, d->bdev->size) || super_is_good(s, d, copy))
				continue;
			bad = true;
			s->stats[i].v[SCRUB_SUPER_ERRORS]++;
			if (s->a->bad)
				s->a->bad(s->a->arg, &b);
		}
	}
	return bad;
}

int scrub_run(struct fs *fs, const struct scrub_args *args, struct scrub_stats *stats, u64 *reached, struct err *err)
{
	static const struct ordq_ops ops = { job_work, job_done, job_drop };
	struct scrub s = { fs, args, stats, reached, now_ns(), 0 };
	struct ordq *q;
	bool supers;
	int ret = 0;

	*reached = 0;
	for (size_t i = 0; i < fs->vol->devices.len; i++)
		stats[i] = (struct scrub_stats){ 0 };
	supers = supers_are_bad(&s);
	q = ordq_new(fs->env->pool, 2 * pool_threads(fs->env->pool) + 1, &ops, &s);
	if (!q)
		return err_nomem(err);
	for (size_t i = 0; !ret && i < fs->vol->chunks.len; i++)
		ret = scrub_chunk(&s, q, fs->vol->chunks.v[i], err);
	if (!ret) {
		ret = ordq_finish(q);
		if (ret)
			err_set(err, ret, "cannot scrub");
	}
	ordq_free(q);
	if (!args->readonly && !ret)
		ret = volume_flush(fs->vol, err);
	/* a device that has missed commits may say that it is up to date only now */
	return ret || !supers || args->readonly ? ret : volume_write_supers(fs->vol, err);
}
