/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of a stream on an unmounted filesystem. Spec: send-stream 8.3. */
#include "kernel-shared/send/engine_priv.h"

#include <sys/stat.h>

/* The stream's device number, in the form of the disk. */
static u64 rdev_of(u64 v)
{
	u64 major = v >> 8 & 0xfff, minor = (v & 0xff) | (v >> 12 & 0xfff00);

	return major << 20 | minor;
}

int engine_make(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	const struct send_value *text = &c->v[SEND_A_PATH_LINK];
	u32 mode = 0;
	int ret;

	switch (c->id) {
	case SEND_C_MKFILE: mode = S_IFREG | 0600; break;
	case SEND_C_MKDIR: mode = S_IFDIR | 0700; break;
	case SEND_C_MKNOD: mode = send_num(c, SEND_A_MODE) & S_IFMT; break;
	case SEND_C_MKFIFO: mode = S_IFIFO | 0600; break;
	case SEND_C_MKSOCK: mode = S_IFSOCK | 0600; break;
	case SEND_C_SYMLINK: mode = S_IFLNK | 0777; break;
	}
	ret = pending_create(e, c, mode, err);
	if (ret)
		return ret;
	if (c->id == SEND_C_MKNOD)
		e->p.rdev = rdev_of(send_num(c, SEND_A_RDEV));
	if (c->id == SEND_C_SYMLINK) {
		e->p.target_len = min_t(u32, text->len, SEND_PATH_MAX);
		memcpy(e->p.target, text->p, e->p.target_len);
	}
	return 0;
}

static bool says(const struct send_value *v, const char *path, u32 len)
{
	return v->len == len && !memcmp(v->p, path, len);
}

/* A new inode gets its final name before it is made, if that is free. 1: done. */
static int rename_unmade(struct engine *e, const struct send_value *to, u64 dir, const u8 *name, u32 len, struct err *err)
{
	struct dirent d;
	int ret = dir_lookup(e->root, dir, name, len, &d, err);

	if (ret != -ENOENT)
		return ret;
	err_clear(err);
	e->p.dir = dir;
	e->p.name_len = len;
	memcpy(e->p.name, name, len);
	e->p.path_len = to->len;
	memcpy(e->p.path, to->p, to->len);
	return 1;
}

static int rename_made(struct engine *e, const struct send_value *from, u64 to_dir, const u8 *to_name, u32 to_len, struct err *err)
{
	const u8 *name;
	u32 len;
	u64 dir;
	struct dirent d;
	int ret = engine_parent(e, from, &dir, &name, &len, err);

	if (!ret)
		ret = dir_lookup(e->root, dir, name, len, &d, err);
	if (ret)
		return ret;
	if (d.is_subvol)
		return err_set(err, -EXDEV, "it is a subvolume");
	ret = op_rename(e->txn, engine_at(e, dir), name, len, engine_at(e, to_dir), to_name, to_len, 0, err);
	if (d.type == BTRFS_FT_DIR)
		engine_forget(e);
	return ret;
}

int engine_rename(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	const struct send_value *from = &c->v[SEND_A_PATH], *to = &c->v[SEND_A_PATH_TO];
	bool unmade = e->p.active && e->p.create && says(from, e->p.path, e->p.path_len);
	const u8 *name;
	u32 len;
	u64 dir;
	int ret = unmade ? 0 : pending_flush(e, err);

	if (!ret)
		ret = engine_parent(e, to, &dir, &name, &len, err);
	if (ret)
		return ret;
	ret = unmade ? rename_unmade(e, to, dir, name, len, err) : 0;
	if (ret)
		return min_t(int, ret, 0);
	ret = pending_flush(e, err);
	return ret ? ret : rename_made(e, from, dir, name, len, err);
}

int engine_link(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	const struct send_value *to = &c->v[SEND_A_PATH_LINK];
	const u8 *name;
	u32 len;
	u64 dir, ino;
	int ret = pending_flush(e, err);

	if (!ret)
		ret = engine_parent(e, &c->v[SEND_A_PATH], &dir, &name, &len, err);
	if (!ret)
		ret = engine_resolve(e, e->root, to->p, to->len, &ino, NULL, err);
	return ret ? ret : op_link(e->txn, engine_at(e, ino), engine_at(e, dir), name, len, err);
}

int engine_remove(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	const u8 *name;
	u32 len;
	u64 dir;
	int ret = pending_flush(e, err);

	if (!ret)
		ret = engine_parent(e, &c->v[SEND_A_PATH], &dir, &name, &len, err);
	if (ret)
		return ret;
	if (c->id == SEND_C_UNLINK)
		return op_unlink(e->txn, engine_at(e, dir), name, len, err);
	engine_forget(e);
	return op_rmdir(e->txn, engine_at(e, dir), name, len, err);
}

/* --- attributes --- */

