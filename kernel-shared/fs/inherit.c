/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a new inode gets from its directory: group, flags, the compression property, the default ACL. As the kernel does it for a process of root with
 * no umask. */
#include "kernel-shared/fs/change.h"

#include <sys/stat.h>
#include "common/mem.h"

/* POSIX ACLs as stored: a version, then (tag, permissions, id). */
enum { ACL_VERSION = 2, ACL_ENTRY = 8, ACL_HEAD = 4 };
enum { TAG_USER_OBJ = 1, TAG_USER = 2, TAG_GROUP_OBJ = 4, TAG_GROUP = 8, TAG_MASK = 16, TAG_OTHER = 32 };
static const char acl_default[] = "system.posix_acl_default", acl_access[] = "system.posix_acl_access", compression[] = "btrfs.compression";

int inherit_inode(struct txn *txn, const struct winode *dir, u32 mode, u32 gid, struct inherited *out, struct err *err)
{
	u64 flags = winode_flags(dir);

	*out = (struct inherited){ .mode = mode, .gid = gid };
	if (winode_mode(dir) & S_ISGID) {
		out->gid = le32_get(dir->d.gid);
		if (S_ISDIR(mode))
			out->mode |= S_ISGID;
	}
	if (flags & BTRFS_INODE_NOCOMPRESS)
		out->flags |= BTRFS_INODE_NOCOMPRESS;
	else if (flags & BTRFS_INODE_COMPRESS)
		out->flags |= BTRFS_INODE_COMPRESS;
	if (flags & BTRFS_INODE_NODATACOW)
		out->flags |= BTRFS_INODE_NODATACOW | (S_ISREG(mode) ? BTRFS_INODE_NODATASUM : 0);
	return 0;
}

/* Narrows the ACL's own entries and the mode by each other. *extended: the mode alone does not say it all. -EUCLEAN for what is no ACL. */
static int acl_mask(u8 *acl, size_t len, u32 *mode, bool *extended)
{
	u8 *group = NULL, *mask = NULL;
	u32 m = *mode;

	*extended = false;
	if (len < ACL_HEAD || (len - ACL_HEAD) % ACL_ENTRY || get_le32(acl) != ACL_VERSION)
		return -EUCLEAN;
	for (u8 *e = acl + ACL_HEAD; e < acl + len; e += ACL_ENTRY) {
		u16 tag = get_le16(e), perm = get_le16(e + 2);

		if (tag == TAG_USER_OBJ) {
			perm &= m >> 6 & 7;
			m = (m & ~0700U) | perm << 6;
			put_le16(e + 2, perm);
		} else if (tag == TAG_OTHER) {
			perm &= m & 7;
			m = (m & ~07U) | perm;
			put_le16(e + 2, perm);
		} else if (tag == TAG_GROUP_OBJ) {
			group = e;
		} else {
			*extended = true;
			if (tag == TAG_MASK)
				mask = e;
		}
	}
	if (mask || group) {
		u8 *e = mask ? mask : group;
		u16 perm = get_le16(e + 2) & (m >> 3 & 7);

		m = (m & ~070U) | perm << 3;
		put_le16(e + 2, perm);
	}
	*mode = m;
	return 0;
}

int dir_narrow_mode(struct loc dir, u32 *mode, struct err *err)
{
	char *acl CLEANUP(mem_freep) = NULL;
	bool extended;
	size_t len;
	int ret = xattr_get(dir.root, dir.ino, acl_default, &acl, &len, err);

	if (!ret)
		acl_mask((u8 *)acl, len, mode, &extended);
	return ret == -ENODATA ? 0 : ret;
}

static int inherit_acl(struct txn *txn, struct loc dir, struct loc inode, u32 *mode, struct err *err)
{
	char *acl CLEANUP(mem_freep) = NULL;
	u8 *own CLEANUP(mem_freep) = NULL;
	bool extended;
	size_t len;
	int ret;

	if (S_ISLNK(*mode))
		return 0;
	ret = xattr_get(dir.root, dir.ino, acl_default, &acl, &len, err);
	if (ret)
		return ret == -ENODATA ? 0 : ret;
	own = mem_dup(acl, len ? len : 1);
	if (!own)
		return err_nomem(err);
	if (acl_mask(own, len, mode, &extended))
		return 0;
	if (S_ISDIR(*mode)) {
		ret = xattr_put(txn, inode.root, inode.ino, acl_default, sizeof(acl_default) - 1, acl, len, 0, err);
		if (ret)
			return ret;
	}
	return extended ? xattr_put(txn, inode.root, inode.ino, acl_access, sizeof(acl_access) - 1, own, len, 0, err) : 0;
}

int acl_follow_mode(struct txn *txn, struct root *root, u64 ino, u32 mode, struct err *err)
{
	char *acl CLEANUP(mem_freep) = NULL;
	u8 *group = NULL, *mask = NULL;
	size_t len;
	int ret = xattr_get(root, ino, acl_access, &acl, &len, err);

	if (ret)
		return ret == -ENODATA ? 0 : ret;
	if (len < ACL_HEAD || (len - ACL_HEAD) % ACL_ENTRY || get_le32(acl) != ACL_VERSION)
		return 0;
	for (u8 *e = (u8 *)acl + ACL_HEAD; e < (u8 *)acl + len; e += ACL_ENTRY) {
		u16 tag = get_le16(e);

		if (tag == TAG_USER_OBJ)
			put_le16(e + 2, mode >> 6 & 7);
		else if (tag == TAG_OTHER)
			put_le16(e + 2, mode & 7);
		else if (tag == TAG_GROUP_OBJ)
			group = e;
		else if (tag == TAG_MASK)
			mask = e;
	}
	if (mask || group)
		put_le16((mask ? mask : group) + 2, mode >> 3 & 7);
	return xattr_put(txn, root, ino, acl_access, sizeof(acl_access) - 1, acl, len, 0, err);
}

int inherit_property(struct txn *txn, struct loc dir, struct loc inode, u32 mode, struct err *err)
{
	char *value CLEANUP(mem_freep) = NULL;
	const char *name;
	struct winode w;
	size_t len;
	int ret, type;

	if (!S_ISREG(mode) && !S_ISDIR(mode))
		return 0;
	ret = winode_load(inode.root, inode.ino, &w, err);
	/* what is never compressed has no such property */
	if (ret || winode_flags(&w) & (BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM))
		return ret;
	ret = xattr_get(dir.root, dir.ino, compression, &value, &len, err);
	if (ret)
		return ret == -ENODATA ? 0 : ret;
	type = compress_by_property(value);
	if (type < 0) /* what forbids compression is handed on as a flag alone */
		return 0;
	if (!(winode_flags(&w) & BTRFS_INODE_COMPRESS)) { /* a new subvolume takes no flags on */
		w.d.flags = le64_of((winode_flags(&w) & ~BTRFS_INODE_NOCOMPRESS) | BTRFS_INODE_COMPRESS);
		ret = inode_item_put(txn, &w, false, err);
	}
	name = compress_name(type);
	return ret ? ret : xattr_put(txn, inode.root, inode.ino, compression, sizeof(compression) - 1, name, strlen(name), 0, err);
}

int inherit_xattrs(struct txn *txn, struct root *root, u64 dir, u64 ino, u32 *mode, struct err *err)
{
	struct loc from = { root, dir }, to = { root, ino };
	int ret = inherit_acl(txn, from, to, mode, err);

	return ret ? ret : inherit_property(txn, from, to, *mode, err);
}
