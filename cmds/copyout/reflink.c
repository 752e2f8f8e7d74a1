/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extents that several files share are shared in the target as well, where it can: whoever needs a part of an extent first copies it, all
 * others clone it from there. What is shared depends on no order and no number of workers: a part that somebody is just copying is waited
 * for, and who copies waits for nobody. Where each part lies is remembered for so many parts as a bounded memory allows. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/copyout/internal.h"
#include "common/mem.h"

enum { RECORDS_MAX = 1 << 19, BUCKET = MiB(1), BLOCK = KiB(4), EXTENT_MAX = BUCKET * (BLOCK / 4) - 1 };

/* Bytes [off, off + len) of a bucket, a MiB of an extent (uncompressed), lie in the file from file_off on. */
enum part_state { PART_COPYING, PART_COMPLETE, PART_USELESS };
struct record {
	struct shared_name *name;
	u64 file_off;
	u32 off, len;
	u32 next;                 /* in the chain; as everywhere here: index + 1, or 0 */
	enum part_state state;
};

struct share {
	pthread_mutex_t lock;
	pthread_cond_t cond;      /* some part is settled */
	struct hmap chains;       /* place() -> the first record there */
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
	hmap_fini(&s->chains);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->cond);
	free(s);
	c->share = NULL;
}

