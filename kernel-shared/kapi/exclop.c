/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/exclop.h"
#include "kernel-shared/kapi/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum { RECHECK_MS = 60 * 1000 };

int kexclop_current(const u8 fsid[16], char name[KEXCLOP_NAME])
{
	int ret = ksysfs_read(fsid, "exclusive_operation", name, KEXCLOP_NAME);

	if (ret == -ENOENT) {
		memcpy(name, "none", 5); /* before 5.10: the kernel itself refuses */
		return 0;
	}
	return ret;
}

int kexclop_wait_change(const u8 fsid[16])
{
	char path[KSYSFS_PATH], text[KEXCLOP_NAME];
	struct pollfd p = { .events = POLLPRI };
	int ret;

	p.fd = open(ksysfs_path(fsid, "exclusive_operation", path), O_RDONLY | O_CLOEXEC);
	if (p.fd < 0)
		return -errno;
	/* a change since this read wakes the poll */
	ret = read(p.fd, text, sizeof(text)) < 0 || (strncmp(text, "none", 4) && poll(&p, 1, RECHECK_MS) < 0) ? -errno : 0;
	close(p.fd);
	return ret;
}
