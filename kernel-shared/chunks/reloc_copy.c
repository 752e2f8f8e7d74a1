/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data on its way to other addresses: read and verified by the pool, written in order. Its checksums are kept until the trees may change. */
#include "kernel-shared/chunks/reloc.h"

#include <stdlib.h>
#include "common/pool.h"

enum { PIECE = 1 << 20 };
struct copy { struct reloc *r; struct progress *progress; struct err *err; };

static void piece_work(void *job, void *arg, unsigned worker)
{
	struct copy *k = arg;

	(void)worker;
	window_job_read(job, k->r->fs, false);
}

static bool is_data(u8 kind)
{
	return kind == SECTOR_UNSUMMED || kind == SECTOR_SUMMED;
}

/* How many sectors from i on belong to the same extent, or have checksums as the first has. */
static u32 run_of(const struct window *w, u32 i, u32 most, bool sums)
{
	u32 n = 1;

	while (n < most && i + n < w->sectors && (sums ? w->kind[i + n] == w->kind[i] : is_data(w->kind[i + n])))
		n++;
	return n;
}

static int keep_sums(struct reloc *r, const struct window *w, u32 i, u32 n, u64 to)
{
	struct sum_run run = { to, n };
	u32 size = r->fs->geo->csum_size;

	if (vec_push(&r->sums, run) || vec_reserve(&r->sum_bytes, r->sum_bytes.len + (size_t)n * size))
		return -ENOMEM;
	memcpy(r->sum_bytes.v + r->sum_bytes.len, w->sums + (size_t)i * size, (size_t)n * size);
	r->sum_bytes.len += (size_t)n * size;
	return 0;
}

/* What of one extent lies in the window. */
static int write_part(struct copy *k, const struct window_job *p, u32 i, u32 n, u64 to)
{
	struct reloc *r = k->r;
	u32 sector = r->fs->geo->sectorsize;
	int ret = rio_write(r->fs->vol, to, n * sector, p->buf + (size_t)i * sector, k->err);

	for (u32 at = 0, run; !ret && at < n; at += run) {
		run = run_of(&p->w, i + at, n - at, true);
		if (p->w.kind[i + at] == SECTOR_SUMMED && keep_sums(r, &p->w, i + at, run, to + (u64)at * sector))
			ret = err_nomem(k->err);
	}
	return ret;
}

static int piece_done(void *job, void *arg)
{
	struct copy *k = arg;
	struct window_job *p = job;
	u32 sector = k->r->fs->geo->sectorsize;
	int ret = p->ret;

	if (ret)
		*k->err = p->err;
	for (u32 i = 0, n; !ret && i < p->w.sectors; i += n) {
		u64 at = p->w.start + (u64)i * sector;
		const struct moved_data *d = is_data(p->w.kind[i]) ? reloc_data(k->r, at) : NULL;

		n = d ? run_of(&p->w, i, (d->old + d->len - at) / sector, false) : 1;
		if (d)
			ret = write_part(k, p, i, n, d->new + (at - d->old));
	}
	if (!ret)
		progress_add(k->progress, (u64)p->w.used * sector);
	window_job_free(p);
	return ret;
}

static int copy_group(struct copy *k, struct ordq *q, const struct chunk *c, struct err *err)
{
	u64 at, end = c->start + c->length;
	struct used_walk walk;
	int ret = used_walk_init(&walk, k->r->fs, c->start, end, err);

	if (ret)
		return ret;
	for (u64 pos = c->start; !ret && used_walk_next(&walk, pos, &at);) {
		u64 start = c->start + (at - c->start) / BTRFS_STRIPE_LEN * BTRFS_STRIPE_LEN;
		struct window_job *p = mem_zalloc(sizeof(*p));

		pos = start + min_t(u64, PIECE, end - start);
		ret = p ? used_walk_window(&walk, start, pos - start, &p->w, err) : err_nomem(err);
		if (ret) {
			free(p);
			break;
		}
		ret = ordq_push(q, p);
		if (!ret)
			ret = env_check_interrupt(k->r->fs->env, err);
	}
	used_walk_fini(&walk);
	return ret;
}

int reloc_copy(struct reloc *r, const struct addresses *groups, struct progress *progress, struct err *err)
{
	static const struct ordq_ops ops = { piece_work, piece_done, window_job_drop };
	struct copy k = { r, progress, err };
	struct ordq *q;
	int ret = 0;

	if (!r->data.len)
		return 0;
	q = ordq_new(r->fs->env->pool, 2 * pool_threads(r->fs->env->pool) + 1, &ops, &k);
	if (!q)
		return err_nomem(err);
	for (size_t i = 0; !ret && i < groups->len; i++)
		ret = copy_group(&k, q, chunk_lookup(r->fs->vol, groups->v[i]), err);
	if (!ret)
		ret = ordq_finish(q);
	ordq_free(q);
	return ret;
}

int reloc_sums_store(struct reloc *r, struct err *err)
{
	u32 size = r->fs->geo->csum_size;
	const u8 *sums = r->sum_bytes.v;
	int ret = 0;

	for (size_t i = 0; !ret && i < r->sums.len; i++) {
		const struct sum_run *s = &r->sums.v[i];

		ret = csum_insert(r->a, s->bytenr, (u64)s->sectors * r->fs->geo->sectorsize, sums, err);
		sums += (size_t)s->sectors * size;
		if (!ret)
			ret = txn_relieve(r->txn, err);
	}
	return ret;
}
