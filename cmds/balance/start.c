/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs balance start. Spec: cli 9.1. */
#include <errno.h>
#include "cmds/balance/offline.h"
#include "cmds/chunkwork.h"
#include "cmds/mounted/background.h"
#include "cmds/mounted/host.h"
#include "kernel-shared/format/ids.h"
#include "kernel-shared/kapi/sysfs.h"

struct start_args {
	const char *data, *meta, *system;
	bool force, verbose, full, background, enqueue;
};

/* --- warnings that give time to think --- */

static void wait_for(struct cmd_ctx *ctx, const char *what)
{
	host_countdown(ctx, 10);
	if (env_check_interrupt(ctx->env, NULL))
		return;
	out_puts(ctx->out, what);
	out_flush(ctx->out);
}

static void warn_full(struct cmd_ctx *ctx)
{
	out_puts(ctx->out, "WARNING:\n\n\tFull balance without filters requested. This operation is very\n"
		 "\tintense and takes potentially very long. It is recommended to\n"
		 "\tuse the balance filters to narrow down the scope of balance.\n"
		 "\tUse 'btrfs balance start --full-balance' option to skip this\n"
		 "\twarning. The operation will start in 10 seconds.\n"
		 "\tUse Ctrl-C to stop it.\n");
	wait_for(ctx, "Starting balance without any filters.\n");
}

static void warn_or_wait(struct cmd_ctx *ctx, bool force, const char *text, const char *then)
{
	out_puts(ctx->out, text);
	if (force) {
		out_puts(ctx->out, "\tSafety timeout skipped due to --force\n\n");
		return;
	}
	out_puts(ctx->out, "\tThe operation will continue in 10 seconds.\n\tUse Ctrl-C to stop.\n");
	wait_for(ctx, then);
}

static bool converts(const struct kbalance *b, u64 to)
{
	const struct { u64 flag; const struct kbalance_filter *f; } types[] = {
		{ BTRFS_BALANCE_DATA, &b->data }, { BTRFS_BALANCE_METADATA, &b->meta }, { BTRFS_BALANCE_SYSTEM, &b->system } };

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		if (b->flags & types[i].flag && types[i].f->flags & BTRFS_BALANCE_ARGS_CONVERT && types[i].f->target & to)
			return true;
	return false;
}

static bool device_missing(const struct host *h)
{
	u64 found = 0;

	for (u64 id = 0; id <= h->info.max_devid; id++) {
		struct kdev_info dev;
		u64 size;

		if (kdev_info(h->fd, id, &dev))
			continue;
		found++;
		if (!dev.path[0] || kdevice_size(dev.path, &size))
			return true;
	}
	return found < h->info.num_devices;
}

static void warn_conversion(struct cmd_ctx *ctx, const struct start_args *a, const struct kbalance *b, const struct host *h)
{
	if (converts(b, BTRFS_BLOCK_GROUP_RAID56_MASK))
		warn_or_wait(ctx, a->force, "WARNING:\n\n\tRAID5/6 support has known problems and is strongly discouraged\n"
			     "\tto be used besides testing or evaluation. It is recommended that\n"
			     "\tyou use one of the other RAID profiles.\n", "Starting conversion to RAID5/6.\n");
	if (converts(b, ~0ULL) && device_missing(h))
		warn_or_wait(ctx, a->force, "WARNING:\n\n\tConversion of block group profiles requested while a device is missing.\n"
			     "\tIt is recommended to replace or remove the missing device first.\n", "Starting conversion with a missing device.\n");
}

/* --- what is asked for --- */

static int parse(struct cmd_ctx *ctx, const struct start_args *a, struct kbalance *b)
{
	int ret = 0;

	if (a->data) {
		b->flags |= BTRFS_BALANCE_DATA;
		ret = filter_parse(ctx, a->data, &b->data);
	}
	if (!ret && a->meta) {
		b->flags |= BTRFS_BALANCE_METADATA;
		ret = filter_parse(ctx, a->meta, &b->meta);
	}
	if (!ret && a->system) {
		b->flags |= BTRFS_BALANCE_SYSTEM;
		ret = filter_parse(ctx, a->system, &b->system);
	}
	if (ret)
		return ret;
	if (a->system && !a->force) {
		cmd_error(ctx, "Refusing to explicitly operate on system chunks.");
		env_msg(ctx->env, MSG_NOTE, "Pass --force if you really want to do that.");
		return 1;
	}
	/* metadata stands for system chunks, too */
	if (a->meta && !a->system) {
		b->flags |= BTRFS_BALANCE_SYSTEM;
		b->system = b->meta;
	}
	if (a->force)
		b->flags |= BTRFS_BALANCE_FORCE;
	return 0;
}

