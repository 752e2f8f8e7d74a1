/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories of the running system, read and emptied. (Apart from the others: the engine has a struct dirent of its own.) */
#ifndef CMDS_RECEIVE_HOSTDIR_H
#define CMDS_RECEIVE_HOSTDIR_H

#include "common/base.h"

/* Each name in the directory dir but "." and "..". fn non-zero stops and is returned. -errno. */
int hostdir_each(int dir, int (*fn)(void *arg, int dir, const char *name), void *arg);
/* Removes everything below a directory, which stays; follows nothing, needs no stack however deep it is. 0 or -errno. */
int hostdir_empty(int top);

#endif
