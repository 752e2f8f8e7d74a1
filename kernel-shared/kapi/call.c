/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/call.h"
#include "kernel-shared/kapi/lacks.h"

#include <stdatomic.h>
#include <linux/fs.h>
#include <linux/btrfs.h>

/* The last request that the kernel did not know. */
static atomic_ulong unknown;

#define SINCE(request, version) { BTRFS_IOC_##request, "BTRFS_IOC_" #request, version }
static const struct { unsigned long request; const char *name, *since; } requests[] = {
	SINCE(TREE_SEARCH, "2.6.34"), SINCE(INO_LOOKUP, "2.6.34"), SINCE(DEFAULT_SUBVOL, "2.6.34"), SINCE(SPACE_INFO, "2.6.34"), SINCE(DEFRAG_RANGE, "2.6.33"),
	SINCE(START_SYNC, "2.6.38"), SINCE(WAIT_SYNC, "2.6.38"), SINCE(SNAP_CREATE_V2, "2.6.38"), SINCE(SUBVOL_GETFLAGS, "2.6.38"), SINCE(SUBVOL_SETFLAGS, "2.6.38"),
	SINCE(SCRUB, "3.0"), SINCE(SCRUB_CANCEL, "3.0"), SINCE(SCRUB_PROGRESS, "3.0"), SINCE(DEV_INFO, "3.0"), SINCE(FS_INFO, "3.0"),
	SINCE(INO_PATHS, "3.2"), SINCE(LOGICAL_INO, "3.2"), SINCE(BALANCE_V2, "3.3"), SINCE(BALANCE_CTL, "3.3"), SINCE(BALANCE_PROGRESS, "3.3"),
	SINCE(GET_DEV_STATS, "3.5"), SINCE(SUBVOL_CREATE_V2, "3.6"), SINCE(SET_RECEIVED_SUBVOL, "3.6"), SINCE(SEND, "3.6"), SINCE(DEVICES_READY, "3.6"),
	SINCE(QUOTA_CTL, "3.6"), SINCE(QGROUP_ASSIGN, "3.6"), SINCE(QGROUP_CREATE, "3.6"), SINCE(QGROUP_LIMIT, "3.6"), SINCE(DEV_REPLACE, "3.8"),
	SINCE(GET_FSLABEL, "3.9"), SINCE(SET_FSLABEL, "3.9"), SINCE(QUOTA_RESCAN, "3.11"), SINCE(QUOTA_RESCAN_STATUS, "3.11"), SINCE(QUOTA_RESCAN_WAIT, "3.11"),
	SINCE(TREE_SEARCH_V2, "3.14"), SINCE(GET_FEATURES, "3.14"), SINCE(RM_DEV_V2, "4.7"), SINCE(LOGICAL_INO_V2, "4.15"), SINCE(GET_SUBVOL_INFO, "4.18"),
	SINCE(GET_SUBVOL_ROOTREF, "4.18"), SINCE(INO_LOOKUP_USER, "4.18"), SINCE(FORGET_DEV, "5.1"), SINCE(SNAP_DESTROY_V2, "5.7"), SINCE(ENCODED_WRITE, "5.18"),
};

int kcall_try(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int kcall(int fd, unsigned long request, void *arg)
{
	int ret = kcall_try(fd, request, arg);

	if (ret == -ENOTTY)
		atomic_store(&unknown, request);
	return ret;
}

bool klacks(const char **name, const char **since)
{
	unsigned long request = atomic_load(&unknown);

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		if (requests[i].request != request)
			continue;
		*name = requests[i].name;
		*since = requests[i].since;
		return true;
	}
	return false;
}
