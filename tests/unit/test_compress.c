/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decompression against streams that the libraries made, whole, cut short and damaged. */
#include "kernel-shared/fs/file.h"
#include "common/endian.h"
#include "tests/unit/unit.h"

#include <zlib.h>
#if HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

enum { MAX = BTRFS_MAX_UNCOMPRESSED };

/* Inputs of different nature: text-like, zeros, noise, and a short one. */
static size_t make_plain(unsigned kind, u8 *out)
{
	static const size_t sizes[] = { MAX, MAX, 100000, 37, MAX - 5000, 1 };
	u64 x = 88172645463325252ULL + kind;

	for (size_t i = 0; i < sizes[kind]; i++) {
		x ^= x << 13; x ^= x >> 7; x ^= x << 17;
		out[i] = kind == 1 ? 0 : kind == 2 ? (int)(x & 255) : "the quick brown fox "[(i + (x % 97 == 0)) % 20] + (x % 61 == 0);
	}
	return sizes[kind];
}
enum { KINDS = 6 };

static size_t pack_zlib(const u8 *in, size_t len, u8 *out, size_t room)
{
	uLongf n = room;

	return compress2(out, &n, in, len, 3) == Z_OK ? n : 0;
}

#if HAVE_ZSTD
static size_t pack_zstd(const u8 *in, size_t len, u8 *out, size_t room)
{
	size_t n = ZSTD_compress(out, room, in, len, 3);

	return ZSTD_isError(n) ? 0 : n;
}

/* Without a content size in the frame, as a writer makes it that does not know the length. */
static size_t pack_zstd_stream(const u8 *in, size_t len, u8 *out, size_t room)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer i = { in, len, 0 };
	ZSTD_outBuffer o = { out, room, 0 };
	ZSTD_inBuffer half = { in, len / 2, 0 };

	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 17);
	ZSTD_compressStream2(c, &o, &half, ZSTD_e_flush);
	i.pos = half.pos;
	ZSTD_compressStream2(c, &o, &i, ZSTD_e_end);
	ZSTD_freeCCtx(c);
	return o.pos;
}

#else
static size_t pack_zstd(const u8 *in, size_t len, u8 *out, size_t room) { return 0; }
static size_t pack_zstd_stream(const u8 *in, size_t len, u8 *out, size_t room) { return 0; }
#endif

#if HAVE_LZO
static size_t pack_lzo(const u8 *in, size_t len, u8 *out, u32 sectorsize)
{
	static u8 work[LZO1X_1_MEM_COMPRESS];
	u8 *segment = malloc(2 * 65536);
	size_t pos = 4;

	for (size_t done = 0; done < len; done += sectorsize) {
		lzo_uint n = 2 * 65536;
		u32 left = sectorsize - pos % sectorsize;

		lzo1x_1_compress(in + done, min_t(size_t, sectorsize, len - done), segment, &n, work);
		if (left < 4) {
			memset(out + pos, 0, left);
			pos += left;
		}
		put_le32(out + pos, n);
		memcpy(out + pos + 4, segment, n);
		pos += 4 + n;
	}
	put_le32(out, pos);
	free(segment);
	return pos;
}
#else
static size_t pack_lzo(const u8 *in, size_t len, u8 *out, u32 sectorsize) { return 0; }
#endif

struct vector { unsigned type; u32 sectorsize; bool inline_extent; u8 *packed; size_t packed_len; u8 *plain; size_t plain_len; };

static void vector_free(struct vector *v)
{
	free(v->packed);
	free(v->plain);
}

/* False: there is no such vector (noise does not fit an extent, the algorithm is not built in). */
static bool vector_make(struct vector *v, unsigned type, unsigned variant, unsigned kind)
{
	static const u32 sectors[] = { 4096, 8192, 16384, 32768, 65536 };
	u8 *out = malloc(4 * MAX);
	size_t padded;

	*v = (struct vector){ .type = type, .sectorsize = sectors[type == BTRFS_COMPRESS_LZO ? variant : 0], .plain = malloc(MAX) };
	v->plain_len = make_plain(kind, v->plain);
	v->packed_len = type == BTRFS_COMPRESS_ZLIB ? pack_zlib(v->plain, v->plain_len, out, 4 * MAX) :
			type == BTRFS_COMPRESS_LZO ? pack_lzo(v->plain, v->plain_len, out, v->sectorsize) :
			variant ? pack_zstd_stream(v->plain, v->plain_len, out, 4 * MAX) : pack_zstd(v->plain, v->plain_len, out, 4 * MAX);
	v->inline_extent = v->plain_len < 4096;
	padded = v->inline_extent ? v->packed_len : round_up_p2(v->packed_len, v->sectorsize);
	/* Exactly as large as the extent, so that a sanitizer sees what reads past it. */
	v->packed = calloc(1, padded);
	memcpy(v->packed, out, v->packed_len);
	free(out);
	v->packed_len = padded;
	if (padded && padded <= BTRFS_MAX_COMPRESSED)
		return true;
	vector_free(v);
	return false;
}

