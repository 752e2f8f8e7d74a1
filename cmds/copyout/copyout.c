/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The copying engine from outside: setting up, the queue that its workers live on, the sums at the end. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "cmds/copyout/internal.h"
#include "common/env.h"
#include "common/mem.h"
#include "common/pool.h"

void queue_push(struct copyout *c, const struct task *t)
{
	int ret;

	pthread_mutex_lock(&c->queue_lock);
	ret = vec_push(&c->dirs, *t);
	pthread_cond_signal(&c->queue_cond);
	pthread_mutex_unlock(&c->queue_lock);
	if (ret)
		copyout_stop(c, ret, "not enough memory");
}

void queue_offer_file(struct copyout *c, struct cfile *f)
{
	struct task t = { .file = f };
	int ret;

	pthread_mutex_lock(&c->queue_lock);
	ret = vec_push(&c->files, t);
	pthread_cond_signal(&c->queue_cond);
	pthread_mutex_unlock(&c->queue_lock);
	if (!ret)
		return;
	pthread_mutex_lock(&f->lock);
	f->users--; /* nobody will help */
	pthread_mutex_unlock(&f->lock);
}

bool queue_withdraw_file(struct copyout *c, struct cfile *f)
{
	bool found = false;

	pthread_mutex_lock(&c->queue_lock);
	for (size_t i = 0; i < c->files.len && !found; i++) {
		if (c->files.v[i].file == f) {
			vec_remove(&c->files, i);
			found = true;
		}
	}
	pthread_mutex_unlock(&c->queue_lock);
	return found;
}

void copyout_stop(struct copyout *c, int ret, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&c->queue_lock);
	if (!c->stop) {
		char text[ERR_TEXT_MAX];

		va_start(ap, fmt);
		vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
		err_set(&c->err, ret, "%s", text);
		c->stop = ret;
	}
	pthread_cond_broadcast(&c->queue_cond);
	pthread_mutex_unlock(&c->queue_lock);
}

/* The next task; false: all is done. Directories first: they make work for others, and files can wait for helpers. */
static bool next_task(struct copyout *c, struct task *t)
{
	bool got = false;

	pthread_mutex_lock(&c->queue_lock);
	while (!got && !c->stop) {
		struct tasks *from = c->dirs.len ? &c->dirs : &c->files;

		if (from->len) {
			*t = from->v[--from->len];
			c->active++;
			got = true;
		} else if (!c->active) {
			break;
		} else {
			pthread_cond_wait(&c->queue_cond, &c->queue_lock);
		}
	}
	pthread_mutex_unlock(&c->queue_lock);
	return got;
}

static void task_done(struct copyout *c)
{
	pthread_mutex_lock(&c->queue_lock);
	if (!--c->active && !c->dirs.len && !c->files.len)
		pthread_cond_broadcast(&c->queue_cond);
	pthread_mutex_unlock(&c->queue_lock);
}

static int work(void *arg, u64 i, unsigned index)
{
	struct copyout *c = arg;
	struct worker *k = &c->workers[index];
	struct err err;
	struct task t;

	while (next_task(c, &t)) {
		run_task(k, &t);
		task_done(c);
		if (env_check_interrupt(c->env, &err))
			copyout_stop(c, -EINTR, "%s", err_text(&err));
	}
	return 0;
}

/* What was left in the queue by a stop. */
static void drop_tasks(struct copyout *c)
{
	struct worker *k = &c->workers[0];

	while (c->dirs.len)
		dir_done(k, c->dirs.v[--c->dirs.len].dir);
	while (c->files.len)
		copy_big_help(k, c->files.v[--c->files.len].file);
}

static void add_up(struct copyout *c)
{
	for (unsigned i = 0; i < c->nworkers; i++) {
		struct worker *k = &c->workers[i];
		struct copyout_result *r = &c->result;

		r->files += k->files;
		r->dirs += k->dirs;
		r->others += k->others;
		r->links += k->links;
		r->bytes += k->bytes;
		r->shared += k->shared;
		k->files = k->dirs = k->others = k->links = k->bytes = k->shared = 0;
	}
	result_sort(&c->result);
}

static int run(struct copyout *c, struct err *err)
{
	struct worker *k = &c->workers[0];

	do {
		if (c->nworkers == 1)
			work(c, 0, 0);
		else
			pool_for(c->env->pool, c->nworkers, work, c);
	} while (recover_names(k) || recover_orphans(k));
	drop_tasks(c);
	dir_done(k, c->top);
	c->top = NULL;
	add_up(c);
	if (c->stop)
		return err_set(err, c->stop, "%s", err_text(&c->err));
	return 0;
}

