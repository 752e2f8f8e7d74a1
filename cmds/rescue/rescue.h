/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of btrfs rescue. */
#ifndef CMDS_RESCUE_H
#define CMDS_RESCUE_H

#include "cmds/change.h"
#include "cmds/spacecache.h"
#include "kernel-shared/check/rescue.h"

/* Opens the device that an argument names for changes (--undo, --dry-run as given), begins, calls fn, commits when it gives 0. Says what fails. */
int rescue_change(struct cmd_ctx *ctx, const char *arg, change_fn *fn, void *fn_arg);
/* Refuses what is mounted, in the words given: "%s is currently mounted" or "the device is busy". The exit code or 0. */
int rescue_unmounted(struct cmd_ctx *ctx, const struct target *t, bool busy);

#endif
