/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Telling the kernel of new devices: what a mount of several needs where no udev does it. */
#include <fcntl.h>
#include <linux/btrfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmds/mkfs/register.h"

void register_devices(const char *const *paths, unsigned n)
{
	int fd = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);
	struct btrfs_ioctl_vol_args args;
	struct stat st;

	for (unsigned i = 0; fd >= 0 && i < n; i++) {
		memset(&args, 0, sizeof(args));
		if (stat(paths[i], &st) || !S_ISBLK(st.st_mode) || strlen(paths[i]) >= sizeof(args.name))
			continue;
		memcpy(args.name, paths[i], strlen(paths[i]));
		ioctl(fd, BTRFS_IOC_SCAN_DEV, &args);
	}
	if (fd >= 0)
		close(fd);
}
