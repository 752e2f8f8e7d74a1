/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/du.h"
#include "cmds/mounted/du_direct.h"
#include "cmds/mounted/hostwalk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/endian.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/pool.h"
#include "common/sortrun.h"
#include "kernel-shared/kapi/extents.h"

enum {
	SORT_MEMORY = 32 << 20,
	WINDOW = 256,      /* files looked at ahead */
	FEW_FILES = 2000,  /* so many are asked of the kernel before the devices are worth opening */
	MANY_FILES = 1,    /* the walk's answer when there are more */
};

/* A shared range, big-endian so that it sorts. */
struct shared_range { u8 start[8], end[8]; };

/* Inodes with several names that have been met in one subvolume. */
struct seen { dev_t dev; struct hmap inodes; };

struct walk {
	struct cmd_ctx *ctx;
	const struct host *top;
	du_row_fn row;
	void *arg;
	struct du_result *out;
	struct err *err;
	struct sortrun *ranges;
	struct ordq *queue;
	unsigned steps, limit;                /* limit: 0 none */
	VEC(struct du_space) sums;            /* one for each open directory, as far as the queue has come */
	VEC(struct seen) seen;
};

/* A file to be looked at, or the event that a directory ends (enter: begins). */
struct job {
	enum { JOB_FILE, JOB_ENTER, JOB_LEAVE } kind;
	struct walk *w;
	struct dirfd *fd;
	size_t name;                          /* offset in path */
	struct stat st;
	struct du_space space;
	unsigned worker;
	int ret;
	bool fiemap_failed;
	size_t path_len;
	char path[];
};

/* --- on any thread --- */

static int add_extent(void *arg, const struct kextent *e)
{
	struct job *job = arg;
	struct shared_range range;

	if (!kextent_on_disk(e))
		return 0;
	job->space.total += e->len;
	if (!kextent_shared(e))
		return 0;
	job->space.shared += e->len;
	put_be64(range.start, e->physical);
	put_be64(range.end, e->physical + e->len);
	return sortrun_add(job->w->ranges, &range, job->worker);
}

static void measure(struct job *job, int fd)
{
	if (fstat(fd, &job->st))
		job->ret = -errno;
	else if (S_ISREG(job->st.st_mode)) {
		job->ret = kextents_each(fd, add_extent, job);
		job->fiemap_failed = job->ret;
	}
}

static void work(void *arg_job, void *arg, unsigned worker)
{
	struct job *job = arg_job;
	int fd;

	if (job->kind != JOB_FILE)
		return;
	job->worker = worker;
	fd = openat(job->fd->fd, job->path + job->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		job->ret = -errno;
		return;
	}
	measure(job, fd);
	close(fd);
}

/* --- in order --- */

static bool first_time(struct walk *w, const struct stat *st, int *ret)
{
	struct seen *s = NULL;
	bool fresh = false;

	for (size_t i = w->seen.len; i-- > 0 && !s;)
		if (w->seen.v[i].dev == st->st_dev)
			s = &w->seen.v[i];
	if (!s) {
		if (vec_push(&w->seen, ((struct seen){ st->st_dev, HMAP_INIT })))
			*ret = err_nomem(w->err);
		else
			s = &w->seen.v[w->seen.len - 1];
	}
	if (s && !hmap_put(&s->inodes, st->st_ino, &fresh))
		*ret = err_nomem(w->err);
	return fresh;
}

static void job_drop(void *arg_job, void *arg)
{
	struct job *job = arg_job;

	dirfd_put(job->fd);
	free(job);
}

/* What cannot be opened costs what it holds; what cannot be mapped is a failure. */
static void complain(struct walk *w, const struct job *job)
{
	if (job->ret == -ENOENT)
		return; /* it went away meanwhile */
	if (job->fiemap_failed) {
		cmd_error(w->ctx, "cannot check space of '%s/%s': %s", w->top->path, job->path, strerror(-job->ret));
		w->out->failed = true;
	} else {
		cmd_warn(w->ctx, "cannot access '%s/%s': %s", w->top->path, job->path, strerror(-job->ret));
	}
}

static int file_done(struct walk *w, struct job *job)
{
	struct du_space *sum = &w->sums.v[w->sums.len - 1];
	int ret = 0;

	if (job->ret == -ENOMEM)
		return err_nomem(w->err);
	if (job->ret) {
		complain(w, job);
		return 0;
	}
	if (!S_ISREG(job->st.st_mode) || (job->st.st_nlink > 1 && !first_time(w, &job->st, &ret)))
		return ret;
	sum->total += job->space.total;
	sum->shared += job->space.shared;
	return w->row ? w->row(w->arg, job->path, job->path_len, &job->space) : 0;
}

static int leave_done(struct walk *w, struct job *job)
{
	struct du_space done = w->sums.v[--w->sums.len];
	struct du_space *sum;

	if (!w->sums.len) {
		w->out->space = done;
		return 0;
	}
	sum = &w->sums.v[w->sums.len - 1];
	sum->total += done.total;
	sum->shared += done.shared;
	return w->row ? w->row(w->arg, job->path, job->path_len, &done) : 0;
}

static int done(void *arg_job, void *arg)
{
	struct job *job = arg_job;
	struct walk *w = arg;
	int ret;

	if (job->kind == JOB_FILE)
		ret = file_done(w, job);
	else if (job->kind == JOB_LEAVE)
		ret = leave_done(w, job);
	else
		ret = vec_push(&w->sums, ((struct du_space){ 0 })) ? err_nomem(w->err) : 0;
	job_drop(job, NULL);
	return ret;
}

