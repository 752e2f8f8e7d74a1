/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decompressing one extent. Spec: on-disk-format 8.
 *
 * The streaming decoders decide what is well-formed; they stop, content, when the output is full, and want to see the end of
 * the stream otherwise. The one-shot decoders are only a faster way for the usual case, a stream that fits its extent. */
#include "kernel-shared/fs/file.h"
#include "kernel-shared/fs/thread.h"
#include "common/mem.h"

#include <zlib.h>
#if HAVE_DEFLATE
#include <libdeflate.h>
#endif
#if HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

/* One call's arguments. got: bytes that came out. */
struct codec_job {
	struct fs_thread *thread;
	const u8 *in;
	size_t in_len;
	u8 *out;
	size_t out_len, got;
	u32 sectorsize;
	bool inline_extent;
};

static int inflate_fast(struct codec_job *j, const u8 *in, size_t in_len)
{
#if HAVE_DEFLATE
	if (!j->thread->deflate)
		j->thread->deflate = libdeflate_alloc_decompressor();
	if (j->thread->deflate &&
	    libdeflate_deflate_decompress_ex(j->thread->deflate, in, in_len, j->out, j->out_len, NULL, &j->got) == LIBDEFLATE_SUCCESS)
		return 0;
#endif
	return -EAGAIN;
}

static z_stream *zlib_context(struct fs_thread *t)
{
	if (t->zlib)
		return inflateReset(t->zlib) == Z_OK ? t->zlib : NULL;
	t->zlib = mem_zalloc(sizeof(*t->zlib));
	if (t->zlib && inflateInit2(t->zlib, -MAX_WBITS) != Z_OK) {
		free(t->zlib);
		t->zlib = NULL;
	}
	return t->zlib;
}

/* The header is checked here and the body is read as raw deflate: the Adler sum at the end is not looked at, the extent has a checksum. */
static int decode_zlib(struct codec_job *j, struct err *err)
{
	const u8 *in = j->in;
	z_stream *z;
	int ret;

	if (j->in_len < 2 || (in[0] & 15) != Z_DEFLATED || in[0] >> 4 > 7 || (in[0] << 8 | in[1]) % 31 || in[1] & 0x20)
		return err_set(err, -EUCLEAN, "zlib stream without a valid header");
	if (!inflate_fast(j, in + 2, j->in_len - 2))
		return 0;
	z = zlib_context(j->thread);
	if (!z)
		return err_nomem(err);
	z->next_in = (u8 *)in + 2;
	z->avail_in = j->in_len - 2;
	z->next_out = j->out;
	z->avail_out = j->out_len;
	ret = inflate(z, Z_FINISH);
	j->got = j->out_len - z->avail_out;
	if (ret == Z_STREAM_END || (ret == Z_BUF_ERROR && !z->avail_out))
		return 0;
	if (ret == Z_MEM_ERROR)
		return err_nomem(err);
	return err_set(err, -EUCLEAN, "zlib stream breaks off or is damaged after %zu bytes", j->got);
}

#if HAVE_ZSTD
static int decode_zstd_stream(struct codec_job *j, struct err *err)
{
	ZSTD_inBuffer in = { j->in, j->in_len, 0 };
	ZSTD_outBuffer out = { j->out, j->out_len, 0 };
	size_t ret = 1;

	ZSTD_DCtx_reset(j->thread->zstd, ZSTD_reset_session_only);
	while (ret && out.pos < out.size) {
		size_t before = in.pos + out.pos;

		ret = ZSTD_decompressStream(j->thread->zstd, &out, &in);
		if (ZSTD_isError(ret))
			return err_set(err, -EUCLEAN, "zstd frame is damaged after %zu bytes: %s", out.pos, ZSTD_getErrorName(ret));
		if (ret && in.pos + out.pos == before)
			return err_set(err, -EUCLEAN, "zstd frame breaks off after %zu bytes", out.pos);
	}
	j->got = out.pos;
	return 0;
}

enum { ZSTD_WINDOW_LOG_MAX = 17 };

