/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside kapi/: an ioctl as a function that returns 0 (or its positive answer) or a negative errno; lacks.h tells of what the kernel does not know. */
#ifndef KAPI_CALL_H
#define KAPI_CALL_H

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include "common/base.h"

int kcall(int fd, unsigned long request, void *arg);
/* The same where another request takes over if the kernel does not know this one. */
int kcall_try(int fd, unsigned long request, void *arg);

/* A name into an ioctl's field. -ENAMETOOLONG. */
static inline int kname(char *field, size_t size, const char *name)
{
	size_t len = strlen(name);

	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(field, name, len + 1);
	return 0;
}

/* What a kernel says that does not know an ioctl or one of its flags. */
static inline bool kunknown(int ret)
{
	return ret == -ENOTTY || ret == -EOPNOTSUPP;
}

#endif
