/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The space of a mounted filesystem's files, read from its devices: the kernel would have to look for all users of every extent, file by file, while its trees
 * state them at once. Only what the last commit holds is looked at. It stays on the devices for a while; what is overwritten too soon fails its
 * checksum or generation, and whoever asked goes back to asking the kernel. */
#ifndef CMDS_MOUNTED_DU_DIRECT_H
#define CMDS_MOUNTED_DU_DIRECT_H

#include "cmds/mounted/host.h"
#include "kernel-shared/fs/du.h"

/* Everything below the directory top, in the order in which readdir() has it; what was written before is committed first. 0, what row returned, or -EAGAIN: it
 * cannot be done in this way (not allowed to, something is mounted below, it changes too fast), rows may have been given already. Silent. */
int du_direct(struct cmd_ctx *ctx, const struct host *top, du_row_fn row, void *arg, struct du_result *out);

#endif
