/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands with several arguments, each of which may lie in an unmounted filesystem: arguments in a row that name the same devices share one transaction.
 * Each is an operation of its own: one that fails is said and changes nothing, the others happen. */
#ifndef CMDS_CHANGES_H
#define CMDS_CHANGES_H

#include "cmds/change.h"

struct changes {
	struct change c;
	struct target devices;   /* what c has opened; kind TARGET_HOST: nothing */
	bool open;
};
/* c is open for what t names, which must outlive the next call. Printed; the exit code or 0. */
int changes_next(struct cmd_ctx *ctx, struct changes *s, const struct target *t);
/* Commits what is open. status: the exit code so far. */
int changes_end(struct cmd_ctx *ctx, struct changes *s, int status);

/* "WHAT: strerror", with what the engine has to add where the code alone would leave one guessing. Returns 1. */
int change_failed(struct cmd_ctx *ctx, int ret, const char *what);

#endif
