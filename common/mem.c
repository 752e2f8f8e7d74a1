/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory: see mem.h. */
#include "common/mem.h"

#include <stdlib.h>

/* An empty block is a block: NULL always means failure. */
static size_t nonzero(size_t size)
{
	return size ? size : 1;
}

void *mem_zalloc(size_t size)
{
	return calloc(1, nonzero(size));
}

void *mem_calloc(size_t n, size_t size)
{
	size_t bytes;

	/* calloc() checks, too, but memory checkers take what it refuses for a bug of its caller. */
	if (mul_overflows(n, size, &bytes))
		return NULL;
	return calloc(1, nonzero(bytes));
}

void *mem_alloc(size_t n, size_t size)
{
	size_t bytes;

	if (mul_overflows(n, size, &bytes))
		return NULL;
	return malloc(nonzero(bytes));
}

void *mem_alloc_io(size_t size)
{
	void *p;

	return posix_memalign(&p, 4096, nonzero(size)) ? NULL : p;
}

void *mem_dup(const void *p, size_t len)
{
	void *copy = malloc(nonzero(len));

	if (copy && len)
		memcpy(copy, p, len);
	return copy;
}

char *mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

char *mem_strndup(const char *s, size_t len)
{
	size_t size;
	char *copy;

	if (add_overflows(len, (size_t)1, &size))
		return NULL;
	copy = malloc(size);
	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void mem_freep(void *p)
{
	void *block;

	memcpy(&block, p, sizeof(block)); /* p points to a pointer of any type */
	free(block);
}

enum {
	ARENA_ALIGN = 16,
	ARENA_SLAB_MIN = 16 << 10,
	ARENA_SLAB_MAX = 1 << 20,
};

struct arena_slab {
	struct arena_slab *older;
	size_t size; /* of data */
	_Alignas(ARENA_ALIGN) char data[];
};

void arena_init(struct arena *a)
{
	memset(a, 0, sizeof(*a));
}

static void arena_free_slabs(struct arena *a, struct arena_slab *slab)
{
	while (slab) {
		struct arena_slab *older = slab->older;

		a->total -= sizeof(*slab) + slab->size;
		free(slab);
		slab = older;
	}
}

void arena_fini(struct arena *a)
{
	arena_free_slabs(a, a->slab);
	arena_init(a);
}

static struct arena_slab *arena_slab_new(struct arena *a, size_t size)
{
	struct arena_slab *slab;
	size_t bytes;

	if (add_overflows(size, sizeof(*slab), &bytes))
		return NULL;
	slab = malloc(bytes);
	if (!slab)
		return NULL;
	slab->size = size;
	a->total += bytes;
	return slab;
}

/* A block larger than a quarter of the next slab gets a slab of its own, behind the newest, which stays in use. */
static void *arena_alloc_slow(struct arena *a, size_t size)
{
	size_t next = a->slab ? min_t(size_t, a->size * 2, ARENA_SLAB_MAX) : ARENA_SLAB_MIN;
	struct arena_slab *slab;

	if (a->slab && size > next / 4) {
		slab = arena_slab_new(a, size);
		if (!slab)
			return NULL;
		slab->older = a->slab->older;
		a->slab->older = slab;
		return slab->data;
	}
	slab = arena_slab_new(a, max_t(size_t, size, next));
	if (!slab)
		return NULL;
	slab->older = a->slab;
	a->slab = slab;
	a->size = slab->size;
	a->used = size;
	return slab->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *p;

	if (add_overflows(size, (size_t)(ARENA_ALIGN - 1), &size))
		return NULL;
	size &= ~(size_t)(ARENA_ALIGN - 1);
	if (size > a->size - a->used || !a->slab)
		return arena_alloc_slow(a, size);
	p = a->slab->data + a->used;
	a->used += size;
	return p;
}

void *arena_dup(struct arena *a, const void *p, size_t len)
{
	void *copy = arena_alloc(a, len);

	if (copy && len)
		memcpy(copy, p, len);
	return copy;
}

void arena_reset(struct arena *a)
{
	if (!a->slab)
		return;
	arena_free_slabs(a, a->slab->older);
	a->slab->older = NULL;
	a->used = 0;
}