static int unpack(const struct vector *v, u8 *out, size_t len, struct err *err)
{
	return decompress(v->type, v->packed, v->packed_len, out, len, v->sectorsize, v->inline_extent, err);
}

static unsigned variants(unsigned type)
{
	return type == BTRFS_COMPRESS_LZO ? 5 : type == BTRFS_COMPRESS_ZSTD ? 2 : 1;
}

#define FOR_EACH_VECTOR(v) \
	for (unsigned type = BTRFS_COMPRESS_ZLIB; type <= BTRFS_COMPRESS_ZSTD; type++) \
		for (unsigned variant = 0; variant < variants(type); variant++) \
			for (unsigned kind = 0; kind < KINDS; kind++) \
				if (vector_make(v, type, variant, kind))

TEST(what_the_libraries_packed_comes_back)
{
	struct err err = ERR_INIT;
	unsigned n = 0;
	struct vector v;

	FOR_EACH_VECTOR(&v) {
		u8 *out = malloc(v.plain_len);

		CHECK_OK(unpack(&v, out, v.plain_len, &err), &err);
		CHECK(!memcmp(out, v.plain, v.plain_len));
		free(out);
		vector_free(&v);
		n++;
	}
	CHECK(n >= 5u + 10u * HAVE_ZSTD + 25u * HAVE_LZO);
}

TEST(a_longer_output_ends_in_zeros_and_a_shorter_one_is_a_prefix)
{
	struct err err = ERR_INIT;
	struct vector v;

	FOR_EACH_VECTOR(&v) {
		size_t longer = v.plain_len + 4096, some[] = { 1, v.plain_len / 2, v.plain_len - 1, 4095, 4096, 4097 };
		u8 *out = malloc(longer);

		memset(out, 0xee, longer);
		CHECK_OK(unpack(&v, out, longer, &err), &err);
		CHECK(!memcmp(out, v.plain, v.plain_len));
		for (size_t i = v.plain_len; i < longer; i++)
			CHECK_EQ(out[i], 0);
		free(out);
		for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
			if (some[i] > v.plain_len)
				continue;
			out = malloc(some[i]);
			CHECK_OK(unpack(&v, out, some[i], &err), &err);
			CHECK(!memcmp(out, v.plain, some[i]));
			free(out);
		}
		vector_free(&v);
	}
}

/* Never the wrong bytes in silence: a cut stream is refused, or all that was wanted had come out already. */
static void try_cut(const struct vector *v, size_t len, u8 *out)
{
	struct vector cut = *v;
	struct err err = ERR_INIT;

	cut.packed = malloc(len ? len : 1);
	memcpy(cut.packed, v->packed, len);
	cut.packed_len = len;
	if (!unpack(&cut, out, v->plain_len, &err))
		CHECK(!memcmp(out, v->plain, v->plain_len));
	else
		CHECK(err.code == -EUCLEAN && err.len);
	free(cut.packed);
}

TEST(every_truncation_is_refused_or_harmless)
{
	u8 *out = malloc(MAX);
	struct vector v;

	FOR_EACH_VECTOR(&v) {
		size_t step = v.packed_len / 500 + 1;

		for (size_t len = 0; len < v.packed_len && !unit_failed; len += len < 64 ? 1 : step)
			try_cut(&v, len, out);
		vector_free(&v);
	}
	free(out);
}

