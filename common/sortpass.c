/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second half of the external sort: reading runs in order.
 *
 * All runs are cut at the same places of the order into parts of a few MiB. A part is read from all runs, sorted once more as
 * a whole (which for these sizes is faster than a merge) and handed out; parts are independent of each other, so the pool
 * works ahead of the reader.
 *
 * Parts must fit into memory whatever the records are. So a cut is not a key but a place in one run, a sample: in other runs
 * equal records go to its left or right by the number of the run. As the bytes alone decide the order, nobody can tell. */
#include "common/sortrun_priv.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/pool.h"
#include "common/sortrec.h"

#include <stdlib.h>

/* ---- cutting runs into parts ---- */

/* Record number at of a run: any, if the run is in memory, else one of which there is a sample. */
static const u8 *run_record(const struct sortrun *s, const struct run *run, u64 at)
{
	return run->mem ? run->mem + at * s->size : run->samples + at / s->spacing * s->size;
}

/* How far apart possible cuts in a run are: step records, or as near to that as samples are. */
static u64 run_step(const struct sortrun *s, const struct run *run, u64 step)
{
	if (run->mem)
		return step;
	return max_t(u64, step / s->spacing, 1) * s->spacing;
}

/* The next possible cut of a run. */
struct head {
	struct cut cut;
	const u8 *record;
};

static bool head_before(const struct pass *pass, const struct head *a, const struct head *b)
{
	int order = memcmp(a->record, b->record, pass->s->size);

	return order ? order < 0 : a->cut.run < b->cut.run;
}

/* Lets heads[i] sink to its place in the heap, whose least is heads[0]. */
static void head_sink(const struct pass *pass, struct head *heads, size_t n, size_t i)
{
	struct head head = heads[i];
	size_t child;

	for (; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && head_before(pass, &heads[child + 1], &heads[child]))
			child++;
		if (!head_before(pass, &heads[child], &head))
			break;
		heads[i] = heads[child];
	}
	heads[i] = head;
}

/* Goes through the possible cuts of all runs in order and cuts where a part's worth of records has gone by: each stands for
 * the records of its run up to the next. With r runs these are as many as a part's r-th, so what is not seen between possible
 * cuts cannot add up to more than another part. */
static int choose_cuts(struct pass *pass)
{
	const struct sortrun *s = pass->s;
	struct head *heads CLEANUP(mem_freep) = mem_alloc(pass->nruns, sizeof(*heads));
	u64 want = part_records(s), step = max_t(u64, want / pass->nruns, 1), passed = 0;
	size_t n = pass->nruns;

	if (!heads)
		return -ENOMEM;
	for (size_t r = 0; r < n; r++)
		heads[r] = (struct head){ { .run = r, .at = 0 }, run_record(s, &pass->runs[r], 0) };
	for (size_t i = n / 2; i--; )
		head_sink(pass, heads, n, i);
	while (n) {
		struct cut *cut = &heads[0].cut;
		const struct run *run = &pass->runs[cut->run];

		if (passed >= want) {
			if (vec_push(&pass->cuts, *cut))
				return -ENOMEM;
			passed = 0;
		}
		passed += min_t(u64, run_step(s, run, step), run->n - cut->at);
		cut->at += run_step(s, run, step);
		if (cut->at < run->n)
			heads[0].record = run_record(s, run, cut->at);
		else
			heads[0] = heads[--n];
		head_sink(pass, heads, n, 0);
	}
	return 0;
}

/* How many of n sorted records (of run r, or samples of it) lie left of the cut. */
static size_t left_of_cut(const struct pass *pass, const struct cut *cut, size_t r, const u8 *records, size_t n)
{
	const u8 *key = run_record(pass->s, &pass->runs[cut->run], cut->at);

	return sortrec_bound(records, n, pass->s->size, key, r < cut->run);
}

/* Between which two records of run r the cut goes: somewhere from *lo to *hi. */
static void cut_bounds(const struct pass *pass, const struct cut *cut, size_t r, u64 *lo, u64 *hi)
{
	const struct run *run = &pass->runs[r];
	u64 samples;

	if (r == cut->run) {
		*lo = *hi = cut->at;
	} else if (run->mem) {
		*lo = *hi = left_of_cut(pass, cut, r, run->mem, run->n);
	} else {
		samples = left_of_cut(pass, cut, r, run->samples, run_samples(pass->s, run));
		*lo = samples ? (samples - 1) * pass->s->spacing : 0;
		*hi = min_t(u64, samples * pass->s->spacing, run->n);
	}
}

/* ---- making a part ---- */

/* The records of one run that may belong to a part. */
struct slice {
	u64 lo, hi;
};

static const struct cut *part_cut(const struct part *part, size_t number)
{
	return number && number < part->pass->parts ? &part->pass->cuts.v[number - 1] : NULL;
}

