/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A filesystem and its devices, as `filesystem show` prints them. Spec: cli 8.3. */
#ifndef CMDS_FILESYSTEM_SHOWN_H
#define CMDS_FILESYSTEM_SHOWN_H

#include "cmds/report.h"

struct found_device;

struct shown_device { u64 devid, size, used; char *path; bool missing; };
struct shown {
	u8 fsid[16];
	char label[BTRFS_LABEL_SIZE + 1];
	u64 num_devices, bytes_used;
	bool mounted;
	bool missing;          /* some devices */
	VEC(struct shown_device) devices;
};
/* What the kernel says of the filesystem mounted at dir. 0 or -errno. */
int shown_mounted(const char *dir, struct shown *out);
/* What the superblocks of n devices of one filesystem, in order of devid, say. -ENOMEM. */
int shown_found(const struct found_device *devices, size_t n, struct shown *out);
void shown_fini(struct shown *s);
void shown_print(struct cmd_ctx *ctx, const struct shown *s);

#endif
