/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scrubbing an unmounted filesystem. */
#ifndef CMDS_SCRUB_OFFLINE_H
#define CMDS_SCRUB_OFFLINE_H

#include "cmds/cmd.h"

struct offline_scrub { bool per_device, quiet, readonly, raw, resume; u64 limit; };
/* The filesystem that the first argument names, on all its devices, in the foreground. The exit code. */
int scrub_offline(struct cmd_ctx *ctx, const struct offline_scrub *o);

#endif
