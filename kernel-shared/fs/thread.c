/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Per-thread buffers and contexts: see thread.h. */
#include "kernel-shared/fs/thread.h"
#include "common/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>
#if HAVE_DEFLATE
#include <libdeflate.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

static pthread_key_t key;
static bool key_made;

static void thread_free(void *p)
{
	struct fs_thread *t = p;

	for (unsigned i = 0; i < THREAD_BUFS; i++)
		free(t->buf[i].v);
#if HAVE_ZSTD
	ZSTD_freeDCtx(t->zstd);
	ZSTD_freeCCtx(t->zstd_out);
#endif
	if (t->zlib)
		inflateEnd(t->zlib);
	free(t->zlib);
	if (t->zlib_out)
		deflateEnd(t->zlib_out);
	free(t->zlib_out);
#if HAVE_DEFLATE
	libdeflate_free_decompressor(t->deflate);
	libdeflate_free_compressor(t->deflate_out);
#endif
	free(t);
}

static void make_key(void)
{
	key_made = !pthread_key_create(&key, thread_free);
}

struct fs_thread *fs_thread(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct fs_thread *t;

	pthread_once(&once, make_key);
	if (!key_made)
		return NULL;
	t = pthread_getspecific(key);
	if (t)
		return t;
	t = mem_zalloc(sizeof(*t));
	if (t && pthread_setspecific(key, t)) {
		free(t);
		t = NULL;
	}
	return t;
}

void *thread_buf(enum thread_buf which, size_t size)
{
	struct fs_thread *t = fs_thread();

	if (!t)
		return NULL;
	if (t->buf[which].size < size) {
		free(t->buf[which].v);
		t->buf[which].v = mem_alloc_io(size);
		t->buf[which].size = t->buf[which].v ? size : 0;
	}
	return t->buf[which].v;
}
