/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moving a chunk's bytes. Read and verified by the pool, written in order; the commit that follows makes the new places the chunk's own. A crash before it leaves the
 * old ones, which nothing has touched. */
#include "kernel-shared/chunks/work.h"

#include <stdlib.h>
#include "common/pool.h"

enum { PIECE = 1 << 20 };

struct copy {
	struct fs *fs;
	const struct chunk *c;
	struct progress *progress;
	bool rows, raw;      /* the new place has parity; free sectors count */
	bool reduced;        /* fewer copies than before */
	struct err *err;
};

static void piece_work(void *job, void *arg, unsigned worker)
{
	struct copy *k = arg;

	(void)worker;
	window_job_read(job, k->fs, k->raw);
}

/* A copy that stays, when others go, has to be whole. */
static int verify_stripe(struct copy *k, const struct window_job *p, u32 from, u32 n, unsigned stripe, struct err *err)
{
	const struct chunk *next = k->c->next;
	u32 sector = k->fs->geo->sectorsize;
	u64 physical = next->stripes[stripe].physical + (p->w.start - next->start) + (u64)from * sector;
	const u8 *good = p->buf + (size_t)from * sector;
	struct bdev *b = next->stripes[stripe].dev->bdev;
	struct err why = ERR_INIT;
	u8 *have = mem_alloc_io((size_t)n * sector);
	int ret = have ? 0 : err_nomem(err);

	if (!ret && (bdev_read(b, physical, have, (size_t)n * sector, &why) || memcmp(have, good, (size_t)n * sector)))
		ret = bdev_write(b, physical, good, (size_t)n * sector, err);
	free(have);
	return ret;
}

static int verify_staying(struct copy *k, const struct window_job *p, u32 from, u32 n, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < k->c->next->num_stripes && !ret; i++)
		if (chunk_stripe_stays(k->c, k->c->next, i))
			ret = verify_stripe(k, p, from, n, i, err);
	return ret;
}

static int piece_done(void *job, void *arg)
{
	struct copy *k = arg;
	struct window_job *p = job;
	u32 sector = k->fs->geo->sectorsize;
	int ret = p->ret;

	if (ret)
		*k->err = p->err;
	else if (k->rows)
		ret = rio_write_next(k->fs->vol, p->w.start, p->w.len, p->buf, k->err);
	for (u32 from = 0, n; !ret && !k->rows && window_run(&p->w, &from, &n); from += n) {
		ret = rio_write_next(k->fs->vol, p->w.start + (u64)from * sector, n * sector, p->buf + (size_t)from * sector, k->err);
		if (!ret && k->reduced)
			ret = verify_staying(k, p, from, n, k->err);
	}
	if (!ret)
		progress_add(k->progress, (u64)p->w.used * sector);
	window_job_free(p);
	return ret;
}

static u32 piece_length(const struct copy *k)
{
	u64 unit = (k->rows ? (u64)k->c->next->data_stripes : 1) * BTRFS_STRIPE_LEN;

	return unit * max_t(u64, 1, PIECE / unit);
}

static int copy_pieces(struct copy *k, struct ordq *q, struct err *err)
{
	u64 unit = piece_length(k), at, end = k->c->start + k->c->length;
	struct used_walk walk;
	int ret = used_walk_init(&walk, k->fs, k->c->start, end, err);

	if (ret)
		return ret;
	for (u64 pos = k->c->start; !ret && used_walk_next(&walk, pos, &at);) {
		u64 start = k->c->start + (at - k->c->start) / unit * unit;
		struct window_job *p = mem_zalloc(sizeof(*p));

		pos = start + min_t(u64, unit, end - start);
		ret = p ? used_walk_window(&walk, start, pos - start, &p->w, err) : err_nomem(err);
		if (ret) {
			free(p);
			break;
		}
		ret = ordq_push(q, p);
		if (!ret)
			ret = env_check_interrupt(k->fs->env, err);
	}
	used_walk_fini(&walk);
	return ret ? ret : ordq_finish(q);
}

