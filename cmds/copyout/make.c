/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making one entry in a directory of the target: always a new one, never through what a symlink points to. Something that is there
 * already is left alone or, when asked, removed first. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cmds/copyout/internal.h"
#include "common/mem.h"

/* A target that is full or broken ends everything; other refusals concern one file. */
static enum made refused(struct worker *k, const struct cdir *d, const char *name, const char *what)
{
	int error = errno;

	if (error == ENOSPC || error == EDQUOT || error == EROFS || error == EIO || error == ENOMEM || error == EMFILE || error == ENFILE) {
		cdir_path(k->c, d, name, &k->path);
		copyout_stop(k->c, -error, "%s '%s' failed: %s", what, sb_str(&k->path), strerror(error));
	} else {
		note_failed(k->c, d, name, "%s failed: %s", what, strerror(error));
	}
	return MADE_FAILED;
}

/* After EEXIST: 0 when the way is free now. */
static int clear_way(struct worker *k, const struct cdir *d, int dirfd, const char *name, enum made *made)
{
	if (!k->c->o.overwrite) {
		note_existing(k->c, d, name);
		*made = MADE_SKIPPED;
		return -1;
	}
	if (unlinkat(dirfd, name, 0) && errno != ENOENT) {
		*made = refused(k, d, name, "replacing");
		return -1;
	}
	return 0;
}

/* The mode before the owner is known to be right: nobody else may look in. Set-user-ID comes last of all. */
static mode_t first_mode(const struct worker *k)
{
	const struct inode *i = &k->w.inode;

	if (!k->c->o.metadata)
		return 0644;
	if (k->w.no_inode)
		return 0600;
	return k->c->plain && i->uid == k->c->uid && i->gid == k->c->gid ? i->mode & 0777 : 0600;
}

int make_file(struct worker *k, struct cdir *d, int dirfd, const char *name)
{
	enum made made;

	for (int tries = 0; tries < 2; tries++) {
		int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, first_mode(k));

		if (fd >= 0)
			return fd;
		if (errno != EEXIST || tries) {
			refused(k, d, name, "creating");
			return -1;
		}
		if (clear_way(k, d, dirfd, name, &made))
			return -1;
	}
	return -1;
}

enum made make_dir(struct worker *k, struct cdir *d, int dirfd, const char *name)
{
	if (!mkdirat(dirfd, name, k->c->o.metadata ? 0700 : 0755) || errno == EEXIST)
		return MADE;
	return refused(k, d, name, "mkdir");
}

static int make_symlink(struct worker *k, int dirfd, const char *name, const char *target)
{
	return symlinkat(target, dirfd, name);
}

static int make_special(struct worker *k, int dirfd, const char *name)
{
	const struct inode *i = &k->w.inode;
	dev_t dev = inode_is(i, S_IFCHR) || inode_is(i, S_IFBLK) ? makedev(rdev_major(i->rdev), rdev_minor(i->rdev)) : 0;

	return mknodat(dirfd, name, (i->mode & S_IFMT) | (k->c->o.metadata && !k->w.no_inode ? i->mode & 07777 : 0600), dev);
}

static char *symlink_target(struct worker *k, const struct cdir *d, const char *name)
{
	struct err err = ERR_INIT;
	size_t len = 0;
	const u8 *bytes = whole_symlink(k->c->fs, &k->w, &len, &err);
	char *target;

	if (!bytes || !len || memchr(bytes, 0, len)) {
		note_damage(k->c, d, name, "symlink without a usable target%s%s", bytes ? "" : ": ", bytes ? "" : err_text(&err));
		return NULL;
	}
	target = mem_strndup((const char *)bytes, len);
	if (!target)
		copyout_stop(k->c, -ENOMEM, "not enough memory");
	return target;
}

void copy_other(struct worker *k, struct cdir *d, int dirfd, const char *name)
{
	bool link = inode_is(&k->w.inode, S_IFLNK), claim;
	char *target CLEANUP(mem_freep) = NULL;
	enum made made;

	if (link) {
		target = symlink_target(k, d, name);
		if (!target)
			return;
		note(k->c, COPYOUT_SYMLINK, d, name, target);
	}
	if (k->c->o.dry_run)
		return;
	if (link_earlier(k, d, dirfd, name, &claim))
		return;
	for (int tries = 0; tries < 2; tries++) {
		if (!(link ? make_symlink(k, dirfd, name, target) : make_special(k, dirfd, name))) {
			if (claim)
				link_first(k, d, name);
			k->others++;
			meta_other(k, d, dirfd, name);
			break;
		}
		if (errno == EPERM && !link) {
			note_unkept(k->c, inode_is(&k->w.inode, S_IFCHR) || inode_is(&k->w.inode, S_IFBLK) ? UNKEPT_DEVICE : UNKEPT_SPECIAL, errno, d, name, NULL);
			break;
		}
		if (errno != EEXIST || tries) {
			refused(k, d, name, link ? "creating symlink" : "creating special file");
			break;
		}
		if (clear_way(k, d, dirfd, name, &made))
			break;
	}
	if (claim) {
		link_release(k);
		links_complete(k, d, k->w.inode.ino);
	}
}
