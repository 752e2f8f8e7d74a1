/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quota groups of a mounted filesystem, as kernel-shared/fs/qgroup.h has them of an unmounted one. Root only: -EPERM. */
#ifndef CMDS_MOUNTED_QUOTA_H
#define CMDS_MOUNTED_QUOTA_H

#include "cmds/mounted/subvols.h"
#include "kernel-shared/fs/qgroup.h"

/* -ENOENT when quotas are off. */
int mounted_quota_state(int fd, struct quota_state *state, struct err *err);
/* All groups by id, without subjects and paths. -ENOENT when quotas are off. */
int mounted_qgroups(int fd, struct qgroups *out, struct err *err);
/* What each group is about. */
int mounted_qgroup_subjects(struct subvols *s, bool simple, struct qgroups *q, struct err *err);

#endif
