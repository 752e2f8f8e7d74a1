/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All data that has checksums, every copy of it. The csum tree is read in order; each piece is read and summed by
 * one thread, small enough to be in its cache, what is wrong with it is told in order. What is bad in all copies is traced back to files. */
#include "kernel-shared/check/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include "common/pool.h"
#include "crypto/csum.h"
#include "kernel-shared/fs/users.h"
#include "kernel-shared/tree/salvage.h"

enum { PIECE = 256 << 10, LOST_MAX = 1 << 16, COPIES_MAX = 8 };

struct bad_sector { u64 bytenr; unsigned mirror; u8 found[CSUM_SIZE_MAX]; };
struct piece {
	struct piece *next;           /* of those to be filled again */
	u64 start;
	u32 sectors;
	u8 *want, *found;
	unsigned copies;
	VEC(struct bad_sector) bad;
	char *unreadable[COPIES_MAX]; /* the reason, by copy */
	u8 *bad_copies;               /* of each sector */
	int ret;
};
struct lost_run { u64 start, end; };

struct data_pass {
	struct check *c;
	VEC(struct lost_run) lost;
	struct piece *spare;
	u8 **bufs;                    /* of each worker */
};

static void piece_free(struct piece *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < COPIES_MAX; i++)
		free(p->unreadable[i]);
	vec_fini(&p->bad);
	free(p->want);
	free(p->found);
	free(p->bad_copies);
	free(p);
}

static struct piece *piece_new(const struct check *c)
{
	size_t n = PIECE / c->geo->sectorsize;
	struct piece *p = mem_zalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->want = mem_alloc(n, c->geo->csum_size);
	p->found = mem_alloc(n, c->geo->csum_size);
	p->bad_copies = mem_alloc(n, 1);
	if (p->want && p->found && p->bad_copies)
		return p;
	piece_free(p);
	return NULL;
}

/* --- one piece --- */

static int piece_compare(const struct check *c, struct piece *p, unsigned mirror, const u8 *buf)
{
	u32 size = c->geo->csum_size;

	csum_compute_blocks(c->geo->csum_type, buf, c->geo->sectorsize, p->sectors, p->found);
	if (!memcmp(p->found, p->want, (size_t)p->sectors * size))
		return 0;
	for (u32 i = 0; i < p->sectors; i++) {
		struct bad_sector bad = { .bytenr = p->start + (u64)i * c->geo->sectorsize, .mirror = mirror };

		if (!memcmp(p->found + i * size, p->want + i * size, size))
			continue;
		memcpy(bad.found, p->found + i * size, size);
		p->bad_copies[i]++;
		if (vec_push(&p->bad, bad))
			return -ENOMEM;
	}
	return 0;
}

static void piece_work(void *job, void *arg, unsigned worker)
{
	struct data_pass *d = arg;
	struct check *c = d->c;
	struct piece *p = job;
	u8 *buf = d->bufs[worker];

	if (!buf)
		buf = d->bufs[worker] = mem_alloc_io(PIECE);
	if (!buf)
		p->ret = -ENOMEM;
	p->copies = min_t(unsigned, rio_copies(c->fs->vol, p->start), COPIES_MAX);
	memset(p->bad_copies, 0, p->sectors);
	for (unsigned mirror = 1; !p->ret && mirror <= p->copies; mirror++) {
		struct err err = ERR_INIT;

		if (!rio_read(c->fs->vol, p->start, p->sectors * c->geo->sectorsize, mirror, buf, &err)) {
			p->ret = piece_compare(c, p, mirror, buf);
			continue;
		}
		p->unreadable[mirror - 1] = mem_strdup(err_text(&err));
		for (u32 i = 0; i < p->sectors; i++)
			p->bad_copies[i]++;
	}
}

/* --- telling --- */

static char *hex(char *to, const u8 *p, u32 n)
{
	for (u32 i = 0; i < n; i++)
		snprintf(to + 2 * i, 3, "%02x", p[i]);
	return to;
}

static void tell_bad(struct data_pass *d, const struct piece *p, const struct bad_sector *b)
{
	struct check *c = d->c;
	u32 i = (b->bytenr - p->start) / c->geo->sectorsize, size = c->geo->csum_size;
	char found[2 * CSUM_SIZE_MAX + 1], want[2 * CSUM_SIZE_MAX + 1];
	struct where w = { .bytenr = b->bytenr, .len = c->geo->sectorsize, .mirror = b->mirror, .order = 1 };

	REPORT(c, CHECK_CSUMS, DATA_CSUM, w, b->mirror, b->bytenr, hex(found, b->found, size), hex(want, p->want + i * size, size));
}

static int note_lost(struct data_pass *d, const struct piece *p)
{
	u32 sector = d->c->geo->sectorsize;

	for (u32 i = 0; i < p->sectors; i++) {
		u64 at = p->start + (u64)i * sector;
		struct lost_run run = { at, at + sector };

		if (p->bad_copies[i] < p->copies)
			continue;
		if (d->lost.len && d->lost.v[d->lost.len - 1].end == at)
			d->lost.v[d->lost.len - 1].end += sector;
		else if (d->lost.len < LOST_MAX && vec_push(&d->lost, run))
			return -ENOMEM;
	}
	return 0;
}

static int piece_done(void *job, void *arg)
{
	struct data_pass *d = arg;
	struct piece *p = job;
	int ret = p->ret;

	for (unsigned i = 0; i < p->copies; i++) {
		struct where w = { .bytenr = p->start, .len = (u64)p->sectors * d->c->geo->sectorsize, .mirror = i + 1, .order = 1 };

		if (p->unreadable[i])
			REPORT(d->c, CHECK_CSUMS, DATA_READ, w, i + 1, p->start, p->unreadable[i]);
		free(p->unreadable[i]);
		p->unreadable[i] = NULL;
	}
	for (size_t i = 0; i < p->bad.len; i++)
		tell_bad(d, p, &p->bad.v[i]);
	if (!ret)
		ret = note_lost(d, p);
	p->bad.len = 0;
	p->next = d->spare;
	d->spare = p;
	return ret;
}

