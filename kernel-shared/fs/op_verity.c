/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sealing a file. The items come first, in operations of their own; the flag that makes them count comes last. */
#include <sys/stat.h>
#include "kernel-shared/fs/change.h"
#include "kernel-shared/fs/file.h"
#include "kernel-shared/fs/verity.h"

enum { LEAVES_PUT = 8, LEAVES_SEAL = 6 };

struct sealing { struct verity_io io; struct txn *txn; struct loc loc; struct inode inode; };

static int read_file(struct verity_io *io, u64 off, void *buf, u32 len, struct err *err)
{
	struct sealing *s = container_of(io, struct sealing, io);
	s64 n = file_read(txn_fs(s->txn), &s->inode, off, buf, len, err);

	if (n >= 0)
		memset((u8 *)buf + n, 0, len - n);
	return n < 0 ? n : env_check_interrupt(txn_env(s->txn), err);
}

/* Bytes in items of BTRFS_VERITY_ITEM_MAX. */
static int put_bytes(struct sealing *s, u8 type, u64 first, const u8 *v, u32 len, struct err *err)
{
	struct op *op;
	int ret = 0;

	for (u32 off = 0; off < len && !ret; off += BTRFS_VERITY_ITEM_MAX) {
		struct key key = KEY(s->loc.ino, type, first + off);

		ret = op_begin(s->txn, LEAVES_PUT, 0, &op, err);
		if (!ret)
			ret = op_end(op, tree_insert(&s->loc.root->tree, &key, v + off, min_t(u32, len - off, BTRFS_VERITY_ITEM_MAX), err), err);
	}
	return ret;
}

static int put_tree(struct verity_io *io, u64 off, const void *block, u32 len, struct err *err)
{
	return put_bytes(container_of(io, struct sealing, io), BTRFS_VERITY_MERKLE_ITEM_KEY, off, block, len, err);
}

/* The item that tells the size, the inode's flag, the feature. */
static int seal(struct sealing *s, u64 size, struct err *err)
{
	struct disk_verity_descriptor d = { .size = le64_of(size) };
	struct key key = KEY(s->loc.ino, BTRFS_VERITY_DESC_ITEM_KEY, 0);
	struct disk_super *sb = txn_super(s->txn);
	struct winode w;
	int ret = winode_load(s->loc.root, s->loc.ino, &w, err);

	if (!ret)
		ret = tree_insert(&s->loc.root->tree, &key, &d, sizeof(d), err);
	if (ret)
		return ret;
	w.d.flags = le64_of(winode_flags(&w) | BTRFS_INODE_RO_VERITY);
	winode_touch(s->txn, &w, false);
	ret = winode_store(s->txn, &w, err);
	if (!ret)
		sb->compat_ro_flags = le64_of(le64_get(sb->compat_ro_flags) | BTRFS_FEATURE_COMPAT_RO_VERITY);
	return ret;
}

static int put_all(struct sealing *s, const struct verity_params *p, struct err *err)
{
	struct { struct verity_descriptor d; u8 sig[VERITY_DESC_MAX - VERITY_DESC_SIZE]; } whole;
	struct op *op;
	int ret = verity_build(p, s->inode.size, &s->io, &whole.d, err);

	if (ret)
		return ret;
	if (p->sig_len)
		memcpy(whole.sig, p->sig, p->sig_len);
	ret = put_bytes(s, BTRFS_VERITY_DESC_ITEM_KEY, 1, (const u8 *)&whole, VERITY_DESC_SIZE + p->sig_len, err);
	if (!ret)
		ret = op_begin(s->txn, LEAVES_SEAL, 0, &op, err);
	return ret ? ret : op_end(op, seal(s, VERITY_DESC_SIZE + p->sig_len, err), err);
}

/* What is left of an attempt. */
static int clear(struct sealing *s, struct err *err)
{
	struct key lo = KEY(s->loc.ino, BTRFS_VERITY_DESC_ITEM_KEY, 0), hi = KEY(s->loc.ino, BTRFS_VERITY_MERKLE_ITEM_KEY, -1ULL);
	struct op *op;
	int ret = op_begin(s->txn, LEAVES_PUT, OP_FREES, &op, err);

	return ret ? ret : op_end(op, tree_delete_range(&s->loc.root->tree, &lo, &hi, NULL, err), err);
}

int op_verity(struct txn *txn, struct loc loc, const struct verity_params *p, struct err *err)
{
	struct sealing s = { .io = { read_file, put_tree }, .txn = txn, .loc = loc };
	struct winode w;
	int ret = may_change(&loc, err);

	if (!ret)
		ret = winode_load(loc.root, loc.ino, &w, err);
	if (!ret)
		ret = may_change_inode(&w, false, err);
	if (!ret)
		ret = inode_get(loc.root, loc.ino, &s.inode, err);
	if (ret)
		return ret;
	if (!S_ISREG(s.inode.mode))
		return err_set(err, -EINVAL, "only regular files can be sealed by fs-verity");
	if (winode_flags(&w) & BTRFS_INODE_RO_VERITY)
		return err_set(err, -EEXIST, "fs-verity is enabled already");
	ret = clear(&s, err);
	if (!ret && (ret = put_all(&s, p, err)))
		clear(&s, NULL);
	return ret;
}