int chunk_copy(struct fs *fs, const struct chunk *c, struct progress *progress, struct err *err)
{
	static const struct ordq_ops ops = { piece_work, piece_done, window_job_drop };
	struct copy k = { .fs = fs, .c = c, .progress = progress, .err = err };
	struct ordq *q;
	int ret;

	k.rows = c->next->profile->parity;
	k.raw = k.rows && chunk_same_layout(c, c->next);
	k.reduced = c->next->profile->copies < c->profile->copies;
	q = ordq_new(fs->env->pool, 2 * pool_threads(fs->env->pool) + 1, &ops, &k);
	if (!q)
		return err_nomem(err);
	ret = copy_pieces(&k, q, err);
	ordq_free(q);
	return ret ? err_wrap(err, ret, "cannot move chunk %llu", c->start) : 0;
}

int work_commit(struct fs *fs, struct txn *txn, struct err *err)
{
	int ret = volume_check_untouched(fs->vol, err);

	if (!ret)
		return txn_commit(txn, err);
	txn_abort(txn);
	return err_wrap(err, ret, "nothing is written");
}

int work_end(struct fs *fs, struct txn *txn, int ret, u64 n, struct chunks_work *w, struct err *err)
{
	if (ret) {
		txn_abort(txn);
		return ret;
	}
	alloc_trim_features(txn_alloc(txn));
	ret = work_commit(fs, txn, err);
	if (!ret)
		w->moved += n;
	return ret;
}

int chunk_relocate_stripes(struct fs *fs, u64 start, u64 profile, unsigned how, struct chunks_work *w, struct err *err)
{
	struct err why = ERR_INIT;
	struct txn *txn;
	int ret = txn_begin(fs->writer, &txn, err);

	if (ret)
		return ret;
	ret = chunk_move(txn_alloc(txn), start, profile, how, err);
	if (ret == -EALREADY || ret == -ENOSPC || ret == -EDOM || ret == -EBUSY) {
		/* nothing was changed */
		return txn_commit(txn, &why) ? err_set(err, -EIO, "%s", err_text(&why)) : ret;
	}
	if (!ret)
		ret = chunk_copy(fs, chunk_lookup(fs->vol, start), w->progress, err);
	return work_end(fs, txn, ret, 1, w, err);
}

/* The rest of the list is in the wrong place, too. */
static int evacuate_one(struct fs *fs, const struct addresses *list, size_t i, struct chunks_work *w, struct err *err)
{
	struct addresses one = { .v = &list->v[i], .len = 1 };
	struct addresses rest = { .v = list->v + i + 1, .len = list->len - i - 1 };
	int ret = relocate_begin(fs, err);

	return ret ? ret : groups_relocate(fs, &one, &rest, w, err);
}

int chunks_evacuate(struct fs *fs, u64 devid, u64 limit, struct chunks_work *w, struct err *err)
{
	struct alloc *a = writer_alloc(fs->writer);
	struct addresses list = VEC_INIT;
	int ret = alloc_device_limit(a, devid, limit, err);

	for (size_t i = 0; !ret && i < fs->vol->chunks.len; i++)
		if (chunk_is_misplaced(a, fs->vol->chunks.v[i]) && vec_push(&list, fs->vol->chunks.v[i]->start))
			ret = err_nomem(err);
	for (size_t i = 0; !ret && i < list.len; i++) {
		u64 profile = chunk_lookup(fs->vol, list.v[i])->type & BTRFS_BLOCK_GROUP_PROFILE_MASK;

		ret = chunk_relocate_stripes(fs, list.v[i], profile, 0, w, err);
		/* what does not fit as it is may fit in other pieces */
		if (ret == -ENOSPC || ret == -EDOM)
			ret = evacuate_one(fs, &list, i, w, err);
		if ((ret == -ENOSPC || ret == -EDOM) && !writer_dead(fs->writer))
			ret = chunk_relocate_stripes(fs, list.v[i], profile, MOVE_LOOSE, w, err);
		if (ret == -EALREADY)
			ret = 0;
		if (!ret)
			ret = env_check_interrupt(fs->env, err);
	}
	vec_fini(&list);
	return ret;
}
