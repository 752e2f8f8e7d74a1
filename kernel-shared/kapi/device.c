/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/device.h"
#include "kernel-shared/kapi/call.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/btrfs.h>

static int control(unsigned long cmd, const char *path)
{
	struct btrfs_ioctl_vol_args args = { 0 };
	struct stat st;
	int fd, ret;

	if (path) {
		if (stat(path, &st))
			return -errno;
		if (!S_ISBLK(st.st_mode))
			return -ENOTBLK;
		ret = kname(args.name, sizeof(args.name), path);
		if (ret)
			return ret;
	}
	fd = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = kcall(fd, cmd, &args);
	close(fd);
	return ret;
}

int kdevice_scan(const char *path)
{
	return control(BTRFS_IOC_SCAN_DEV, path);
}

int kdevice_forget(const char *path)
{
	return control(BTRFS_IOC_FORGET_DEV, path);
}

int kdevice_ready(const char *path)
{
	return control(BTRFS_IOC_DEVICES_READY, path);
}

int kdevice_add(int fd, const char *path)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	return kname(args.name, sizeof(args.name), path) ?: kcall(fd, BTRFS_IOC_ADD_DEV, &args);
}

/* Kernels before 4.7 know no ids here. */
static int remove_by_name(int fd, const char *path)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	return kname(args.name, sizeof(args.name), path) ?: kcall(fd, BTRFS_IOC_RM_DEV, &args);
}

int kdevice_remove(int fd, const char *path, u64 devid)
{
	struct btrfs_ioctl_vol_args_v2 args = { 0 };
	int ret;

	if (path) {
		ret = kname(args.name, sizeof(args.name), path);
		if (ret)
			return ret;
	} else {
		args.devid = devid;
		args.flags = BTRFS_DEVICE_SPEC_BY_ID;
	}
	ret = path ? kcall_try(fd, BTRFS_IOC_RM_DEV_V2, &args) : kcall(fd, BTRFS_IOC_RM_DEV_V2, &args);
	return path && kunknown(ret) ? remove_by_name(fd, path) : ret;
}

const char *kdevice_reason(int code)
{
	switch (code) {
	case BTRFS_ERROR_DEV_RAID1_MIN_NOT_MET:
		return "unable to go below two devices on raid1";
	case BTRFS_ERROR_DEV_RAID1C3_MIN_NOT_MET:
		return "unable to go below three devices on raid1c3";
	case BTRFS_ERROR_DEV_RAID1C4_MIN_NOT_MET:
		return "unable to go below four devices on raid1c4";
	case BTRFS_ERROR_DEV_RAID10_MIN_NOT_MET:
		return "unable to go below four/two devices on raid10";
	case BTRFS_ERROR_DEV_RAID5_MIN_NOT_MET:
		return "unable to go below two devices on raid5";
	case BTRFS_ERROR_DEV_RAID6_MIN_NOT_MET:
		return "unable to go below three/two devices on raid6";
	case BTRFS_ERROR_DEV_TGT_REPLACE:
		return "unable to remove the dev_replace target dev";
	case BTRFS_ERROR_DEV_MISSING_NOT_FOUND:
		return "no missing devices found to remove";
	case BTRFS_ERROR_DEV_ONLY_WRITABLE:
		return "unable to remove the only writeable device";
	case BTRFS_ERROR_DEV_EXCL_RUN_IN_PROGRESS:
		return "add/delete/balance/replace/resize operation in progress";
	default:
		return "unknown error";
	}
}

int kdevice_stats(int fd, u64 devid, bool reset, u64 out[KDEVICE_STATS])
{
	struct btrfs_ioctl_get_dev_stats args = { .devid = devid, .nr_items = BTRFS_DEV_STAT_VALUES_MAX, .flags = reset ? BTRFS_DEV_STATS_RESET : 0 };
	int ret = kcall(fd, BTRFS_IOC_GET_DEV_STATS, &args);

	for (unsigned i = 0; !ret && i < KDEVICE_STATS; i++)
		out[i] = i < args.nr_items ? args.values[i] : 0;
	return ret;
}
