/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clearing the free space cache, which two commands do: btrfs rescue clear-space-cache, and btrfs check --clear-space-cache, which is older. */
#ifndef CMDS_SPACECACHE_H
#define CMDS_SPACECACHE_H

#include "cmds/change.h"

/* version: 1, the files of the root tree, or 2, the free space tree (made anew where a block group tree needs one). Prints what it did, in the words of
 * check.md 2.6. The exit code. */
int space_cache_clear(struct cmd_ctx *ctx, const struct target *t, int version);

#endif
