/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem sync. Spec: cli 8.6. */
#include "cmds/mounted/host.h"

static int sync_run(struct cmd_ctx *ctx, void *args)
{
	struct host h;
	int ret = host_open(ctx, ctx->argv[0], HOST_ONLY, &h);

	if (ret)
		return ret;
	ret = ksync(h.fd);
	host_close(&h);
	return ret ? cmd_error(ctx, "Could not sync filesystem: %s", strerror(-ret)) : 0;
}

const struct cmd cmd_filesystem_sync = {
	.name = "sync", .usage = { "btrfs filesystem sync <path>" }, .brief = "Force a sync on a filesystem", .min_args = 1, .max_args = 1,
	.run = sync_run, .complete = "fs",
};
