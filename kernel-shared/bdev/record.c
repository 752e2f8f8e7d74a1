/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remembers everything that changes a device, in order, so that a test can stop the world at any of it. */
#include <pthread.h>
#include "common/vec.h"
#include "kernel-shared/bdev/layer.h"

struct record_log {
	pthread_mutex_t lock;
	VEC(struct record_event) events;
};

struct record {
	struct bdev b;
	struct record_log *log;
	unsigned device;
};

int record_log_new(struct record_log **out)
{
	struct record_log *log = mem_zalloc(sizeof(*log));

	if (!log)
		return -ENOMEM;
	pthread_mutex_init(&log->lock, NULL);
	*out = log;
	return 0;
}

void record_log_free(struct record_log *log)
{
	if (!log)
		return;
	for (size_t i = 0; i < log->events.len; i++)
		free((void *)log->events.v[i].data);
	vec_fini(&log->events);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

static int log_add(struct record_log *log, struct record_event e)
{
	int ret;

	if (e.data) {
		e.data = mem_dup(e.data, e.len);
		if (!e.data)
			return -ENOMEM;
	}
	pthread_mutex_lock(&log->lock);
	ret = vec_push(&log->events, e);
	pthread_mutex_unlock(&log->lock);
	if (ret)
		free((void *)e.data);
	return ret;
}

int record_log_mark(struct record_log *log, u64 id)
{
	return log_add(log, (struct record_event){ .kind = RECORD_MARK, .off = id });
}

size_t record_log_count(const struct record_log *log)
{
	return log->events.len;
}

const struct record_event *record_log_get(const struct record_log *log, size_t i)
{
	return &log->events.v[i];
}

/* What the lower layer refused has not happened. */
static int record_add(struct bdev *b, int ret, struct record_event e, struct err *err)
{
	struct record *r = container_of(b, struct record, b);

	if (ret)
		return ret;
	e.device = r->device;
	return log_add(r->log, e) ? err_nomem(err) : 0;
}

static int record_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err)
{
	int ret = bdev_write(b->lower, off, buf, len, err);

	return record_add(b, ret, (struct record_event){ .kind = RECORD_WRITE, .off = off, .len = len, .data = buf }, err);
}

static int record_flush(struct bdev *b, struct err *err)
{
	return record_add(b, bdev_flush(b->lower, err), (struct record_event){ .kind = RECORD_FLUSH }, err);
}

static int record_discard(struct bdev *b, u64 off, u64 len, struct err *err)
{
	int ret = bdev_discard(b->lower, off, len, err);

	return record_add(b, ret, (struct record_event){ .kind = RECORD_DISCARD, .off = off, .len = len }, err);
}

static int record_resize(struct bdev *b, u64 size, struct err *err)
{
	return record_add(b, bdev_resize(b->lower, size, err), (struct record_event){ .kind = RECORD_RESIZE, .off = size }, err);
}

static void record_close(struct bdev *b)
{
	free(container_of(b, struct record, b));
}

static const struct bdev_ops record_ops = {
	.read = bdev_pass_read, .readv = bdev_pass_readv, .write = record_write, .flush = record_flush, .discard = record_discard,
	.resize = record_resize, .close = record_close, .next_data = bdev_pass_next_data,
};

int bdev_record_new(struct bdev *lower, struct record_log *log, unsigned device, struct bdev **out)
{
	struct record *r = mem_zalloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	bdev_init_layer(&r->b, &record_ops, lower);
	r->log = log;
	r->device = device;
	*out = &r->b;
	return 0;
}