/* The descriptor of the file behind a name; the last one is kept open, for the next extent is likely in the same file. */
static int source_fd(struct worker *k, struct shared_name *n)
{
	struct stat st;
	int dirfd;

	if (k->src == n)
		return k->src_fd;
	worker_drop_source(k);
	dirfd = cdir_pin(k->c, n->dir);
	if (dirfd < 0)
		return -1;
	k->src_fd = openat(dirfd, n->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cdir_unpin(k->c, n->dir);
	if (k->src_fd < 0)
		return -1;
	/* Something else may have got the name since: a damaged filesystem may hold it twice. */
	if (fstat(k->src_fd, &st) || st.st_ino != n->host_ino) {
		close(k->src_fd);
		return k->src_fd = -1;
	}
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

/* Parts of extents are kept by bucket, in order. The ends of files inside a block are kept apart: only equal ends can be shared. */
static u64 place(u64 bytenr, u64 from, bool odd)
{
	return bytenr | from / BUCKET << 1 | odd;
}

static bool can_share(const struct file_piece *p, u64 off)
{
	return p->ext.type == BTRFS_FILE_EXTENT_REG && !((p->ext.disk_bytenr | (p->ext.offset + off) | (p->start + off)) % BLOCK) &&
		p->ext.offset <= EXTENT_MAX && p->len <= EXTENT_MAX; /* so that place() has its own bits */
}

/* What is known of the extent at from, whole blocks or else the end of a file: the record that has the first *n bytes of the len that are
 * wanted; NULL: nobody has these *n. */
static struct record *lookup(struct share *s, u64 bytenr, u64 from, u64 len, u64 *n)
{
	bool odd = len < BLOCK;
	u64 *first = hmap_get(&s->chains, place(bytenr, from, odd));
	u32 in = from % BUCKET;
	struct record *r;

	*n = odd ? len : min_t(u64, round_down_p2(len, BLOCK), BUCKET - in);
	for (u32 i = first ? *first : 0; i; i = r->next) {
		r = &s->records.v[i - 1];
		if (odd ? r->off != in || r->len != len : r->off + r->len <= in)
			continue;
		if (r->off > in) {
			*n = min_t(u64, *n, r->off - in);
			return NULL;
		}
		*n = min_t(u64, *n, r->off + r->len - in);
		return r;
	}
	return NULL;
}

/* The worker will copy this part: others wait for it. */
static void claim(struct worker *k, struct shared_name *name, u64 bytenr, u64 from, u64 n, u64 file_off)
{
	struct share *s = k->c->share;
	struct record r = { .name = name, .file_off = file_off, .off = from % BUCKET, .len = n, .state = PART_COPYING };
	u64 *first;
	u32 *link, prev = 0;

	if (s->records.len >= RECORDS_MAX || vec_reserve(&s->records, s->records.len + 1))
		return;
	first = hmap_put(&s->chains, place(bytenr, from, n < BLOCK), NULL);
	if (!first)
		return;
	for (u32 i = *first; i && s->records.v[i - 1].off < r.off; i = s->records.v[i - 1].next)
		prev = i;
	link = prev ? &s->records.v[prev - 1].next : NULL;
	r.next = link ? *link : *first;
	shared_name_hold(name);
	s->records.v[s->records.len++] = r;
	if (link)
		*link = s->records.len;
	else
		*first = s->records.len;
	k->claims[k->nclaims++] = s->records.len;
}

void share_settle(struct worker *k, bool whole)
{
	struct share *s = k->c->share;

	if (!k->nclaims)
		return;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < k->nclaims; i++)
		s->records.v[k->claims[i] - 1].state = whole ? PART_COMPLETE : PART_USELESS;
	k->nclaims = 0;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

void share_forget(struct copyout *c, struct shared_name *name)
{
	pthread_mutex_lock(&c->share->lock);
	name->gone = true;
	pthread_mutex_unlock(&c->share->lock);
}

static bool usable(const struct record *r)
{
	return r && r->state == PART_COMPLETE && !r->name->gone;
}

/* Claims what nobody has, up to len bytes in all. The number of them. */
static u64 claim_run(struct worker *k, struct shared_name *name, u64 bytenr, u64 from, u64 len, u64 file_off)
{
	struct share *s = k->c->share;
	u64 done = 0, n;

	len = min_t(u64, len, COPY_CHUNK);
	while (done < len && k->nclaims < ARRAY_SIZE(k->claims) && !lookup(s, bytenr, from + done, len - done, &n)) {
		claim(k, name, bytenr, from + done, n, file_off + done);
		done += n;
	}
	return done;
}

/* r has the first *len bytes: how far do its neighbours go on in the same file? */
static void extend(struct share *s, const struct record *r, u64 bytenr, u64 from, u64 src, u64 want, u64 *len)
{
	while (*len < want) {
		u64 n;
		const struct record *next = lookup(s, bytenr, from + *len, want - *len, &n);

		if (!usable(next) || next->name != r->name || next->file_off + ((from + *len) % BUCKET - next->off) != src + *len)
			return;
		*len += n;
	}
}

bool share_next(struct worker *k, struct shared_name *name, const struct file_piece *p, u64 off, u64 *len, int fd)
{
	struct share *s = k->c->share;
	struct file_clone_range range = { .dest_offset = p->start + off };
	u64 bytenr = p->ext.disk_bytenr, from = p->ext.offset + off, want = *len;
	struct shared_name *source;
	struct record *r;
	bool cloned;
	u32 index;

	*len = min_t(u64, want, COPY_CHUNK);
	if (!can_share(p, off))
		return false;
	pthread_mutex_lock(&s->lock);
	while ((r = lookup(s, bytenr, from, want, len)) && r->state == PART_COPYING)
		pthread_cond_wait(&s->cond, &s->lock);
	if (!usable(r)) {
		*len = r ? min_t(u64, *len, COPY_CHUNK) : claim_run(k, name, bytenr, from, want, p->start + off);
		pthread_mutex_unlock(&s->lock);
		return false;
	}
	range.src_offset = r->file_off + (from % BUCKET - r->off);
	extend(s, r, bytenr, from, range.src_offset, want, len);
	range.src_length = *len;
	source = shared_name_hold(r->name);
	index = r - s->records.v;
	pthread_mutex_unlock(&s->lock);

	range.src_fd = source_fd(k, source);
	cloned = range.src_fd >= 0 && !ioctl(fd, FICLONERANGE, &range);
	if (range.src_fd < 0) {
		pthread_mutex_lock(&s->lock);
		s->records.v[index].state = PART_USELESS;
		pthread_mutex_unlock(&s->lock);
	}
	shared_name_put(k->c, source);
	if (!cloned)
		*len = min_t(u64, *len, COPY_CHUNK);
	return cloned;
}
