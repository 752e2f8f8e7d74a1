/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filters of balance as text. Spec: cli 9.1. */
#ifndef CMDS_BALANCE_FILTER_H
#define CMDS_BALANCE_FILTER_H

#include "cmds/mounted/work.h"
#include "kernel-shared/kapi/balance.h"

/* "usage=5..50,limit=2": adds to f. Errors are printed; the exit code or 0. */
int filter_parse(struct cmd_ctx *ctx, const char *text, struct kbalance_filter *f);
/* The block of lines that -v shows. */
void filter_dump(struct cmd_ctx *ctx, const struct kbalance *b);
/* The same as an array "filters". */
void filter_json(struct out *o, const struct kbalance *b);
/* Starts or resumes it, waits, and says how it ended. The exit code; -ENOTCONN, -EINPROGRESS: there is nothing to resume, nothing was said. */
int balance_run(struct cmd_ctx *ctx, const struct host *h, struct kbalance *b, bool resume);

#endif
