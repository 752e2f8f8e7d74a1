/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Balancing an unmounted filesystem. */
#ifndef CMDS_BALANCE_OFFLINE_H
#define CMDS_BALANCE_OFFLINE_H

#include "cmds/balance/filter.h"

/* b: what is asked for. The first argument is the filesystem. The exit code. */
int balance_offline(struct cmd_ctx *ctx, struct kbalance *b);
/* A balance that the kernel left paused: gone on with, or given up (there is never one to pause). The exit code. */
int balance_resume_offline(struct cmd_ctx *ctx);
int balance_stop_offline(struct cmd_ctx *ctx, bool cancel);
/* Its filters. -ENOTCONN: there is none. Other failures are said. */
int balance_paused_offline(struct cmd_ctx *ctx, struct kbalance *out);

#endif
