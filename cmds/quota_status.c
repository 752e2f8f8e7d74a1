/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs quota status. Spec: cli 13.1. */
#include <stdio.h>
#include "cmds/report.h"
#include "kernel-shared/fs/qgroup.h"

struct status_args { bool is_enabled; };

/* What the kernel takes when it mounts; neither is recorded on disk. */
enum { DROP_SUBTREE_THRESHOLD = 3 };

static void count_levels(const struct qgroups *all, u64 *counts, unsigned levels)
{
	memset(counts, 0, levels * sizeof(*counts));
	for (size_t i = 0; i < all->len; i++)
		counts[qgroup_level(all->v[i].id)]++;
}

enum { LEVELS = 1 << 16 };
static const char *yes_no(bool yes) { return yes ? "yes" : "no"; }

static void print_text(struct cmd_ctx *ctx, const struct quota_state *s, u64 total, const u64 *counts)
{
	struct out *o = ctx->out;

	out_printf(o, "  Enabled:                 yes\n");
	out_printf(o, "  Mode:                    %s\n", s->simple ? "squota (simplified accounting)" : "qgroup (full accounting)");
	out_printf(o, "  Inconsistent:            %s%s\n", yes_no(s->inconsistent), s->inconsistent ? " (rescan needed)" : "");
	out_printf(o, "  Override limits:         no\n");
	out_printf(o, "  Drop subtree threshold:  %u\n", DROP_SUBTREE_THRESHOLD);
	out_printf(o, "  Total count:             %llu\n", total);
	for (unsigned i = 0; i < LEVELS; i++) {
		char label[32];

		if (!counts[i])
			continue;
		snprintf(label, sizeof(label), "Level %u:", i);
		out_printf(o, "  %-24s %llu\n", label, counts[i]);
	}
}

static void print_json(struct out *o, const char *path, const struct quota_state *s, u64 total, const u64 *counts)
{
	out_json_begin(o);
	out_obj(o, "quota-status");
	out_json_str(o, "path", path);
	out_json_bool(o, "enabled", s->enabled);
	if (s->enabled) {
		out_json_str(o, "mode", s->simple ? "squota" : "qgroup");
		out_json_bool(o, "inconsistent", s->inconsistent);
		out_json_bool(o, "override-limits", false);
		out_json_u64(o, "drop-subtree-threshold", DROP_SUBTREE_THRESHOLD);
		out_json_u64(o, "total-count", total);
		out_arr(o, "levels");
		for (unsigned i = 0; i < LEVELS; i++) {
			if (!counts[i])
				continue;
			out_obj(o, NULL);
			out_json_u64(o, "level", i);
			out_json_u64(o, "count", counts[i]);
			out_end(o);
		}
		out_end(o);
	}
	out_json_end(o);
}

static int show_status(struct cmd_ctx *ctx, struct fs *fs, const struct status_args *a)
{
	struct quota_state state;
	struct qgroups all = VEC_INIT;
	u64 *counts;
	int ret = quota_state_read(fs, &state, &ctx->err);

	if (!ret)
		ret = qgroups_read(fs, false, &all, &ctx->err);
	if (ret && ret != -ENOENT)
		return cmd_fail(ctx, "cannot read the quota tree");
	if (a->is_enabled) {
		qgroups_fini(&all);
		return state.enabled ? 0 : 1;
	}
	counts = calloc(LEVELS, sizeof(*counts));
	if (!counts) {
		qgroups_fini(&all);
		return cmd_error(ctx, "not enough memory");
	}
	count_levels(&all, counts, LEVELS);
	if (ctx->json)
		print_json(ctx->out, ctx->argv[0], &state, all.len, counts);
	else {
		out_printf(ctx->out, "Quotas on %s:\n", ctx->argv[0]);
		if (state.enabled)
			print_text(ctx, &state, all.len, counts);
		else
			out_puts(ctx->out, "  Enabled: no\n");
	}
	free(counts);
	qgroups_fini(&all);
	return 0;
}

static int status_run(struct cmd_ctx *ctx, void *args)
{
	struct fs *fs;
	int ret = report_open(ctx, ctx->argv[0], &fs, NULL);

	if (ret)
		return ret;
	ret = show_status(ctx, fs, args);
	target_close(ctx, fs);
	return ret;
}

#define OPT_STRUCT struct status_args
static const struct opt status_opts[] = {
	OPT_FLAG(0, "is-enabled", is_enabled, "only check if quotas are enabled, exit code 0 if yes, 1 if no"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_quota_status = {
	.name = "status", .usage = { "btrfs quota status [options] <path>" }, .brief = "Show status information about quota on the filesystem",
	.opts = status_opts, CMD_ARGS(struct status_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = status_run, .complete = "dir",
};
