/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compressing file data: see compress_out.h. */
#include "kernel-shared/fs/compress_out.h"

#include <stdlib.h>
#include <zlib.h>
#if HAVE_DEFLATE
#include <libdeflate.h>
#endif
#if HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif
#include "common/endian.h"
#include "common/mem.h"
#include "kernel-shared/format/disk.h"
#include "kernel-shared/fs/thread.h"

struct squeeze {
	struct fs_thread *thread;
	int level;
	const u8 *in;
	size_t len;
	u8 *out;
	size_t room, got;
	u32 sectorsize;
};

/* ---- zlib ---- */

#if HAVE_DEFLATE
static int encode_zlib(struct squeeze *s, struct err *err)
{
	struct fs_thread *t = s->thread;

	if (!t->deflate_out || t->deflate_level != s->level) {
		libdeflate_free_compressor(t->deflate_out);
		t->deflate_out = libdeflate_alloc_compressor(s->level);
		t->deflate_level = s->level;
	}
	if (!t->deflate_out)
		return err_nomem(err);
	s->got = libdeflate_zlib_compress(t->deflate_out, s->in, s->len, s->out, s->room);
	return s->got ? 0 : -E2BIG;
}
#else
static z_stream *zlib_context(struct squeeze *s)
{
	struct fs_thread *t = s->thread;

	if (t->zlib_out && t->zlib_level == s->level)
		return deflateReset(t->zlib_out) == Z_OK ? t->zlib_out : NULL;
	if (t->zlib_out)
		deflateEnd(t->zlib_out);
	else
		t->zlib_out = mem_zalloc(sizeof(*t->zlib_out));
	if (t->zlib_out && deflateInit(t->zlib_out, s->level) != Z_OK) {
		free(t->zlib_out);
		t->zlib_out = NULL;
	}
	t->zlib_level = s->level;
	return t->zlib_out;
}

static int encode_zlib(struct squeeze *s, struct err *err)
{
	z_stream *z = zlib_context(s);
	int ret;

	if (!z)
		return err_nomem(err);
	z->next_in = (u8 *)s->in;
	z->avail_in = s->len;
	z->next_out = s->out;
	z->avail_out = s->room;
	ret = deflate(z, Z_FINISH);
	s->got = s->room - z->avail_out;
	return ret == Z_STREAM_END ? 0 : -E2BIG;
}
#endif

/* ---- lzo: a container of segments, one for each sector ---- */

#if HAVE_LZO
enum { LZO_LEN = 4 };

/* The most bytes that lzo1x makes of x bytes. */
static u32 lzo_worst(u32 x)
{
	return x + x / 16 + 64 + 3;
}

/* Room for a segment's length at *pos; a length never straddles two sectors. */
static bool lzo_place(struct squeeze *s, size_t *pos)
{
	u32 left = s->sectorsize - *pos % s->sectorsize;

	if (left < LZO_LEN) {
		if (*pos + left > s->room)
			return false;
		memset(s->out + *pos, 0, left);
		*pos += left;
	}
	return *pos + LZO_LEN <= s->room;
}

static int encode_lzo(struct squeeze *s, struct err *err)
{
	u32 worst = lzo_worst(s->sectorsize);
	u8 *work = thread_buf(THREAD_BUF_LZO, LZO1X_1_MEM_COMPRESS + worst), *segment;
	size_t pos = LZO_LEN;

	if (!work)
		return err_nomem(err);
	segment = work + LZO1X_1_MEM_COMPRESS;
	for (size_t done = 0; done < s->len; done += s->sectorsize) {
		lzo_uint got = worst;

		if (!lzo_place(s, &pos) || lzo1x_1_compress(s->in + done, min_t(size_t, s->len - done, s->sectorsize), segment, &got, work) != LZO_E_OK ||
		    pos + LZO_LEN + got > s->room)
			return -E2BIG;
		put_le32(s->out + pos, got);
		memcpy(s->out + pos + LZO_LEN, segment, got);
		pos += LZO_LEN + got;
	}
	put_le32(s->out, pos);
	s->got = pos;
	return 0;
}
#else
static int encode_lzo(struct squeeze *s, struct err *err)
{
	return err_set(err, -EOPNOTSUPP, "built without lzo");
}
#endif

/* ---- zstd ---- */

#if HAVE_ZSTD
enum { ZSTD_WINDOW_LOG = 17, ZSTD_WINDOW_LOG_LEAST = 10 };

