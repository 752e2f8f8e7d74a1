/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that are about to be written over: who uses them, what is on them, discarding it. Spec: cli 10.1, 18.3. Each prints its errors and returns
 * the exit code, 0 to go on. */
#ifndef CMDS_NEWDEV_NEWDEV_H
#define CMDS_NEWDEV_NEWDEV_H

#include "cmds/cmd.h"
#include "kernel-shared/bdev/bdev.h"

/* Refuses what is mounted or swapped to. */
int newdev_check_use(struct cmd_ctx *ctx, const char *path);
/* Refuses what holds a filesystem or a partition table, naming it. */
int newdev_refuse_content(struct cmd_ctx *ctx, struct bdev *bdev, const char *path);
/* Discards the first `bytes` of a whole block device that can do so. */
int newdev_trim(struct cmd_ctx *ctx, struct bdev *bdev, const char *path, u64 bytes);
/* All of it for a device that joins a mounted filesystem: block devices only; old signatures are gone afterwards. */
int newdev_prepare(struct cmd_ctx *ctx, const char *path, bool force, bool nodiscard);

#endif
