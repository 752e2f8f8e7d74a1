/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extents that several files share are shared in the target as well, where it can: the first file with an extent is copied, the
 * others clone the range from it. Which file holds which extent is remembered for so many extents as a bounded memory allows. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cmds/copyout/internal.h"
#include "common/mem.h"

enum { RECORDS_MAX = 1 << 19 };

/* Bytes [ext_off, ext_off + len) of the extent (uncompressed) lie in the file from file_off on. */
struct record { struct shared_name *name; u64 ext_off, len, file_off; };

struct share {
	pthread_mutex_t lock;
	pthread_cond_t cond;      /* a file is complete, or fewer work on one */
	struct hmap by_bytenr;    /* disk bytenr -> index in records */
	VEC(struct record) records;
};

/* The target is asked itself: a clone of nothing between unnamed files. */
static bool can_clone(int dirfd)
{
	struct file_clone_range range = { 0 };
	int a = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), b = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	bool can = false;

	range.src_fd = a;
	if (a >= 0 && b >= 0)
		can = !ioctl(b, FICLONERANGE, &range);
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return can;
}

int share_init(struct copyout *c)
{
	if (!c->o.reflink || c->o.dry_run || !can_clone(c->dirfd))
		return 0;
	c->share = mem_zalloc(sizeof(*c->share));
	if (!c->share)
		return -ENOMEM;
	pthread_mutex_init(&c->share->lock, NULL);
	pthread_cond_init(&c->share->cond, NULL);
	c->can_reflink = true;
	return 0;
}

void share_fini(struct copyout *c)
{
	struct share *s = c->share;

	if (!s)
		return;
	for (size_t i = 0; i < s->records.len; i++)
		shared_name_put(c, s->records.v[i].name);
	vec_fini(&s->records);
	hmap_fini(&s->by_bytenr);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->cond);
	free(s);
	c->share = NULL;
}

/* Remembers that this file will hold the piece. */
static void claim(struct copyout *c, struct shared_name *name, const struct file_piece *p)
{
	struct share *s = c->share;
	struct record r = { .name = name, .ext_off = p->ext.offset, .len = p->len, .file_off = p->start };
	bool fresh;
	u64 *slot;

	if (s->records.len >= RECORDS_MAX || vec_reserve(&s->records, s->records.len + 1))
		return;
	slot = hmap_put(&s->by_bytenr, p->ext.disk_bytenr, &fresh);
	if (!slot)
		return;
	shared_name_hold(name);
	if (fresh) {
		*slot = s->records.len;
		s->records.v[s->records.len++] = r;
	} else {
		shared_name_put(c, s->records.v[*slot].name);
		s->records.v[*slot] = r;
	}
}

static bool covers(const struct record *r, u64 from, u64 len)
{
	return from >= r->ext_off && from - r->ext_off < r->len && r->len - (from - r->ext_off) >= len;
}

/* Whoever copies name waits until other is complete, but only as long as somebody is at work on that: else they might wait for each other. */
static bool wait_for(struct share *s, struct shared_name *name, struct shared_name *other)
{
	if (other->copiers <= other->waiters)
		return false;
	name->waiters++;
	pthread_cond_broadcast(&s->cond); /* one less is at work on name */
	pthread_cond_wait(&s->cond, &s->lock);
	name->waiters--;
	return true;
}

/* The record that can serve [from, from + len) of the piece's extent, its name held; otherwise the piece is claimed for name. */
static bool find(struct copyout *c, struct shared_name *name, const struct file_piece *p, u64 from, u64 len, struct record *out)
{
	struct share *s = c->share;
	bool found = false, ours = false;
	u64 *slot;

	pthread_mutex_lock(&s->lock);
	while ((slot = hmap_get(&s->by_bytenr, p->ext.disk_bytenr))) {
		*out = s->records.v[*slot];
		ours = out->name == name;
		if (ours || !covers(out, from, len) || out->name->state == NAME_UNUSABLE)
			break;
		if (out->name->state == NAME_COMPLETE) {
			shared_name_hold(out->name);
			found = true;
			break;
		}
		if (!wait_for(s, name, out->name))
			break;
	}
	if (!found && !ours && (!slot || out->name->state == NAME_UNUSABLE || out->len < p->len))
		claim(c, name, p);
	pthread_mutex_unlock(&s->lock);
	return found;
}

void share_enter(struct copyout *c, struct shared_name *name)
{
	pthread_mutex_lock(&c->share->lock);
	name->copiers++;
	pthread_mutex_unlock(&c->share->lock);
}

void share_leave(struct copyout *c, struct shared_name *name)
{
	pthread_mutex_lock(&c->share->lock);
	name->copiers--;
	pthread_cond_broadcast(&c->share->cond);
	pthread_mutex_unlock(&c->share->lock);
}

/* The descriptor of the file behind a name; the last one is kept open, for the next extent is likely in the same file. */
static int source_fd(struct worker *k, struct shared_name *n)
{
	int dirfd;

	if (k->src == n)
		return k->src_fd;
	worker_drop_source(k);
	dirfd = cdir_pin(k->c, n->dir);
	if (dirfd < 0)
		return -1;
	k->src_fd = openat(dirfd, n->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cdir_unpin(k->c, n->dir);
	if (k->src_fd >= 0)
		k->src = shared_name_hold(n);
	return k->src_fd;
}

void worker_drop_source(struct worker *k)
{
	if (!k->src)
		return;
	close(k->src_fd);
	shared_name_put(k->c, k->src);
	k->src = NULL;
	k->src_fd = -1;
}

u64 share_try(struct worker *k, struct shared_name *name, const struct file_piece *p, u64 off, u64 len, int fd)
{
	struct file_clone_range range = { .dest_offset = p->start + off, .src_length = len };
	struct record r;
	u64 from = p->ext.offset + off, done = 0;

	if (p->ext.type != BTRFS_FILE_EXTENT_REG || !find(k->c, name, p, from, len, &r))
		return 0;
	range.src_fd = source_fd(k, r.name);
	range.src_offset = r.file_off + (from - r.ext_off);
	if (range.src_fd >= 0) {
		if (!ioctl(fd, FICLONERANGE, &range)) {
			done = len;
		} else if (errno == EINVAL && len % KiB(4) && len > KiB(4)) {
			/* The end of this file is the middle of a block in the other. */
			range.src_length = round_down_p2(len, KiB(4));
			if (!ioctl(fd, FICLONERANGE, &range))
				done = range.src_length;
		}
	}
	shared_name_put(k->c, r.name);
	return done;
}

void share_done(struct copyout *c, struct shared_name *name, bool usable)
{
	struct share *s = c->share;

	pthread_mutex_lock(&s->lock);
	name->state = usable ? NAME_COMPLETE : NAME_UNUSABLE;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
}
