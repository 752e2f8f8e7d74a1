/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filesystem resize on both sides. */
#ifndef CMDS_FILESYSTEM_RESIZE_H
#define CMDS_FILESYSTEM_RESIZE_H

#include "cmds/target.h"

struct resize_args { bool enqueue, offline; };
/* What an argument asks for. */
struct resize_request { u64 devid; bool has_devid, max; char sign; u64 size; };
/* "[DEVID:][+-]SIZE" or "[DEVID:]max". Says what is wrong; the exit code or 0. */
int resize_parse(struct cmd_ctx *ctx, const char *text, struct resize_request *r);

/* An unmounted filesystem: growing (a regular file grows with it), and shrinking as far as the end is free. */
int resize_offline(struct cmd_ctx *ctx, const struct resize_args *a, const char *text, const struct target *t, const char *arg);

#endif
