/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device that breaks when a test says so. */
#include "kernel-shared/bdev/layer.h"

struct fault {
	struct bdev b;
	struct fault_plan *plan;
};

static int fault_check(struct bdev *b, int what, const char *name, struct err *err)
{
	struct fault_plan *plan = container_of(b, struct fault, b)->plan;
	u64 nr;

	if (!(plan->what & what))
		return 0;
	nr = __atomic_fetch_add(&plan->count, 1, __ATOMIC_RELAXED);
	if (plan->once ? nr != plan->after : nr < plan->after)
		return 0;
	return err_set(err, -EIO, "cannot %s %s: injected failure", name, b->name);
}

static int fault_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	int ret = fault_check(b, FAULT_READ, "read", err);

	return ret ? ret : bdev_read(b->lower, off, buf, len, err);
}

static int fault_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err)
{
	int ret = fault_check(b, FAULT_WRITE, "write", err);

	return ret ? ret : bdev_write(b->lower, off, buf, len, err);
}

static int fault_flush(struct bdev *b, struct err *err)
{
	int ret = fault_check(b, FAULT_FLUSH, "flush", err);

	return ret ? ret : bdev_flush(b->lower, err);
}

static int fault_discard(struct bdev *b, u64 off, u64 len, struct err *err)
{
	return bdev_discard(b->lower, off, len, err);
}

static int fault_resize(struct bdev *b, u64 size, struct err *err)
{
	return bdev_resize(b->lower, size, err);
}

static void fault_close(struct bdev *b)
{
	free(container_of(b, struct fault, b));
}

static const struct bdev_ops fault_ops = {
	.read = fault_read, .write = fault_write, .flush = fault_flush, .discard = fault_discard, .resize = fault_resize,
	.close = fault_close, .next_data = bdev_pass_next_data,
};

int bdev_fault_new(struct bdev *lower, struct fault_plan *plan, struct bdev **out)
{
	struct fault *f = mem_zalloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	bdev_init_layer(&f->b, &fault_ops, lower);
	f->plan = plan;
	*out = &f->b;
	return 0;
}
