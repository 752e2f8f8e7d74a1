/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The data of regular files. Small ones are copied by one worker in one go; big ones are handed out in parts to whoever has nothing
 * better to do. What cannot be read is narrowed down to sectors, left as a hole, and told. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/copyout/internal.h"
#include "common/io.h"
#include "common/mem.h"
#include "crypto/csum.h"

/* One file as a worker sees it. */
struct sink {
	struct worker *k;
	struct cdir *dir;
	const char *name;
	const struct inode *inode;
	int fd;
	struct shared_name *share;
	u64 end;              /* behind the last byte written */
	bool damaged, failed;
	u64 bad_from, bad_to; /* neighbouring bad sectors are told together */
	unsigned bad_copies;
	char bad_why[512];
};

static u32 sector(const struct copyout *c)
{
	return c->fs->geo->sectorsize;
}

static void flush_bad(struct sink *s)
{
	if (s->bad_from == s->bad_to)
		return;
	note_lost_data(s->k->c, s->dir, s->name, s->bad_from, s->bad_to, s->bad_copies, s->bad_why);
	s->bad_from = s->bad_to = 0;
}

static void bad(struct sink *s, const struct file_piece *p, u64 from, u64 to, const char *why)
{
	s->damaged = true;
	if (s->bad_from < s->bad_to && s->bad_to == from) {
		s->bad_to = to;
		return;
	}
	flush_bad(s);
	s->bad_from = from;
	s->bad_to = to;
	s->bad_copies = p->ext.type == BTRFS_FILE_EXTENT_INLINE ? 0 : rio_copies(s->k->c->fs->vol, p->ext.disk_bytenr);
	snprintf(s->bad_why, sizeof(s->bad_why), "%s", why);
}

static void put(struct sink *s, const void *buf, u64 off, u64 len)
{
	int ret = io_pwrite(s->fd, buf, len, off);

	if (!ret) {
		s->end = max_t(u64, s->end, off + len);
		s->k->bytes += len;
		progress_add(s->k->c->o.progress, len);
		return;
	}
	s->failed = true;
	if (ret == -EFBIG || ret == -EINVAL || ret == -EPERM || ret == -EACCES) {
		note_failed(s->k->c, s->dir, s->name, "writing at %llu failed: %s", off, strerror(-ret));
		return;
	}
	cdir_path(s->k->c, s->dir, s->name, &s->k->path);
	copyout_stop(s->k->c, ret, "writing '%s' failed: %s", sb_str(&s->k->path), strerror(-ret));
}

static bool unsummed(const struct sink *s)
{
	return s->k->c->no_csums || s->inode->flags & BTRFS_INODE_NODATASUM;
}

enum sums { SUMS_WRONG, SUMS_ABSENT };
/* Why a piece failed to verify: does it have readable checksums at all? */
static enum sums look_at_sums(struct copyout *c, const struct file_piece *p, u64 off, u64 len)
{
	const struct file_extent_view *e = &p->ext;
	u64 start = e->compression ? e->disk_bytenr : e->disk_bytenr + e->offset + off, n = e->compression ? e->disk_num_bytes : len;
	u8 sums[BTRFS_MAX_COMPRESSED / BTRFS_MIN_BLOCKSIZE * CSUM_SIZE_MAX], have[BTRFS_MAX_COMPRESSED / BTRFS_MIN_BLOCKSIZE];
	u32 sectors;

	start = round_down_p2(start, sector(c));
	n = round_up_p2(n, sector(c));
	sectors = n / sector(c);
	if (n > BTRFS_MAX_COMPRESSED)
		return SUMS_WRONG;
	if (csum_lookup(c->fs, start, n, sums, have, NULL))
		return SUMS_ABSENT;
	for (u32 i = 0; i < sectors; i++) {
		if (!have[i])
			return SUMS_ABSENT;
	}
	return SUMS_WRONG;
}

static void count(struct copyout *c, u64 *counter, u64 n)
{
	pthread_mutex_lock(&c->note_lock);
	*counter += n;
	pthread_mutex_unlock(&c->note_lock);
}

/* A sector, or a compressed piece, that does not read well: keep what may be kept. */
static void copy_bad_unit(struct sink *s, const struct file_piece *p, u64 off, u64 len, const struct err *why)
{
	struct copyout *c = s->k->c;
	u64 at = p->start + off;

	if (p->ext.type != BTRFS_FILE_EXTENT_INLINE && !unsummed(s)) {
		bool absent = look_at_sums(c, p, off, len) == SUMS_ABSENT;

		if ((absent || c->o.ignore_csums) && !file_piece_read_raw(c->fs, p, off, s->k->buf, len, NULL)) {
			put(s, s->k->buf, at, len);
			count(c, absent ? &c->result.unverified : &c->result.mismatched, len);
			if (!absent)
				bad(s, p, at, at + len, "the checksum does not match, written as it is");
			return;
		}
	}
	bad(s, p, at, at + len, err_text(why));
}