static void piece_drop(void *job, void *arg)
{
	(void)arg;
	piece_free(job);
}

/* --- whose data it is --- */

struct user_ctx { struct data_pass *d; const struct lost_run *run; unsigned n; };

static int first_path(void *arg, const char *path, size_t len)
{
	struct strbuf *sb = arg;

	sb_add(sb, path, len);
	return 1;
}

static int tell_user(void *arg, u64 root, u64 ino, u64 offset)
{
	struct user_ctx *u = arg;
	struct check *c = u->d->c;
	struct strbuf path = STRBUF_INIT;
	struct where w = { .tree = root, .ino = ino, .key = KEY(ino, BTRFS_EXTENT_DATA_KEY, offset), .bytenr = u->run->start, .len = u->run->end - u->run->start, .order = 2 };
	struct root *r;

	u->n++;
	if (!fs_subvol_root(c->fs, root, &r, NULL))
		inode_paths(r, ino, first_path, &path, NULL);
	w.path = path.len ? sb_str(&path) : NULL;
	REPORT(c, CHECK_CSUMS, DATA_LOST, w, u->run->start, u->run->end, (s64)root, ino, offset, w.len, w.path ? w.path : "unknown");
	sb_fini(&path);
	return 0;
}

static int trace_run(struct data_pass *d, struct resolver *r, struct lost_run run, struct err *err)
{
	while (run.start < run.end) {
		struct lost_run part = run;
		struct user_ctx u = { .d = d, .run = &part };
		struct extent_view ext;
		int ret = env_check_interrupt(d->c->env, err);

		if (ret)
			return ret;
		if (extent_find(d->c->fs, run.start, &ext, NULL))
			return 0;
		part.end = min_t(u64, run.end, ext.bytenr + ext.len);
		extent_users(r, &ext, part.start, tell_user, &u, NULL);
		if (!u.n)
			extent_users(r, &ext, -1ULL, tell_user, &u, NULL);
		run.start = part.end;
	}
	return 0;
}

static int trace_lost(struct data_pass *d, struct err *err)
{
	struct resolver r;
	int ret = 0;

	resolver_init(&r, d->c->fs);
	for (size_t i = 0; !ret && i < d->lost.len; i++)
		ret = trace_run(d, &r, d->lost.v[i], err);
	resolver_fini(&r);
	return ret;
}

/* --- all of it --- */

static int push_item(struct data_pass *d, struct ordq *q, const struct item *item, struct err *err)
{
	struct check *c = d->c;
	u32 size = c->geo->csum_size, n = item->size / size, most = PIECE / c->geo->sectorsize;
	int ret = 0;

	for (u32 i = 0; !ret && i < n; i += most) {
		struct piece *p = d->spare ? d->spare : piece_new(c);

		if (!p)
			return err_nomem(err);
		d->spare = p->next;
		p->start = item->key.offset + (u64)i * c->geo->sectorsize;
		p->sectors = min_t(u32, most, n - i);
		memcpy(p->want, item->data + (size_t)i * size, (size_t)p->sectors * size);
		ret = ordq_push(q, p);
	}
	return ret;
}

static int read_all(struct data_pass *d, struct ordq *q, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&d->c->fs->csum_tree->tree, KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, 0),
							       KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, -1ULL));
	struct item item;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0) {
		if (!ret && is_aligned_p2(item.key.offset, d->c->geo->sectorsize))
			ret = push_item(d, q, &item, err);
		if (ret < 0)
			return ret;
		ret = env_check_interrupt(d->c->env, err);
		if (ret)
			return ret;
	}
	if (ret != -ENOENT)
		return ret;
	err_clear(err);
	return ordq_finish(q);
}

static void data_free(struct data_pass *d, unsigned threads)
{
	for (struct piece *p = d->spare, *next; p; p = next) {
		next = p->next;
		piece_free(p);
	}
	for (unsigned i = 0; d->bufs && i < threads; i++)
		free(d->bufs[i]);
	free(d->bufs);
}

int pass_data(struct check *c, struct err *err)
{
	static const struct ordq_ops ops = { piece_work, piece_done, piece_drop };
	struct data_pass d = { .c = c };
	struct where w = { 0 };
	struct err local = ERR_INIT;
	unsigned threads = pool_threads(c->env->pool);
	struct ordq *q;
	int ret;

	if ((c->fs->vol->source && !c->fs->vol->source->has_data) || le64_get(c->fs->sb->flags) & (BTRFS_SUPER_FLAG_METADUMP | BTRFS_SUPER_FLAG_METADUMP_V2)) {
		REPORT(c, CHECK_CSUMS, DATA_SKIPPED, w);
		return 0;
	}
	if (!c->fs->csum_tree)
		return 0;
	d.bufs = mem_calloc(threads, sizeof(*d.bufs));
	q = d.bufs ? ordq_new(c->env->pool, 2 * threads + 1, &ops, &d) : NULL;
	ret = q ? read_all(&d, q, &local) : err_nomem(&local);
	ordq_free(q);
	data_free(&d, threads);
	if (!ret)
		ret = trace_lost(&d, &local);
	if (!ret)
		ret = pass_parity(c, &local);
	vec_fini(&d.lost);
	if (ret && err)
		*err = local;
	return ret;
}
