/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Long work of the kernel that one request waits for: it is shown on a terminal, and Ctrl-C ends it in the kernel, too. (A signal that a program survives is
 * nothing to such a request.) */
#ifndef CMDS_MOUNTED_WORK_H
#define CMDS_MOUNTED_WORK_H

#include "cmds/mounted/host.h"
#include "common/progress.h"

struct kwork {
	int (*run)(void *arg);                              /* the request; its answer is that of kwork_run */
	int (*cancel)(void *arg);                           /* asks the kernel to stop it */
	u64 (*done)(void *arg, u64 *total);                 /* how far it is; NULL: it does not tell */
	void *arg;
	const char *title;
	enum progress_unit unit;
};
/* Runs it. *interrupted: somebody pressed Ctrl-C meanwhile; what there is to say should be said, and kwork_die called. */
int kwork_run(struct cmd_ctx *ctx, const struct kwork *w, bool *interrupted);
/* Ends the process as the signal would have, so that scripts end, too. */
void kwork_die(struct cmd_ctx *ctx);

#endif
