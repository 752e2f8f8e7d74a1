/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/listdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct listdir *listdir_open(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), saved;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0) {
		saved = errno;
		close(fd);
		errno = saved;
	}
	return (struct listdir *)dir;
}

void listdir_close(struct listdir *l)
{
	if (l)
		closedir((DIR *)l);
}

const char *listdir_next(struct listdir *l, enum listdir_type *type)
{
	const struct dirent *e = readdir((DIR *)l);

	if (!e)
		return NULL;
	*type = e->d_type == DT_UNKNOWN ? LIST_UNKNOWN : e->d_type == DT_REG ? LIST_FILE : e->d_type == DT_DIR ? LIST_DIR : LIST_OTHER;
	return e->d_name;
}

long listdir_tell(struct listdir *l) { return telldir((DIR *)l); }
void listdir_seek(struct listdir *l, long pos) { seekdir((DIR *)l, pos); }
