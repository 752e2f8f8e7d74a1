/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items in a row: key, size, bytes. Pages of memory that go to a temporary file past a bound are what an overlay has. */
#include "kernel-shared/check/spool.h"

#include <stdlib.h>
#include "common/mem.h"

#define SPOOL_SIZE (1ULL << 56)
enum { BUFFER = 1 << 20 };

struct head { struct disk_key key; le32 size; } PACKED;

struct spool {
	struct bdev *dev;
	u8 *buf;
	u64 at;               /* of buf in dev */
	size_t used, have;    /* writing: bytes in buf; reading: bytes consumed of those there */
	u64 end, items, left;
	u8 *item;             /* the one handed out */
};

int spool_new(struct env *env, struct spool **out, struct err *err)
{
	struct spool *s = mem_zalloc(sizeof(*s));
	int ret = s ? 0 : -ENOMEM;

	if (!ret)
		ret = bdev_mem_new(env, "spool", SPOOL_SIZE, &s->dev);
	if (!ret)
		ret = bdev_overlay_new(s->dev, &s->dev, err);
	if (!ret) {
		s->buf = mem_alloc_io(BUFFER);
		s->item = mem_alloc(BTRFS_MAX_METADATA_BLOCKSIZE, 1);
		ret = s->buf && s->item ? 0 : -ENOMEM;
	}
	if (ret) {
		spool_free(s);
		return err_nomem(err);
	}
	*out = s;
	return 0;
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	bdev_close(s->dev);
	free(s->buf);
	free(s->item);
	free(s);
}

static int flush(struct spool *s, struct err *err)
{
	int ret = bdev_write(s->dev, s->at, s->buf, s->used, err);

	s->at += s->used;
	s->used = 0;
	return ret;
}

static int put(struct spool *s, const void *data, size_t len, struct err *err)
{
	const u8 *from = data;

	while (len) {
		size_t n = min_t(size_t, len, BUFFER - s->used);

		memcpy(s->buf + s->used, from, n);
		s->used += n;
		from += n;
		len -= n;
		if (s->used == BUFFER) {
			int ret = flush(s, err);

			if (ret)
				return ret;
		}
	}
	return 0;
}

int spool_add(struct spool *s, const struct key *key, const void *data, u32 size, struct err *err)
{
	struct head h = { key_disk(*key), le32_of(size) };
	int ret = put(s, &h, sizeof(h), err);

	s->items++;
	return ret ? ret : put(s, data, size, err);
}

int spool_rewind(struct spool *s, struct err *err)
{
	int ret = s->end ? 0 : flush(s, err);

	if (!s->end)
		s->end = s->at;
	s->at = s->used = s->have = 0;
	s->left = s->items;
	return ret;
}

static int get(struct spool *s, void *data, size_t len, struct err *err)
{
	u8 *to = data;

	while (len) {
		size_t n = min_t(size_t, len, s->have - s->used);
		int ret;

		memcpy(to, s->buf + s->used, n);
		s->used += n;
		to += n;
		len -= n;
		if (!len)
			break;
		s->have = min_t(u64, BUFFER, s->end - s->at);
		s->used = 0;
		ret = s->have ? bdev_read(s->dev, s->at, s->buf, s->have, err) : err_set(err, -EIO, "a temporary file is too short");
		if (ret)
			return ret;
		s->at += s->have;
	}
	return 0;
}

int spool_next(struct spool *s, struct key *key, const u8 **data, u32 *size, struct err *err)
{
	struct head h;
	int ret;

	if (!s->left)
		return -ENOENT;
	s->left--;
	ret = get(s, &h, sizeof(h), err);
	*key = key_get(&h.key);
	*size = le32_get(h.size);
	*data = s->item;
	return ret ? ret : get(s, s->item, *size, err);
}

u64 spool_items(const struct spool *s)
{
	return s->items;
}
