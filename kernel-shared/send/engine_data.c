/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of a stream that bring data. Spec: send-stream 8.3, 8.6. */
#include "kernel-shared/fs/verity.h"
#include "kernel-shared/send/engine_priv.h"

#include <linux/falloc.h>
#include <sys/stat.h>

int engine_write(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	int ret = pending_take(e, c, err);

	return ret ? ret : pending_write(e, c, send_num(c, SEND_A_FILE_OFFSET), c->v[SEND_A_DATA].p, c->v[SEND_A_DATA].len, err);
}

static int write_decoded(struct engine *e, const struct send_cmd *c, struct err *err)
{
	int ret;

	if (!e->decoded)
		e->decoded = malloc(SEND_ENCODED_MAX);
	if (!e->decoded)
		return err_nomem(err);
	ret = apply_decode(c, e->decoded, err);
	return ret ? ret : pending_write(e, c, send_num(c, SEND_A_FILE_OFFSET), e->decoded + send_num(c, SEND_A_UNENCODED_OFFSET),
					 send_num(c, SEND_A_UNENCODED_FILE_LEN), err);
}

int engine_encoded(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	u64 kind = send_num(c, SEND_A_COMPRESSION);
	/* LZO says its sector size. */
	bool fits = kind < 3 || 4096u << (kind - 3) == e->fs->geo->sectorsize;
	u8 type = kind == 1 ? BTRFS_COMPRESS_ZLIB : kind == 2 ? BTRFS_COMPRESS_ZSTD : BTRFS_COMPRESS_LZO;
	struct loc loc;
	int ret;

	if (e->opts.force_decompress || !fits) {
		ret = pending_take(e, c, err);
		return ret ? ret : write_decoded(e, c, err);
	}
	ret = pending_settle(e, c, &loc, err);
	if (!ret && !S_ISREG(e->p.mode))
		ret = err_set(err, -EINVAL, "not a regular file");
	if (ret)
		return ret;
	ret = op_encoded_write(e->txn, loc, send_num(c, SEND_A_FILE_OFFSET), send_num(c, SEND_A_UNENCODED_FILE_LEN), send_num(c, SEND_A_UNENCODED_LEN),
			       send_num(c, SEND_A_UNENCODED_OFFSET), type, c->v[SEND_A_DATA].p, c->v[SEND_A_DATA].len, err);
	if (ret != -EINVAL)
		return ret;
	err_clear(err);
	return write_decoded(e, c, err);
}

/* Where sharing is impossible (ranges that are not whole sectors here, files without checksums), the bytes. */
static int copy_range(struct engine *e, const struct send_cmd *c, const struct inode *src, u64 from, u64 to, u64 len, struct err *err)
{
	int ret = 0;

	if (from > src->size || len > src->size - from)
		return err_set(err, -EINVAL, "the source ends at %llu", src->size);
	if (!e->decoded)
		e->decoded = malloc(SEND_ENCODED_MAX);
	if (!e->decoded)
		return err_nomem(err);
	while (!ret && len) {
		u32 n = min_t(u64, len, SEND_ENCODED_MAX);
		s64 got = file_read(e->fs, src, from, e->decoded, n, err);

		if (got < 0)
			return got;
		memset(e->decoded + got, 0, n - got);
		ret = pending_write(e, c, to, e->decoded, n, err);
		from += n;
		to += n;
		len -= n;
	}
	return ret ? ret : pending_flush(e, err);
}

int engine_clone(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	const struct send_value *path = &c->v[SEND_A_CLONE_PATH];
	u64 from = send_num(c, SEND_A_CLONE_OFFSET), to = send_num(c, SEND_A_FILE_OFFSET), len = send_num(c, SEND_A_CLONE_LEN);
	struct inode src;
	struct root *root = e->root;
	struct loc loc;
	u64 ino;
	int ret = pending_settle(e, c, &loc, err);

	if (!ret && memcmp(c->v[SEND_A_CLONE_UUID].p, e->note.token.uuid, 16))
		ret = engine_source(e, c->v[SEND_A_CLONE_UUID].p, &root, err);
	if (!ret)
		ret = engine_resolve(e, root, path->p, path->len, &ino, NULL, err);
	if (!ret)
		ret = inode_get(root, ino, &src, err);
	if (ret)
		return ret;
	if (!inode_is(&src, S_IFREG) || !S_ISREG(e->p.mode))
		return err_set(err, -EINVAL, "not a regular file");
	ret = op_clone(e->txn, (struct loc){ root, ino }, from, len, loc, to, 0, err);
	if (ret != -EINVAL || (root == loc.root && ino == loc.ino))
		return ret;
	err_clear(err);
	return copy_range(e, c, &src, from, to, len, err);
}

int engine_truncate(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	struct loc loc;
	int ret = pending_settle(e, c, &loc, err);

	return ret ? ret : op_truncate(e->txn, loc, send_num(c, SEND_A_SIZE), err);
}

int engine_fallocate(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	u32 mode = send_num(c, SEND_A_FALLOCATE_MODE);
	unsigned flags = (mode & FALLOC_FL_KEEP_SIZE ? FALLOC_KEEP_SIZE_OP : 0) | (mode & FALLOC_FL_PUNCH_HOLE ? FALLOC_PUNCH_OP : 0) |
			 (mode & FALLOC_FL_ZERO_RANGE ? FALLOC_ZERO_OP : 0);
	struct loc loc;
	int ret = pending_settle(e, c, &loc, err);

	if (!ret && mode & ~(u32)(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		ret = err_set(err, -EOPNOTSUPP, "mode 0x%x of allocation is not known", mode);
	return ret ? ret : op_fallocate(e->txn, loc, send_num(c, SEND_A_FILE_OFFSET), send_num(c, SEND_A_SIZE), flags, err);
}

int engine_verity(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	const struct send_value *salt = &c->v[SEND_A_VERITY_SALT_DATA], *sig = &c->v[SEND_A_VERITY_SIG_DATA];
	const struct verity_params p = { .algorithm = send_num(c, SEND_A_VERITY_ALGORITHM), .block_size = send_num(c, SEND_A_VERITY_BLOCK_SIZE),
		.salt = salt->p, .salt_len = salt->len, .sig = sig->p, .sig_len = sig->len };
	struct engine *e = engine_of(t);
	struct loc loc;
	int ret = pending_settle(e, c, &loc, err);

	return ret ? ret : op_verity(e->txn, loc, &p, err);
}
