/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device that is memory: sparse, zeroed. */
#include "kernel-shared/bdev/layer.h"
#include "kernel-shared/bdev/pagemap.h"

struct mem {
	struct bdev b;
	struct pagemap map;
};

static int mem_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	struct mem *m = container_of(b, struct mem, b);
	u8 *to = buf;

	while (len) {
		const u8 *page = pagemap_get(&m->map, off >> PAGE_SHIFT);
		size_t in = off & (PAGE_BYTES - 1), n = min_t(size_t, PAGE_BYTES - in, len);

		if (page)
			memcpy(to, page + in, n);
		else
			memset(to, 0, n);
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int fill_zero(void *arg, u64 index, u8 *page)
{
	memset(page, 0, PAGE_BYTES);
	return 0;
}

static int mem_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err)
{
	struct mem *m = container_of(b, struct mem, b);
	const u8 *from = buf;

	while (len) {
		size_t in = off & (PAGE_BYTES - 1), n = min_t(size_t, PAGE_BYTES - in, len);
		u8 *page;
		int ret = pagemap_make(&m->map, off >> PAGE_SHIFT, fill_zero, NULL, &page);

		if (ret)
			return err_errno(err, ret, "cannot keep a page of %s", b->name);
		memcpy(page + in, from, n);
		from += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int mem_flush(struct bdev *b, struct err *err)
{
	return 0;
}

static int mem_discard(struct bdev *b, u64 off, u64 len, struct err *err)
{
	struct mem *m = container_of(b, struct mem, b);
	u64 end = off + len, index = off >> PAGE_SHIFT;

	for (; pagemap_next(&m->map, index, &index) && index << PAGE_SHIFT < end; index++) {
		u64 at = index << PAGE_SHIFT;
		u64 from = max_t(u64, at, off) - at, to = min_t(u64, at + PAGE_BYTES, end) - at;

		memset(pagemap_get(&m->map, index) + from, 0, to - from);
	}
	return 0;
}

static int mem_resize(struct bdev *b, u64 size, struct err *err)
{
	struct mem *m = container_of(b, struct mem, b);

	if (size < b->size) {
		mem_discard(b, size, b->size - size, err);
		pagemap_truncate(&m->map, (size + PAGE_BYTES - 1) >> PAGE_SHIFT);
	}
	return 0;
}

static int mem_next_data(struct bdev *b, u64 off, u64 *start, u64 *len)
{
	struct mem *m = container_of(b, struct mem, b);
	u64 first, last;

	if (!pagemap_next(&m->map, off >> PAGE_SHIFT, &first) || first << PAGE_SHIFT >= b->size) {
		*len = 0;
		return 0;
	}
	for (last = first + 1; pagemap_find(&m->map, last); last++)
		;
	*start = max_t(u64, off, first << PAGE_SHIFT);
	*len = min_t(u64, b->size, last << PAGE_SHIFT) - *start;
	return 0;
}

static void mem_close(struct bdev *b)
{
	struct mem *m = container_of(b, struct mem, b);

	pagemap_fini(&m->map);
	free(m);
}

static const struct bdev_ops mem_ops = {
	.read = mem_read, .write = mem_write, .flush = mem_flush, .discard = mem_discard, .resize = mem_resize,
	.close = mem_close, .next_data = mem_next_data,
};

int bdev_mem_new(struct env *env, const char *name, u64 size, struct bdev **out)
{
	struct mem *m = mem_zalloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->b = (struct bdev){ .ops = &mem_ops, .env = env, .size = size, .writable = true, .id = { 0, (u64)(uintptr_t)m } };
	m->b.name = mem_strdup(name);
	if (!m->b.name) {
		free(m);
		return -ENOMEM;
	}
	pagemap_init(&m->map, env, ~0ULL);
	*out = &m->b;
	return 0;
}
