/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing what an inode item says, and extended attributes with the properties among them. */
#include "kernel-shared/fs/change.h"

#include <sys/stat.h>

enum { LEAVES_ATTR = 6 };
static const char compression_property[] = "btrfs.compression";

/* Flags that chattr may change; the others are the filesystem's own. */
#define FLAGS_SETTABLE (BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM | BTRFS_INODE_NOCOMPRESS | BTRFS_INODE_COMPRESS | BTRFS_INODE_SYNC | BTRFS_INODE_IMMUTABLE \
	| BTRFS_INODE_APPEND | BTRFS_INODE_NODUMP | BTRFS_INODE_NOATIME | BTRFS_INODE_DIRSYNC)

/* NODATACOW takes effect on empty files only, where it brings NODATASUM; whoever clears it on an empty file gets checksums again. */
static int flags_set(struct winode *w, u64 want, struct err *err)
{
	u64 have = winode_flags(w), flags = (have & ~FLAGS_SETTABLE) | (want & FLAGS_SETTABLE);
	bool reg = S_ISREG(winode_mode(w)), empty = !le64_get(w->d.size);
	u64 nocow = BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM;

	if (flags & BTRFS_INODE_COMPRESS && flags & (BTRFS_INODE_NOCOMPRESS | BTRFS_INODE_NODATACOW))
		return err_set(err, -EINVAL, "compression excludes the flags for no compression and for no copy-on-write");
	if (S_ISLNK(winode_mode(w)) && flags & (BTRFS_INODE_IMMUTABLE | BTRFS_INODE_APPEND))
		return err_set(err, -EOPNOTSUPP, "a symbolic link cannot be immutable or append-only");
	if (reg && !empty)
		flags = (flags & ~nocow) | (have & nocow);
	else if (reg && flags & BTRFS_INODE_NODATACOW)
		flags |= BTRFS_INODE_NODATASUM;
	else if (reg && have & BTRFS_INODE_NODATACOW)
		flags &= ~nocow;
	w->d.flags = le64_of(flags);
	return 0;
}

static int setattr(struct txn *txn, struct loc loc, unsigned set, const struct inode *attr, struct err *err)
{
	struct winode w;
	bool loses = false;
	u32 mode;
	int ret = may_change(&loc, err);

	if (!ret)
		ret = winode_load(loc.root, loc.ino, &w, err);
	if (!ret && set & ~(unsigned)(ATTR_FLAGS | ATTR_CTIME | ATTR_OTIME))
		ret = may_change_inode(&w, set & ATTR_NOW, err);
	if (ret)
		return ret;
	mode = winode_mode(&w);
	winode_touch(txn, &w, false);
	loses = set & (ATTR_UID | ATTR_GID) && !(set & ATTR_KEEP_SUID) && !S_ISDIR(mode);
	if (loses)
		mode &= ~(S_ISUID | (mode & S_IXGRP ? S_ISGID : 0));
	if (set & ATTR_MODE)
		mode = (mode & S_IFMT) | (attr->mode & 07777);
	w.d.mode = le32_of(mode);
	if (set & ATTR_UID)
		w.d.uid = le32_of(attr->uid);
	if (set & ATTR_GID)
		w.d.gid = le32_of(attr->gid);
	if (set & ATTR_ATIME)
		w.d.atime = time_disk(attr->atime);
	if (set & ATTR_MTIME)
		w.d.mtime = time_disk(attr->mtime);
	if (set & ATTR_CTIME)
		w.d.ctime = time_disk(attr->ctime);
	if (set & ATTR_OTIME)
		w.d.otime = time_disk(attr->otime);
	if (set & ATTR_FLAGS)
		ret = flags_set(&w, attr->flags, err);
	if (!ret)
		ret = winode_store(txn, &w, err);
	if (!ret && loses)
		ret = capability_drop(txn, &w, err);
	if (!ret && set & ATTR_MODE && !S_ISLNK(mode))
		ret = acl_follow_mode(txn, loc.root, loc.ino, mode, err);
	return ret;
}

int op_setattr(struct txn *txn, struct loc loc, unsigned set, const struct inode *attr, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_ATTR, 0, &op, err);

	return ret ? ret : op_end(op, setattr(txn, loc, set, attr, err), err);
}

int capability_drop(struct txn *txn, const struct winode *w, struct err *err)
{
	static const char name[] = "security.capability";
	int ret = xattr_remove(txn, w->root, w->ino, name, sizeof(name) - 1, err);

	return ret == -ENODATA ? 0 : ret;
}

/* The property's value as inode flags. Removed, or the empty value: neither forced nor forbidden. */
static int compression_flags(const struct winode *w, const void *value, size_t len, u64 *flags, u64 *incompat, struct err *err)
{
	char name[16] = "";
	int type;

	*flags = winode_flags(w) & ~(BTRFS_INODE_COMPRESS | BTRFS_INODE_NOCOMPRESS);
	*incompat = 0;
	if (!value || !len)
		return 0;
	memcpy(name, value, min_t(size_t, len, sizeof(name) - 1));
	if (!strcmp(name, "no") || !strcmp(name, "none")) {
		*flags |= BTRFS_INODE_NOCOMPRESS;
		return 0;
	}
	type = compress_by_property(name);
	if (type < 0)
		return err_set(err, -EINVAL, "unknown compression \"%.*s\"", (int)min_t(size_t, len, 64), (const char *)value);
	*incompat = type == BTRFS_COMPRESS_LZO ? BTRFS_FEATURE_INCOMPAT_COMPRESS_LZO : type == BTRFS_COMPRESS_ZSTD ? BTRFS_FEATURE_INCOMPAT_COMPRESS_ZSTD : 0;
	*flags |= BTRFS_INODE_COMPRESS;
	return 0;
}

static int xattr_set(struct txn *txn, struct loc loc, const void *name, size_t len, const void *value, size_t value_len, unsigned flags, struct err *err)
{
	bool property = len == sizeof(compression_property) - 1 && !memcmp(name, compression_property, len);
	struct disk_super *sb = txn_super(txn);
	u64 inode_flags, incompat = 0;
	struct winode w;
	int ret = may_change(&loc, err);

	if (!ret)
		ret = winode_load(loc.root, loc.ino, &w, err);
	if (!ret)
		ret = may_change_inode(&w, false, err);
	if (!ret && property && !S_ISREG(winode_mode(&w)) && !S_ISDIR(winode_mode(&w)))
		ret = err_set(err, -EINVAL, "only files and directories have compression");
	inode_flags = ret ? 0 : winode_flags(&w);
	if (!ret && property)
		ret = compression_flags(&w, value, value_len, &inode_flags, &incompat, err);
	if (!ret)
		ret = value && (value_len || !property) ? xattr_put(txn, loc.root, loc.ino, name, len, value, value_len, flags, err)
			: xattr_remove(txn, loc.root, loc.ino, name, len, err);
	if (ret)
		return ret;
	sb->incompat_flags = le64_of(le64_get(sb->incompat_flags) | incompat);
	w.d.flags = le64_of(inode_flags);
	winode_touch(txn, &w, false);
	return winode_store(txn, &w, err);
}

int op_xattr(struct txn *txn, struct loc loc, const void *name, size_t len, const void *value, size_t value_len, unsigned flags, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_ATTR, value ? 0 : OP_FREES, &op, err);

	return ret ? ret : op_end(op, xattr_set(txn, loc, name, len, value, value_len, flags, err), err);
}
