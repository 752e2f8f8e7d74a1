/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/replace.h"
#include "kernel-shared/kapi/call.h"

#include <linux/btrfs.h>

int kreplace_start(int fd, const char *source, u64 devid, const char *target, bool avoid_source)
{
	struct btrfs_ioctl_dev_replace_args args = { .cmd = BTRFS_IOCTL_DEV_REPLACE_CMD_START };
	int ret = kname((char *)args.start.tgtdev_name, sizeof(args.start.tgtdev_name), target);

	if (ret)
		return ret;
	if (source) {
		ret = kname((char *)args.start.srcdev_name, sizeof(args.start.srcdev_name), source);
		if (ret)
			return ret;
	} else {
		args.start.srcdevid = devid;
	}
	args.start.cont_reading_from_srcdev_mode = avoid_source ? BTRFS_IOCTL_DEV_REPLACE_CONT_READING_FROM_SRCDEV_MODE_AVOID :
		BTRFS_IOCTL_DEV_REPLACE_CONT_READING_FROM_SRCDEV_MODE_ALWAYS;
	args.result = ~0ULL;
	ret = kcall(fd, BTRFS_IOC_DEV_REPLACE, &args);
	return ret || args.result == ~0ULL ? ret : (int)args.result;
}

int kreplace_cancel(int fd)
{
	struct btrfs_ioctl_dev_replace_args args = { .cmd = BTRFS_IOCTL_DEV_REPLACE_CMD_CANCEL };
	int ret;

	args.result = ~0ULL;
	ret = kcall(fd, BTRFS_IOC_DEV_REPLACE, &args);
	return ret || args.result == ~0ULL ? ret : (int)args.result;
}

const char *kreplace_reason(int code)
{
	static const char *const text[] = { "no error", "not started", "already started", "scrub is in progress" };

	return (unsigned)code < ARRAY_SIZE(text) ? text[code] : "unknown";
}

int kreplace_status(int fd, struct kreplace_status *out)
{
	struct btrfs_ioctl_dev_replace_args args = { .cmd = BTRFS_IOCTL_DEV_REPLACE_CMD_STATUS };
	int ret = kcall(fd, BTRFS_IOC_DEV_REPLACE, &args);

	if (ret)
		return ret;
	*out = (struct kreplace_status){ .state = args.status.replace_state, .permille = args.status.progress_1000, .started = args.status.time_started,
		.stopped = args.status.time_stopped, .write_errors = args.status.num_write_errors, .uncorrectable = args.status.num_uncorrectable_read_errors };
	return 0;
}