/* The slices of all runs; how many records they have together. */
static u64 part_slices(const struct part *part, struct slice *slices)
{
	const struct cut *left = part_cut(part, part->number), *right = part_cut(part, part->number + 1);
	const struct pass *pass = part->pass;
	u64 total = 0, unused;

	for (size_t r = 0; r < pass->nruns; r++) {
		slices[r] = (struct slice){ 0, pass->runs[r].n };
		if (left)
			cut_bounds(pass, left, r, &slices[r].lo, &unused);
		if (right)
			cut_bounds(pass, right, r, &unused, &slices[r].hi);
		total += slices[r].hi - slices[r].lo;
	}
	return total;
}

/* Appends a slice, without those records at its ends that the cuts leave to the neighbours. */
static int part_take(struct part *part, size_t r, struct slice slice)
{
	const struct cut *left = part_cut(part, part->number), *right = part_cut(part, part->number + 1);
	const struct pass *pass = part->pass;
	const struct run *run = &pass->runs[r];
	size_t size = pass->s->size, len = (slice.hi - slice.lo) * size, skip = 0, n = slice.hi - slice.lo;
	u8 *to = part->records + part->n * size;
	ssize_t got;

	if (!n)
		return 0;
	if (run->mem) {
		memcpy(to, run->mem + slice.lo * size, len);
		part->n += n;
		return 0;
	}
	got = io_pread(pass->s->fd, to, len, run->off + slice.lo * size);
	if (got < 0)
		return got;
	if ((size_t)got < len)
		return -EIO;
	if (right && right->run != r)
		n = left_of_cut(pass, right, r, to, n);
	if (left && left->run != r)
		skip = left_of_cut(pass, left, r, to, n);
	memmove(to, to + skip * size, (n - skip) * size);
	part->n += n - skip;
	return 0;
}

static int part_make(struct part *part)
{
	const struct pass *pass = part->pass;
	struct slice *slices CLEANUP(mem_freep) = mem_alloc(pass->nruns, sizeof(*slices));
	u8 *tmp CLEANUP(mem_freep) = NULL;
	int ret;

	if (!slices)
		return -ENOMEM;
	part->records = mem_alloc(part_slices(part, slices), pass->s->size);
	if (!part->records)
		return -ENOMEM;
	for (size_t r = 0; r < pass->nruns; r++) {
		ret = part_take(part, r, slices[r]);
		if (ret)
			return ret;
	}
	tmp = mem_alloc(part->n, pass->s->size);
	if (!tmp)
		return -ENOMEM;
	sortrec(part->records, tmp, part->n, pass->s->size);
	return 0;
}

static void part_free(struct part *part)
{
	if (part)
		free(part->records);
	free(part);
}

static void part_work(void *job, void *arg, unsigned worker)
{
	struct part *part = job;

	part->ret = part_make(part);
}

static int part_done(void *job, void *arg)
{
	struct part *part = job;
	struct pass *pass = part->pass;
	int ret = part->ret;

	if (ret) {
		part_free(part);
		return ret;
	}
	*pass->ready_end = part;
	pass->ready_end = &part->next;
	return 0;
}

static void part_drop(void *job, void *arg)
{
	part_free(job);
}

/* ---- a pass over runs ---- */

int pass_init(struct pass *pass, struct sortrun *s, const struct run *runs, size_t nruns)
{
	static const struct ordq_ops ops = { part_work, part_done, part_drop };
	int ret;

	*pass = (struct pass){ .s = s, .runs = runs, .nruns = nruns };
	pass->ready_end = &pass->ready;
	if (!nruns)
		return 0;
	ret = choose_cuts(pass);
	if (ret)
		return ret;
	pass->parts = pass->cuts.len + 1;
	pass->q = ordq_new(s->env->pool, pool_threads(s->env->pool) + 1, &ops, NULL);
	return pass->q ? 0 : -ENOMEM;
}

static int pass_push(struct pass *pass)
{
	struct part *part = mem_zalloc(sizeof(*part));

	if (!part)
		return -ENOMEM;
	part->pass = pass;
	part->number = pass->pushed++;
	return ordq_push(pass->q, part);
}

/* One more is started for each that is taken, so the pool stays busy. */
int pass_advance(struct pass *pass)
{
	int ret = 0;

	part_free(pass->part);
	pass->part = NULL;
	if (pass->pushed < pass->parts)
		ret = pass_push(pass);
	while (!ret && !pass->ready && pass->pushed < pass->parts)
		ret = pass_push(pass);
	if (!ret && !pass->ready && pass->q)
		ret = ordq_finish(pass->q);
	if (ret || !pass->ready)
		return ret;
	pass->part = pass->ready;
	pass->ready = pass->part->next;
	if (!pass->ready)
		pass->ready_end = &pass->ready;
	return 0;
}

void pass_fini(struct pass *pass)
{
	ordq_free(pass->q);
	part_free(pass->part);
	while (pass->ready) {
		struct part *next = pass->ready->next;

		part_free(pass->ready);
		pass->ready = next;
	}
	vec_fini(&pass->cuts);
	memset(pass, 0, sizeof(*pass));
}
