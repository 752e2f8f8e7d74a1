/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Showing what changed between two snapshots: `diff` inside an unmounted filesystem, `subvolume diff` anywhere. */
#ifndef CMDS_SNAPDIFF_SNAPDIFF_H
#define CMDS_SNAPDIFF_SNAPDIFF_H

#include "cmds/mounted/host.h"
#include "kernel-shared/send/compare.h"

struct snapdiff_args { bool all; };
/* For the OPT_STRUCT of a command whose arguments these are. */
#define SNAPDIFF_OPTS \
	OPT_FLAG('a', "all", all, "also directories of which only the times have changed, as they do with each of their entries")
extern const char *const snapdiff_details[];

/* Prints what is new in now since old. Exit codes. */
int snapdiff_roots(struct cmd_ctx *ctx, const struct snapdiff_args *args, struct root *now, struct root *old);
/* The same for mounted read-only snapshots: the kernel's send without data tells what it changes. Root only. */
int snapdiff_mounted(struct cmd_ctx *ctx, const struct snapdiff_args *args, struct host *now, struct host *old);

/* The report itself, as ops over struct snapdiff_report. */
struct snapdiff_report { struct cmd_ctx *ctx; const struct snapdiff_args *args; bool shown; const char *before_data; };
extern const struct compare_ops snapdiff_ops;
void snapdiff_begin(struct snapdiff_report *r);
void snapdiff_end(struct snapdiff_report *r);

#endif
