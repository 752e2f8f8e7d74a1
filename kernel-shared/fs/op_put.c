/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole content of a file from a source outside. */
#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/fs/piece.h"
#include "kernel-shared/fs/wfile.h"

struct put_source { struct data_source src; struct file_source *file; };

struct put_job {
	struct txn *txn;
	const struct write_opts *o;
	struct loc loc;
	struct put_source from;
};

/* What the source no longer has reads as zeros: it has become shorter meanwhile. */
static int put_fetch(const struct data_source *src, u64 off, u8 *buf, u32 bytes, struct err *err)
{
	struct file_source *file = container_of(src, struct put_source, src)->file;
	u32 done = 0;

	while (done < bytes) {
		s64 got = file->read(file, off + done, buf + done, bytes - done);

		if (got < 0)
			return err_errno(err, got, "cannot read the source at %llu", off + done);
		if (!got)
			break;
		done += got;
	}
	memset(buf + done, 0, bytes - done);
	return 0;
}

/* The next range of data from at on, in whole sectors. -ENOENT: none. */
static int next_range(struct file_source *file, u32 sector, u64 at, u64 *start, u64 *end, struct err *err)
{
	u64 len = file->size - at;
	int ret;

	*start = at;
	if (file->next_data && at < file->size) {
		ret = file->next_data(file, at, start, &len);
		if (ret == -ENXIO || ret == -ENOENT)
			return -ENOENT;
		if (ret)
			return err_errno(err, ret, "cannot look for data in the source");
	}
	if (at >= file->size || *start >= file->size || !len)
		return -ENOENT;
	*end = round_up_p2(*start + min_t(u64, len, file->size - *start), sector);
	*start = max_t(u64, round_down_p2(*start, sector), at);
	return 0;
}

/* ---- Small files: one piece, perhaps prepared ahead ---- */

struct put_ahead {
	struct policy pol;
	struct piece *piece;   /* the whole content; its source is gone */
	struct packed packed;  /* of at most a sector: the try for an inline extent */
};

void put_ahead_free(struct put_ahead *a)
{
	if (!a)
		return;
	piece_free(a->piece);
	free(a->packed.bytes);
	free(a);
}

static int ahead_fill(struct put_ahead *a, const struct geometry *geo, const struct put_source *from, struct err *err)
{
	u64 size = from->file->size;
	struct piece *p = a->piece = piece_new(&a->pol, geo, round_up_p2(size, geo->sectorsize));

	if (!p)
		return err_nomem(err);
	p->src = &from->src;
	p->len = p->run = round_up_p2(size, geo->sectorsize);
	p->valid = size;
	piece_prepare(p);
	if (p->ret)
		return err_set(err, p->ret, "%s", err_text(&p->err));
	a->packed.ret = -ENODATA;
	if (size > geo->sectorsize || !a->pol.compress)
		return 0;
	a->packed.bytes = mem_alloc(1, size);
	return a->packed.bytes ? inline_pack(&a->pol, geo, p->in, size, &a->packed, err) : err_nomem(err);
}

static int ahead_make(const struct policy *pol, const struct geometry *geo, const struct put_source *from, struct put_ahead **out, struct err *err)
{
	struct put_ahead *a = mem_zalloc(sizeof(*a));
	int ret;

	if (!a)
		return err_nomem(err);
	a->pol = *pol;
	ret = ahead_fill(a, geo, from, err);
	if (ret) {
		put_ahead_free(a);
		return ret;
	}
	*out = a;
	return 0;
}

/* All of it is data, and fits into one piece. 1: yes. */
static int one_piece(struct file_source *file, u32 sector, struct err *err)
{
	u64 start, end = 0;
	int ret;

	if (!file->size || file->size > PIECE_MAX)
		return 0;
	ret = next_range(file, sector, 0, &start, &end, err);
	return ret ? (ret == -ENOENT ? 0 : ret) : !start && end >= file->size;
}