static const struct ordq_ops queue_ops = { .work = work, .done = done, .drop = job_drop };

/* --- the walk --- */

static int push(struct walk *w, int kind, struct dirfd *fd, const char *path, size_t len, size_t name)
{
	struct job *job = mem_zalloc(sizeof(*job) + len + 1);

	if (!job)
		return err_nomem(w->err);
	job->kind = kind;
	job->w = w;
	job->name = name;
	job->path_len = len;
	memcpy(job->path, path, len);
	if (fd) {
		job->fd = fd;
		fd->refs++;
	}
	return ordq_push(w->queue, job);
}

static int on_file(void *arg, struct dirfd *dir, const char *path, size_t len, size_t name)
{
	struct walk *w = arg;
	int ret = ++w->steps & 255 ? 0 : env_check_interrupt(w->ctx->env, w->err);

	if (w->limit && w->steps > w->limit)
		return MANY_FILES;
	return ret ? ret : push(w, JOB_FILE, dir, path, len, name);
}

static int on_enter(void *arg) { return push(arg, JOB_ENTER, NULL, "", 0, 0); }
static int on_leave(void *arg, const char *path, size_t len) { return push(arg, JOB_LEAVE, NULL, path, len, 0); }

/* Subvolumes have device numbers of their own; other filesystems are left out. */
static bool crosses(void *arg, int fd)
{
	struct walk *w = arg;
	struct kfs_info info;

	return !kfs_info(fd, &info) && !memcmp(info.fsid, w->top->info.fsid, sizeof(info.fsid));
}

static void cannot(void *arg, const char *path, int error)
{
	struct walk *w = arg;

	cmd_warn(w->ctx, "cannot access '%s/%s': %s", w->top->path, path, strerror(error));
}

static const struct hostwalk_ops walk_ops = { .file = on_file, .enter = on_enter, .leave = on_leave, .crosses = crosses, .cannot = cannot };

/* The length of the union of all shared ranges. */
static int sum_ranges(struct walk *w)
{
	const struct shared_range *r;
	u64 end = 0;
	int ret = sortrun_finish(w->ranges, w->err);

	while (!ret && (r = sortrun_next(w->ranges, w->err))) {
		u64 from = max_t(u64, get_be64(r->start), end), to = get_be64(r->end);

		if (to <= from)
			continue;
		w->out->set_shared += to - from;
		end = to;
	}
	return ret ? ret : w->err->code;
}

static void walk_fini(struct walk *w)
{
	ordq_free(w->queue);
	sortrun_free(w->ranges);
	for (size_t i = 0; i < w->seen.len; i++)
		hmap_fini(&w->seen.v[i].inodes);
	vec_fini(&w->sums);
	vec_fini(&w->seen);
}

/* The top is a file. */
static int one_file(struct walk *w)
{
	struct job job = { .w = w };

	measure(&job, w->top->fd);
	w->out->space = job.space;
	w->out->set_shared = job.space.shared;
	return job.ret ? err_set(w->err, job.ret, "%s", strerror(-job.ret)) : 0;
}

static int ask_kernel(struct walk *w)
{
	struct err *err = w->err;
	int ret = env_start_pool(w->ctx->env, err);

	*w->out = (struct du_result){ .counts = true };
	if (ret)
		return ret;
	w->ranges = sortrun_new(w->ctx->env, sizeof(struct shared_range), sizeof(struct shared_range), SORT_MEMORY);
	w->queue = ordq_new(w->ctx->env->pool, WINDOW, &queue_ops, w);
	if (!w->ranges || !w->queue)
		ret = err_nomem(err);
	else if (S_ISDIR(w->top->st.st_mode))
		ret = hostwalk(w->top->fd, &walk_ops, w, err) ?: ordq_finish(w->queue) ?: sum_ranges(w);
	else
		ret = one_file(w);
	walk_fini(w);
	return ret;
}

/* Rows come in the same order whoever is asked: what has been given before is passed over. */
struct rows { du_row_fn row; void *arg; u64 given, skip; };

static int on_row(void *arg, const char *path, size_t len, const struct du_space *space)
{
	struct rows *r = arg;
	int ret;

	if (r->skip) {
		r->skip--;
		return 0;
	}
	ret = r->row(r->arg, path, len, space);
	r->given += !ret;
	return ret;
}

int mounted_du(struct cmd_ctx *ctx, const struct host *top, du_row_fn row, void *arg, struct du_result *out, struct err *err)
{
	struct rows rows = { .row = row, .arg = arg };
	struct walk w = { .ctx = ctx, .top = top, .row = row ? on_row : NULL, .arg = &rows, .out = out, .err = err };
	int ret;

	w.limit = S_ISDIR(top->st.st_mode) ? FEW_FILES : 0;
	ret = ask_kernel(&w);
	if (ret != MANY_FILES)
		return ret;
	rows.skip = rows.given;
	ret = du_direct(ctx, top, w.row, &rows, out);
	if (ret != -EAGAIN)
		return ret;
	rows.skip = rows.given;
	w = (struct walk){ .ctx = ctx, .top = top, .row = row ? on_row : NULL, .arg = &rows, .out = out, .err = err };
	return ask_kernel(&w);
}
