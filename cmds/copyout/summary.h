/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a copy as a command tells it. */
#ifndef CMDS_COPYOUT_SUMMARY_H
#define CMDS_COPYOUT_SUMMARY_H

#include "cmds/cmd.h"
#include "cmds/copyout/copyout.h"

/* On standard error: what was lost and why, what was written without a checksum to verify it, what the target could not keep.
 * verb: "restored", "copied". */
void copyout_summary(struct cmd_ctx *ctx, const struct copyout_result *r, const char *verb);
/* What the target refused, a line each. */
void copyout_refusals(struct cmd_ctx *ctx, const struct copyout_result *r);
/* The summary as an object in a JSON array. path: what was copied. */
void copyout_summary_json(struct cmd_ctx *ctx, const struct copyout_result *r, const char *path);

#endif