static bool begins(const struct send_value *v, const char *prefix)
{
	size_t len = strlen(prefix);

	return v->len > len && !memcmp(v->p, prefix, len);
}

static bool is_acl(const struct send_value *name)
{
	return says(name, "system.posix_acl_access", 23) || says(name, "system.posix_acl_default", 24);
}

/* What a mount would let nobody set. */
static int check_name(const struct engine *e, const struct send_value *name, struct err *err)
{
	u32 mode = e->p.mode;

	if (begins(name, "user."))
		return S_ISREG(mode) || S_ISDIR(mode) ? 0 : err_set(err, -EPERM, "only files and directories have attributes of users");
	if (begins(name, "trusted.") || begins(name, "security.") || says(name, "btrfs.compression", 17))
		return 0;
	if (is_acl(name))
		return S_ISLNK(mode) ? err_set(err, -EOPNOTSUPP, "a symbolic link has no access control list") : 0;
	return err_set(err, -EOPNOTSUPP, "an attribute of no known kind: %.*s", (int)name->len, name->p);
}

int engine_xattr(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	const struct send_value *name = &c->v[SEND_A_XATTR_NAME], *value = &c->v[SEND_A_XATTR_DATA];
	struct engine *e = engine_of(t);
	struct loc loc;
	bool remove = c->id == SEND_C_REMOVE_XATTR;
	int ret;

	if (!c->v[SEND_A_PATH].len && says(name, APPLY_XATTR, strlen(APPLY_XATTR)))
		return 0; /* ours alone */
	ret = pending_settle(e, c, &loc, err);
	if (!ret)
		ret = check_name(e, name, err);
	if (ret)
		return ret;
	/* A list without entries is none. */
	if (is_acl(name) && !remove && value->len <= 4)
		remove = true;
	ret = op_xattr(e->txn, loc, name->p, name->len, remove ? NULL : value->p, remove ? 0 : value->len, 0, err);
	if (ret == -ENODATA && remove && is_acl(name))
		return 0;
	return ret;
}

static struct timespec64 time_of(const struct send_value *v)
{
	return (struct timespec64){ (s64)get_le64(v->p), get_le32(v->p + 8) };
}

int engine_attrs(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	struct pending *p = &e->p;
	int ret = pending_take(e, c, err);

	if (ret)
		return ret;
	pending_mark(e, c);
	switch (c->id) {
	case SEND_C_CHMOD:
		if (S_ISLNK(p->mode))
			return err_set(err, -EOPNOTSUPP, "it is a symbolic link");
		p->mode = (p->mode & S_IFMT) | (send_num(c, SEND_A_MODE) & 07777);
		p->attr.mode = p->mode;
		p->set |= ATTR_MODE;
		return 0;
	case SEND_C_CHOWN:
		/* A new owner costs a program its special bits. */
		if (S_ISREG(p->mode) && p->mode & (S_ISUID | S_ISGID)) {
			p->mode &= ~(S_ISUID | (p->mode & S_IXGRP ? S_ISGID : 0));
			p->attr.mode = p->mode;
			p->set |= ATTR_MODE;
		}
		p->attr.uid = send_num(c, SEND_A_UID);
		p->attr.gid = send_num(c, SEND_A_GID);
		p->set |= ATTR_UID | ATTR_GID;
		return 0;
	default:
		p->attr.atime = time_of(&c->v[SEND_A_ATIME]);
		p->attr.mtime = time_of(&c->v[SEND_A_MTIME]);
		p->attr.ctime = time_of(&c->v[SEND_A_CTIME]);
		p->set |= ATTR_ATIME | ATTR_MTIME | ATTR_CTIME;
		if (send_has(c, SEND_A_OTIME)) {
			p->attr.otime = time_of(&c->v[SEND_A_OTIME]);
			p->set |= ATTR_OTIME;
		}
		return 0;
	}
}

/* Not immutable and append-only, which would be in the way of the next incremental stream; not the compression flags, which follow the property. */
int engine_fileattr(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	const u64 mask = BTRFS_INODE_NODATACOW | BTRFS_INODE_SYNC | BTRFS_INODE_NODUMP | BTRFS_INODE_NOATIME | BTRFS_INODE_DIRSYNC;
	struct engine *e = engine_of(t);
	struct inode inode;
	struct loc loc;
	int ret = pending_settle(e, c, &loc, err);

	if (!ret)
		ret = inode_get(loc.root, loc.ino, &inode, err);
	if (ret || !((inode.flags ^ send_num(c, SEND_A_FILEATTR)) & mask))
		return ret;
	inode.flags = (inode.flags & ~mask) | (send_num(c, SEND_A_FILEATTR) & mask);
	if (inode.flags & BTRFS_INODE_COMPRESS)
		inode.flags &= ~(u64)BTRFS_INODE_NODATACOW;
	return op_setattr(e->txn, loc, ATTR_FLAGS, &inode, err);
}
