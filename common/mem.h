/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory. Every allocation can fail and says so with NULL; sizes are overflow-checked. */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include "common/base.h"

/* Zeroed; n * size is checked. Free with free(). */
void *mem_zalloc(size_t size) MUST_CHECK;
void *mem_calloc(size_t n, size_t size) MUST_CHECK;
/* Uninitialised, n * size checked. */
void *mem_alloc(size_t n, size_t size) MUST_CHECK;
/* Aligned to 4096 bytes, for device I/O and large buffers. Free with free(). */
void *mem_alloc_io(size_t size) MUST_CHECK;
void *mem_dup(const void *p, size_t len) MUST_CHECK;
char *mem_strdup(const char *s) MUST_CHECK;
/* len bytes with a NUL behind. */
char *mem_strndup(const char *s, size_t len) MUST_CHECK;
/* For CLEANUP(mem_freep): frees *p. */
void mem_freep(void *p);

/* An arena: many small blocks, freed together. Not thread-safe. Blocks are aligned to 16 bytes. */
struct arena {
	struct arena_slab *slab;
	size_t used, size;   /* of the newest slab */
	size_t total;        /* bytes held from the system */
};
void arena_init(struct arena *a);
void arena_fini(struct arena *a);
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;
void *arena_dup(struct arena *a, const void *p, size_t len) MUST_CHECK;
/* Frees all blocks but keeps one slab for reuse. */
void arena_reset(struct arena *a);

#endif