int put_ahead_new(struct fs *fs, const struct write_opts *o, u64 flags, u8 property, struct file_source *src, struct put_ahead **out, struct err *err)
{
	struct policy pol = policy_of(o, fs->geo, &flags, property, true);
	struct put_source from = { { put_fetch }, src };
	int ret = one_piece(src, fs->geo->sectorsize, err);

	*out = NULL;
	return ret <= 0 ? ret : ahead_make(&pol, fs->geo, &from, out, err);
}

static bool same_policy(const struct policy *a, const struct policy *b)
{
	return a->compress == b->compress && a->level == b->level && a->force == b->force && a->nosum == b->nosum && a->max_inline == b->max_inline;
}

static int put_small(struct wfile *f, struct put_job *j, struct err *err)
{
	struct file_source *file = j->from.file;
	const struct put_ahead *a = file->ahead;
	struct put_ahead *here = NULL;
	int ret = 0;

	if (!a || a->piece->valid != file->size || !same_policy(&a->pol, &f->store.pol)) {
		ret = ahead_make(&f->store.pol, f->fs->geo, &j->from, &here, err);
		a = here;
	}
	if (!ret)
		ret = store_inline(&f->store, a->piece->in, min_t(u64, file->size, UINT32_MAX), &a->packed, err);
	if (!ret)
		ret = store_piece(&f->store, a->piece, err);
	put_ahead_free(here);
	return ret < 0 ? ret : 0;
}

/* ---- Any file ---- */

static int put_ranges(struct wfile *f, struct put_job *j, struct err *err)
{
	u64 start, end = 0;
	int ret;

	while (!(ret = next_range(j->from.file, f->sector, end, &start, &end, err))) {
		ret = store_range(&f->store, &j->from.src, start, end, min_t(u64, end, j->from.file->size), err);
		if (ret)
			return ret;
	}
	if (ret != -ENOENT)
		return ret;
	f->fresh = false;
	return wfile_fill_gaps(f, 0, sector_up(f, j->from.file->size), err);
}

static int put_content(struct wfile *f, struct put_job *j, struct err *err)
{
	const struct put_ahead *a = j->from.file->ahead;
	int ret = a && a->piece->valid == j->from.file->size ? 1 : one_piece(j->from.file, f->sector, err);

	return ret < 0 ? ret : ret ? put_small(f, j, err) : put_ranges(f, j, err);
}

static int put_do(void *arg, struct err *err)
{
	struct put_job *j = arg;
	struct wfile f CLEANUP(wfile_fini);
	int ret = wfile_open(j->txn, j->o, j->loc, false, &f, err);

	if (!ret && !f.fresh)
		ret = wfile_drop(&f, 0, -1ULL, err);
	if (ret)
		return ret;
	f.size = 0;
	ret = put_content(&f, j, err);
	if (ret)
		return ret;
	f.size = j->from.file->size;
	ret = j->o->keep_times ? capability_drop(j->txn, &f.w, err) : wfile_modified(&f, err);
	return ret ? ret : wfile_end(&f, err);
}

/* Bytes of data in the source: all of them, or what is between its holes. */
static int data_bytes(const struct put_job *j, u32 sector, u64 *bytes, struct err *err)
{
	u64 start, end = 0;
	int ret = 0;

	*bytes = j->from.file->size;
	if (!j->from.file->next_data || *bytes < MiB(64))
		return 0;
	for (*bytes = 0; !(ret = next_range(j->from.file, sector, end, &start, &end, err)); *bytes += end - start)
		;
	return ret == -ENOENT ? 0 : ret;
}

int op_put_file(struct txn *txn, const struct write_opts *o, struct loc loc, struct file_source *src, struct err *err)
{
	struct put_job j = { txn, o, loc, { { put_fetch }, src } };
	u64 bytes;
	int ret;

	if (src->size > FILE_MAX)
		return err_set(err, -EFBIG, "a file cannot reach beyond %llu bytes", FILE_MAX);
	ret = data_bytes(&j, loc.root->fs->geo->sectorsize, &bytes, err);
	if (ret)
		return ret;
	return wfile_op(txn, wfile_leaves(loc.root->fs, bytes, o->compress ? BTRFS_MAX_UNCOMPRESSED : PIECE_MAX), 0, put_do, &j, err);
}
