/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scrub: the kernel reads all copies of a device and verifies and repairs them. Spec: cli 12. */
#ifndef KAPI_SCRUB_H
#define KAPI_SCRUB_H

#include "common/base.h"

/* In the order and by the names of the raw report. */
enum kscrub_counter {
	KSCRUB_DATA_EXTENTS, KSCRUB_TREE_EXTENTS, KSCRUB_DATA_BYTES, KSCRUB_TREE_BYTES, KSCRUB_READ_ERRORS, KSCRUB_CSUM_ERRORS, KSCRUB_VERIFY_ERRORS,
	KSCRUB_NO_CSUM, KSCRUB_CSUM_DISCARDS, KSCRUB_SUPER_ERRORS, KSCRUB_MALLOC_ERRORS, KSCRUB_UNCORRECTABLE, KSCRUB_UNVERIFIED, KSCRUB_CORRECTED,
	KSCRUB_LAST_PHYSICAL, KSCRUB_COUNTERS,
};
struct kscrub_progress { u64 v[KSCRUB_COUNTERS]; };

/* One device from a physical position on, to its end. out is filled in whatever comes of it. -ECANCELED: cancelled; -EINPROGRESS: one runs there;
 * -ENODEV: the device is missing. */
int kscrub_run(int fd, u64 devid, u64 start, bool readonly, struct kscrub_progress *out);
/* -ENOTCONN: none runs on the device. */
int kscrub_progress(int fd, u64 devid, struct kscrub_progress *out);
/* All devices. -ENOTCONN: not running. */
int kscrub_cancel(int fd);
/* This process's I/O priority: class 0 to 3, data 0 to 7. */
int kioprio_set(int class, int data);

#endif
