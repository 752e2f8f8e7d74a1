/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that go on after they have returned. */
#ifndef CMDS_MOUNTED_BACKGROUND_H
#define CMDS_MOUNTED_BACKGROUND_H

#include <sys/types.h>
#include "cmds/cmd.h"

/* Forks: 0 in the child, which has its own session and no terminal but keeps standard output and error if `talks`; the child's pid in the parent; or an
 * error was printed: -1. No thread may run yet. */
pid_t background_fork(struct cmd_ctx *ctx, bool talks);

#endif
