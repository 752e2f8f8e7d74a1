/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories of the target while something below them is open. Every file is made relative to the descriptor of its directory, so no
 * path is ever walked and no symlink followed. Their number is bounded: those unused longest are closed and opened again when
 * needed, from below by ".." or from above by name, and must then still be the same directory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/copyout/internal.h"
#include "common/mem.h"

enum { DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY };

struct cdir *cdir_new(struct cdir *parent, struct csub *sub, u64 ino, const char *name, size_t len)
{
	struct cdir *d = mem_zalloc(sizeof(*d) + len + 1);

	if (!d)
		return NULL;
	d->parent = parent ? cdir_hold(parent) : NULL;
	d->sub = sub;
	d->ino = ino;
	d->fd = -1;
	d->refs = 1;
	d->name_len = len;
	memcpy(d->name, name, len);
	return d;
}

struct cdir *cdir_hold(struct cdir *d)
{
	d->refs++;
	return d;
}

static void lru_del(struct copyout *c, struct cdir *d)
{
	*(d->lru_prev ? &d->lru_prev->lru_next : &c->lru_first) = d->lru_next;
	*(d->lru_next ? &d->lru_next->lru_prev : &c->lru_last) = d->lru_prev;
	d->lru_prev = d->lru_next = NULL;
}

static void lru_add(struct copyout *c, struct cdir *d)
{
	d->lru_prev = c->lru_last;
	*(c->lru_last ? &c->lru_last->lru_next : &c->lru_first) = d;
	c->lru_last = d;
}

static void close_fd(struct copyout *c, struct cdir *d)
{
	if (d->fd < 0)
		return;
	close(d->fd);
	d->fd = -1;
	c->nopen--;
}

/* Makes room for one more descriptor. */
static void evict(struct copyout *c)
{
	while (c->nopen >= c->max_open && c->lru_first) {
		struct cdir *d = c->lru_first;

		lru_del(c, d);
		close_fd(c, d);
	}
}

/* The directory must be the one that was there before: somebody may have moved things around in the target. */
static int take_fd(struct copyout *c, struct cdir *d, int fd)
{
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || st.st_dev != d->host_dev || st.st_ino != d->host_ino) {
		close(fd);
		errno = ESTALE;
		return -1;
	}
	d->fd = fd;
	c->nopen++;
	return fd;
}

static int pin_open(struct copyout *c, struct cdir *d)
{
	if (!d->pins++)
		lru_del(c, d);
	return d->fd;
}

static void unpin_locked(struct copyout *c, struct cdir *d)
{
	if (!--d->pins)
		lru_add(c, d);
}

/* From the nearest open directory above, name by name. Only two at a time are kept from being closed again. */
static int open_from_above(struct copyout *c, struct cdir *d)
{
	VEC(struct cdir *) way = VEC_INIT;
	struct cdir *p = d;
	int fd = -1;

	for (; p->fd < 0; p = p->parent) {
		if (!p->parent || vec_push(&way, p)) {
			vec_fini(&way);
			errno = p->parent ? ENOMEM : EBADF;
			return -1;
		}
	}
	pin_open(c, p);
	while (way.len) {
		struct cdir *child = way.v[--way.len];

		evict(c);
		fd = take_fd(c, child, openat(p->fd, child->name, DIR_FLAGS));
		unpin_locked(c, p);
		if (fd < 0)
			break;
		p = child;
		p->pins = 1;
	}
	vec_fini(&way);
	return fd;
}

static int pin_locked(struct copyout *c, struct cdir *d)
{
	return d->fd < 0 ? open_from_above(c, d) : pin_open(c, d);
}

int cdir_pin(struct copyout *c, struct cdir *d)
{
	int fd;

	pthread_mutex_lock(&c->dirs_lock);
	fd = pin_locked(c, d);
	pthread_mutex_unlock(&c->dirs_lock);
	return fd;
}

void cdir_unpin(struct copyout *c, struct cdir *d)
{
	pthread_mutex_lock(&c->dirs_lock);
	unpin_locked(c, d);
	pthread_mutex_unlock(&c->dirs_lock);
}

void cdir_adopt(struct copyout *c, struct cdir *d, int fd, const struct stat *st)
{
	pthread_mutex_lock(&c->dirs_lock);
	evict(c);
	d->fd = fd;
	d->host_dev = st->st_dev;
	d->host_ino = st->st_ino;
	d->pins = 1;
	c->nopen++;
	pthread_mutex_unlock(&c->dirs_lock);
}

void cdir_reopen_parent(struct copyout *c, struct cdir *d)
{
	struct cdir *p = d->parent;

	pthread_mutex_lock(&c->dirs_lock);
	if (p && p->fd < 0) {
		evict(c);
		if (take_fd(c, p, openat(d->fd, "..", DIR_FLAGS)) >= 0)
			lru_add(c, p);
	}
	pthread_mutex_unlock(&c->dirs_lock);
}

void cdir_put(struct copyout *c, struct cdir *d)
{
	while (d && !--d->refs) {
		struct cdir *parent = d->parent;

		pthread_mutex_lock(&c->dirs_lock);
		if (d->fd >= 0 && !d->pins)
			lru_del(c, d);
		close_fd(c, d);
		pthread_mutex_unlock(&c->dirs_lock);
		free(d->why);
		free(d);
		d = parent;
	}
}

/* Names from the top down: the length first, then backwards. */
static void join(const struct cdir *d, const char *name, struct strbuf *out)
{
	size_t len = name ? strlen(name) + 1 : 0, pos;

	for (const struct cdir *p = d; p && p->parent; p = p->parent)
		len += p->name_len + 1;
	if (!sb_room(out, len))
		return;
	pos = out->len += len;
	if (name) {
		pos -= strlen(name);
		memcpy(out->v + pos, name, strlen(name));
		out->v[--pos] = '/';
	}
	for (const struct cdir *p = d; p && p->parent; p = p->parent) {
		pos -= p->name_len;
		memcpy(out->v + pos, p->name, p->name_len);
		out->v[--pos] = '/';
	}
}

void cdir_path(struct copyout *c, const struct cdir *d, const char *name, struct strbuf *out)
{
	sb_reset(out);
	sb_puts(out, c->target);
	while (out->len > 1 && out->v[out->len - 1] == '/')
		out->len--;
	if (out->len == 1 && out->v[0] == '/')
		out->len = 0;
	join(d, name, out);
	if (!out->len)
		sb_char(out, '/');
}

void cdir_inside(const struct cdir *d, const char *name, struct strbuf *out)
{
	sb_reset(out);
	join(d, name, out);
}
