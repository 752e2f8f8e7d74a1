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

static struct kbalance_filter filter_to(const struct balance_filter *f)
{
	return (struct kbalance_filter){ .flags = f->flags, .profiles = f->profiles, .target = f->target, .usage = f->usage, .devid = f->devid, .limit = f->limit,
		.usage_min = f->usage_min, .usage_max = f->usage_max, .limit_min = f->limit_min, .limit_max = f->limit_max, .stripes_min = f->stripes_min,
		.stripes_max = f->stripes_max, .pstart = f->pstart, .pend = f->pend, .vstart = f->vstart, .vend = f->vend };
}

static int run(struct cmd_ctx *ctx, struct chunkwork *c, struct balance *b)
{
	const char *path = ctx->argv[0];
	int ret;

	chunkwork_progress(ctx, c, "balance", fs_balance_bytes(c->fs, b));
	ret = fs_balance(c->fs, b, &c->work, &ctx->err);
	if (ret == -EINTR)
		return cmd_error(ctx, "balance of '%s' was interrupted after %llu of %llu chunks; what was moved stays moved", path, b->completed, b->considered);
	if (ret)
		return cmd_fail(ctx, "error during balancing '%s'", path);
	out_printf(ctx->out, "Done, had to relocate %llu out of %llu chunks\n", b->completed, b->considered);
	return 0;
}

int balance_offline(struct cmd_ctx *ctx, struct kbalance *k)
{
	struct balance b = { .flags = k->flags, .data = filter_from(&k->data), .meta = filter_from(&k->meta), .system = filter_from(&k->system) };
	struct chunkwork c;
	int ret = chunkwork_begin(ctx, ctx->argv[0], 0, "balance", &c);

	return ret ? ret : chunkwork_end(ctx, &c, run(ctx, &c, &b));
}

/* --- what the kernel has left half done --- */

enum { NOT_IN_PROGRESS = 2 };

int balance_stop_offline(struct cmd_ctx *ctx, bool cancel)
{
	const char *path = ctx->argv[0];
	struct chunkwork c;
	struct balance b;
	int ret;

	if (!cancel) {
		cmd_error(ctx, "balance pause on '%s' failed: Not running: on an unmounted filesystem a balance ends with its command", path);
		return NOT_IN_PROGRESS;
	}
	ret = chunkwork_begin(ctx, path, 0, NULL, &c);
	if (ret)
		return ret;
	ret = fs_balance_paused(c.fs, &b, &ctx->err);
	if (ret == -ENOENT) {
		cmd_error(ctx, "balance cancel on '%s' failed: Not in progress", path);
		return chunkwork_end(ctx, &c, NOT_IN_PROGRESS);
	}
	ret = ret || fs_balance_forget(c.fs, &ctx->err) ? cmd_fail(ctx, "balance cancel on '%s' failed", path) : 0;
	return chunkwork_end(ctx, &c, ret);
}

int balance_resume_offline(struct cmd_ctx *ctx)
{
	const char *path = ctx->argv[0];
	struct chunkwork c;
	struct balance b;
	int ret = chunkwork_begin(ctx, path, 0, NULL, &c);

	if (ret)
		return ret;
	ret = fs_balance_paused(c.fs, &b, &ctx->err);
	if (ret == -ENOENT) {
		cmd_error(ctx, "balance resume on '%s' failed: Not in progress", path);
		return chunkwork_end(ctx, &c, NOT_IN_PROGRESS);
	}
	if (ret)
		return chunkwork_end(ctx, &c, cmd_fail(ctx, "balance resume on '%s' failed", path));
	balance_resumed(&b);
	b.flags |= BTRFS_BALANCE_FORCE; /* it was allowed when it began */
	ret = run(ctx, &c, &b);
	if (!ret && fs_balance_forget(c.fs, &ctx->err))
		ret = cmd_fail(ctx, "balance resume on '%s' failed", path);
	return chunkwork_end(ctx, &c, ret);
}

int balance_paused_offline(struct cmd_ctx *ctx, struct kbalance *out)
{
	struct target t;
	struct balance b;
	struct fs *fs;
	int ret;

	if (target_arg(ctx, ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = target_open(ctx, &t, FS_OPEN_NO_LOG_REPLAY | FS_OPEN_DEGRADED, &fs);
	target_fini(&t);
	if (ret)
		return -EIO;
	ret = fs_balance_paused(fs, &b, &ctx->err);
	target_close(ctx, fs);
	if (!ret)
		*out = (struct kbalance){ .flags = b.flags, .data = filter_to(&b.data), .meta = filter_to(&b.meta), .system = filter_to(&b.system) };
	return ret == -ENOENT ? -ENOTCONN : ret;
}
