/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The payloads of a dump: zlib streams, by libdeflate where it is built in. */
#include "kernel-shared/volume/dumpfile.h"

#include <stdlib.h>
#include <zlib.h>
#if HAVE_DEFLATE
#include <libdeflate.h>
#endif
#include "common/hash.h"
#include "common/mem.h"

struct dump_codec {
	unsigned level;
	u8 *stored;           /* DUMP_STORED_MAX bytes */
#if HAVE_DEFLATE
	struct libdeflate_compressor *out, *slow;
	struct libdeflate_decompressor *in;
#endif
};

#if HAVE_DEFLATE
/* The levels of libdeflate that make of metadata what zlib makes, or less, in the shortest time. Between its levels 7 and 10 lies a long way in size
 * and in time: in each 16 items some are packed at the one, the others at the other. */
static const struct { u8 level, slow; } levels[] = { { 0, 0 }, { 1, 0 }, { 2, 0 }, { 2, 0 }, { 4, 0 }, { 5, 0 }, { 6, 0 }, { 7, 2 }, { 7, 4 }, { 7, 5 } };

static bool codec_start(struct dump_codec *c)
{
	bool slow = levels[c->level].slow;

	c->in = libdeflate_alloc_decompressor();
	c->out = c->level ? libdeflate_alloc_compressor(levels[c->level].level) : NULL;
	c->slow = slow ? libdeflate_alloc_compressor(10) : NULL;
	return c->in && (c->out || !c->level) && (c->slow || !slow);
}

static void codec_stop(struct dump_codec *c)
{
	libdeflate_free_decompressor(c->in);
	libdeflate_free_compressor(c->out);
	libdeflate_free_compressor(c->slow);
}

u32 dump_compress(struct dump_codec *c, u64 bytenr, const void *in, u32 len, void *out)
{
	bool slow = hash_mix(bytenr) % 16 < levels[c->level].slow;

	return libdeflate_zlib_compress(slow ? c->slow : c->out, in, len, out, DUMP_STORED_MAX);
}

static bool decompress(struct dump_codec *c, u32 size, u8 *out, u32 *len)
{
	size_t used, got;

	if (libdeflate_zlib_decompress_ex(c->in, c->stored, size, out, DUMP_ITEM_MAX, &used, &got) != LIBDEFLATE_SUCCESS)
		return false;
	*len = got;
	return true;
}
#else
static bool codec_start(struct dump_codec *c) { return true; }
static void codec_stop(struct dump_codec *c) { }

u32 dump_compress(struct dump_codec *c, u64 bytenr, const void *in, u32 len, void *out)
{
	uLongf got = DUMP_STORED_MAX;

	return compress2(out, &got, in, len, c->level) == Z_OK ? got : 0;
}

static bool decompress(struct dump_codec *c, u32 size, u8 *out, u32 *len)
{
	uLongf got = DUMP_ITEM_MAX;

	if (uncompress(out, &got, c->stored, size) != Z_OK)
		return false;
	*len = got;
	return true;
}
#endif

struct dump_codec *dump_codec_new(unsigned level)
{
	struct dump_codec *c = mem_zalloc(sizeof(*c));

	if (!c)
		return NULL;
	c->level = level;
	c->stored = mem_alloc(1, DUMP_STORED_MAX);
	if (!codec_start(c) || !c->stored) {
		dump_codec_free(c);
		return NULL;
	}
	return c;
}

void dump_codec_free(struct dump_codec *c)
{
	if (!c)
		return;
	codec_stop(c);
	free(c->stored);
	free(c);
}

void dump_codec_freep(struct dump_codec **c) { dump_codec_free(*c); }

int dump_item_read(const struct dump_file *f, const struct dump_item *item, struct dump_codec *c, u8 *out, u32 *len, struct err *err)
{
	int ret = bdev_read(f->bdev, item->pos, item->compressed ? c->stored : out, item->size, err);

	if (ret)
		return err_wrap(err, ret, "cannot read the item at logical %llu", item->bytenr);
	*len = item->size;
	if (item->compressed && !decompress(c, item->size, out, len))
		return err_set(err, -EUCLEAN, "the item at logical %llu does not decompress to at most %u bytes", item->bytenr, DUMP_ITEM_MAX);
	if (!*len || !is_aligned_p2(*len, f->geo.sectorsize))
		return err_set(err, -EUCLEAN, "the item at logical %llu has %u bytes, which is not made of sectors of %u", item->bytenr, *len, f->geo.sectorsize);
	return 0;
}
