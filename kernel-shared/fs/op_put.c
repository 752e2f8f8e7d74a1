/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole content of a file from a source outside. */
#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/fs/wfile.h"

struct put_job {
	struct txn *txn;
	const struct write_opts *o;
	struct loc loc;
	struct data_source src;
	struct file_source *file;
};

/* What the source no longer has reads as zeros: it has become shorter meanwhile. */
static int put_fetch(const struct data_source *src, u64 off, u8 *buf, u32 bytes, struct err *err)
{
	struct file_source *file = container_of(src, struct put_job, src)->file;
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

/* The next range of data from *at on, in whole sectors; false: none. */
static int next_range(const struct put_job *j, u32 sector, u64 at, u64 *start, u64 *end, struct err *err)
{
	u64 len = j->file->size - at;
	int ret;

	*start = at;
	if (j->file->next_data && at < j->file->size) {
		ret = j->file->next_data(j->file, at, start, &len);
		if (ret == -ENXIO || ret == -ENOENT)
			return -ENOENT;
		if (ret)
			return err_errno(err, ret, "cannot look for data in the source");
	}
	if (at >= j->file->size || *start >= j->file->size || !len)
		return -ENOENT;
	*end = round_up_p2(*start + min_t(u64, len, j->file->size - *start), sector);
	*start = max_t(u64, round_down_p2(*start, sector), at);
	return 0;
}

static int put_small(struct wfile *f, struct put_job *j, struct err *err)
{
	u32 size = j->file->size;
	u8 *all CLEANUP(mem_freep) = mem_alloc(1, f->sector);
	int ret;

	if (!all)
		return err_nomem(err);
	ret = put_fetch(&j->src, 0, all, size, err);
	if (!ret)
		ret = wfile_write(f, 0, all, size, err);
	return ret;
}

static int put_ranges(struct wfile *f, struct put_job *j, struct err *err)
{
	u64 start, end = 0;
	int ret;

	while (!(ret = next_range(j, f->sector, end, &start, &end, err))) {
		ret = store_range(&f->store, &j->src, start, end, min_t(u64, end, j->file->size), err);
		if (ret)
			return ret;
	}
	if (ret != -ENOENT)
		return ret;
	f->fresh = false;
	return wfile_fill_gaps(f, 0, sector_up(f, j->file->size), err);
}

static int put_content(struct wfile *f, struct put_job *j, struct err *err)
{
	u64 start, end;
	int ret;

	if (!j->file->size || j->file->size > f->sector)
		return put_ranges(f, j, err);
	ret = next_range(j, f->sector, 0, &start, &end, err);
	return ret == -ENOENT ? put_ranges(f, j, err) : ret ? ret : put_small(f, j, err);
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
	f.size = j->file->size;
	if (!j->o->keep_times)
		winode_touch(j->txn, &f.w, true);
	return wfile_end(&f, err);
}

/* Bytes of data in the source: all of them, or what is between its holes. */
static int data_bytes(const struct put_job *j, u32 sector, u64 *bytes, struct err *err)
{
	u64 start, end = 0;
	int ret = 0;

	*bytes = j->file->size;
	if (!j->file->next_data || *bytes < MiB(64))
		return 0;
	for (*bytes = 0; !(ret = next_range(j, sector, end, &start, &end, err)); *bytes += end - start)
		;
	return ret == -ENOENT ? 0 : ret;
}

int op_put_file(struct txn *txn, const struct write_opts *o, struct loc loc, struct file_source *src, struct err *err)
{
	struct put_job j = { txn, o, loc, { put_fetch }, src };
	u64 bytes;
	int ret;

	if (src->size > FILE_MAX)
		return err_set(err, -EFBIG, "a file cannot reach beyond %llu bytes", FILE_MAX);
	ret = data_bytes(&j, loc.root->fs->geo->sectorsize, &bytes, err);
	if (ret)
		return ret;
	return wfile_op(txn, wfile_leaves(loc.root->fs, bytes, o->compress ? BTRFS_MAX_UNCOMPRESSED : PIECE_MAX), 0, put_do, &j, err);
}
