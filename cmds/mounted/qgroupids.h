/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quota groups as arguments name them. Spec: cli 4.3. */
#ifndef CMDS_MOUNTED_QGROUPIDS_H
#define CMDS_MOUNTED_QGROUPIDS_H

#include "cmds/cmd.h"

enum { BAD_QGROUPID = 255, BAD_INHERIT = 234 }; /* exit codes */
/* LEVEL/ID, or the absolute path of a subvolume. Says what is wrong and returns 255, else 0. */
int qgroupid_arg(struct cmd_ctx *ctx, const char *text, u64 *id);
/* All that -i gave: *ids is heap. Id 0 is refused (234). The exit code or 0. */
int qgroupid_list(struct cmd_ctx *ctx, const struct strlist *texts, u64 **ids);

#endif
