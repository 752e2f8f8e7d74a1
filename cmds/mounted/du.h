/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much space the files of a mounted filesystem hold, as kernel-shared/fs/du.h tells it of an unmounted one. */
#ifndef CMDS_MOUNTED_DU_H
#define CMDS_MOUNTED_DU_H

#include "cmds/mounted/host.h"
#include "kernel-shared/fs/du.h"

/* A file, or everything below a directory that lies in the same filesystem. What the user may not read is left out, with a warning. Files are looked at by
 * several threads; rows come in the order of the directories. Memory: bounded, but for 16 bytes for each file with several names. */
int mounted_du(struct cmd_ctx *ctx, const struct host *top, du_row_fn row, void *arg, struct du_result *out, struct err *err);

#endif
