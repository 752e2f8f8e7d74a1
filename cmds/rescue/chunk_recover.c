/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs rescue chunk-recover: a chunk tree out of what lies on the devices. Quiet unless -v is given. Spec: check.md 2.1. */
#include "cmds/rescue/rescue.h"
#include "kernel-shared/check/repair.h"

enum { DEVICES_SHOWN = 32 };
struct chunk_args { bool yes, help, verbose; };
struct recovering { struct cmd_ctx *ctx; const struct chunk_args *args; u64 done[DEVICES_SHOWN]; bool end[DEVICES_SHOWN]; unsigned n; u64 shown; bool scanning, asked; };

static bool verbose(const struct recovering *r)
{
	return r->args->verbose || (r->ctx->verbosity >= 0 && cmd_level(r->ctx) > 1);
}

static void show_progress(struct recovering *r)
{
	struct out *o = r->ctx->out;

	out_puts(o, "\rScanning: ");
	for (unsigned i = 0; i < r->n; i++) {
		if (r->end[i])
			out_printf(o, "%sDONE in dev%u", i ? ", " : "", i);
		else
			out_printf(o, "%s%llu in dev%u", i ? ", " : "", r->done[i], i);
	}
	out_flush(o);
}

static void on_scanned(void *arg, unsigned device, u64 done, bool end)
{
	struct recovering *r = arg;

	if (device >= DEVICES_SHOWN)
		return;
	r->n = max_t(unsigned, r->n, device + 1);
	r->done[device] = done;
	r->end[device] = end;
	r->scanning = true;
	if (!end && done - r->shown < GiB(1))
		return;
	r->shown = end ? 0 : done;
	show_progress(r);
}

static void on_say(void *arg, enum channel channel, const char *text)
{
	struct recovering *r = arg;

	if (r->scanning)
		out_puts(r->ctx->out, "\n");
	r->scanning = false;
	if (verbose(r))
		out_printf(r->ctx->out, "%s\n", text);
}

static bool on_confirm(void *arg)
{
	struct recovering *r = arg;

	if (r->scanning)
		out_puts(r->ctx->out, "\n");
	r->scanning = false;
	r->asked = true;
	return r->args->yes || cmd_ask(r->ctx, "We are going to rebuild the chunk tree on disk, it might destroy the old metadata on the disk, Are you sure?");
}

static int finish(struct recovering *r, int ret, const struct repair_result *res)
{
	struct out *o = r->ctx->out;

	if (r->scanning)
		out_puts(o, "\n");
	if (ret == -ECANCELED) {
		if (verbose(r))
			out_puts(o, "Chunk tree recovery aborted\n");
		return 1;
	}
	if (ret) {
		cmd_fail(r->ctx, "recover prepare error");
		if (verbose(r))
			out_puts(o, "Chunk tree recovery failed\n");
		return 1;
	}
	if (!res->changed)
		out_puts(o, "Check chunks successfully with no orphans\n");
	else if (verbose(r))
		out_puts(o, "Chunk tree recovered successfully\n");
	return 0;
}

static int chunk_run(struct cmd_ctx *ctx, void *args)
{
	struct recovering r = { .ctx = ctx, .args = args };
	struct repair_ops ops = { .say = on_say, .scanned = on_scanned, .confirm = on_confirm, .arg = &r };
	struct repair_args rargs = { .open = FS_OPEN_ARGS_INIT, .undo = ctx->undo, .dry_run = ctx->dry_run, .chunks = true };
	struct repair_result res = { 0 };
	struct target t;
	int ret;

	if (r.args->help)
		return cmd_usage(ctx);
	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = rescue_unmounted(ctx, &t, true);
	if (!ret) {
		rargs.open.specs = (const char *const *)t.devices.v;
		rargs.open.nspecs = t.devices.len;
		ret = env_start_pool(ctx->env, &ctx->err);
		if (!ret)
			ret = repair_run(ctx->env, &rargs, &ops, &res, &ctx->err);
		ret = finish(&r, ret, &res);
	}
	target_fini(&t);
	return ret;
}

#define OPT_STRUCT struct chunk_args
static const struct opt chunk_opts[] = {
	OPT_FLAG('y', NULL, yes, "assume an answer of `yes' to all questions"),
	OPT_FLAG('h', NULL, help, "help"),
	OPT_FLAG('v', NULL, verbose, "deprecated, alias for global -v option"),
	OPT_END
};
#undef OPT_STRUCT
const struct cmd cmd_rescue_chunk_recover = { .name = "chunk-recover", .usage = { "btrfs rescue chunk-recover [options] <device>" },
	.brief = "Recover the chunk tree by scanning the devices one by one.", .opts = chunk_opts, CMD_ARGS(struct chunk_args), .min_args = 1, .max_args = 1,
	.flags = CMD_WRITES | CMD_JOBS | CMD_VERBOSE, .run = chunk_run, .complete = "device" };
