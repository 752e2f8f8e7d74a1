/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A radix tree of six levels of 512 pointers: enough for any page of 2^64 bytes, ordered, and readable without a lock because
 * pointers only ever go from NULL to their final value. Pages come from slabs; past the memory bound a slab is a mapped piece
 * of an unlinked temporary file, so that a page is a plain address either way and the kernel does the paging. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common/io.h"
#include "common/mem.h"
#include "kernel-shared/bdev/pagemap.h"

enum { RADIX_BITS = 9, RADIX_SLOTS = 1 << RADIX_BITS, RADIX_LEVELS = 6 };
enum { SLAB_HEAP = 1 << 20, SLAB_FILE = 16 << 20 };
enum { RESIDENT_PAGES = (32 << 20) / PAGE_BYTES };

struct radix_node { void *slots[RADIX_SLOTS]; };

struct page_slab {
	struct page_slab *next;
	u8 *base;
	size_t size;
	bool mapped;
};

static inline unsigned radix_slot(u64 index, int level)
{
	return index >> level * RADIX_BITS & (RADIX_SLOTS - 1);
}

static inline void *slot_load(const struct radix_node *n, unsigned slot)
{
	return __atomic_load_n(&n->slots[slot], __ATOMIC_ACQUIRE);
}

static inline void slot_store(struct radix_node *n, unsigned slot, void *p)
{
	__atomic_store_n(&n->slots[slot], p, __ATOMIC_RELEASE);
}

void pagemap_init(struct pagemap *m, struct env *env, u64 memory)
{
	*m = (struct pagemap){ .env = env, .bound = memory, .fd = -1 };
	pthread_mutex_init(&m->lock, NULL);
}

static void radix_free(struct radix_node *n, int level)
{
	if (level > 0)
		for (unsigned i = 0; i < RADIX_SLOTS; i++)
			if (n->slots[i])
				radix_free(n->slots[i], level - 1);
	free(n);
}

void pagemap_fini(struct pagemap *m)
{
	struct page_slab *s, *next;

	if (m->root)
		radix_free(m->root, RADIX_LEVELS - 1);
	for (s = m->slabs; s; s = next) {
		next = s->next;
		if (s->mapped) {
			munmap(s->base, s->size);
		} else {
			free(s->base);
			__atomic_sub_fetch(&m->env->page_memory, s->size, __ATOMIC_RELAXED);
		}
		free(s);
	}
	if (m->fd >= 0)
		close(m->fd);
	pthread_mutex_destroy(&m->lock);
	m->root = m->slabs = NULL;
}

/* Pages of the temporary file stay in the file; this process does not hold them any longer. Whoever is at one of them just gets it back. */
static void send_away(struct pagemap *m)
{
	pthread_mutex_lock(&m->lock);
	for (struct page_slab *s = m->slabs; s; s = s->next)
		if (s->mapped)
			madvise(s->base, s->size, MADV_DONTNEED);
	pthread_mutex_unlock(&m->lock);
}

u8 *pagemap_find(const struct pagemap *m, u64 index)
{
	void *n = __atomic_load_n(&m->root, __ATOMIC_ACQUIRE);

	for (int level = RADIX_LEVELS - 1; n && level >= 0; level--)
		n = slot_load(n, radix_slot(index, level));
	return n;
}

static void page_used(struct pagemap *m)
{
	if (__atomic_load_n(&m->file_size, __ATOMIC_RELAXED) && !(__atomic_add_fetch(&m->used, 1, __ATOMIC_RELAXED) % RESIDENT_PAGES))
		send_away(m);
}

u8 *pagemap_get(struct pagemap *m, u64 index)
{
	u8 *page = pagemap_find(m, index);

	if (page)
		page_used(m);
	return page;
}

/* A slab in the temporary file. Its blocks are allocated first: a full disk must be an error here, not a signal at the first touch. */
static int slab_map(struct pagemap *m, struct page_slab *s)
{
	int ret;

	if (m->fd < 0) {
		m->fd = io_tempfile(m->env->tempdir);
		if (m->fd < 0)
			return m->fd;
	}
	ret = posix_fallocate(m->fd, m->file_size, SLAB_FILE);
	if (ret)
		return -ret;
	s->base = mmap(NULL, SLAB_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, m->file_size);
	if (s->base == MAP_FAILED)
		return -errno;
	s->size = SLAB_FILE;
	s->mapped = true;
	__atomic_store_n(&m->file_size, m->file_size + SLAB_FILE, __ATOMIC_RELAXED);
	return 0;
}

