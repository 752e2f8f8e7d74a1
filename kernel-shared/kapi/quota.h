/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quotas of a mounted filesystem: on and off, counting, groups. All but the status need CAP_SYS_ADMIN. -ENOTCONN: quotas are off.
 * What the groups hold is read by tree search, or from sysfs. Spec: cli 13. */
#ifndef KAPI_QUOTA_H
#define KAPI_QUOTA_H

#include "common/base.h"

/* simple: each extent is charged to whom it was made for (kernel 6.7; -EINVAL before). */
int kquota_enable(int fd, bool simple);
int kquota_disable(int fd);
/* Starts counting all anew: -EINPROGRESS when that goes on already. */
int kquota_rescan(int fd);
/* progress: the key that was counted last. */
int kquota_rescan_status(int fd, bool *running, u64 *progress);
/* Returns when no count goes on: 0, -EINTR. */
int kquota_rescan_wait(int fd);

int kqgroup_create(int fd, u64 id);
int kqgroup_destroy(int fd, u64 id);
/* 1: done, and the numbers are no longer right. */
int kqgroup_assign(int fd, u64 member, u64 parent);
int kqgroup_remove(int fd, u64 member, u64 parent);
/* id 0: the group of the subvolume that fd lies in. which: BTRFS_QGROUP_LIMIT_*; values of -1 take the limit away. */
int kqgroup_limit(int fd, u64 id, u64 which, u64 max_rfer, u64 max_excl);

#endif
