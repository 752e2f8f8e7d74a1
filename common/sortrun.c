/* SPDX-License-Identifier: GPL-2.0-or-later */
/* External sort: see sortrun.h.
 *
 * Each worker fills a buffer of its own. A full one is sorted there and then, and becomes a run: kept as it is while memory
 * lasts, else written to the temporary file. In the end all runs are cut at the same places of the order into parts of a few
 * MiB. A part is read from all runs, sorted once more as a whole (which for these sizes is faster than a merge) and handed
 * out; parts are independent of each other, so the pool works ahead of the reader.
 *
 * Parts must fit into memory whatever the records are. So a cut is not a key but a place in one run, a sample: in other runs
 * equal records go to its left or right by the number of the run. As the bytes alone decide the order, nobody can tell. */
#include "common/sortrun.h"
#include "common/endian.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/pool.h"
#include "common/sortrec.h"
#include "common/vec.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct run {
	u64 n;       /* records */
	u8 *mem;     /* NULL: in the file */
	u64 off;     /* in the file */
	u8 *samples; /* of a run in the file: its records number 0, spacing, 2 * spacing, ... */
};
VEC_TYPE(run_vec, struct run);

struct worker {
	_Alignas(128) u8 *buf; /* apart, so that no two workers write to one cache line */
	u8 *tmp;
	size_t n, cap;
	u64 added;
};

/* A cut: before record number at of run number run. */
struct cut {
	size_t run;
	u64 at;
};
VEC_TYPE(cut_vec, struct cut);

/* One pass over some runs, in order. */
struct pass {
	struct sortrun *s;
	const struct run *runs;
	size_t nruns;
	struct cut_vec cuts;    /* between the parts: one less than there are parts */
	struct ordq *q;
	size_t parts, pushed;
	struct part *ready, **ready_end; /* in order */
	struct part *part;      /* being read */
};

struct part {
	struct part *next;
	struct pass *pass;
	size_t number;
	u8 *records;
	size_t n;
	int ret;
};

struct sortrun {
	struct env *env;
	size_t size;
	size_t run_records, spacing;   /* records of a run, records between two samples */
	u64 part_bytes, keep_bytes;    /* a part should have, runs in memory may have */
	unsigned nworkers;
	struct worker *workers;

	pthread_mutex_t lock;          /* of what follows, while workers add */
	struct run_vec runs;
	u64 kept;
	int fd, error;
	_Atomic u64 file_end;

	struct pass pass;
	const u8 *pos, *end;           /* of the records to hand out next */
	bool single;                   /* one run, in memory: handed out as it is */
};

enum {
	MEMORY_DEFAULT = 64 << 20, MEMORY_MIN = 1 << 20,
	RUN_BYTES_MIN = 16 << 10, RUN_BYTES_MAX = 8 << 20,
	PART_BYTES_MIN = 64 << 10, PART_BYTES_MAX = 8 << 20,
	SPACING_BYTES_MIN = 4 << 10, SPACING_BYTES_MAX = 16 << 10,
	FIRST_RECORDS = 256,
};

static u64 clamp_u64(u64 v, u64 min, u64 max)
{
	return v < min ? min : v > max ? max : v;
}

struct sortrun *sortrun_new(struct env *env, size_t size, size_t keylen, u64 memory)
{
	struct sortrun *s = mem_zalloc(sizeof(*s));
	u64 spacing;

	if (!s)
		return NULL;
	memory = max_t(u64, memory ? memory : MEMORY_DEFAULT, MEMORY_MIN);
	s->env = env;
	s->size = size;
	s->fd = -1;
	s->nworkers = max_t(unsigned, max_t(unsigned, env->jobs, pool_threads(env->pool)), 1);
	/* Each worker has two buffers of an eighth of its share; the rest is for runs and, in the end, for parts. */
	s->run_records = max_t(u64, clamp_u64(memory / (8 * s->nworkers), RUN_BYTES_MIN, RUN_BYTES_MAX) / size, 16);
	s->keep_bytes = memory / 4 * 3;
	s->part_bytes = clamp_u64(memory / (16 * (s->nworkers + 1)), PART_BYTES_MIN, PART_BYTES_MAX);
	spacing = clamp_u64(s->part_bytes / 256, SPACING_BYTES_MIN, SPACING_BYTES_MAX);
	s->spacing = max_t(u64, spacing / size, 1);
	pthread_mutex_init(&s->lock, NULL);
	if (posix_memalign((void **)&s->workers, _Alignof(struct worker), s->nworkers * sizeof(*s->workers))) {
		s->workers = NULL;
		sortrun_free(s);
		return NULL;
	}
	memset(s->workers, 0, s->nworkers * sizeof(*s->workers));
	return s;
}

