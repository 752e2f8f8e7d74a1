/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owner, mode, times, extended attributes, ACLs, capabilities. What the target does not take is counted, not fatal. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "cmds/copyout/internal.h"

static const char acl_prefix[] = "system.posix_acl_";

static struct timespec host_time(struct timespec64 t)
{
	/* A damaged time must not fail the call. */
	return (struct timespec){ .tv_sec = t.sec, .tv_nsec = t.nsec < 1000000000 ? t.nsec : 0 };
}

/* fd is a real descriptor, or path names the file when it is -1. */
static void keep_xattrs(struct worker *k, const struct whole *w, const struct cdir *d, const char *name, int fd, const char *path)
{
	for (size_t i = 0; i < w->xattrs.len; i++) {
		const struct xattr_view *x = &w->xattrs.v[i];
		const char *xname = (const char *)x->name;
		int ret;

		if (memchr(xname, 0, x->name_len)) {
			note_damage(k->c, d, name, "an extended attribute has a name with a NUL in it");
			continue;
		}
		ret = fd >= 0 ? fsetxattr(fd, xname, x->value, x->value_len, 0) : setxattr(path, xname, x->value, x->value_len, 0);
		if (ret)
			note_unkept(k->c, strncmp(xname, acl_prefix, sizeof(acl_prefix) - 1) ? UNKEPT_XATTR : UNKEPT_ACL, errno, d, name, xname);
	}
}

/* Files that inherit from the target directory get rid of what they inherited and do not have. */
static void drop_inherited_acls(struct copyout *c, int fd)
{
	if (c->plain)
		return;
	fremovexattr(fd, "system.posix_acl_access");
	fremovexattr(fd, "system.posix_acl_default");
}

static bool own(const struct copyout *c, const struct inode *i)
{
	return c->plain && i->uid == c->uid && i->gid == c->gid;
}

void meta_file(struct worker *k, const struct whole *w, const struct cdir *d, const char *name, int fd)
{
	struct copyout *c = k->c;
	const struct inode *i = &w->inode;
	bool known = c->o.metadata && !w->no_inode;

	if (known && !own(c, i)) {
		drop_inherited_acls(c, fd);
		if (fchown(fd, i->uid, i->gid))
			note_unkept(c, UNKEPT_OWNER, errno, d, name, NULL);
	}
	if (c->o.xattrs && w->xattrs.len)
		keep_xattrs(k, w, d, name, fd, NULL);
	/* A new file of ours has its mode already, but for what writing takes away. */
	if (known && (!own(c, i) || i->mode & 07000)) {
		if (fchmod(fd, i->mode & 07777))
			note_unkept(c, UNKEPT_MODE, errno, d, name, NULL);
	}
	if (known) {
		struct timespec ts[2] = { host_time(i->atime), host_time(i->mtime) };

		if (futimens(fd, ts))
			note_unkept(c, UNKEPT_TIMES, errno, d, name, NULL);
	}
}

void meta_dir(struct worker *k, const struct cdir *d, int fd)
{
	struct copyout *c = k->c;
	const struct inode *i = &k->w.inode;
	struct err err;

	if (!c->o.metadata && !c->o.xattrs)
		return;
	if (whole_read(d->sub->root, d->ino, c->o.xattrs ? WHOLE_XATTRS : 0, 1, &k->w, &err))
		return;
	if (c->o.metadata && k->w.no_inode) {
		fchmod(fd, 0755);
		return;
	}
	if (c->o.metadata) {
		drop_inherited_acls(c, fd);
		if (!own(c, i) && fchown(fd, i->uid, i->gid))
			note_unkept(c, UNKEPT_OWNER, errno, d, NULL, NULL);
	}
	if (c->o.xattrs && k->w.xattrs.len)
		keep_xattrs(k, &k->w, d, NULL, fd, NULL);
	if (c->o.metadata) {
		struct timespec ts[2] = { host_time(i->atime), host_time(i->mtime) };

		if (fchmod(fd, i->mode & 07777))
			note_unkept(c, UNKEPT_MODE, errno, d, NULL, NULL);
		if (futimens(fd, ts))
			note_unkept(c, UNKEPT_TIMES, errno, d, NULL, NULL);
	}
}

/* Symlinks and special files cannot be opened: a path descriptor leads to exactly this file. */
static void other_by_path(struct worker *k, const struct cdir *d, int dirfd, const char *name, bool set_mode)
{
	char path[32];
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		note_unkept(k->c, UNKEPT_XATTR, errno, d, name, NULL);
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (k->c->o.xattrs)
		keep_xattrs(k, &k->w, d, name, -1, path);
	if (set_mode && chmod(path, k->w.inode.mode & 07777))
		note_unkept(k->c, UNKEPT_MODE, errno, d, name, NULL);
	close(fd);
}

void meta_other(struct worker *k, const struct cdir *d, int dirfd, const char *name)
{
	struct copyout *c = k->c;
	const struct inode *i = &k->w.inode;
	bool known = c->o.metadata && !k->w.no_inode;
	bool set_mode = known && !inode_is(i, S_IFLNK) && (!c->plain || (!own(c, i) && i->mode & 07000));
	struct timespec ts[2] = { host_time(i->atime), host_time(i->mtime) };

	if (known && !own(c, i) && fchownat(dirfd, name, i->uid, i->gid, AT_SYMLINK_NOFOLLOW))
		note_unkept(c, UNKEPT_OWNER, errno, d, name, NULL);
	if ((c->o.xattrs && k->w.xattrs.len) || set_mode)
		other_by_path(k, d, dirfd, name, set_mode);
	if (known && utimensat(dirfd, name, ts, AT_SYMLINK_NOFOLLOW))
		note_unkept(c, UNKEPT_TIMES, errno, d, name, NULL);
}
