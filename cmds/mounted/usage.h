/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the space of a mounted filesystem is used, as kernel-shared/fs/usage.h has it of an unmounted one. */
#ifndef CMDS_MOUNTED_USAGE_H
#define CMDS_MOUNTED_USAGE_H

#include "cmds/mounted/host.h"
#include "kernel-shared/fs/usage.h"

/* Says why not; the exit code or 0. Without the right to read the chunk tree (said as a warning) what each profile takes is computed, and
 * belongs to no device. */
int mounted_usage(struct cmd_ctx *ctx, const struct host *h, struct fs_usage *out);
/* Only what belongs to no device: spaces, the reserve, bytes used. */
int mounted_spaces(struct cmd_ctx *ctx, const struct host *h, struct fs_usage *out);
/* One device, with its name, sizes and state. -ENODEV: none of that id. */
int mounted_device(const struct host *h, u64 devid, struct device_usage *out);

#endif
