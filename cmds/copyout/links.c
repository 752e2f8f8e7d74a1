/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files with several names: the first name met is made, the others are linked to it, in whatever directory they are. */
#include <errno.h>
#include <unistd.h>
#include "cmds/copyout/internal.h"
#include "common/mem.h"

static struct clink *find(const struct cdir *d, u64 ino)
{
	u64 *slot = hmap_get(&d->sub->links, ino);

	return slot ? (struct clink *)(uintptr_t)*slot : NULL;
}

/* When all names are made and the data is there, nothing has to be remembered. */
static void forget_if_done(struct worker *k, struct cdir *d, u64 ino, struct clink *l)
{
	if (l->left || !l->complete)
		return;
	hmap_del(&d->sub->links, ino);
	clink_free(k->c, l);
}

/* As long as the data may turn out to be unusable, all names must be known. */
static void linked(struct worker *k, struct cdir *d, const char *name, u64 ino, struct clink *l)
{
	struct shared_name *n = l->complete ? NULL : shared_name_new(d, name);

	if (!l->complete && (!n || vec_push(&l->names, n))) {
		shared_name_put(k->c, n);
		copyout_stop(k->c, -ENOMEM, "not enough memory");
	}
	k->links++;
	if (l->left)
		l->left--;
	forget_if_done(k, d, ino, l);
}

static int do_link(struct worker *k, struct shared_name *to, int dirfd, const char *name)
{
	int fd = cdir_pin(k->c, to->dir), ret, error;

	if (fd < 0)
		return -1;
	ret = linkat(fd, to->name, dirfd, name, 0);
	if (ret && errno == EEXIST && k->c->o.overwrite && !unlinkat(dirfd, name, 0))
		ret = linkat(fd, to->name, dirfd, name, 0);
	error = errno;
	cdir_unpin(k->c, to->dir);
	errno = error;
	return ret;
}

bool link_earlier(struct worker *k, struct cdir *d, int dirfd, const char *name, bool *claim)
{
	struct copyout *c = k->c;
	u64 ino = k->w.inode.ino;
	struct clink *l;
	bool done = true;

	*claim = false;
	if (k->w.inode.nlink < 2)
		return false;
	pthread_mutex_lock(&c->links_lock);
	l = find(d, ino);
	if (!l) {
		*claim = true;
		return false;
	}
	if (l->failed) {
		note_damage(c, d, name, "its data could not be read, see the other names of inode %llu", ino);
	} else if (!do_link(k, l->names.v[0], dirfd, name)) {
		note(c, COPYOUT_FILE, d, name, NULL);
		linked(k, d, name, ino, l);
	} else if (errno == EEXIST) {
		note_existing(c, d, name);
	} else {
		/* Too many links, or a target without them: a copy of its own. */
		note_unkept(c, UNKEPT_LINK, errno, d, name, NULL);
		done = false;
	}
	pthread_mutex_unlock(&c->links_lock);
	return done;
}

void link_first(struct worker *k, struct cdir *d, const char *name)
{
	struct clink *l = mem_zalloc(sizeof(*l));
	struct shared_name *n = shared_name_new(d, name);
	u64 *slot = hmap_put(&d->sub->links, k->w.inode.ino, NULL);

	if (!l || !n || !slot || vec_push(&l->names, n)) {
		if (slot)
			hmap_del(&d->sub->links, k->w.inode.ino);
		shared_name_put(k->c, n);
		free(l);
		copyout_stop(k->c, -ENOMEM, "not enough memory");
		return;
	}
	l->left = k->w.inode.nlink - 1;
	*slot = (uintptr_t)l;
}

void links_complete(struct worker *k, struct cdir *d, u64 ino)
{
	struct clink *l;

	pthread_mutex_lock(&k->c->links_lock);
	l = find(d, ino);
	if (l) {
		l->complete = true;
		forget_if_done(k, d, ino, l);
	}
	pthread_mutex_unlock(&k->c->links_lock);
}

void link_release(struct worker *k)
{
	pthread_mutex_unlock(&k->c->links_lock);
}

static void remove_name(struct worker *k, struct cdir *d, const char *name)
{
	int fd = cdir_pin(k->c, d);

	if (fd < 0)
		return;
	unlinkat(fd, name, 0);
	cdir_unpin(k->c, d);
}

void links_remove(struct worker *k, struct cdir *d, u64 ino, const char *name)
{
	struct clink *l;

	pthread_mutex_lock(&k->c->links_lock);
	l = find(d, ino);
	if (l) {
		l->failed = true;
		for (size_t i = 0; i < l->names.len; i++)
			remove_name(k, l->names.v[i]->dir, l->names.v[i]->name);
	}
	pthread_mutex_unlock(&k->c->links_lock);
	remove_name(k, d, name);
}
