/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/receive/hostdir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int hostdir_each(int dir, int (*fn)(void *arg, int dir, const char *name), void *arg)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!list) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (!ret && (d = readdir(list)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			ret = fn(arg, dir, d->d_name);
	closedir(list);
	return ret;
}

struct emptying { int top; u64 serial; unsigned dirs; };

/* 1: it was a directory; 0: it is gone. */
static int unlink_file(int dir, const char *name)
{
	if (!unlinkat(dir, name, 0))
		return 0;
	if (errno != EISDIR)
		return -errno;
	/* Without permission to change it, it could not give up its entries. */
	return fchmodat(dir, name, 0700, 0) ? -errno : 1;
}

/* An entry of a directory below the top: files go, directories move up to the top. */
static int lift(void *arg, int dir, const char *name)
{
	struct emptying *e = arg;
	char to[40];
	int ret = unlink_file(dir, name);

	if (ret != 1)
		return ret;
	e->dirs++;
	do {
		snprintf(to, sizeof(to), "r%llu", e->serial++);
		ret = renameat2(dir, name, e->top, to, RENAME_NOREPLACE) ? -errno : 0;
	} while (ret == -EEXIST);
	return ret;
}

static int remove_entry(void *arg, int dir, const char *name)
{
	struct emptying *e = arg;
	int fd, ret = unlink_file(dir, name);

	if (ret != 1)
		return ret;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = hostdir_each(fd, lift, e);
	close(fd);
	return ret ? ret : unlinkat(dir, name, AT_REMOVEDIR) ? -errno : 0;
}

int hostdir_empty(int top)
{
	struct emptying e = { .top = top };
	int ret;

	do {
		e.dirs = 0;
		ret = hostdir_each(top, remove_entry, &e);
	} while (!ret && e.dirs);
	return ret;
}