static int encode_zstd(struct squeeze *s, struct err *err)
{
	struct fs_thread *t = s->thread;
	int window = ZSTD_WINDOW_LOG_LEAST;
	size_t got;

	if (!t->zstd_out)
		t->zstd_out = ZSTD_createCCtx();
	if (!t->zstd_out)
		return err_nomem(err);
	while (window < ZSTD_WINDOW_LOG && (1UL << window) < s->len)
		window++;
	/* After a failure (it did not get small enough) parameters would be stuck. */
	ZSTD_CCtx_reset(t->zstd_out, ZSTD_reset_session_only);
	ZSTD_CCtx_setParameter(t->zstd_out, ZSTD_c_compressionLevel, s->level);
	ZSTD_CCtx_setParameter(t->zstd_out, ZSTD_c_windowLog, window);
	got = ZSTD_compress2(t->zstd_out, s->out, s->room, s->in, s->len);
	if (ZSTD_isError(got))
		return ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation ? err_nomem(err) : -E2BIG;
	s->got = got;
	return 0;
}
#else
static int encode_zstd(struct squeeze *s, struct err *err)
{
	return err_set(err, -EOPNOTSUPP, "built without zstd");
}
#endif

static const struct encoder {
	int (*encode)(struct squeeze *s, struct err *err);
	int min, max, usual;
	u64 feature;
} encoders[BTRFS_COMPRESS_TYPES] = {
	[BTRFS_COMPRESS_ZLIB] = { encode_zlib, 1, 9, 3, 0 },
	[BTRFS_COMPRESS_LZO] = { encode_lzo, 0, 0, 0, BTRFS_FEATURE_INCOMPAT_COMPRESS_LZO },
	[BTRFS_COMPRESS_ZSTD] = { encode_zstd, -15, 15, 3, BTRFS_FEATURE_INCOMPAT_COMPRESS_ZSTD },
};

int compress_level(unsigned type, int level)
{
	const struct encoder *e = &encoders[type < BTRFS_COMPRESS_TYPES ? type : BTRFS_COMPRESS_NONE];

	if (!level)
		return e->usual;
	return level < e->min ? e->min : level > e->max ? e->max : level;
}

u64 compress_feature(unsigned type)
{
	return type < BTRFS_COMPRESS_TYPES ? encoders[type].feature : 0;
}

int compress_data(unsigned type, int level, const void *in, size_t len, void *out, size_t room, u32 sectorsize, size_t *out_len, struct err *err)
{
	struct squeeze s = { .thread = fs_thread(), .level = compress_level(type, level), .in = in, .len = len, .out = out, .room = room,
		.sectorsize = sectorsize };
	int ret;

	if (type >= BTRFS_COMPRESS_TYPES || !encoders[type].encode)
		return err_set(err, -EOPNOTSUPP, "unknown compression %u", type);
	if (!s.thread)
		return err_nomem(err);
	if (room < 2 * sizeof(u32))
		return -E2BIG;
	ret = encoders[type].encode(&s, err);
	*out_len = s.got;
	return ret;
}

/* ---- Sampling ---- */

enum { SAMPLE_RUN = 16, SAMPLES_MAX = 256 /* runs */, SAMPLE_LEAST = 4096 /* bytes: below, trying is as cheap */, ANCHOR = 16 };

/* Does what stands at `at` stand somewhere behind, too? */
static bool recurs(const u8 *in, size_t len, size_t at)
{
	return at + 2 * ANCHOR <= len && memmem(in + at + ANCHOR, len - at - ANCHOR, in + at, ANCHOR);
}

/* How often do two sampled bytes agree? For noise one time in 256; compressed and encrypted data hardly differ from that, while text, code and tables agree
 * several times as often. Noise that repeats itself is found by looking for two pieces of it. */
bool looks_incompressible(const u8 *in, size_t len)
{
	u32 count[256] = { 0 };
	size_t step, n = 0;
	u64 pairs = 0;

	if (len < SAMPLE_LEAST)
		return false;
	step = max_t(size_t, len / SAMPLES_MAX, SAMPLE_RUN);
	for (size_t at = 0; at + SAMPLE_RUN <= len; at += step, n += SAMPLE_RUN)
		for (unsigned i = 0; i < SAMPLE_RUN; i++)
			count[in[at + i]]++;
	for (unsigned i = 0; i < 256; i++)
		pairs += (u64)count[i] * (count[i] - !!count[i]);
	/* noise: pairs = n * (n - 1) / 256, give or take; compressible from a quarter more on */
	if (pairs * 256 * 4 > (u64)n * (n - 1) * 5)
		return false;
	return !recurs(in, len, 0) && !recurs(in, len, len / 3);
}
