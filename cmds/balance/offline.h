/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Balancing an unmounted filesystem. */
#ifndef CMDS_BALANCE_OFFLINE_H
#define CMDS_BALANCE_OFFLINE_H

#include "cmds/balance/filter.h"

/* b: what is asked for. The first argument is the filesystem. The exit code. */
int balance_offline(struct cmd_ctx *ctx, struct kbalance *b);

#endif
