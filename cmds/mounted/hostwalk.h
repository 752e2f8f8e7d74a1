/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A walk over a directory tree of the running system: depth first, in the directories' own order, however deep, with a bounded number of open descriptors. */
#ifndef CMDS_MOUNTED_HOSTWALK_H
#define CMDS_MOUNTED_HOSTWALK_H

#include <sys/stat.h>
#include "common/err.h"

/* An open directory, for those who open its files later. Counted by one thread. */
struct dirfd { int fd; unsigned refs; };
void dirfd_put(struct dirfd *d); /* NULL is fine */

/* What is met; path: below the top, "" for the top itself, with a NUL behind. Members may be NULL. Non-zero stops the walk and is returned. */
struct hostwalk_ops {
	/* A regular file (or an entry whose type is not told): path + name is its name in dir. */
	int (*file)(void *arg, struct dirfd *dir, const char *path, size_t len, size_t name);
	int (*enter)(void *arg);
	int (*leave)(void *arg, const char *path, size_t len);
	/* A directory on another device number (a subvolume, another filesystem): is it part of the walk? NULL: it is not. */
	bool (*crosses)(void *arg, int fd);
	/* A directory that cannot be opened is left out. */
	void (*cannot)(void *arg, const char *path, int error);
};
/* top: an open directory, which stays the caller's. Names and mounts may change meanwhile; -ESTALE when the way back is lost. -EINTR only by the callbacks. */
int hostwalk(int top, const struct hostwalk_ops *ops, void *arg, struct err *err);

#endif
