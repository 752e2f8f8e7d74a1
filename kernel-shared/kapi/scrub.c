/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/scrub.h"
#include "kernel-shared/kapi/call.h"

#include <sys/syscall.h>
#include <unistd.h>
#include <linux/ioprio.h>
#include <linux/btrfs.h>

static void take(struct kscrub_progress *out, const struct btrfs_scrub_progress *p)
{
	*out = (struct kscrub_progress){ {
		[KSCRUB_DATA_EXTENTS] = p->data_extents_scrubbed, [KSCRUB_TREE_EXTENTS] = p->tree_extents_scrubbed, [KSCRUB_DATA_BYTES] = p->data_bytes_scrubbed,
		[KSCRUB_TREE_BYTES] = p->tree_bytes_scrubbed, [KSCRUB_READ_ERRORS] = p->read_errors, [KSCRUB_CSUM_ERRORS] = p->csum_errors,
		[KSCRUB_VERIFY_ERRORS] = p->verify_errors, [KSCRUB_NO_CSUM] = p->no_csum, [KSCRUB_CSUM_DISCARDS] = p->csum_discards,
		[KSCRUB_SUPER_ERRORS] = p->super_errors, [KSCRUB_MALLOC_ERRORS] = p->malloc_errors, [KSCRUB_UNCORRECTABLE] = p->uncorrectable_errors,
		[KSCRUB_UNVERIFIED] = p->unverified_errors, [KSCRUB_CORRECTED] = p->corrected_errors, [KSCRUB_LAST_PHYSICAL] = p->last_physical } };
}

int kscrub_run(int fd, u64 devid, u64 start, bool readonly, struct kscrub_progress *out)
{
	struct btrfs_ioctl_scrub_args args = { .devid = devid, .start = start, .end = ~0ULL, .flags = readonly ? BTRFS_SCRUB_READONLY : 0 };
	int ret = kcall(fd, BTRFS_IOC_SCRUB, &args);

	take(out, &args.progress);
	return ret;
}

int kscrub_progress(int fd, u64 devid, struct kscrub_progress *out)
{
	struct btrfs_ioctl_scrub_args args = { .devid = devid };
	int ret = kcall(fd, BTRFS_IOC_SCRUB_PROGRESS, &args);

	if (!ret)
		take(out, &args.progress);
	return ret;
}

int kscrub_cancel(int fd)
{
	return kcall(fd, BTRFS_IOC_SCRUB_CANCEL, NULL);
}

int kioprio_set(int class, int data)
{
	return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(class, data)) ? -errno : 0;
}
