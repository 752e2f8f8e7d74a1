/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/hostwalk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/listdir.h"
#include "common/mem.h"
#include "common/strbuf.h"
#include "common/vec.h"

enum { OPEN_LEVELS = 64 /* directories held open; outer ones are opened again when the walk comes back */ };

struct level {
	struct dirfd *fd;
	struct listdir *dir; /* NULL: closed, goes on at pos */
	long pos;
	dev_t dev;
	ino_t ino;
	size_t path_len;
};

struct walk {
	const struct hostwalk_ops *ops;
	void *arg;
	struct err *err;
	struct strbuf path;
	VEC(struct level) levels;
};

void dirfd_put(struct dirfd *d)
{
	if (d && !--d->refs) {
		close(d->fd);
		free(d);
	}
}

static const char *path_text(struct walk *w) { return w->path.len ? sb_str(&w->path) : ""; }

static int open_dir(struct level *l)
{
	l->dir = listdir_open(l->fd->fd);
	if (l->dir && l->pos)
		listdir_seek(l->dir, l->pos);
	return l->dir ? 0 : -errno;
}

/* An outer directory is closed while the walk is far below it. */
static void close_outer(struct walk *w)
{
	struct level *l;

	if (w->levels.len <= OPEN_LEVELS)
		return;
	l = &w->levels.v[w->levels.len - 1 - OPEN_LEVELS];
	if (!l->dir)
		return;
	l->pos = listdir_tell(l->dir);
	listdir_close(l->dir);
	l->dir = NULL;
	dirfd_put(l->fd);
	l->fd = NULL;
}

/* By a bind mount. */
static bool holds_itself(const struct walk *w, const struct stat *st)
{
	for (size_t i = 0; i < w->levels.len; i++)
		if (w->levels.v[i].dev == st->st_dev && w->levels.v[i].ino == st->st_ino)
			return true;
	return false;
}

static int enter(struct walk *w, int fd, const struct stat *st)
{
	struct dirfd *d = mem_zalloc(sizeof(*d));
	struct level l = { .fd = d, .dev = st->st_dev, .ino = st->st_ino, .path_len = w->path.len };
	int ret;

	if (!d) {
		close(fd);
		return err_nomem(w->err);
	}
	*d = (struct dirfd){ fd, 1 };
	ret = open_dir(&l) ?: vec_push(&w->levels, l);
	if (ret) {
		listdir_close(l.dir);
		dirfd_put(d);
		return err_errno(w->err, ret, "cannot read directory %s", path_text(w));
	}
	close_outer(w);
	return w->ops->enter ? w->ops->enter(w->arg) : 0;
}

static int visit_dir(struct walk *w, const struct level *in, const char *name)
{
	struct stat st;
	int fd = openat(in->fd->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fstat(fd, &st)) {
		if (errno != ENOENT && w->ops->cannot) /* or it went away meanwhile */
			w->ops->cannot(w->arg, path_text(w), errno);
		if (fd >= 0)
			close(fd);
		return 0;
	}
	if ((st.st_dev != in->dev && !(w->ops->crosses && w->ops->crosses(w->arg, fd))) || holds_itself(w, &st)) {
		close(fd);
		return 0;
	}
	return enter(w, fd, &st);
}

/* Back in the directory above, which may have to be opened again. */
static int come_back(struct walk *w, const struct dirfd *child)
{
	struct level *l = &w->levels.v[w->levels.len - 1];
	struct stat st;
	int fd, ret;

	if (l->dir)
		return 0;
	fd = openat(child->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(w->err, -errno, "cannot go on above directory %s", path_text(w));
	l->fd = mem_zalloc(sizeof(*l->fd));
	if (!l->fd) {
		close(fd);
		return err_nomem(w->err);
	}
	*l->fd = (struct dirfd){ fd, 1 };
	if (fstat(fd, &st) || st.st_dev != l->dev || st.st_ino != l->ino)
		return err_set(w->err, -ESTALE, "directory %s was moved meanwhile", path_text(w));
	ret = open_dir(l);
	return ret ? err_errno(w->err, ret, "cannot go on above directory %s", path_text(w)) : 0;
}

static int leave(struct walk *w)
{
	struct level l = w->levels.v[--w->levels.len];
	int ret = 0;

	w->path.len = l.path_len;
	if (w->ops->leave)
		ret = w->ops->leave(w->arg, path_text(w), w->path.len);
	listdir_close(l.dir);
	if (!ret && w->levels.len)
		ret = come_back(w, l.fd);
	dirfd_put(l.fd);
	return ret;
}

/* One entry; at the end of the directory the way back. */
static int step(struct walk *w)
{
	struct level *in = &w->levels.v[w->levels.len - 1];
	enum listdir_type type;
	const char *name = listdir_next(in->dir, &type);
	size_t at;

	if (!name)
		return leave(w);
	if (type == LIST_OTHER || !strcmp(name, ".") || !strcmp(name, ".."))
		return 0;
	w->path.len = in->path_len;
	if (in->path_len)
		sb_char(&w->path, '/');
	at = w->path.len;
	sb_puts(&w->path, name);
	if (type == LIST_DIR)
		return visit_dir(w, in, name);
	return w->ops->file ? w->ops->file(w->arg, in->fd, path_text(w), w->path.len, at) : 0;
}

int hostwalk(int top, const struct hostwalk_ops *ops, void *arg, struct err *err)
{
	struct walk w = { .ops = ops, .arg = arg, .err = err };
	struct stat st;
	int fd = fcntl(top, F_DUPFD_CLOEXEC, 0), ret;

	ret = fd < 0 || fstat(fd, &st) ? err_errno(err, -errno, "cannot walk") : enter(&w, fd, &st);
	while (!ret && w.levels.len) {
		ret = step(&w);
		if (!ret && w.path.failed)
			ret = err_nomem(err);
	}
	for (size_t i = 0; i < w.levels.len; i++) {
		listdir_close(w.levels.v[i].dir);
		dirfd_put(w.levels.v[i].fd);
	}
	vec_fini(&w.levels);
	sb_fini(&w.path);
	return ret;
}
