/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/sysfs.h"
#include "common/io.h"
#include "common/units.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

char *ksysfs_path(const u8 fsid[16], const char *name, char buf[KSYSFS_PATH])
{
	char uuid[UUID_TEXT_MAX];

	snprintf(buf, KSYSFS_PATH, "/sys/fs/btrfs/%s/%s", uuid_format(fsid, uuid), name);
	return buf;
}

int ksysfs_read(const u8 fsid[16], const char *name, char *buf, size_t len)
{
	char path[KSYSFS_PATH];

	return io_read_line(ksysfs_path(fsid, name, path), buf, len);
}

int ksysfs_u64(const u8 fsid[16], const char *name, u64 *out)
{
	char text[32];

	return ksysfs_read(fsid, name, text, sizeof(text)) ?: parse_u64(text, out, NULL);
}

int ksysfs_text(const u8 fsid[16], const char *name, char **out)
{
	char path[KSYSFS_PATH];
	size_t len;

	return io_read_file(ksysfs_path(fsid, name, path), 1 << 16, out, &len);
}

int ksysfs_write(const u8 fsid[16], const char *name, const char *text)
{
	char path[KSYSFS_PATH];
	int fd = open(ksysfs_path(fsid, name, path), O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = io_write(fd, text, strlen(text));
	close(fd);
	return ret;
}

int kdevice_size(const char *path, u64 *size)
{
	char name[64], text[32];
	struct stat st;
	int ret;

	if (stat(path, &st))
		return -errno;
	if (S_ISREG(st.st_mode)) {
		*size = st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/size", major(st.st_rdev), minor(st.st_rdev));
	ret = io_read_line(name, text, sizeof(text)) ?: parse_u64(text, size, NULL);
	*size *= 512; /* sysfs counts in these whatever the device's sectors are */
	return ret;
}
