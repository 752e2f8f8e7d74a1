/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of btrfs-image. */
#ifndef CMDS_IMAGE_IMAGE_H
#define CMDS_IMAGE_IMAGE_H

#include "cmds/target.h"
#include "kernel-shared/dump/dump.h"

struct image_args {
	bool restore, old, walk, multi, data, private, damaged, has_level, has_threads;
	unsigned sanitize;
	u64 level, threads;
};
int image_dump(struct cmd_ctx *ctx, const struct image_args *a);
int image_restore(struct cmd_ctx *ctx, const struct image_args *a);

#endif