static int page_alloc(struct pagemap *m, u8 **page)
{
	if (m->free == m->free_end) {
		struct page_slab *s = mem_zalloc(sizeof(*s));
		int ret = 0;

		if (!s)
			return -ENOMEM;
		if (__atomic_load_n(&m->env->page_memory, __ATOMIC_RELAXED) < m->bound) {
			s->size = SLAB_HEAP;
			s->base = mem_alloc_io(SLAB_HEAP);
			ret = s->base ? 0 : -ENOMEM;
			if (!ret)
				__atomic_add_fetch(&m->env->page_memory, SLAB_HEAP, __ATOMIC_RELAXED);
		} else {
			ret = slab_map(m, s);
		}
		if (ret) {
			free(s);
			return ret;
		}
		s->next = m->slabs;
		m->slabs = s;
		m->free = s->base;
		m->free_end = s->base + s->size;
	}
	*page = m->free;
	return 0;
}

static int make_locked(struct pagemap *m, u64 index, int (*fill)(void *arg, u64 index, u8 *page), void *arg, u8 **page)
{
	struct radix_node *n;
	int ret;

	if (!m->root) {
		n = mem_zalloc(sizeof(*n));
		if (!n)
			return -ENOMEM;
		__atomic_store_n(&m->root, n, __ATOMIC_RELEASE);
	}
	n = m->root;
	for (int level = RADIX_LEVELS - 1; level > 0; level--) {
		struct radix_node *child = slot_load(n, radix_slot(index, level));

		if (!child) {
			child = mem_zalloc(sizeof(*child));
			if (!child)
				return -ENOMEM;
			slot_store(n, radix_slot(index, level), child);
		}
		n = child;
	}
	*page = slot_load(n, radix_slot(index, 0));
	if (*page)
		return 0;
	ret = page_alloc(m, page);
	if (!ret)
		ret = fill(arg, index, *page);
	if (ret)
		return ret;
	m->free += PAGE_BYTES;
	slot_store(n, radix_slot(index, 0), *page);
	return 0;
}

int pagemap_make(struct pagemap *m, u64 index, int (*fill)(void *arg, u64 index, u8 *page), void *arg, u8 **page)
{
	int ret = 0;

	*page = pagemap_get(m, index);
	if (*page)
		return 0;
	pthread_mutex_lock(&m->lock);
	ret = make_locked(m, index, fill, arg, page);
	pthread_mutex_unlock(&m->lock);
	if (!ret)
		page_used(m);
	return ret;
}

/* The first page below n at or after *index, whose bits above this level are those of n. */
static bool radix_next(const struct radix_node *n, int level, u64 *index)
{
	unsigned first = radix_slot(*index, level);

	for (unsigned i = first; i < RADIX_SLOTS; i++) {
		const void *child = slot_load(n, i);
		u64 at = *index;

		if (!child)
			continue;
		if (i != first) {
			u64 below = (1ULL << (level + 1) * RADIX_BITS) - 1;

			at = (*index & ~below) | (u64)i << level * RADIX_BITS;
		}
		if (!level || radix_next(child, level - 1, &at)) {
			*index = at;
			return true;
		}
	}
	return false;
}

bool pagemap_next(const struct pagemap *m, u64 index, u64 *found)
{
	const struct radix_node *n = __atomic_load_n(&m->root, __ATOMIC_ACQUIRE);

	*found = index;
	return n && radix_next(n, RADIX_LEVELS - 1, found);
}

void pagemap_truncate(struct pagemap *m, u64 index)
{
	u64 at = index;

	while (pagemap_next(m, at, &at)) {
		struct radix_node *n = m->root;

		for (int level = RADIX_LEVELS - 1; level > 0; level--)
			n = slot_load(n, radix_slot(at, level));
		slot_store(n, radix_slot(at, 0), NULL);
		at++;
	}
}
