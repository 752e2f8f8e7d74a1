/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One argument that is changed wherever it lies: through the kernel where it is mounted, else through the engine, in one transaction. */
#ifndef CMDS_EITHER_H
#define CMDS_EITHER_H

#include "cmds/changes.h"
#include "cmds/mounted/host.h"

struct either {
	bool mounted;
	const char *arg;
	struct host host;        /* mounted */
	struct change change;    /* else */
	struct loc loc;          /* the place that arg names; the top for a whole device */
};
/* flags: HOST_*. Says why not; the exit code or 0. */
int either_open(struct cmd_ctx *ctx, const char *arg, unsigned flags, struct either *out);
/* status: the exit code so far. Returns the final one: a commit may fail. */
int either_close(struct cmd_ctx *ctx, struct either *e, int status);
/* The subvolume whose top arg is. -EINVAL: it is none. */
int either_subvol(const struct either *e, u64 *id);
/* LEVEL/ID, or the absolute path of a subvolume: of the running system, or inside. Says what is wrong and returns 255, else 0. */
int either_qgroupid(struct cmd_ctx *ctx, struct either *e, const char *text, u64 *id);

#endif
