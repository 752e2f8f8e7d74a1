/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands that change quota groups share. */
#ifndef CMDS_QGROUP_QGROUP_H
#define CMDS_QGROUP_QGROUP_H

#include "cmds/either.h"
#include "kernel-shared/fs/quota.h"

/* "unable to WHAT quota group: REASON". Returns 1. */
int qgroup_failed(struct cmd_ctx *ctx, const struct either *e, int ret, const char *what);

#endif
