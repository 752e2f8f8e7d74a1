/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reading and writing file data keeps for each thread: buffers, contexts of the codecs. Made at first use, freed when the thread
 * ends. Inside fs/ only. */
#ifndef FS_THREAD_H
#define FS_THREAD_H

#include "common/base.h"

enum thread_buf {
	THREAD_BUF_PACKED,  /* compressed bytes as they lie on disk */
	THREAD_BUF_PLAIN,   /* a whole decompressed extent, or sectors of which only a part is wanted */
	THREAD_BUF_SEGMENT, /* one lzo segment */
	THREAD_BUF_SUMS,    /* checksums: stored, computed, which there are */
	THREAD_BUF_LZO,     /* what lzo needs for compressing */
	THREAD_BUFS,
};

struct fs_thread {
	struct { u8 *v; size_t size; } buf[THREAD_BUFS];
	struct ZSTD_DCtx_s *zstd;
	struct z_stream_s *zlib;
	struct libdeflate_decompressor *deflate;
	/* compressing; the levels are those that the contexts were made for */
	struct ZSTD_CCtx_s *zstd_out;
	struct z_stream_s *zlib_out;
	struct libdeflate_compressor *deflate_out;
	int zlib_level, deflate_level;
};

/* This thread's; NULL: out of memory. */
struct fs_thread *fs_thread(void);
/* At least size bytes, valid until this thread asks for the same buffer again. NULL: out of memory. */
void *thread_buf(enum thread_buf which, size_t size);

#endif
