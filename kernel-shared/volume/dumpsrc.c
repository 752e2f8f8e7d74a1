/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A metadata dump as a device: logical reads come from its items. Items that were decompressed stay a while, since neighbours are asked for next. */
#include "kernel-shared/volume/dumpsrc.h"

#include <pthread.h>
#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/volume/dumpfile.h"

enum { SLOTS = 32 };

struct slot {
	size_t item;          /* index + 1, 0: empty */
	u8 *data;
	u32 len;
	int ret;              /* why it could not be read */
	bool loading;
	unsigned users;
	u64 used;             /* by the clock of the cache */
};

struct dump_source {
	struct logical_source src;
	struct dump_file *file;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot slots[SLOTS];
	u64 clock;
};

static struct slot *find_slot(struct dump_source *d, size_t item)
{
	struct slot *oldest = NULL;

	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &d->slots[i];

		if (s->item == item + 1)
			return s;
		if (!s->users && (!oldest || s->used < oldest->used))
			oldest = s;
	}
	return oldest;
}

static int load(struct dump_source *d, struct slot *s, size_t item, struct err *err)
{
	struct dump_codec *c = dump_codec_new(0);
	int ret = 0;

	if (!s->data)
		s->data = mem_alloc(1, DUMP_ITEM_MAX);
	if (!c || !s->data)
		ret = err_nomem(err);
	else
		ret = dump_item_read(d->file, &d->file->items.v[item], c, s->data, &s->len, err);
	dump_codec_free(c);
	return ret;
}

/* The item in memory, held by one user more. */
static int slot_get(struct dump_source *d, size_t item, struct slot **out, struct err *err)
{
	struct slot *s;
	int ret;

	pthread_mutex_lock(&d->lock);
	while (!(s = find_slot(d, item)))
		pthread_cond_wait(&d->changed, &d->lock);
	s->users++;
	s->used = ++d->clock;
	if (s->item != item + 1) {
		s->item = item + 1;
		s->loading = true;
		pthread_mutex_unlock(&d->lock);
		ret = load(d, s, item, err);
		pthread_mutex_lock(&d->lock);
		s->ret = ret;
		s->loading = false;
		pthread_cond_broadcast(&d->changed);
	}
	while (s->loading)
		pthread_cond_wait(&d->changed, &d->lock);
	ret = s->ret;
	pthread_mutex_unlock(&d->lock);
	if (ret && err && !err->code)
		err_set(err, ret, "the item at logical %llu cannot be read", d->file->items.v[item].bytenr);
	*out = s;
	return ret;
}

static void slot_put(struct dump_source *d, struct slot *s)
{
	pthread_mutex_lock(&d->lock);
	if (!--s->users) {
		if (s->ret)
			s->item = 0;
		pthread_cond_broadcast(&d->changed);
	}
	pthread_mutex_unlock(&d->lock);
}

/* As much of [start, start + len) as one item holds; *got 0: it is not in the dump. */
static int read_part(struct dump_source *d, u64 start, u32 len, u8 *buf, u32 *got, struct err *err)
{
	ssize_t at = dump_item_find(d->file, start);
	const struct dump_item *item;
	struct slot *s;
	u64 off;
	int ret;

	*got = 0;
	if (at < 0)
		return 0;
	item = &d->file->items.v[at];
	off = start - item->bytenr;
	if (off >= DUMP_ITEM_MAX || (!item->compressed && off >= item->size))
		return 0;
	if (!item->compressed) {
		*got = min_t(u64, len, item->size - off);
		return bdev_read(d->file->bdev, item->pos + off, buf, *got, err);
	}
	ret = slot_get(d, at, &s, err);
	if (!ret && off < s->len) {
		*got = min_t(u64, len, s->len - off);
		memcpy(buf, s->data + off, *got);
	}
	slot_put(d, s);
	return ret;
}

static int source_read(struct logical_source *src, u64 start, u32 len, void *buf, struct err *err)
{
	struct dump_source *d = container_of(src, struct dump_source, src);
	u32 done = 0, got;

	while (done < len) {
		int ret = read_part(d, start + done, len - done, (u8 *)buf + done, &got, err);

		if (ret)
			return err_wrap(err, -EIO, "cannot read %u bytes at logical %llu", len, start);
		if (!got)
			return err_set(err, -EIO, "logical %llu is not in the metadata dump", start + done);
		done += got;
	}
	dump_heal_csums(d->file, start, buf, len);
	return 0;
}

static void source_close(struct logical_source *src)
{
	struct dump_source *d = container_of(src, struct dump_source, src);

	for (unsigned i = 0; i < SLOTS; i++)
		free(d->slots[i].data);
	dump_close(d->file);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->changed);
	free(d);
}

int dump_source_new(struct bdev *bdev, struct logical_source **out, struct disk_super *sb, struct err *err)
{
	struct dump_source *d = mem_zalloc(sizeof(*d));
	int ret;

	if (!d)
		return err_nomem(err);
	ret = dump_open(bdev, &d->file, err);
	if (ret) {
		free(d);
		return ret;
	}
	d->src = (struct logical_source){ .read = source_read, .close = source_close, .has_data = d->file->has_data };
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	*sb = d->file->sb;
	*out = &d->src;
	return 0;
}
