/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices: those that the kernel knows, those of a mounted filesystem, their error counters. Spec: cli 10. */
#ifndef KAPI_DEVICE_H
#define KAPI_DEVICE_H

#include "common/base.h"

/* Through /dev/btrfs-control. Block devices only (-ENOTBLK). */
int kdevice_scan(const char *path);
/* NULL: all that are not mounted. */
int kdevice_forget(const char *path);
/* 0: all devices of its filesystem are known; 1: not yet. Registers the device, too. */
int kdevice_ready(const char *path);

int kdevice_add(int fd, const char *path);
/* By path, "missing" and "cancel" included, or (path NULL) by id. Returns 0, the kernel's reason (see kdevice_reason), or -errno. */
int kdevice_remove(int fd, const char *path, u64 devid);
/* What a positive answer of kdevice_remove means. */
const char *kdevice_reason(int code);

enum { KDEVICE_STATS = 5 };
/* Write, read, flush, corruption, generation errors; reset: and zero afterwards. */
int kdevice_stats(int fd, u64 devid, bool reset, u64 out[KDEVICE_STATS]);

#endif
