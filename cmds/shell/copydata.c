/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a file, inside the filesystem: shared, or read and written again. */
#include <errno.h>
#include <stdlib.h>
#include "cmds/shell/copy.h"
#include "common/mem.h"

enum { COPY_CHUNK = 4 << 20, PIECES = 256 };

/* One range of data. */
static int copy_range(struct edit *e, const struct inode *inode, u64 off, u64 end, struct loc to, u8 *buf)
{
	struct err *err = &e->ctx->err;

	while (off < end) {
		s64 got = file_read(e->c.fs, inode, off, buf, min_t(u64, end - off, COPY_CHUNK), err);
		int ret = got < 0 ? (int)got : got ? op_write(e->txn, &e->c.opts, to, off, buf, got, err) : 0;

		if (ret || !got)
			return ret;
		off += got;
		if (edit_over(e))
			return -EINTR;
	}
	return 0;
}

/* Holes stay holes; what is preallocated becomes a hole. */
static int copy_bytes(struct edit *e, const struct inode *inode, struct loc to)
{
	struct file_pieces pieces = VEC_INIT;
	struct err *err = &e->ctx->err;
	u8 *buf = mem_alloc_io(COPY_CHUNK);
	u64 from = 0;
	int ret = buf ? 0 : err_nomem(err);

	while (!ret && from != UINT64_MAX) {
		pieces.len = 0;
		ret = file_pieces_some(e->c.fs, inode, &from, PIECES, &pieces, err);
		for (size_t i = 0; i < pieces.len && !ret;) {
			u64 start = pieces.v[i].start, end = start + pieces.v[i].len;

			for (i++; i < pieces.len && pieces.v[i].start == end; i++)
				end += pieces.v[i].len;
			ret = copy_range(e, inode, start, end, to, buf);
		}
		file_pieces_fini(&pieces);
	}
	if (!ret)
		ret = op_truncate(e->txn, to, inode->size, err);
	free(buf);
	return ret;
}

int copy_content(struct edit *e, struct loc from, const struct inode *inode, struct loc to, enum reflink reflink)
{
	int ret = -EOPNOTSUPP;

	if (!inode->size)
		return 0;
	if (reflink != REFLINK_NEVER)
		ret = op_clone(e->txn, from, 0, 0, to, 0, 0, &e->ctx->err);
	if (!ret || reflink == REFLINK_ALWAYS || (reflink == REFLINK_AUTO && ret != -EINVAL))
		return ret;
	err_clear(&e->ctx->err);
	return copy_bytes(e, inode, to);
}
