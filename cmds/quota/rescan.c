/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs quota rescan: counts all anew. Spec: cli 13.1. */
#include <errno.h>
#include "cmds/either.h"
#include "kernel-shared/fs/quota.h"
#include "kernel-shared/kapi/quota.h"

struct rescan_args { bool status, wait, wait_only; };

static int say_status(struct cmd_ctx *ctx, bool running, u64 progress)
{
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "quota-rescan");
		out_json_bool(ctx->out, "running", running);
		if (running)
			out_json_u64(ctx->out, "current-key", progress);
		out_json_end(ctx->out);
	} else if (running) {
		out_printf(ctx->out, "rescan operation running (current key %lld)\n", (s64)progress);
	} else {
		out_puts(ctx->out, "no rescan operation in progress\n");
	}
	return 0;
}

static int mounted_status(struct cmd_ctx *ctx, int fd)
{
	bool running;
	u64 progress;
	int ret = kquota_rescan_status(fd, &running, &progress);

	return ret ? cmd_error(ctx, "could not obtain quota rescan status: %s", strerror(-ret)) : say_status(ctx, running, progress);
}

static int rescan_mounted(struct cmd_ctx *ctx, const struct rescan_args *a, int fd)
{
	int ret = a->wait_only ? 0 : kquota_rescan(fd);

	if (ret && !(ret == -EINPROGRESS && a->wait))
		return cmd_error(ctx, "quota rescan failed: %s", strerror(-ret));
	if (!ret && !a->wait_only)
		cmd_say(ctx, 1, "quota rescan started\n");
	out_flush(ctx->out);
	if (!a->wait && !a->wait_only)
		return 0;
	ret = kquota_rescan_wait(fd);
	return ret ? cmd_error(ctx, "quota rescan wait failed: %s", strerror(-ret)) : 0;
}

/* It is done when the command ends: there is never one to wait for. */
static int rescan_offline(struct cmd_ctx *ctx, const struct rescan_args *a, struct either *e)
{
	struct quota_state state;
	int ret;

	if (a->status) {
		ret = quota_state_read(e->change.fs, &state, &ctx->err);
		return ret && ret != -ENOENT ? cmd_fail(ctx, "could not obtain quota rescan status") : say_status(ctx, state.rescanning, state.rescan_progress);
	}
	ret = a->wait_only ? 0 : op_quota_rescan(e->change.txn, &ctx->err);
	if (ret == -ENOTCONN)
		return cmd_error(ctx, "quota rescan failed: %s", strerror(ENOTCONN));
	if (ret)
		return cmd_fail(ctx, "quota rescan failed");
	if (!a->wait_only)
		cmd_say(ctx, 1, "quota rescan started\n");
	return 0;
}

static int rescan_run(struct cmd_ctx *ctx, void *args)
{
	const struct rescan_args *a = args;
	struct either e;
	int ret;

	if (a->status && a->wait)
		return cmd_error(ctx, "switch -w cannot be used with -s");
	if (ctx->json && !a->status)
		return cmd_error(ctx, "output format json is unsupported for this command without -s");
	ret = either_open(ctx, ctx->argv[0], HOST_DIR, &e);
	if (ret)
		return ret;
	if (!e.mounted)
		ret = rescan_offline(ctx, a, &e);
	else
		ret = a->status ? mounted_status(ctx, e.host.fd) : rescan_mounted(ctx, a, e.host.fd);
	return either_close(ctx, &e, ret);
}

#define OPT_STRUCT struct rescan_args
static const struct opt rescan_opts[] = {
	OPT_FLAG('s', "status", status, "show status of a running rescan operation"),
	OPT_FLAG('w', "wait", wait, "start rescan and wait for it to finish (can be already in progress)"),
	OPT_FLAG('W', "wait-norescan", wait_only, "wait for rescan to finish without starting it"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_quota_rescan = {
	.name = "rescan", .usage = { "btrfs quota rescan [options] <path>" },
	.brief = "Trash all qgroup numbers and scan the metadata again with the current config.", .opts = rescan_opts, CMD_ARGS(struct rescan_args),
	.min_args = 1, .max_args = 1, .flags = CMD_WRITES | CMD_QUIET | CMD_JSON, .run = rescan_run, .complete = "fs",
};
