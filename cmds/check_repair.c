/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs check --repair and its kin. Spec: check.md 1.1, 1.2, 1.8. */
#include <stdlib.h>
#include <unistd.h>
#include "cmds/check.h"
#include "common/mem.h"
#include "kernel-shared/check/repair.h"

enum { COUNTDOWN = 10 };

struct repairing { struct report report; const struct check_opts *opts; const char *device; bool actions; };

bool check_repairs(const struct check_opts *a)
{
	return a->repair || a->init_csum_tree || a->init_extent_tree;
}

void check_repair_warning(struct cmd_ctx *ctx, const struct check_opts *a)
{
	struct out *o = ctx->out;

	if (!check_repairs(a) || ctx->json)
		return;
	out_puts(o, "enabling repair mode\n");
	if (a->init_csum_tree)
		out_puts(o, "Creating a new CRC tree\n");
	if (a->force || ctx->dry_run)
		return;
	out_puts(o, "WARNING:\n\n\tDo not use --repair unless you are advised to do so by a developer\n"
		    "\tor an experienced user, and then only after having accepted that no\n"
		    "\tfsck can repair all types of filesystem corruption. Hardware that fails\n"
		    "\tgoes on failing: replace it first, and have a copy of what matters.\n");
	if (ctx->undo)
		out_printf(o, "\tWhat is overwritten is kept in %s:\n\t'btrfs rescue undo %s DEVICE' takes the repair back.\n", ctx->undo, ctx->undo);
	else
		out_puts(o, "\tWith --undo FILE it can be taken back, with --dry-run it only shows what it would do.\n");
	out_printf(o, "\tThe operation will start in %d seconds.\n\tUse Ctrl-C to stop it.\n", COUNTDOWN);
	for (int i = COUNTDOWN; i && !env_check_interrupt(ctx->env, NULL); i--) {
		out_printf(o, "%2d", i);
		out_flush(o);
		sleep(1);
	}
	out_puts(o, "\nStarting repair.\n");
}

/* --- what is said meanwhile --- */

static void on_say(void *arg, enum channel channel, const char *text)
{
	struct repairing *p = arg;
	struct out *o = p->report.ctx->out;

	if (!p->report.ctx->json) {
		check_say(&p->report, channel, text);
		return;
	}
	if (!p->actions) {
		out_end(o);
		out_arr(o, "actions");
		p->actions = true;
	}
	out_json_str(o, NULL, text);
}

static void on_again(void *arg)
{
	struct repairing *p = arg;
	struct out *o = p->report.ctx->out;

	p->report.errors = 0;
	if (!p->report.ctx->json) {
		out_puts(o, "Checking again what was repaired...\n");
		return;
	}
	out_end(o);
	out_arr(o, "remaining");
	p->actions = false;
}

static int on_opened(void *arg, struct fs *fs)
{
	struct repairing *p = arg;
	struct cmd_ctx *ctx = p->report.ctx;
	char uuid[UUID_TEXT_MAX];

	p->report.fs = NULL;
	p->report.v2 = geo_compat_ro(fs->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "check");
		out_arr(ctx->out, "findings");
	} else {
		out_printf(ctx->out, "Checking filesystem on %s\nUUID: %s\n", p->device, uuid_format(fs->sb->fsid, uuid));
	}
	return 0;
}

static bool on_clear_log(void *arg)
{
	struct repairing *p = arg;
	struct cmd_ctx *ctx = p->report.ctx;

	if (!cmd_ask(ctx, "repair mode will force to clear out log tree, are you sure?"))
		return false;
	if (!ctx->json)
		out_puts(ctx->out, "Clearing tree-log\n");
	return true;
}

/* --- running --- */

/* "extent-refs,device-small" as a set of ids. */
static int parse_only(struct cmd_ctx *ctx, const char *list, bool *only)
{
	char *copy CLEANUP(mem_freep) = mem_strdup(list), *save = NULL;

	if (!copy)
		return cmd_error(ctx, "not enough memory");
	for (char *name = strtok_r(copy, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		unsigned id = 0;

		while (id < PROBLEM_COUNT && strcmp(problem_row(id)->name, name))
			id++;
		if (id == PROBLEM_COUNT)
			return cmd_error(ctx, "unknown problem id: %s (see Documentation/problems.md)", name);
		if (!problem_row(id)->repair)
			return cmd_error(ctx, "nothing repairs %s", name);
		only[id] = true;
	}
	return 0;
}

static int finish(struct repairing *p, const struct repair_result *res)
{
	struct cmd_ctx *ctx = p->report.ctx;

	if (ctx->json && p->actions)
		out_end(ctx->out), out_arr(ctx->out, "remaining");
	if (ctx->json)
		check_json_summary(&p->report, &res->totals);
	else
		check_text_summary(&p->report, &res->totals);
	if (!ctx->json && res->changed && ctx->dry_run)
		out_puts(ctx->out, "This was a dry run, nothing was written.\n");
	return p->report.errors || res->totals.errors ? 1 : 0;
}

int check_repair(struct cmd_ctx *ctx, const struct check_opts *a, const struct target *t)
{
	bool only[PROBLEM_COUNT] = { false };
	struct repairing p = { .report = { .ctx = ctx, .opts = a }, .opts = a, .device = ctx->argv[0] };
	struct repair_ops ops = { .say = on_say, .again = on_again, .opened = on_opened, .clear_log = on_clear_log, .arg = &p };
	struct repair_args args = { .check = { .data_csum = a->data_csum, .memory = a->memory }, .undo = ctx->undo, .dry_run = ctx->dry_run,
				    .init_csum_tree = a->init_csum_tree, .init_extent_tree = a->init_extent_tree };
	struct repair_result res;
	int ret;

	if (a->repair && *a->repair) {
		if (parse_only(ctx, a->repair, only))
			return 1;
		args.only = only;
	}
	ops.check = ctx->json ? check_json_ops : check_text_ops;
	ops.check.arg = &p.report;
	check_open_args(ctx, a, t, &args.open);
	ctx->env->tempdir = a->temp;
	if (env_start_pool(ctx->env, &ctx->err))
		return cmd_fail(ctx, "cannot start threads");
	ret = repair_run(ctx->env, &args, &ops, &res, &ctx->err);
	if (ret == -ECANCELED)
		return 1;
	if (ret)
		return cmd_fail(ctx, "the repair has failed, nothing was written");
	return finish(&p, &res);
}
