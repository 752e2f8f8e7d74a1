/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the layers themselves: what every constructor does. */
#ifndef BDEV_LAYER_H
#define BDEV_LAYER_H

#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/bdev/bdev.h"

/* Fills in b as a layer above lower: same name, size, kind and identity. */
static inline void bdev_init_layer(struct bdev *b, const struct bdev_ops *ops, struct bdev *lower)
{
	*b = *lower;
	b->ops = ops;
	b->lower = lower;
}

/* The plain hand-through, for layers that add nothing to an operation. */
int bdev_pass_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err);
int bdev_pass_readv(struct bdev *b, u64 off, const struct iovec *iov, unsigned n, struct err *err);
int bdev_pass_flush(struct bdev *b, struct err *err);
int bdev_pass_next_data(struct bdev *b, u64 off, u64 *start, u64 *len);

#endif
