/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What put does ahead, on any thread: looks at a name, reads attributes, links and small files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "cmds/shell/put.h"
#include "common/io.h"
#include "common/mem.h"

enum { NAMES_MAX = 65536, VALUE_MAX = 65536, PATH_DIRECT = 4000, TARGET_MAX = 4096, AHEAD_MAX = 1 << 20 };

/* The current directory, which is left out before a name. */
static bool is_dot(const struct put_dir *d)
{
	return !d->parent && !strcmp(d->name, ".");
}

char *put_host_path(const struct put_dir *dir, const char *name)
{
	size_t len = strlen(name), pos;
	char *path;

	for (const struct put_dir *d = dir; d && !is_dot(d); d = d->parent)
		len += strlen(d->name) + 1;
	path = mem_alloc(1, len + 1);
	if (!path)
		return NULL;
	pos = len - strlen(name);
	memcpy(path + pos, name, strlen(name) + 1);
	for (const struct put_dir *d = dir; d && !is_dot(d); d = d->parent) {
		path[--pos] = '/';
		pos -= strlen(d->name);
		memcpy(path + pos, d->name, strlen(d->name));
	}
	return path;
}

int put_open_dir(const struct put_dir *dir)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (dir->parent ? O_NOFOLLOW : 0), fd, up, code;
	char *path CLEANUP(mem_freep) = dir->parent ? put_host_path(dir->parent, dir->name) : mem_strdup(dir->name);

	if (!path)
		return -ENOMEM;
	if (strlen(path) < PATH_DIRECT || !dir->parent) {
		fd = open(path, flags);
		return fd < 0 ? -errno : fd;
	}
	up = put_open_dir(dir->parent);
	if (up < 0)
		return up;
	fd = openat(up, dir->name, flags);
	code = errno;
	close(up);
	return fd < 0 ? -code : fd;
}

static int worker_dir(struct put_worker *w, const struct put_dir *dir)
{
	if (w->dir == dir->id && w->fd >= 0)
		return w->fd;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = put_open_dir(dir);
	w->dir = dir->id;
	return w->fd;
}

static int failed(struct put_job *j, const char *what, int ret)
{
	j->what = what;
	j->ret = ret;
	return ret;
}

static int add_xattr(struct put_job *j, const char *name, const u8 *value, size_t len)
{
	static const char property[] = "btrfs.compression";
	struct put_xattr x = { j->text.len, 0, len };

	sb_add(&j->text, name, strlen(name) + 1);
	x.value = j->text.len;
	sb_add(&j->text, value, len);
	if (j->text.failed || vec_push(&j->xattrs, x))
		return -ENOMEM;
	if (!strcmp(name, property)) {
		char word[16] = "";
		int type;

		memcpy(word, value, min_t(size_t, len, sizeof(word) - 1));
		type = compress_by_property(word);
		j->has_property = true;
		j->property = type > 0 ? type : 0;
	}
	return 0;
}

/* proc: a path that leads to the name itself. */
static int read_xattrs(struct put_job *j, struct put_worker *w, const char *proc)
{
	ssize_t n = j->fd >= 0 ? flistxattr(j->fd, w->names, NAMES_MAX) : llistxattr(proc, w->names, NAMES_MAX);

	if (n < 0)
		return errno == EOPNOTSUPP || errno == ENOENT ? 0 : failed(j, "list the attributes of", -errno);
	for (const char *name = w->names; name < w->names + n; name += strlen(name) + 1) {
		ssize_t len = j->fd >= 0 ? fgetxattr(j->fd, name, w->value, VALUE_MAX) : lgetxattr(proc, name, w->value, VALUE_MAX);

		if (len < 0 && errno == ENODATA)
			continue;
		if (len < 0)
			return failed(j, "read the attributes of", -errno);
		if (add_xattr(j, name, w->value, len))
			return failed(j, "read the attributes of", -ENOMEM);
	}
	return 0;
}

struct fd_source { struct file_source s; int fd; };

static s64 source_read(struct file_source *s, u64 off, void *buf, size_t len)
{
	return io_pread(container_of(s, struct fd_source, s)->fd, buf, len, off);
}

/* Inodes with several names are read once. */
static bool first_reader(struct put_job *j)
{
	bool fresh = true;

	if (j->st.st_nlink < 2)
		return true;
	pthread_mutex_lock(&j->p->lock);
	if (!hmap_put(&j->p->reading, hash_mix2(j->st.st_dev, j->st.st_ino), &fresh))
		fresh = true;
	pthread_mutex_unlock(&j->p->lock);
	return fresh;
}

static void read_small(struct put_job *j)
{
	struct fd_source src = { { .read = source_read, .size = j->st.st_size }, j->fd };
	struct edit *e = j->p->e;
	u64 flags = j->p->flags;
	u8 property = j->has_property ? j->property : j->p->property;

	if (j->has_property)
		flags = (flags & ~(u64)(BTRFS_INODE_COMPRESS | BTRFS_INODE_NOCOMPRESS)) | (j->property ? BTRFS_INODE_COMPRESS : BTRFS_INODE_NOCOMPRESS);
	if (j->st.st_size > AHEAD_MAX || (u64)j->st.st_blocks * 512 < (u64)j->st.st_size || !j->st.st_size || !first_reader(j))
		return;
	put_ahead_new(e->c.fs, &e->c.opts, flags, property, &src.s, &j->ahead, NULL); /* what fails is tried again in its turn, where it is told */
}

static int open_file(struct put_job *j, int dir)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	const char *name = j->from ? j->from : j->name;

	j->fd = openat(dir, name, flags | O_NOATIME);
	if (j->fd < 0 && errno == EPERM)
		j->fd = openat(dir, name, flags);
	if (j->fd < 0)
		return failed(j, "open", -errno);
	/* it may have been replaced since */
	return fstat(j->fd, &j->st) ? failed(j, "stat", -errno) : 0;
}

void put_look(struct put_job *j, struct put_worker *w)
{
	const char *name = j->from ? j->from : j->name;
	int dir = worker_dir(w, j->dir);
	char proc[64 + 256], target[TARGET_MAX];
	ssize_t n;

	if (dir < 0) {
		failed(j, "open the directory of", dir);
		return;
	}
	if (fstatat(dir, name, &j->st, AT_SYMLINK_NOFOLLOW)) {
		failed(j, "stat", -errno);
		return;
	}
	if (S_ISREG(j->st.st_mode) && open_file(j, dir))
		return;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d/%s", dir, name);
	if (S_ISLNK(j->st.st_mode)) {
		n = readlinkat(dir, name, target, sizeof(target));
		j->target = n < 0 || n == sizeof(target) ? NULL : mem_strndup(target, n);
		if (!j->target) {
			failed(j, "read the symbolic link", n < 0 ? -errno : n == sizeof(target) ? -ENAMETOOLONG : -ENOMEM);
			return;
		}
	}
	if (read_xattrs(j, w, proc) || !S_ISREG(j->st.st_mode))
		return;
	put_layout(j->fd, &j->st, &j->layout);
	if (!j->layout.len)
		read_small(j);
}

void put_dir_drop(struct put_dir *d)
{
	while (d && !--d->refs) {
		struct put_dir *up = d->parent;

		free(d->name);
		free(d);
		d = up;
	}
}

void put_job_free(struct put_job *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	put_ahead_free(j->ahead);
	put_dir_drop(j->dir);
	put_dir_drop(j->self);
	free(j->name);
	free(j->from);
	free(j->target);
	sb_fini(&j->text);
	vec_fini(&j->xattrs);
	free(j);
}
