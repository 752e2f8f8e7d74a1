/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replacing a device of an unmounted filesystem. */
#ifndef CMDS_REPLACE_OFFLINE_H
#define CMDS_REPLACE_OFFLINE_H

#include "cmds/cmd.h"

/* Arguments: source, target, filesystem. The exit code. */
int replace_offline(struct cmd_ctx *ctx, bool force, bool avoid, bool nodiscard);

#endif