/* The range failed as a whole: by 64 KiB, then by sectors. Compressed extents read whole or not at all. */
static void copy_damaged(struct sink *s, const struct file_piece *p, u64 off, u64 len, u64 step)
{
	struct copyout *c = s->k->c;
	bool divisible = !p->ext.compression && p->ext.type != BTRFS_FILE_EXTENT_INLINE;
	u64 end = off + len;

	for (u64 n; off < end && !s->failed; off += n) {
		struct err err = ERR_INIT;

		n = divisible ? min_t(u64, end - off, step - off % step) : end - off;
		if (!file_piece_read(c->fs, p, off, s->k->buf, n, unsummed(s), &err))
			put(s, s->k->buf, p->start + off, n);
		else if (divisible && n > sector(c))
			copy_damaged(s, p, off, n, sector(c));
		else
			copy_bad_unit(s, p, off, n, &err);
	}
}

/* Copies n bytes. True: they are all there. */
static bool copy_chunk(struct sink *s, const struct file_piece *p, u64 off, u64 n)
{
	struct copyout *c = s->k->c;
	struct err err;
	int ret = file_piece_read(c->fs, p, off, s->k->buf, n, unsummed(s), &err);

	if (!ret)
		put(s, s->k->buf, p->start + off, n);
	else if (ret == -ENOMEM || ret == -EINTR)
		copyout_stop(c, ret, "%s", err_text(&err));
	else
		copy_damaged(s, p, off, n, KiB(64));
	return !ret && !s->failed && !c->stop;
}

static void copy_range(struct sink *s, const struct file_piece *p, u64 off, u64 len)
{
	struct copyout *c = s->k->c;

	while (len && !s->failed && !c->stop) {
		u64 n = s->share ? len : min_t(u64, len, COPY_CHUNK);
		struct err err;

		if (!s->share) {
			copy_chunk(s, p, off, n);
		} else if (share_next(s->k, s->share, p, off, &n, s->fd)) {
			s->end = max_t(u64, s->end, p->start + off + n);
			s->k->shared += n;
		} else {
			share_settle(s->k, copy_chunk(s, p, off, n));
		}
		off += n;
		len -= n;
		if (env_check_interrupt(c->env, &err))
			copyout_stop(c, -EINTR, "%s", err_text(&err));
	}
}

static void lost_extents(struct sink *s, const struct whole *w)
{
	struct strbuf why CLEANUP(sb_fini) = STRBUF_INIT;

	if (!w->lost.len)
		return;
	sb_printf(&why, "its extents are unreadable: %s", err_text(&w->why));
	flush_bad(s);
	for (size_t i = 0; i < w->lost.len; i++)
		note_lost_data(s->k->c, s->dir, s->name, w->lost.v[i].from, w->lost.v[i].to, 0, sb_str(&why));
	s->damaged = true;
}

/* All that is to be written is written: size, attributes. Removes what is not fit to be kept. Takes the descriptor. */
static void finish(struct sink *s, const struct whole *w, u64 end, bool damaged, bool failed)
{
	struct worker *k = s->k;
	bool remove = k->c->stop || failed || (damaged && k->c->o.whole_only);

	if (!remove && !w->no_inode && end < w->inode.size && ftruncate(s->fd, w->inode.size)) {
		note_failed(k->c, s->dir, s->name, "setting the size to %llu failed: %s", w->inode.size, strerror(errno));
		remove = true;
	}
	if (!remove)
		meta_file(k, w, s->dir, s->name, s->fd);
	if (close(s->fd) && !remove) {
		note_failed(k->c, s->dir, s->name, "closing failed: %s", strerror(errno));
		remove = true;
	}
	if (remove && s->share)
		share_forget(k->c, s->share);
	if (remove)
		links_remove(k, s->dir, w->inode.ino, s->name);
	else if (w->inode.nlink > 1)
		links_complete(k, s->dir, w->inode.ino);
	k->files += !remove;
}

static void copy_small(struct worker *k, struct cdir *d, const char *name, int fd)
{
	struct sink s = { .k = k, .dir = d, .name = name, .inode = &k->w.inode, .fd = fd };
	struct err err;
	int ret;

	if (k->w.pieces.len)
		s.share = shared_name_of(k->c, d, name, fd);
	for (;;) {
		lost_extents(&s, &k->w);
		for (size_t i = 0; i < k->w.pieces.len && !s.failed && !k->c->stop; i++)
			copy_range(&s, &k->w.pieces.v[i], 0, k->w.pieces.v[i].len);
		if (!k->w.more || s.failed || k->c->stop)
			break;
		ret = whole_read_more(&k->w, PIECES_MAX, &err);
		if (ret)
			copyout_stop(k->c, ret, "%s", err_text(&err));
	}
	flush_bad(&s);
	finish(&s, &k->w, s.end, s.damaged, s.failed);
	shared_name_put(k->c, s.share);
}

static void cfile_free(struct copyout *c, struct cfile *f)
{
	pthread_mutex_destroy(&f->lock);
	whole_fini(&f->w);
	shared_name_put(c, f->share);
	cdir_put(c, f->dir);
	free(f);
}

