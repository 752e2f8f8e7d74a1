/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Adding and removing devices of an unmounted filesystem. */
#ifndef CMDS_DEVICE_OFFLINE_H
#define CMDS_DEVICE_OFFLINE_H

#include "cmds/cmd.h"

/* The last argument is the filesystem, the others are devices. The exit code. */
int device_add_offline(struct cmd_ctx *ctx, bool force, bool nodiscard);
int device_remove_offline(struct cmd_ctx *ctx);

#endif