static int run(struct cmd_ctx *ctx, const struct start_args *a, struct kbalance *b, const struct host *h)
{
	pid_t pid;
	int ret = host_exclusive(ctx, h, "balance", a->enqueue);

	if (ret)
		return ret;
	warn_conversion(ctx, a, b, h);
	if (env_check_interrupt(ctx->env, &ctx->err))
		return 1;
	if (a->verbose || ctx->verbosity > 0) /* a single -v counts, though it is the default level (cli 2.2) */
		filter_dump(ctx, b);
	if (a->background) {
		pid = background_fork(ctx, false);
		if (pid)
			return pid < 0;
	}
	return balance_run(ctx, h, b, false);
}

static int start_run(struct cmd_ctx *ctx, void *args)
{
	const struct start_args *a = args;
	struct kbalance b = { 0 };
	struct host h;
	int ret = parse(ctx, a, &b);

	if (ret)
		return ret;
	if (!(b.flags & (BTRFS_BALANCE_DATA | BTRFS_BALANCE_METADATA | BTRFS_BALANCE_SYSTEM))) {
		b.flags |= BTRFS_BALANCE_DATA | BTRFS_BALANCE_METADATA | BTRFS_BALANCE_SYSTEM;
		if (!a->full)
			warn_full(ctx);
		if (env_check_interrupt(ctx->env, &ctx->err))
			return 1;
	}
	ret = chunkwork_is_offline(ctx, ctx->argv[0]);
	if (ret > 0 && (a->verbose || cmd_level(ctx) > 1))
		filter_dump(ctx, &b);
	if (ret)
		return ret < 0 ? 1 : balance_offline(ctx, &b);
	ret = host_open(ctx, ctx->argv[0], HOST_DIR | HOST_ONLY, &h);
	if (ret)
		return ret;
	ret = run(ctx, a, &b, &h);
	host_close(&h);
	return ret;
}

#define OPT_STRUCT struct start_args
static const struct opt start_opts[] = {
	OPT_OPTARG('d', "data", data, "FILTERS", "act on data chunks with optional filters (no space in between)"),
	OPT_OPTARG('m', "metadata", meta, "FILTERS", "act on metadata chunks with optional filters (no space in between)"),
	OPT_OPTARG('s', "system", system, "FILTERS", "act on system chunks (requires -f) with optional filters (no space in between)"),
	OPT_FLAG('f', "force", force, "force a reduction of metadata integrity, or skip timeout when converting to RAID56 profiles"),
	OPT_FLAG(0, "full-balance", full, "do not print warning and do not delay start"),
	OPT_FLAG(0, "background", background, "run the balance as a background process"),
	OPT_FLAG(0, "bg", background, NULL),
	OPT_FLAG(0, "enqueue", enqueue, "wait if there's another exclusive operation running, otherwise continue"),
	OPT_FLAG('v', "verbose", verbose, NULL),
	OPT_END
};
#undef OPT_STRUCT

static const char *const start_details[] = {
	"Balance and/or convert (change allocation profile of) chunks that",
	"passed all filters in a comma-separated list of filters for a",
	"particular chunk type. If filter list is not given balance all",
	"chunks of that type. In case none of the -d, -m or -s options is",
	"given balance all chunks in a filesystem. This is potentially",
	"long operation and the user is warned before this start, with",
	"a delay to stop it.",
	NULL
};
const struct cmd cmd_balance_start = {
	.name = "start", .usage = { "btrfs balance start [options] <path>" }, .brief = "Balance chunks across the devices", .details = start_details,
	.opts = start_opts, CMD_ARGS(struct start_args), .min_args = 1, .max_args = 1, .flags = CMD_VERBOSE | CMD_WRITES | CMD_PROGRESS | CMD_JOBS, .run = start_run,
	.complete = "fs",
};

/* The old form `btrfs balance --full-balance PATH`. */
static void full_init(void *args)
{
	((struct start_args *)args)->full = true;
}

const struct cmd cmd_balance_full = {
	.name = "--full-balance", .usage = { "btrfs balance --full-balance <path>" }, .brief = "Balance all chunks", .opts = start_opts,
	CMD_ARGS(struct start_args), .init = full_init, .min_args = 1, .max_args = 1, .flags = CMD_HIDDEN, .run = start_run, .complete = "fs",
};