struct part { struct file_piece piece; u64 off, len; };
VEC_TYPE(parts, struct part);

/* The next 4 MiB of the file. False when all is handed out. Under the file's lock. */
static bool take_parts(struct worker *k, struct cfile *f, struct parts *out, struct sink *s)
{
	u64 room = MiB(4);
	struct err err;
	int ret;

	out->len = 0;
	while (room && !k->c->stop && !f->failed) {
		struct file_piece *p;
		struct part part;

		if (f->next == f->w.pieces.len) {
			/* The pieces handed out may point to inline data of the window: it stays until whole_fini. */
			ret = f->w.more ? whole_read_more(&f->w, PIECES_MAX, &err) : -ENOENT;
			if (ret) {
				if (ret != -ENOENT)
					copyout_stop(k->c, ret, "%s", err_text(&err));
				break;
			}
			f->next = f->piece_off = 0;
			lost_extents(s, &f->w);
			continue;
		}
		p = &f->w.pieces.v[f->next];
		part = (struct part){ *p, f->piece_off, min_t(u64, p->len - f->piece_off, room) };
		if (vec_push(out, part)) {
			copyout_stop(k->c, -ENOMEM, "not enough memory");
			break;
		}
		room -= part.len;
		f->piece_off += part.len;
		if (f->piece_off == p->len)
			f->next++, f->piece_off = 0;
	}
	return out->len;
}

static void copy_big_part(struct worker *k, struct cfile *f)
{
	struct sink s = { .k = k, .dir = f->dir, .name = f->name, .inode = &f->w.inode, .fd = f->fd, .share = f->share };
	struct parts parts = VEC_INIT;
	bool more, withdrawn, last;

	for (;;) {
		pthread_mutex_lock(&f->lock);
		more = take_parts(k, f, &parts, &s);
		pthread_mutex_unlock(&f->lock);
		if (!more)
			break;
		for (size_t i = 0; i < parts.len && !s.failed && !k->c->stop; i++)
			copy_range(&s, &parts.v[i].piece, parts.v[i].off, parts.v[i].len);
		if (s.failed) {
			pthread_mutex_lock(&f->lock);
			f->failed = true;
			pthread_mutex_unlock(&f->lock);
		}
	}
	flush_bad(&s);
	vec_fini(&parts);
	withdrawn = queue_withdraw_file(k->c, f);
	pthread_mutex_lock(&f->lock);
	f->users -= withdrawn;
	f->end = max_t(u64, f->end, s.end);
	f->damaged |= s.damaged;
	last = !--f->users;
	pthread_mutex_unlock(&f->lock);
	if (last) {
		finish(&s, &f->w, f->end, f->damaged, f->failed);
		cfile_free(k->c, f);
	}
}

/* Asks for one more helper as long as there is enough to do, and helps. */
void copy_big_help(struct worker *k, struct cfile *f)
{
	bool left;

	pthread_mutex_lock(&f->lock);
	left = f->next < f->w.pieces.len || f->w.more;
	f->users += left;
	pthread_mutex_unlock(&f->lock);
	if (left)
		queue_offer_file(k->c, f);
	copy_big_part(k, f);
}

static struct cfile *cfile_new(struct worker *k, struct cdir *d, const char *name, int fd)
{
	struct cfile *f = mem_zalloc(sizeof(*f));

	if (!f)
		return NULL;
	pthread_mutex_init(&f->lock, NULL);
	f->dir = cdir_hold(d);
	f->fd = fd;
	f->users = 1;
	f->w = k->w;
	whole_init(&k->w);
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->share = shared_name_of(k->c, d, name, fd);
	return f;
}

static void copy_big(struct worker *k, struct cdir *d, const char *name, int fd)
{
	struct cfile *f = cfile_new(k, d, name, fd);
	struct sink s = { .k = k, .dir = d, .name = name };

	if (!f) {
		copyout_stop(k->c, -ENOMEM, "not enough memory");
		close(fd);
		return;
	}
	batch_hand_over(k, d);
	lost_extents(&s, &f->w);
	f->damaged = s.damaged;
	copy_big_help(k, f);
}

void copy_regular(struct worker *k, struct cdir *d, int dirfd, const char *name)
{
	bool claim = false;
	int fd;

	if (!k->c->o.dry_run && link_earlier(k, d, dirfd, name, &claim))
		return;
	fd = k->c->o.dry_run ? -1 : make_file(k, d, dirfd, name);
	if (fd >= 0 || k->c->o.dry_run)
		note(k->c, COPYOUT_FILE, d, name, NULL);
	if (claim) {
		if (fd >= 0)
			link_first(k, d, name);
		link_release(k);
	}
	if (fd < 0)
		return;
	if (k->w.inode.size >= BIG_FILE && (k->w.more || k->w.pieces.len))
		copy_big(k, d, name, fd);
	else
		copy_small(k, d, name, fd);
}
