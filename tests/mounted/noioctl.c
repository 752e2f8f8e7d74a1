/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel without some of btrfs's ioctls: LD_PRELOAD=noioctl.so NO_IOCTL=,17,61, makes the requests of these numbers unknown. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, void *);
	const char *list = getenv("NO_IOCTL");
	char number[16];
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!real)
		real = (int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl");
	snprintf(number, sizeof(number), ",%u,", (unsigned)(request & 0xff));
	if ((request >> 8 & 0xff) == 0x94 && list && strstr(list, number)) {
		errno = ENOTTY;
		return -1;
	}
	return real(fd, request, arg);
}
