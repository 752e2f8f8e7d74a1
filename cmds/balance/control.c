/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs balance pause, cancel, resume, status. Spec: cli 9.2. */
#include <errno.h>
#include "cmds/balance/offline.h"
#include "cmds/chunkwork.h"
#include "cmds/mounted/host.h"
#include "cmds/report.h"

static int refused(struct cmd_ctx *ctx, const char *what, const char *path, int ret, const char *absent)
{
	return cmd_error(ctx, "balance %s on '%s' failed: %s", what, path, ret == -ENOTCONN ? absent : ret == -EINPROGRESS ? "Already running" : strerror(-ret));
}

static void warn_profiles(struct cmd_ctx *ctx, const char *path)
{
	struct fs_usage u;

	if (report_spaces(ctx, path, &u))
		return;
	report_multiple_profiles(ctx, &u);
	fs_usage_fini(&u);
}

/* 2 where there is nothing to stop. */
static int stop(struct cmd_ctx *ctx, const char *what, int (*call)(int fd), const char *absent)
{
	struct host h;
	int ret = chunkwork_is_offline(ctx, ctx->argv[0]);

	if (ret)
		return ret < 0 ? 1 : balance_stop_offline(ctx, call == kbalance_cancel);
	ret = host_open(ctx, ctx->argv[0], HOST_DIR | HOST_ONLY, &h);
	if (ret)
		return ret;
	ret = call(h.fd);
	if (ret)
		refused(ctx, what, h.path, ret, absent);
	host_close(&h);
	warn_profiles(ctx, ctx->argv[0]);
	return ret == -ENOTCONN ? 2 : ret != 0;
}

static int pause_run(struct cmd_ctx *ctx, void *args)
{
	return stop(ctx, "pause", kbalance_pause, "Not running");
}

static int cancel_run(struct cmd_ctx *ctx, void *args)
{
	return stop(ctx, "cancel", kbalance_cancel, "Not in progress");
}

static int resume_run(struct cmd_ctx *ctx, void *args)
{
	struct kbalance b = { 0 };
	struct host h;
	int ret = chunkwork_is_offline(ctx, ctx->argv[0]);

	if (ret)
		return ret < 0 ? 1 : balance_resume_offline(ctx);
	ret = host_open(ctx, ctx->argv[0], HOST_DIR | HOST_ONLY, &h);
	if (ret)
		return ret;
	ret = balance_run(ctx, &h, &b, true);
	if (ret < 0) {
		refused(ctx, "resume", h.path, ret, "Not in progress");
		ret = ret == -ENOTCONN ? 2 : 1;
	}
	host_close(&h);
	return ret;
}

static const char *state_of(const struct kbalance *b)
{
	return !b->running ? "paused" : b->cancelling ? "running, cancel requested" : b->pausing ? "running, pause requested" : "running";
}

/* What is left of the chunks that were expected, rounded. */
static unsigned percent_left(const struct kbalance *b)
{
	double done = b->expected ? (double)b->considered / b->expected : 0;

	return (unsigned)(100 * (done < 1 ? 1 - done : 0) + 0.5);
}

static void show_json(struct cmd_ctx *ctx, const struct host *h, const struct kbalance *b, bool found)
{
	out_json_begin(ctx->out);
	out_obj(ctx->out, "balance-status");
	out_json_str(ctx->out, "path", h->path);
	out_json_str(ctx->out, "state", found ? state_of(b) : "none");
	if (found) {
		out_json_u64(ctx->out, "completed", b->completed);
		out_json_u64(ctx->out, "considered", b->considered);
		out_json_u64(ctx->out, "expected", b->expected);
		out_json_u64(ctx->out, "percent-left", percent_left(b));
		out_json_u64(ctx->out, "flags", b->flags);
		filter_json(ctx->out, b);
	}
	out_end(ctx->out);
	out_json_end(ctx->out);
}

struct status_args { bool verbose; };
static int status_run(struct cmd_ctx *ctx, void *args)
{
	const struct status_args *a = args;
	struct kbalance b = { 0 };
	struct host h = { .fd = -1, .path = ctx->argv[0] };
	int offline = chunkwork_is_offline(ctx, ctx->argv[0]), ret;

	if (offline < 0 || (!offline && host_open(ctx, ctx->argv[0], HOST_DIR | HOST_ONLY, &h)))
		return 2;
	ret = offline ? balance_paused_offline(ctx, &b) : kbalance_status(h.fd, &b);
	if (ret && ret != -ENOTCONN && offline)
		return 2;
	if (ret && ret != -ENOTCONN) {
		host_close(&h);
		cmd_error(ctx, "balance status on '%s' failed: %s", h.path, strerror(-ret));
		return 2;
	}
	if (ctx->json) {
		show_json(ctx, &h, &b, !ret);
	} else if (ret) {
		out_printf(ctx->out, "No balance found on '%s'\n", h.path);
	} else {
		out_printf(ctx->out, "Balance on '%s' is %s\n%llu out of about %llu chunks balanced (%llu considered), %3u%% left\n", h.path, state_of(&b), b.completed,
			   b.expected, b.considered, percent_left(&b));
		if (a->verbose || cmd_level(ctx) > 1)
			filter_dump(ctx, &b);
	}
	host_close(&h);
	return !ret;
}

#define OPT_STRUCT struct status_args
static const struct opt status_opts[] = { OPT_FLAG('v', NULL, verbose, NULL), OPT_END };
#undef OPT_STRUCT

const struct cmd cmd_balance_pause = {
	.name = "pause", .usage = { "btrfs balance pause <path>" }, .brief = "Pause running balance", .min_args = 1, .max_args = 1, .run = pause_run, .complete = "fs",
};
const struct cmd cmd_balance_cancel = {
	.name = "cancel", .usage = { "btrfs balance cancel <path>" }, .brief = "Cancel running or paused balance", .min_args = 1, .max_args = 1, .run = cancel_run,
	.complete = "fs",
};
const struct cmd cmd_balance_resume = {
	.name = "resume", .usage = { "btrfs balance resume <path>" }, .brief = "Resume interrupted balance", .min_args = 1, .max_args = 1, .run = resume_run,
	.complete = "fs",
};
const struct cmd cmd_balance_status = {
	.name = "status", .usage = { "btrfs balance status [-v] <path>" }, .brief = "Show status of running or paused balance", .opts = status_opts,
	CMD_ARGS(struct status_args), .min_args = 1, .max_args = 1, .flags = CMD_VERBOSE | CMD_JSON, .run = status_run, .complete = "fs",
};
