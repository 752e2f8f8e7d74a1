/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many reads at once: each is cut into pieces of devices, the pieces are sorted and joined into large requests that scatter straight
 * to their buffers. What cannot be read so is read again one by one, with all that rio_read knows about other copies. */
#include "common/mem.h"
#include "common/pool.h"
#include "kernel-shared/volume/private.h"

enum { RUN_MAX = 1 << 20, RETRY = 1 };

struct piece {
	struct device *dev;
	u64 physical;
	u8 *buf;
	u32 len, req;
};

struct batch {
	struct volume *vol;
	struct rio_req *reqs;
	VEC(struct piece) pieces;
	VEC(size_t) runs;      /* index of the first piece of each; one more at the end */
	VEC(size_t) retries;   /* indexes of requests */
};

/* Runs of two pieces of one request may fail at the same time. */
static void mark_retry(struct batch *b, u32 req)
{
	__atomic_store_n(&b->reqs[req].ret, RETRY, __ATOMIC_RELAXED);
}

/* The first copy on a device that is there and up to date. */
static bool map_best(const struct chunk *c, u64 off, u64 len, struct phys *p)
{
	for (unsigned mirror = 1; mirror <= c->profile->copies; mirror++) {
		chunk_map(c, off, len, mirror, p);
		if (p->dev->bdev && !p->dev->stale)
			return true;
	}
	return false;
}

static int cut_request(struct batch *b, size_t i)
{
	struct rio_req *r = &b->reqs[i];
	u64 start = r->start;
	u32 left = r->len;
	u8 *buf = r->buf;

	r->ret = 0;
	while (left && !r->ret) {
		const struct chunk *c = chunk_lookup(b->vol, start);
		struct phys p;

		if (!c || !map_best(c, start - c->start, min_t(u64, left, c->length - (start - c->start)), &p)) {
			r->ret = RETRY;
			break;
		}
		if (vec_push(&b->pieces, ((struct piece){ p.dev, p.physical, buf, p.len, i })))
			return -ENOMEM;
		start += p.len;
		buf += p.len;
		left -= p.len;
	}
	return 0;
}

static int compare_pieces(const void *pa, const void *pb)
{
	const struct piece *a = pa, *b = pb;

	if (a->dev != b->dev)
		return a->dev->index < b->dev->index ? -1 : 1;
	return a->physical < b->physical ? -1 : a->physical > b->physical;
}

static void sort_pieces(struct batch *b)
{
	for (size_t i = 1; i < b->pieces.len; i++)
		if (compare_pieces(&b->pieces.v[i - 1], &b->pieces.v[i]) > 0) {
			vec_sort(&b->pieces, compare_pieces);
			return;
		}
}

static int join_pieces(struct batch *b)
{
	u64 bytes = 0;

	for (size_t i = 0; i < b->pieces.len; i++) {
		const struct piece *p = &b->pieces.v[i], *prev = i ? p - 1 : NULL;
		bool joins = prev && p->dev == prev->dev && p->physical == prev->physical + prev->len && bytes + p->len <= RUN_MAX &&
			     i - b->runs.v[b->runs.len - 1] < BDEV_IOV_MAX;

		bytes = joins ? bytes + p->len : p->len;
		if (!joins && vec_push(&b->runs, i))
			return -ENOMEM;
	}
	return vec_push(&b->runs, b->pieces.len);
}

static int read_run(void *arg, u64 i, unsigned worker)
{
	struct batch *b = arg;
	size_t first = b->runs.v[i], n = b->runs.v[i + 1] - first;
	const struct piece *p = &b->pieces.v[first];
	struct iovec iov[BDEV_IOV_MAX];

	if (env_check_interrupt(b->vol->env, NULL))
		return -EINTR;
	for (size_t k = 0; k < n; k++)
		iov[k] = (struct iovec){ p[k].buf, p[k].len };
	if (!bdev_readv(p->dev->bdev, p->physical, iov, n, NULL))
		return 0;
	for (size_t k = 0; k < n; k++)
		mark_retry(b, p[k].req);
	return 0;
}

static int read_again(void *arg, u64 i, unsigned worker)
{
	struct batch *b = arg;
	struct rio_req *r = &b->reqs[b->retries.v[i]];

	if (env_check_interrupt(b->vol->env, NULL))
		return -EINTR;
	r->ret = rio_read(b->vol, r->start, r->len, 0, r->buf, NULL);
	return 0;
}

static int batch_run(struct batch *b, size_t n)
{
	struct pool *pool = b->vol->env->pool;
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++) {
		if (b->vol->source)
			b->reqs[i].ret = RETRY;
		else
			ret = cut_request(b, i);
	}
	if (ret)
		return ret;
	sort_pieces(b);
	ret = join_pieces(b);
	if (!ret)
		ret = pool_for(pool, b->runs.len - 1, read_run, b);
	for (size_t i = 0; i < n && !ret; i++)
		if (b->reqs[i].ret == RETRY)
			ret = vec_push(&b->retries, i);
	return ret ? ret : pool_for(pool, b->retries.len, read_again, b);
}

int rio_read_batch(struct volume *vol, struct rio_req *reqs, size_t n, struct err *err)
{
	struct batch b = { .vol = vol, .reqs = reqs };
	int ret = n > UINT32_MAX ? err_set(err, -EINVAL, "%zu requests in one batch", n) : batch_run(&b, n);

	vec_fini(&b.pieces);
	vec_fini(&b.runs);
	vec_fini(&b.retries);
	if (ret == -ENOMEM)
		return err_nomem(err);
	return ret == -EINTR ? env_check_interrupt(vol->env, err) : ret;
}
