/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks, device extents and swap files of a mounted filesystem, for what kernel-shared/fs/ computes of unmounted ones. Root only: -EPERM. */
#ifndef CMDS_MOUNTED_CHUNKS_H
#define CMDS_MOUNTED_CHUNKS_H

#include "cmds/mounted/host.h"
#include "kernel-shared/fs/usage.h"

/* As fs_chunk_places. */
int mounted_chunk_places(int fd, struct chunk_places *out, struct err *err);
/* As fs_min_dev_size. */
int mounted_min_dev_size(int fd, u64 devid, u64 *out, struct err *err);
/* As swapfile_map. */
int mounted_swapfile_map(const struct host *h, u64 *physical, struct err *err);

#endif
