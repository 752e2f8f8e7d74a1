/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees by number or name, as -t takes them. Spec: cli 4.3. */
#ifndef CMDS_TREEID_H
#define CMDS_TREEID_H

#include "cmds/cmd.h"

/* Says what is wrong. Returns the exit code or 0. */
int treeid_parse(struct cmd_ctx *ctx, const char *text, u64 *out);

#endif
