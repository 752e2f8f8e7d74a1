/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes that stay here: what a dry run, a repair and the undo layer work on. */
#include "kernel-shared/bdev/layer.h"
#include "kernel-shared/bdev/overlay.h"
#include "kernel-shared/bdev/pagemap.h"

enum { OVERLAY_MEMORY = 64 << 20 /* of all devices together */, COMMIT_CHUNK = 1 << 20 };

struct overlay {
	struct bdev b;
	struct pagemap map;
	u64 lower_end; /* bytes of the lower layer that still show: a device that was cut short shows zeros when it grows again */
};

static inline struct overlay *to_overlay(const struct bdev *b)
{
	return container_of((struct bdev *)b, struct overlay, b);
}

static int lower_read(struct overlay *o, u64 off, u8 *buf, size_t len, struct err *err)
{
	size_t n = off < o->lower_end ? min_t(u64, len, o->lower_end - off) : 0;

	memset(buf + n, 0, len - n);
	return n ? bdev_read(o->b.lower, off, buf, n, err) : 0;
}

static int overlay_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	struct overlay *o = to_overlay(b);
	size_t below = 0; /* bytes before off that the lower layer has to give */
	u8 *to = buf;
	int ret;

	while (len) {
		const u8 *page = pagemap_get(&o->map, off >> PAGE_SHIFT);
		size_t in = off & (PAGE_BYTES - 1), n = min_t(size_t, PAGE_BYTES - in, len);

		if (!page) {
			below += n;
		} else {
			ret = lower_read(o, off - below, to - below, below, err);
			if (ret)
				return ret;
			below = 0;
			memcpy(to, page + in, n);
		}
		to += n;
		off += n;
		len -= n;
	}
	return lower_read(o, off - below, to - below, below, err);
}

/* What a new page is made of: the bytes to be written where they cover all of it, else what was there. */
struct fill { struct overlay *o; const u8 *whole; struct err *err; };

static int fill_page(void *arg, u64 index, u8 *page)
{
	struct fill *f = arg;

	if (!f->whole)
		return lower_read(f->o, index << PAGE_SHIFT, page, PAGE_BYTES, f->err);
	memcpy(page, f->whole, PAGE_BYTES);
	return 0;
}

static int overlay_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err)
{
	struct overlay *o = to_overlay(b);
	const u8 *from = buf;

	while (len) {
		size_t in = off & (PAGE_BYTES - 1), n = min_t(size_t, PAGE_BYTES - in, len);
		struct err why = ERR_INIT;
		struct fill fill = { o, n == PAGE_BYTES ? from : NULL, &why };
		u8 *page;
		int ret = pagemap_make(&o->map, off >> PAGE_SHIFT, fill_page, &fill, &page);

		if (ret) {
			if (err && why.len)
				*err = why;
			return why.len ? ret : err_errno(err, ret, "cannot keep a change of %s", b->name);
		}
		memcpy(page + in, from, n);
		from += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int overlay_flush(struct bdev *b, struct err *err)
{
	return 0;
}

static int overlay_resize(struct bdev *b, u64 size, struct err *err)
{
	struct overlay *o = to_overlay(b);
	u8 *page = size & (PAGE_BYTES - 1) ? pagemap_get(&o->map, size >> PAGE_SHIFT) : NULL;

	if (size < b->size) {
		pagemap_truncate(&o->map, (size + PAGE_BYTES - 1) >> PAGE_SHIFT);
		if (page)
			memset(page + (size & (PAGE_BYTES - 1)), 0, PAGE_BYTES - (size & (PAGE_BYTES - 1)));
		o->lower_end = min_t(u64, o->lower_end, size);
	}
	return 0;
}

/* At most max bytes, or a page more. */
static bool next_run(struct bdev *overlay, u64 pos, u64 max, u64 *start, u64 *len)
{
	struct overlay *o = to_overlay(overlay);
	u64 first, last, pages = max >> PAGE_SHIFT;

	if (!pagemap_next(&o->map, pos >> PAGE_SHIFT, &first) || first << PAGE_SHIFT >= overlay->size)
		return false;
	for (last = first + 1; last - first < pages && pagemap_find(&o->map, last); last++)
		;
	*start = max_t(u64, pos, first << PAGE_SHIFT);
	*len = min_t(u64, overlay->size, last << PAGE_SHIFT) - *start;
	return true;
}

bool bdev_overlay_next(struct bdev *overlay, u64 pos, u64 *start, u64 *len)
{
	return next_run(overlay, pos, -1ULL, start, len);
}

int bdev_overlay_commit(struct bdev *overlay, u64 from, u64 to, struct err *err)
{
	u8 *buf = mem_alloc_io(COMMIT_CHUNK);
	int ret = buf ? 0 : err_nomem(err);
	u64 start, len;

	if (!ret && overlay->size > overlay->lower->size)
		ret = bdev_resize(overlay->lower, overlay->size, err);
	while (!ret && from < to && next_run(overlay, from, COMMIT_CHUNK, &start, &len) && start < to) {
		len = min_t(u64, min_t(u64, len, to - start), COMMIT_CHUNK);
		ret = bdev_read(overlay, start, buf, len, err);
		if (!ret)
			ret = bdev_write(overlay->lower, start, buf, len, err);
		from = start + len;
	}
	free(buf);
	return ret;
}

static int overlay_next_data(struct bdev *b, u64 off, u64 *start, u64 *len)
{
	struct overlay *o = to_overlay(b);
	u64 own_start = 0, own_len = 0;
	bool own = bdev_overlay_next(b, off, &own_start, &own_len);
	int ret = bdev_next_data(b->lower, off, start, len);

	if (ret)
		return ret;
	if (*len && *start < o->lower_end)
		*len = min_t(u64, *len, o->lower_end - *start);
	else
		*len = 0;
	if (own && (!*len || own_start <= *start)) {
		*start = own_start;
		*len = own_len;
	}
	return 0;
}

void overlay_forget(struct bdev *b)
{
	struct overlay *o = to_overlay(b);
	u64 bound = o->map.bound;

	pagemap_fini(&o->map);
	pagemap_init(&o->map, b->env, bound);
}

static void overlay_close(struct bdev *b)
{
	struct overlay *o = to_overlay(b);

	pagemap_fini(&o->map);
	free(o);
}

static const struct bdev_ops overlay_ops = {
	.read = overlay_read, .write = overlay_write, .flush = overlay_flush, .resize = overlay_resize, .close = overlay_close,
	.next_data = overlay_next_data,
};

int bdev_overlay_new(struct bdev *lower, struct bdev **out, struct err *err)
{
	struct overlay *o = mem_zalloc(sizeof(*o));

	if (!o)
		return err_nomem(err);
	bdev_init_layer(&o->b, &overlay_ops, lower);
	o->b.writable = true;
	o->lower_end = lower->size;
	pagemap_init(&o->map, lower->env, lower->env->memory ? lower->env->memory : OVERLAY_MEMORY);
	*out = &o->b;
	return 0;
}
