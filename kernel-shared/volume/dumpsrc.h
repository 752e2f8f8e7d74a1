/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A metadata dump as a second source of logical reads. Inside volume/: volume_open finds out by itself. */
#ifndef VOLUME_DUMPSRC_H
#define VOLUME_DUMPSRC_H

#include "kernel-shared/volume/volume.h"

/* bdev holds a dump. Takes it on success; *sb is the dump's superblock. Reads of what the dump lacks fail with -EIO. Thread-safe. */
int dump_source_new(struct bdev *bdev, struct logical_source **out, struct disk_super *sb, struct err *err);

#endif
