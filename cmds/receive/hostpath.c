/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths of a stream on a running system: nothing leads out of the subvolume's own directory. Spec: send-stream 8.4, 8.8. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cmds/receive/hostfs.h"

/* For kernels before 5.6: one component after the other, none of them a symlink. */
static int walk(int root, const char *path, int flags)
{
	char name[256];
	int dir = root;

	for (;;) {
		const char *slash = strchr(path, '/');
		size_t len = slash ? (size_t)(slash - path) : strlen(path);
		int fd;

		if (len >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, path, len);
		name[len] = '\0';
		fd = openat(dir, name, (slash ? O_PATH | O_DIRECTORY : flags) | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
		if (dir != root)
			close(dir);
		if (fd < 0 || !slash)
			return fd;
		dir = fd;
		path = slash + 1;
	}
}

int beneath(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = flags | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	int fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd >= 0)
		return fd;
	return errno == ENOSYS ? walk(root, path, flags) : -errno;
}

int hostfs_parent(struct hostfs *h, const char *path, int *dir, const char **name)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	int fd;

	*name = slash ? slash + 1 : path;
	*dir = h->root;
	if (!slash)
		return 0;
	if (h->dir >= 0 && !strncmp(h->dir_path, path, len) && !h->dir_path[len]) {
		*dir = h->dir;
		return 0;
	}
	if (h->dir >= 0)
		close(h->dir);
	memcpy(h->dir_path, path, len);
	h->dir_path[len] = '\0';
	fd = beneath(h->root, h->dir_path, O_PATH | O_DIRECTORY);
	h->dir = fd < 0 ? -1 : fd;
	*dir = fd;
	return fd < 0 ? fd : 0;
}

/* A device or a fifo must not even be opened: opening alone can block, or do something. */
static int open_checked(int dir, const char *name, int flags)
{
	struct stat before, after;
	int fd;

	if (fstatat(dir, name, &before, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!S_ISREG(before.st_mode))
		return S_ISLNK(before.st_mode) ? -ELOOP : S_ISDIR(before.st_mode) ? -EISDIR : -EINVAL;
	fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &after) && S_ISREG(after.st_mode) && after.st_ino == before.st_ino && after.st_dev == before.st_dev)
		return fd;
	close(fd);
	return -EINVAL;
}

int open_regular(int root, const char *path, int flags)
{
	const char *slash = strrchr(path, '/');
	char parent[SEND_PATH_MAX];
	int dir = root, fd;

	if (slash) {
		memcpy(parent, path, slash - path);
		parent[slash - path] = '\0';
		dir = beneath(root, parent, O_PATH | O_DIRECTORY);
		if (dir < 0)
			return dir;
	}
	fd = open_checked(dir, slash ? slash + 1 : path, flags);
	if (dir != root)
		close(dir);
	return fd;
}

int hostfs_file(struct hostfs *h, const char *path, int *fd)
{
	const char *name;
	int dir, ret;

	if (h->file >= 0 && !strcmp(h->file_path, path)) {
		*fd = h->file;
		return 0;
	}
	if (h->file >= 0)
		close(h->file);
	h->file = -1;
	ret = hostfs_parent(h, path, &dir, &name);
	if (ret)
		return ret;
	ret = open_checked(dir, name, O_WRONLY);
	if (ret < 0)
		return ret;
	*fd = h->file = ret;
	strcpy(h->file_path, path);
	return 0;
}

void hostfs_drop(struct hostfs *h)
{
	if (h->file >= 0)
		close(h->file);
	if (h->dir >= 0)
		close(h->dir);
	h->file = h->dir = -1;
}
