/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sparse array of 4096-byte pages by index: what memory devices and overlays keep. Lookups take no lock and may run while
 * one or more threads add pages; pages stay where they are until pagemap_fini or pagemap_truncate. Past the bound, pages lie in a temporary
 * file, of which at most 32 MiB or so stay resident, however much of it is used. */
#ifndef BDEV_PAGEMAP_H
#define BDEV_PAGEMAP_H

#include <pthread.h>
#include "common/env.h"

enum { PAGE_BYTES = 4096, PAGE_SHIFT = 12 };

struct pagemap {
	struct env *env;
	void *root;
	pthread_mutex_t lock;     /* held while pages are added */
	struct page_slab *slabs;  /* where pages lie: on the heap, past the bound in a temporary file */
	u8 *free, *free_end;
	u64 bound;                /* bytes on the heap that all maps of env may have before this one goes to the file */
	int fd;                   /* the temporary file, -1: none yet */
	u64 file_size;
	u64 used;                 /* pages handed out since there is a file */
};

/* memory: bytes that maps of env hold before this one spills to env->tempdir. */
void pagemap_init(struct pagemap *m, struct env *env, u64 memory);
void pagemap_fini(struct pagemap *m);
/* The page, NULL if it was never added. */
u8 *pagemap_get(struct pagemap *m, u64 index);
/* The same, only to know whether there is one. */
u8 *pagemap_find(const struct pagemap *m, u64 index);
/* The page; when it is new, fill() sets its bytes before any other thread can see it. A negative return of fill is handed on. */
int pagemap_make(struct pagemap *m, u64 index, int (*fill)(void *arg, u64 index, u8 *page), void *arg, u8 **page);
/* The first page at or after index: its index. False: none. */
bool pagemap_next(const struct pagemap *m, u64 index, u64 *found);
/* Forgets all pages at or after index. No other thread may be looking. */
void pagemap_truncate(struct pagemap *m, u64 index);

#endif