TEST(random_damage_never_leaves_the_buffers)
{
	u64 x = 0x1234567;
	unsigned refused = 0;
	struct vector v;

	FOR_EACH_VECTOR(&v) {
		u8 *good = malloc(v.packed_len);

		memcpy(good, v.packed, v.packed_len);
		for (unsigned round = 0; round < 150; round++) {
			size_t want = round % 3 ? v.plain_len : v.plain_len / 3 + 1;
			u8 *out = malloc(want);

			for (unsigned k = 0; k <= round % 4; k++) {
				x ^= x << 13; x ^= x >> 7; x ^= x << 17;
				v.packed[(round & 1 ? x % min_t(size_t, v.packed_len, 64) : x % v.packed_len)] = x >> 40;
			}
			refused += unpack(&v, out, want, NULL) != 0;
			free(out);
			memcpy(v.packed, good, v.packed_len);
		}
		free(good);
		vector_free(&v);
	}
	CHECK(refused > 10);
}

#if HAVE_LZO
static int lzo_of(const void *bytes, size_t len, bool inline_extent)
{
	u8 *in = malloc(len), out[8192];
	int ret;

	memcpy(in, bytes, len);
	ret = decompress(BTRFS_COMPRESS_LZO, in, len, out, sizeof(out), 4096, inline_extent, NULL);
	free(in);
	return ret;
}

TEST(lzo_lengths_that_lie_are_refused)
{
	u8 in[4096] = { 0 };

	CHECK_EQ(lzo_of(in, 4, false), -EUCLEAN);
	CHECK_EQ(lzo_of(in, 4096, false), -EUCLEAN);    /* total 0 */
	put_le32(in, 0xffffffff);
	CHECK_EQ(lzo_of(in, 4096, false), -EUCLEAN);    /* past the extent */
	put_le32(in, 4096);
	CHECK_EQ(lzo_of(in, 4096, false), -EUCLEAN);    /* segment of 0 bytes */
	put_le32(in + 4, 0xfffffff0);
	CHECK_EQ(lzo_of(in, 4096, false), -EUCLEAN);    /* segment past the container */
	put_le32(in + 4, 4088);
	CHECK_EQ(lzo_of(in, 4096, false), -EUCLEAN);    /* no lzo in it */
}

TEST(lzo_total_must_reach_the_last_sector_of_the_extent)
{
	u8 plain[4096] = { 1 }, packed[3 * 4096] = { 0 }, out[4096];
	size_t n = pack_lzo(plain, sizeof(plain), packed, 4096);

	CHECK(n < 4096);
	CHECK_EQ(decompress(BTRFS_COMPRESS_LZO, packed, 4096, out, sizeof(out), 4096, false, NULL), 0);
	CHECK_EQ(decompress(BTRFS_COMPRESS_LZO, packed, 8192, out, sizeof(out), 4096, false, NULL), -EUCLEAN);
	CHECK_EQ(decompress(BTRFS_COMPRESS_LZO, packed, n, out, sizeof(out), 4096, true, NULL), 0);
	CHECK_EQ(decompress(BTRFS_COMPRESS_LZO, packed, n + 1, out, sizeof(out), 4096, true, NULL), -EUCLEAN);
}

#endif

TEST(zlib_ignores_the_sum_but_not_the_header)
{
	u8 plain[1000] = "zlib", packed[2000], out[1000];
	size_t n = pack_zlib(plain, sizeof(plain), packed, sizeof(packed));

	packed[n - 1] ^= 1;
	CHECK_EQ(decompress(BTRFS_COMPRESS_ZLIB, packed, n, out, sizeof(out), 4096, true, NULL), 0);
	CHECK(!memcmp(plain, out, sizeof(out)));
	packed[0] = 0x79;
	CHECK_EQ(decompress(BTRFS_COMPRESS_ZLIB, packed, n, out, sizeof(out), 4096, true, NULL), -EUCLEAN);
}

TEST(names)
{
	for (unsigned i = 0; i < BTRFS_COMPRESS_TYPES; i++)
		CHECK_EQ(compress_by_name(compress_name(i)), i);
	CHECK_EQ(compress_by_name("brotli"), (unsigned long long)-EINVAL);
	CHECK_STR(compress_name(77), "unknown");
	CHECK_EQ(decompress(4, "abcd", 4, (u8[4]){ 0 }, 4, 4096, true, NULL), -EOPNOTSUPP);
	CHECK_EQ(decompress(0, "abcd", 4, (u8[4]){ 0 }, 4, 4096, true, NULL), 0);
}

UNIT_MAIN
