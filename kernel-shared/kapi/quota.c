/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/quota.h"
#include "kernel-shared/kapi/call.h"

#include <linux/btrfs.h>

/* Newer than the headers of some distributions. */
enum { QUOTA_CTL_ENABLE_SIMPLE = 4 };

static int control(int fd, u64 cmd)
{
	struct btrfs_ioctl_quota_ctl_args args = { .cmd = cmd };

	return kcall(fd, BTRFS_IOC_QUOTA_CTL, &args);
}

int kquota_enable(int fd, bool simple) { return control(fd, simple ? QUOTA_CTL_ENABLE_SIMPLE : BTRFS_QUOTA_CTL_ENABLE); }
int kquota_disable(int fd) { return control(fd, BTRFS_QUOTA_CTL_DISABLE); }

int kquota_rescan(int fd)
{
	struct btrfs_ioctl_quota_rescan_args args = { 0 };

	return kcall(fd, BTRFS_IOC_QUOTA_RESCAN, &args);
}

int kquota_rescan_status(int fd, bool *running, u64 *progress)
{
	struct btrfs_ioctl_quota_rescan_args args = { 0 };
	int ret = kcall(fd, BTRFS_IOC_QUOTA_RESCAN_STATUS, &args);

	*running = args.flags;
	*progress = args.progress;
	return ret;
}

int kquota_rescan_wait(int fd) { return kcall(fd, BTRFS_IOC_QUOTA_RESCAN_WAIT, NULL); }

static int create(int fd, u64 id, bool add)
{
	struct btrfs_ioctl_qgroup_create_args args = { .create = add, .qgroupid = id };

	return kcall(fd, BTRFS_IOC_QGROUP_CREATE, &args);
}

int kqgroup_create(int fd, u64 id) { return create(fd, id, true); }
int kqgroup_destroy(int fd, u64 id) { return create(fd, id, false); }

static int assign(int fd, u64 member, u64 parent, bool add)
{
	struct btrfs_ioctl_qgroup_assign_args args = { .assign = add, .src = member, .dst = parent };

	return kcall(fd, BTRFS_IOC_QGROUP_ASSIGN, &args);
}

int kqgroup_assign(int fd, u64 member, u64 parent) { return assign(fd, member, parent, true); }
int kqgroup_remove(int fd, u64 member, u64 parent) { return assign(fd, member, parent, false); }

int kqgroup_limit(int fd, u64 id, u64 which, u64 max_rfer, u64 max_excl)
{
	struct btrfs_ioctl_qgroup_limit_args args = { .qgroupid = id, .lim = { .flags = which, .max_rfer = max_rfer, .max_excl = max_excl } };

	return kcall(fd, BTRFS_IOC_QGROUP_LIMIT, &args);
}