static void run_fini(struct run *run)
{
	free(run->mem);
	free(run->samples);
}

static void part_free(struct part *part)
{
	if (part)
		free(part->records);
	free(part);
}

static void pass_fini(struct pass *pass)
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

void sortrun_free(struct sortrun *s)
{
	if (!s)
		return;
	pass_fini(&s->pass);
	for (size_t i = 0; i < s->runs.len; i++)
		run_fini(&s->runs.v[i]);
	vec_fini(&s->runs);
	for (unsigned i = 0; s->workers && i < s->nworkers; i++) {
		free(s->workers[i].buf);
		free(s->workers[i].tmp);
	}
	free(s->workers);
	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- adding ---- */

static const char *temp_dir(const struct sortrun *s)
{
	const char *dir = s->env->tempdir ? s->env->tempdir : getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

/* A file without a name, on filesystems that have no such thing with a name that is gone at once. */
static int temp_file(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	char *path;

	if (fd >= 0)
		return fd;
	if (asprintf(&path, "%s/btrbox-sort-XXXXXX", dir) < 0)
		return -ENOMEM;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	else
		unlink(path);
	free(path);
	return fd;
}

/* The file, opened at first use. Called with the lock held. */
static int spill_fd(struct sortrun *s)
{
	if (s->fd < 0)
		s->fd = temp_file(temp_dir(s));
	return s->fd;
}

static int remember_error(struct sortrun *s, int ret)
{
	pthread_mutex_lock(&s->lock);
	if (!s->error)
		s->error = ret;
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static int add_run(struct sortrun *s, struct run *run)
{
	int ret;

	pthread_mutex_lock(&s->lock);
	ret = vec_push(&s->runs, *run);
	pthread_mutex_unlock(&s->lock);
	if (ret)
		run_fini(run);
	return ret;
}

static u64 run_samples(const struct sortrun *s, const struct run *run)
{
	return div_round_up(run->n, s->spacing);
}

static int run_spill(struct sortrun *s, const u8 *records, size_t n)
{
	struct run run = { .n = n };
	int fd, ret;

	pthread_mutex_lock(&s->lock);
	fd = spill_fd(s);
	pthread_mutex_unlock(&s->lock);
	if (fd < 0)
		return fd;
	run.samples = mem_alloc(run_samples(s, &run), s->size);
	if (!run.samples)
		return -ENOMEM;
	for (size_t i = 0; i * s->spacing < n; i++)
		memcpy(run.samples + i * s->size, records + i * s->spacing * s->size, s->size);
	run.off = atomic_fetch_add(&s->file_end, n * s->size);
	ret = io_pwrite(fd, records, n * s->size, run.off);
	if (ret) {
		run_fini(&run);
		return ret;
	}
	return add_run(s, &run);
}

static int worker_sort(struct sortrun *s, struct worker *w)
{
	if (!w->tmp)
		w->tmp = mem_alloc(w->cap, s->size);
	if (!w->tmp)
		return -ENOMEM;
	sortrec(w->buf, w->tmp, w->n, s->size);
	return 0;
}

/* Makes the worker's records a run in memory, its buffer with them. */
static int worker_keep(struct sortrun *s, struct worker *w)
{
	struct run run = { .n = w->n, .mem = w->buf };

	w->buf = NULL;
	w->n = w->cap = 0;
	return add_run(s, &run);
}

static bool may_keep(struct sortrun *s, u64 bytes)
{
	bool fits;

	pthread_mutex_lock(&s->lock);
	fits = s->kept + bytes <= s->keep_bytes;
	if (fits)
		s->kept += bytes;
	pthread_mutex_unlock(&s->lock);
	return fits;
}

/* Makes room for one record. A small sort never gets as far as a buffer of full size. */
static int worker_room(struct sortrun *s, struct worker *w)
{
	size_t cap = clamp_u64(w->cap * 4, min_t(u64, FIRST_RECORDS, s->run_records), s->run_records);
	int ret;
	u8 *buf;

	if (w->cap == s->run_records) {
		ret = worker_sort(s, w);
		if (ret)
			return ret;
		if (!may_keep(s, w->n * s->size)) {
			ret = run_spill(s, w->buf, w->n);
			w->n = 0;
			return ret;
		}
		ret = worker_keep(s, w);
		if (ret)
			return ret;
		cap = s->run_records;
	}
	buf = realloc(w->buf, cap * s->size);
	if (!buf)
		return -ENOMEM;
	w->buf = buf;
	w->cap = cap;
	return 0;
}

int sortrun_add(struct sortrun *s, const void *record, unsigned worker)
{
	struct worker *w = &s->workers[worker];
	int ret;

	if (unlikely(w->n == w->cap)) {
		ret = worker_room(s, w);
		if (ret)
			return remember_error(s, ret);
	}
	memcpy(w->buf + w->n * s->size, record, s->size);
	w->n++;
	w->added++;
	return 0;
}

u64 sortrun_count(const struct sortrun *s)
{
	u64 n = 0;

	for (unsigned i = 0; i < s->nworkers; i++)
		n += s->workers[i].added;
	return n;
}

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

static size_t part_records(const struct sortrun *s)
{
	return max_t(u64, s->part_bytes / s->size, 16);
}

static void put_be64(u8 *p, u64 v)
{
	v = __builtin_bswap64(LE_SWAP64(v));
	memcpy(p, &v, sizeof(v));
}

static u64 get_be64(const u8 *p)
{
	return __builtin_bswap64(get_le64(p));
}

/* Lists the possible cuts: the record, the number of its run, its number there. */
static u8 *list_candidates(const struct pass *pass, u64 step, size_t *n)
{
	const struct sortrun *s = pass->s;
	size_t size = s->size + 16;
	u64 count = 0;
	u8 *v, *p;

	for (size_t r = 0; r < pass->nruns; r++)
		count += div_round_up(pass->runs[r].n, run_step(s, &pass->runs[r], step));
	v = p = mem_alloc(count, size);
	*n = count;
	for (size_t r = 0; v && r < pass->nruns; r++) {
		const struct run *run = &pass->runs[r];

		for (u64 at = 0; at < run->n; at += run_step(s, run, step), p += size) {
			memcpy(p, run_record(s, run, at), s->size);
			put_be64(p + s->size, r);
			put_be64(p + s->size + 8, at);
		}
	}
	return v;
}

/* Cuts where about a part's worth of records has gone by: each candidate stands for those of its run up to the next. With
 * r runs the step is a part's r-th, so what is not seen between the candidates cannot add up to more than another part. */
static int choose_cuts(struct pass *pass)
{
	const struct sortrun *s = pass->s;
	u64 want = part_records(s), step = max_t(u64, want / pass->nruns, 1), passed = 0;
	size_t size = s->size + 16, n;
	u8 *v CLEANUP(mem_freep) = list_candidates(pass, step, &n);
	u8 *tmp CLEANUP(mem_freep) = mem_alloc(n, size);

	if (!v || !tmp)
		return -ENOMEM;
	sortrec(v, tmp, n, size);
	for (const u8 *p = v; p < v + n * size; p += size) {
		struct cut cut = { .run = get_be64(p + s->size), .at = get_be64(p + s->size + 8) };

		if (passed >= want) {
			if (vec_push(&pass->cuts, cut))
				return -ENOMEM;
			passed = 0;
		}
		passed += min_t(u64, run_step(s, &pass->runs[cut.run], step), pass->runs[cut.run].n - cut.at);
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

static int pass_init(struct pass *pass, struct sortrun *s, const struct run *runs, size_t nruns)
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

/* Makes pass->part the next part, NULL at the end. One more is started for each that is taken, so the pool stays busy. */
static int pass_advance(struct pass *pass)
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

/* ---- fewer runs ---- */

/* Appends a part to the run that a merge writes. */
static int merge_write(struct sortrun *s, struct run *run, const struct part *part)
{
	u64 at = div_round_up(run->n, s->spacing) * s->spacing;
	int ret = io_pwrite(s->fd, part->records, part->n * s->size, run->off + run->n * s->size);

	if (ret)
		return ret;
	for (; at < run->n + part->n; at += s->spacing)
		memcpy(run->samples + at / s->spacing * s->size, part->records + (at - run->n) * s->size, s->size);
	run->n += part->n;
	return 0;
}

/* Merges n runs of the file into a new one. */
static int merge_runs(struct sortrun *s, const struct run *runs, size_t n, struct run *merged)
{
	struct pass pass CLEANUP(pass_fini) = { 0 };
	u64 total = 0;
	int ret;

	for (size_t i = 0; i < n; i++)
		total += runs[i].n;
	*merged = (struct run){ .off = atomic_fetch_add(&s->file_end, total * s->size) };
	merged->samples = mem_alloc(div_round_up(total, s->spacing), s->size);
	if (!merged->samples)
		return -ENOMEM;
	ret = pass_init(&pass, s, runs, n);
	while (!ret && !(ret = pass_advance(&pass)) && pass.part)
		ret = merge_write(s, merged, pass.part);
	if (ret)
		run_fini(merged);
	return ret;
}

/* Runs in memory to the front; how many they are. */
static size_t memory_first(struct run_vec *runs)
{
	size_t n = 0;

	for (size_t i = 0; i < runs->len; i++) {
		if (runs->v[i].mem) {
			struct run run = runs->v[i];

			runs->v[i] = runs->v[n];
			runs->v[n++] = run;
		}
	}
	return n;
}

/* Of each run in the file a part reads up to a spacing too much at either end: so many runs that this stays below a part. */
static int reduce_runs(struct sortrun *s)
{
	size_t most = max_t(size_t, part_records(s) / s->spacing, 8), kept = memory_first(&s->runs);
	struct run *files = s->runs.v + kept;

	while (s->runs.len - kept > most) {
		/* As few as needed: what is merged here is written once more. */
		size_t n = min_t(size_t, most, s->runs.len - kept - most + 1);
		struct run merged;
		int ret = merge_runs(s, files, n, &merged);

		if (ret)
			return ret;
		for (size_t i = 0; i < n; i++) {
			/* Gives the space back where the filesystem can; where not, it is given back in the end. */
			(void)!fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, files[i].off, files[i].n * s->size);
			run_fini(&files[i]);
		}
		memmove(files, files + n, (s->runs.len - kept - n) * sizeof(*files));
		s->runs.len -= n - 1;
		s->runs.v[s->runs.len - 1] = merged;
	}
	return 0;
}

/* ---- reading ---- */

static int finish_worker(void *arg, u64 i, unsigned worker)
{
	struct sortrun *s = arg;
	struct worker *w = &s->workers[i];
	int ret = 0;

	if (w->n) {
		ret = worker_sort(s, w);
		if (!ret)
			ret = worker_keep(s, w);
	}
	free(w->tmp);
	w->tmp = NULL;
	return ret;
}

static int describe(const struct sortrun *s, int ret, struct err *err)
{
	if (ret == -ENOMEM)
		return err_nomem(err);
	return err_errno(err, ret, "cannot sort through a temporary file in %s", temp_dir(s));
}

int sortrun_finish(struct sortrun *s, struct err *err)
{
	int ret = s->error;

	if (!ret)
		ret = pool_for(s->env->pool, s->nworkers, finish_worker, s);
	if (!ret)
		ret = reduce_runs(s);
	if (ret)
		return describe(s, ret, err);
	s->single = s->runs.len == 1 && s->runs.v[0].mem;
	if (s->single) {
		s->pos = s->runs.v[0].mem;
		s->end = s->pos + s->runs.v[0].n * s->size;
		return 0;
	}
	ret = pass_init(&s->pass, s, s->runs.v, s->runs.len);
	return ret ? describe(s, ret, err) : 0;
}

/* The next part, from its first record. */
static const void *next_part(struct sortrun *s, struct err *err)
{
	int ret = s->single ? 0 : env_check_interrupt(s->env, err);

	if (ret)
		return NULL;
	if (!s->single)
		ret = pass_advance(&s->pass);
	if (ret) {
		describe(s, ret, err);
		return NULL;
	}
	if (!s->pass.part) {
		err_clear(err);
		return NULL;
	}
	s->pos = s->pass.part->records;
	s->end = s->pos + s->pass.part->n * s->size;
	return sortrun_next(s, err);
}

const void *sortrun_next(struct sortrun *s, struct err *err)
{
	const u8 *record = s->pos;

	if (unlikely(record == s->end))
		return next_part(s, err);
	s->pos += s->size;
	return record;
}
