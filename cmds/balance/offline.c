/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs balance start of an unmounted filesystem: done when the command ends. Spec: cli 9.1. */
#include "cmds/balance/offline.h"

#include <errno.h>
#include "cmds/chunkwork.h"

static struct balance_filter filter_from(const struct kbalance_filter *k)
{
	return (struct balance_filter){ .flags = k->flags, .profiles = k->profiles, .target = k->target, .usage = k->usage, .devid = k->devid, .limit = k->limit,
		.usage_min = k->usage_min, .usage_max = k->usage_max, .limit_min = k->limit_min, .limit_max = k->limit_max, .stripes_min = k->stripes_min,
		.stripes_max = k->stripes_max, .pstart = k->pstart, .pend = k->pend, .vstart = k->vstart, .vend = k->vend };
}

int balance_offline(struct cmd_ctx *ctx, struct kbalance *k)
{
	struct balance b = { .flags = k->flags, .data = filter_from(&k->data), .meta = filter_from(&k->meta), .system = filter_from(&k->system) };
	const char *path = ctx->argv[0];
	struct chunkwork c;
	int ret = chunkwork_begin(ctx, path, 0, &c);

	if (ret)
		return ret;
	chunkwork_progress(ctx, &c, "balance", fs_balance_bytes(c.fs, &b));
	ret = fs_balance(c.fs, &b, &c.work, &ctx->err);
	if (ret == -EINTR)
		ret = cmd_error(ctx, "balance of '%s' was interrupted after %llu of %llu chunks; what was moved stays moved", path, b.completed, b.considered);
	else if (ret)
		ret = cmd_fail(ctx, "error during balancing '%s'", path);
	else
		out_printf(ctx->out, "Done, had to relocate %llu out of %llu chunks\n", b.completed, b.considered);
	return chunkwork_end(ctx, &c, ret);
}
