/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The face of a stack of layers: bounds are checked here, once, so that no layer has to. */
#include "kernel-shared/bdev/layer.h"

static int check_range(const struct bdev *b, u64 off, u64 len, int code, const char *what, struct err *err)
{
	if (len <= b->size && off <= b->size - len)
		return 0;
	return err_set(err, code, "%s is too short: wanted to %s %llu bytes at %llu, size is %llu", b->name, what, len, off, b->size);
}

static int check_writable(const struct bdev *b, struct err *err)
{
	return b->writable ? 0 : err_set(err, -EROFS, "%s was opened for reading only", b->name);
}

int bdev_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	int ret = check_range(b, off, len, -EIO, "read", err);

	if (ret || !len)
		return ret;
	return b->ops->read(b, off, buf, len, err);
}

int bdev_readv(struct bdev *b, u64 off, const struct iovec *iov, unsigned n, struct err *err)
{
	u64 total = 0;
	int ret;

	for (unsigned i = 0; i < n; i++)
		if (add_overflows(total, iov[i].iov_len, &total))
			return err_set(err, -EINVAL, "%s: a request of more than 2^64 bytes", b->name);
	ret = check_range(b, off, total, -EIO, "read", err);
	if (ret || !total)
		return ret;
	if (b->ops->readv)
		return b->ops->readv(b, off, iov, n, err);
	for (unsigned i = 0; i < n; i++) {
		if (iov[i].iov_len && (ret = b->ops->read(b, off, iov[i].iov_base, iov[i].iov_len, err)))
			return ret;
		off += iov[i].iov_len;
	}
	return 0;
}

int bdev_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err)
{
	int ret = check_writable(b, err);

	if (!ret)
		ret = check_range(b, off, len, -ENOSPC, "write", err);
	if (ret || !len)
		return ret;
	return b->ops->write(b, off, buf, len, err);
}

int bdev_flush(struct bdev *b, struct err *err)
{
	return b->writable ? b->ops->flush(b, err) : 0;
}

int bdev_discard(struct bdev *b, u64 off, u64 len, struct err *err)
{
	int ret = check_writable(b, err);

	if (!ret)
		ret = check_range(b, off, len, -EINVAL, "discard", err);
	if (ret || !len || !b->ops->discard)
		return ret;
	return b->ops->discard(b, off, len, err);
}

int bdev_resize(struct bdev *b, u64 size, struct err *err)
{
	int ret = check_writable(b, err);

	if (ret || size == b->size)
		return ret;
	if (!b->ops->resize)
		return err_set(err, -EOPNOTSUPP, "%s cannot change its size", b->name);
	ret = b->ops->resize(b, size, err);
	if (!ret)
		b->size = size;
	return ret;
}

int bdev_next_data(struct bdev *b, u64 off, u64 *start, u64 *len)
{
	*start = off;
	*len = off < b->size ? b->size - off : 0;
	if (!*len || !b->ops->next_data)
		return 0;
	return b->ops->next_data(b, off, start, len);
}

void bdev_close(struct bdev *b)
{
	while (b) {
		struct bdev *lower = b->lower;

		if (!lower || b->name != lower->name)
			free(b->name);
		b->ops->close(b);
		b = lower;
	}
}

int bdev_pass_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	return bdev_read(b->lower, off, buf, len, err);
}

int bdev_pass_readv(struct bdev *b, u64 off, const struct iovec *iov, unsigned n, struct err *err)
{
	return bdev_readv(b->lower, off, iov, n, err);
}

int bdev_pass_flush(struct bdev *b, struct err *err)
{
	return bdev_flush(b->lower, err);
}

int bdev_pass_next_data(struct bdev *b, u64 off, u64 *start, u64 *len)
{
	return bdev_next_data(b->lower, off, start, len);
}