static int decode_zstd(struct codec_job *j, struct err *err)
{
	struct fs_thread *t = j->thread;
	size_t frame, got;

	if (j->in_len < 4 || get_le32(j->in) != ZSTD_MAGICNUMBER)
		return err_set(err, -EUCLEAN, "zstd frame without its magic number");
	if (!t->zstd) {
		t->zstd = ZSTD_createDCtx();
		if (!t->zstd)
			return err_nomem(err);
		ZSTD_DCtx_setParameter(t->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
	}
	/* Zeros may follow the frame. */
	frame = ZSTD_findFrameCompressedSize(j->in, j->in_len);
	if (!ZSTD_isError(frame)) {
		got = ZSTD_decompressDCtx(t->zstd, j->out, j->out_len, j->in, frame);
		if (!ZSTD_isError(got)) {
			j->got = got;
			return 0;
		}
	}
	return decode_zstd_stream(j, err);
}
#else
static int decode_zstd(struct codec_job *j, struct err *err)
{
	return err_set(err, -EOPNOTSUPP, "built without zstd");
}
#endif

#if HAVE_LZO
/* The most bytes that lzo1x makes of x bytes, in the form that the kernel allows for a segment. */
static u32 lzo_worst(u32 x)
{
	return x + x / 16 + 64 + 3;
}

/* One segment to the end of the output; what does not fit is cut off. */
static int decode_lzo_segment(struct codec_job *j, const u8 *in, u32 len, struct err *err)
{
	size_t room = j->out_len - j->got;
	lzo_uint got = lzo_worst(j->sectorsize);
	u8 *to = j->out + j->got;
	bool aside = room < got;

	if (aside)
		to = thread_buf(THREAD_BUF_SEGMENT, got);
	if (!to)
		return err_nomem(err);
	if (lzo1x_decompress_safe(in, len, to, &got, NULL) != LZO_E_OK)
		return err_set(err, -EUCLEAN, "lzo segment is damaged after %zu bytes", j->got);
	if (aside) {
		got = min_t(size_t, got, room);
		memcpy(j->out + j->got, to, got);
	}
	j->got += got;
	return 0;
}

static int decode_lzo(struct codec_job *j, struct err *err)
{
	enum { LEN = 4 };
	u32 total, pos = LEN;

	if (j->in_len < 2 * LEN)
		return err_set(err, -EUCLEAN, "lzo container of %zu bytes", j->in_len);
	total = get_le32(j->in);
	if (total < 2 * LEN || total > min_t(size_t, j->in_len, BTRFS_MAX_COMPRESSED) ||
	    (j->inline_extent ? total != j->in_len : round_up_p2(total, j->sectorsize) < j->in_len))
		return err_set(err, -EUCLEAN, "lzo container says that it has %u bytes, in an extent of %zu", total, j->in_len);
	while (pos < total && j->got < j->out_len) {
		u32 left = j->sectorsize - pos % j->sectorsize, len;
		int ret;

		if (left < LEN) { /* a length never straddles two sectors */
			pos += left;
			continue;
		}
		if (pos + LEN > total)
			return err_set(err, -EUCLEAN, "lzo segment header at %u, past the end of the container at %u", pos, total);
		len = get_le32(j->in + pos);
		pos += LEN;
		if (!len || len > total - pos || len > lzo_worst(j->sectorsize))
			return err_set(err, -EUCLEAN, "lzo segment of %u bytes at %u in a container of %u", len, pos, total);
		if (j->inline_extent && len != total - pos)
			return err_set(err, -EUCLEAN, "inline lzo container with more than one segment");
		ret = decode_lzo_segment(j, j->in + pos, len, err);
		if (ret)
			return ret;
		pos += len;
	}
	return 0;
}
#else
static int decode_lzo(struct codec_job *j, struct err *err)
{
	return err_set(err, -EOPNOTSUPP, "built without lzo");
}
#endif

static const struct codec {
	const char *name;
	int (*decode)(struct codec_job *j, struct err *err); /* NULL: stored as it is */
} codecs[BTRFS_COMPRESS_TYPES] = {
	[BTRFS_COMPRESS_NONE] = { "none", NULL },
	[BTRFS_COMPRESS_ZLIB] = { "zlib", decode_zlib },
	[BTRFS_COMPRESS_LZO] = { "lzo", decode_lzo },
	[BTRFS_COMPRESS_ZSTD] = { "zstd", decode_zstd },
};

int decompress(unsigned type, const void *in, size_t in_len, void *out, size_t out_len, u32 sectorsize, bool inline_extent, struct err *err)
{
	struct codec_job j = { .in = in, .in_len = in_len, .out = out, .out_len = out_len, .sectorsize = sectorsize,
		.inline_extent = inline_extent };
	int ret;

	if (type >= BTRFS_COMPRESS_TYPES)
		return err_set(err, -EOPNOTSUPP, "unknown compression %u", type);
	if (!out_len)
		return 0;
	if (codecs[type].decode) {
		j.thread = fs_thread();
		if (!j.thread)
			return err_nomem(err);
		ret = codecs[type].decode(&j, err);
		if (ret)
			return ret;
	} else {
		j.got = min_t(size_t, in_len, out_len);
		memcpy(out, in, j.got);
	}
	memset(j.out + j.got, 0, out_len - j.got);
	return 0;
}

const char *compress_name(unsigned type)
{
	return type < BTRFS_COMPRESS_TYPES ? codecs[type].name : "unknown";
}

int compress_by_property(const char *value)
{
	for (int i = BTRFS_COMPRESS_NONE + 1; i < BTRFS_COMPRESS_TYPES; i++)
		if (!strncmp(value, codecs[i].name, strlen(codecs[i].name)))
			return i;
	return -EINVAL;
}

int compress_by_name(const char *name)
{
	for (int i = 0; i < BTRFS_COMPRESS_TYPES; i++)
		if (!strcmp(name, codecs[i].name))
			return i;
	return -EINVAL;
}
