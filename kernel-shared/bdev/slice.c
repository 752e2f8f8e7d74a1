/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A part of a device as a device: an offset into a disk image, a partition. */
#include "common/hash.h"
#include "kernel-shared/bdev/layer.h"

struct slice {
	struct bdev b;
	u64 off;
};

static inline u64 slice_off(struct bdev *b)
{
	return container_of(b, struct slice, b)->off;
}

static int slice_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	return bdev_read(b->lower, slice_off(b) + off, buf, len, err);
}

static int slice_readv(struct bdev *b, u64 off, const struct iovec *iov, unsigned n, struct err *err)
{
	return bdev_readv(b->lower, slice_off(b) + off, iov, n, err);
}

static int slice_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err)
{
	return bdev_write(b->lower, slice_off(b) + off, buf, len, err);
}

static int slice_discard(struct bdev *b, u64 off, u64 len, struct err *err)
{
	return bdev_discard(b->lower, slice_off(b) + off, len, err);
}

static int slice_next_data(struct bdev *b, u64 off, u64 *start, u64 *len)
{
	u64 base = slice_off(b);
	int ret = bdev_next_data(b->lower, base + off, start, len);

	if (ret || !*len)
		return ret;
	*start -= base;
	if (*start >= b->size)
		*len = 0;
	else
		*len = min_t(u64, *len, b->size - *start);
	return 0;
}

static void slice_close(struct bdev *b)
{
	free(container_of(b, struct slice, b));
}

static const struct bdev_ops slice_ops = {
	.read = slice_read, .readv = slice_readv, .write = slice_write, .flush = bdev_pass_flush, .discard = slice_discard,
	.close = slice_close, .next_data = slice_next_data,
};

int bdev_slice_new(struct bdev *lower, u64 off, u64 len, struct bdev **out, struct err *err)
{
	struct slice *s;

	if (off > lower->size || len > lower->size - off)
		return err_set(err, -EINVAL, "%s has no bytes %llu to %llu: its size is %llu", lower->name, off, off + len, lower->size);
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return err_nomem(err);
	bdev_init_layer(&s->b, &slice_ops, lower);
	s->off = off;
	s->b.size = len ? len : lower->size - off;
	s->b.id[1] = hash_mix2(lower->id[1], off + 1); /* two partitions of one disk are two things */
	*out = &s->b;
	return 0;
}
