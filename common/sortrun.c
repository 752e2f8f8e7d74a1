/* SPDX-License-Identifier: GPL-2.0-or-later */
/* External sort: see sortrun.h.
 *
 * Each worker fills a buffer of its own. A full one is sorted there and then, and becomes a run: kept as it is while memory
 * lasts, else written to the temporary file. sortpass.c reads the runs in order. */
#include "common/sortrun_priv.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/pool.h"
#include "common/sortrec.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
	void *workers;
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
	spacing = clamp_u64(s->part_bytes / 128, SPACING_BYTES_MIN, SPACING_BYTES_MAX);
	s->spacing = max_t(u64, spacing / size, 1);
	pthread_mutex_init(&s->lock, NULL);
	if (posix_memalign(&workers, _Alignof(struct worker), s->nworkers * sizeof(*s->workers))) {
		sortrun_free(s);
		return NULL;
	}
	s->workers = memset(workers, 0, s->nworkers * sizeof(*s->workers));
	return s;
}

static void run_fini(struct run *run)
{
	free(run->mem);
	free(run->samples);
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
	while (!ret && !(ret = pass_advance(&pass)) && pass.part) {
		ret = merge_write(s, merged, pass.part);
		if (!ret)
			ret = env_check_interrupt(s->env, NULL);
	}
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
	struct run *files = kept ? s->runs.v + kept : s->runs.v; /* there may be none at all */

	while (s->runs.len - kept > most) {
		/* As few as needed: what is merged here is written once more. */
		size_t n = min_t(size_t, most, s->runs.len - kept - most + 1);
		struct run merged;
		int ret = merge_runs(s, files, n, &merged);

		if (ret)
			return ret;
		for (size_t i = 0; i < n; i++) {
			/* Gives the space back where the filesystem can; where not, it is given back in the end. */
			(void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, files[i].off, files[i].n * s->size);
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
	if (ret == -EINTR)
		return err_set(err, ret, "interrupted");
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
	int ret = 0;

	if (!s->single)
		ret = env_check_interrupt(s->env, NULL);
	if (!s->single && !ret)
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