/* The target directory itself, standing for dir or for nothing of the filesystem. Counted as open until run ends. */
static int new_top(struct copyout *c, struct loc dir, bool outside)
{
	struct csub *sub = csub_get(c, dir.root);
	struct stat st = { 0 };

	if (!sub || (!outside && csub_enter_dir(c, sub, dir.ino)))
		return -ENOMEM;
	c->top = cdir_new(NULL, sub, outside ? 0 : dir.ino, "", 0);
	if (!c->top)
		return -ENOMEM;
	c->top->open = 1;
	c->top->outside = outside;
	if (!c->o.dry_run) {
		fstat(c->dirfd, &st);
		cdir_adopt(c, c->top, dup(c->dirfd), &st); /* pinned for good */
	}
	return 0;
}

int copyout_contents(struct copyout *c, struct loc dir, struct err *err)
{
	struct task t = { 0 };

	if (new_top(c, dir, false))
		return err_nomem(err);
	t.dir = c->top;
	c->top->open++;
	queue_push(c, &t);
	return run(c, err);
}

int copyout_entry(struct copyout *c, struct loc src, const char *name, struct err *err)
{
	if (new_top(c, src, true))
		return err_nomem(err);
	copy_inode(&c->workers[0], c->top, c->o.dry_run ? -1 : c->top->fd, name, src, BTRFS_FT_UNKNOWN);
	return run(c, err);
}

const struct copyout_result *copyout_result(const struct copyout *c)
{
	return &c->result;
}

/* Does a file made in the target get our own owner and the mode that is asked for? Not with set-group-ID directories, default ACLs, some mount
 * options and network filesystems: a file without a name shows it. */
static bool is_plain(const struct copyout *c)
{
	int fd = openat(c->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0640);
	struct stat st;
	bool plain;

	if (fd < 0)
		return false;
	plain = !fstat(fd, &st) && st.st_uid == c->uid && st.st_gid == c->gid && (st.st_mode & 07777) == 0640;
	close(fd);
	return plain && fgetxattr(c->dirfd, "system.posix_acl_default", NULL, 0) < 0;
}

static int init_workers(struct copyout *c)
{
	c->nworkers = c->o.ordered ? 1 : pool_threads(c->env->pool);
	c->workers = mem_calloc(c->nworkers, sizeof(*c->workers));
	for (unsigned i = 0; c->workers && i < c->nworkers; i++) {
		struct worker *k = &c->workers[i];

		k->c = c;
		k->src_fd = -1;
		whole_init(&k->w);
		k->buf = mem_alloc_io(COPY_CHUNK);
		if (!k->buf)
			return -ENOMEM;
	}
	return c->workers ? 0 : -ENOMEM;
}

static int init_target(struct copyout *c, struct err *err)
{
	struct rlimit rl;

	if (c->o.dry_run)
		return 0;
	c->uid = geteuid();
	c->gid = getegid();
	c->plain = c->o.metadata && is_plain(c);
	c->max_open = !getrlimit(RLIMIT_NOFILE, &rl) && rl.rlim_cur < 2048 ? rl.rlim_cur / 4 : 512;
	c->max_open = max_t(unsigned, c->max_open, 16);
	return share_init(c) ? err_nomem(err) : 0;
}

int copyout_new(struct env *env, struct fs *fs, const struct copyout_opts *opts, int dirfd, const char *target, struct copyout **out, struct err *err)
{
	struct copyout *c = mem_zalloc(sizeof(*c));
	int ret;

	if (!c)
		return err_nomem(err);
	*c = (struct copyout){ .env = env, .fs = fs, .o = *opts, .dirfd = dirfd, .target = target };
	c->no_csums = !fs->csum_tree || fs->flags & FS_OPEN_NO_DATA_CSUM;
	pthread_mutex_init(&c->queue_lock, NULL);
	pthread_cond_init(&c->queue_cond, NULL);
	pthread_mutex_init(&c->dirs_lock, NULL);
	pthread_mutex_init(&c->subs_lock, NULL);
	pthread_mutex_init(&c->links_lock, NULL);
	pthread_mutex_init(&c->note_lock, NULL);
	if (c->o.metadata)
		c->old_umask = umask(0);
	ret = init_workers(c) ? err_nomem(err) : init_target(c, err);
	if (ret) {
		copyout_free(c);
		return ret;
	}
	*out = c;
	return 0;
}

void copyout_free(struct copyout *c)
{
	if (!c)
		return;
	for (unsigned i = 0; c->workers && i < c->nworkers; i++) {
		struct worker *k = &c->workers[i];

		worker_drop_source(k);
		whole_fini(&k->w);
		free(k->buf);
		sb_fini(&k->names);
		sb_fini(&k->inside);
		sb_fini(&k->path);
	}
	free(c->workers);
	share_fini(c);
	csubs_fini(c);
	vec_fini(&c->broken);
	vec_fini(&c->dirs);
	vec_fini(&c->files);
	result_fini(&c->result);
	if (c->o.metadata)
		umask(c->old_umask);
	pthread_mutex_destroy(&c->queue_lock);
	pthread_cond_destroy(&c->queue_cond);
	pthread_mutex_destroy(&c->dirs_lock);
	pthread_mutex_destroy(&c->subs_lock);
	pthread_mutex_destroy(&c->links_lock);
	pthread_mutex_destroy(&c->note_lock);
	free(c);
}
