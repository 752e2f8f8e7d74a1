/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stack on loan: closing it leaves what is below open. So several openings of one filesystem, one after the other, see one overlay. */
#include "kernel-shared/bdev/layer.h"

/* Not lower: that would be closed along. */
struct borrow { struct bdev b; struct bdev *from; };

static struct bdev *from(struct bdev *b)
{
	return container_of(b, struct borrow, b)->from;
}

static int borrow_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	return bdev_read(from(b), off, buf, len, err);
}

static int borrow_readv(struct bdev *b, u64 off, const struct iovec *iov, unsigned n, struct err *err)
{
	return bdev_readv(from(b), off, iov, n, err);
}

static int borrow_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err)
{
	return bdev_write(from(b), off, buf, len, err);
}

static int borrow_flush(struct bdev *b, struct err *err)
{
	return bdev_flush(from(b), err);
}

static int borrow_resize(struct bdev *b, u64 size, struct err *err)
{
	return bdev_resize(from(b), size, err);
}

static int borrow_next_data(struct bdev *b, u64 off, u64 *start, u64 *len)
{
	return bdev_next_data(from(b), off, start, len);
}

static void borrow_close(struct bdev *b)
{
	free(container_of(b, struct borrow, b));
}

static const struct bdev_ops borrow_ops = {
	.read = borrow_read, .readv = borrow_readv, .write = borrow_write, .flush = borrow_flush, .resize = borrow_resize, .close = borrow_close,
	.next_data = borrow_next_data,
};

int bdev_borrow_new(struct bdev *lower, struct bdev **out)
{
	struct borrow *o = mem_zalloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->b = *lower;
	o->b.ops = &borrow_ops;
	o->b.lower = NULL;
	o->from = lower;
	o->b.name = mem_strdup(lower->name);
	if (!o->b.name) {
		free(o);
		return -ENOMEM;
	}
	*out = &o->b;
	return 0;
}
