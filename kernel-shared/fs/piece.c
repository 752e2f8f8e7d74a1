/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pieces of new data: see piece.h. */
#include "kernel-shared/fs/piece.h"

#include <stdlib.h>
#include "common/mem.h"
#include "crypto/csum.h"
#include "kernel-shared/fs/compress_out.h"

struct piece *piece_new(const struct policy *pol, const struct geometry *geo, u32 len)
{
	size_t sums = len / geo->sectorsize * geo->csum_size;
	struct piece *p = mem_zalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->pol = pol;
	p->geo = geo;
	p->in = mem_alloc_io(len);
	p->out = pol->compress ? mem_alloc_io(len) : NULL;
	p->sums = pol->nosum ? NULL : mem_alloc(1, sums);
	if (p->in && (p->out || !pol->compress) && (p->sums || pol->nosum))
		return p;
	piece_free(p);
	return NULL;
}

void piece_free(struct piece *p)
{
	if (!p)
		return;
	free(p->in);
	free(p->out);
	free(p->sums);
	free(p);
}

/* Tries to compress [at, at + len) to what saves a sector at least. 0; -E2BIG: store it plain; <0. */
static int part_compress(struct piece *p, u32 at, u32 len, u32 packed_at)
{
	struct part *part = &p->parts[p->nparts];
	u32 sector = p->geo->sectorsize, bytes = at < p->valid ? min_t(u32, len, p->valid - at) : 0;
	size_t got;
	int ret;

	if (len <= sector || !bytes || (!p->pol->force && looks_incompressible(p->in + at, bytes)))
		return -E2BIG;
	ret = compress_data(p->pol->compress, p->pol->level, p->in + at, bytes, p->out + packed_at, len - sector, sector, &got, &p->err);
	if (ret) {
		p->incompressible |= ret == -E2BIG;
		return ret;
	}
	*part = (struct part){ .at = at, .len = len, .packed_at = packed_at, .packed_len = round_up_p2(got, sector), .compression = p->pol->compress };
	memset(p->out + packed_at + got, 0, part->packed_len - got);
	p->nparts++;
	return 0;
}

static void part_plain(struct piece *p, u32 at, u32 len)
{
	struct part *last = p->nparts ? &p->parts[p->nparts - 1] : NULL;

	if (last && !last->compression)
		last->len += len;
	else
		p->parts[p->nparts++] = (struct part){ .at = at, .len = len };
}

static int piece_cut(struct piece *p)
{
	u32 packed = 0;

	if (!p->pol->compress) {
		part_plain(p, 0, p->len);
		return 0;
	}
	for (u32 at = 0, len; at < p->len; at += len) {
		int ret;

		len = min_t(u32, p->len - at, BTRFS_MAX_UNCOMPRESSED);
		ret = part_compress(p, at, len, packed);
		if (!ret)
			packed += p->parts[p->nparts - 1].packed_len;
		else if (ret == -E2BIG)
			part_plain(p, at, len);
		else
			return ret;
	}
	return 0;
}

static void piece_sum(struct piece *p)
{
	u32 sector = p->geo->sectorsize, at = 0;

	for (unsigned i = 0; i < p->nparts; i++) {
		struct part *part = &p->parts[i];
		u32 sectors = (part->compression ? part->packed_len : part->len) / sector;

		part->sums_at = at;
		csum_compute_blocks(p->geo->csum_type, part->compression ? p->out + part->packed_at : p->in + part->at, sector, sectors, p->sums + at);
		at += sectors * p->geo->csum_size;
	}
}

void piece_prepare(struct piece *p)
{
	p->nparts = 0;
	p->incompressible = false;
	err_clear(&p->err);
	p->ret = p->valid ? p->src->fetch(p->src, p->off, p->in, p->valid, &p->err) : 0;
	if (p->ret)
		return;
	memset(p->in + p->valid, 0, p->len - p->valid);
	p->ret = piece_cut(p);
	if (!p->ret && p->sums)
		piece_sum(p);
}

int inline_pack(const struct policy *pol, const struct geometry *geo, const void *data, u32 len, struct packed *out, struct err *err)
{
	size_t got;

	out->ret = -ENODATA;
	if (!pol->compress || !pol->max_inline || len < 2 || (!pol->force && looks_incompressible(data, len)))
		return 0;
	out->ret = compress_data(pol->compress, pol->level, data, len, out->bytes, len - 1, geo->sectorsize, &got, err);
	out->len = got;
	return out->ret == -E2BIG ? 0 : out->ret;
}
