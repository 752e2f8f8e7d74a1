/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filesystem as a whole: identity, devices, space by type, label, flushing, sizes. None of the questions needs root. */
#ifndef KAPI_SPACE_H
#define KAPI_SPACE_H

#include "common/base.h"

struct kfs_info { u64 max_devid, num_devices, generation; u8 fsid[16]; u32 nodesize, sectorsize; u16 csum_type, csum_size; };
int kfs_info(int fd, struct kfs_info *out);

struct kdev_info { u64 devid, bytes_used, total_bytes; u8 uuid[16]; char path[1025]; };
/* -ENODEV: no such devid. */
int kdev_info(int fd, u64 devid, struct kdev_info *out);

struct kspace { u64 flags, total, used; };
/* In the kernel's order, the global reserve (bit 49) included. *out is heap. */
int kspace_info(int fd, struct kspace **out, unsigned *n);
#define KSPACE_GLOBAL_RSV (1ULL << 49)

enum { KLABEL_SIZE = 256 };
int klabel_get(int fd, char out[KLABEL_SIZE]);
int klabel_set(int fd, const char *label);

/* Everything written so far is on disk. */
int ksync(int fd);
/* Starts a commit, tells its number; waits for one (0: the current). */
int ksync_start(int fd, u64 *transid);
int ksync_wait(int fd, u64 transid);

/* text: "[devid:]size" in the kernel's own syntax, or "cancel". Returns the kernel's positive answer (KDEV_*) or -errno. */
int kresize(int fd, const char *text);

#endif
