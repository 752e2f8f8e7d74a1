/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem commit-stats: what the kernel counts of its commits. Spec: cli 8.5. */
#include "cmds/mounted/host.h"
#include "common/mem.h"
#include "kernel-shared/kapi/sysfs.h"

struct stats_args { bool reset; };

static const struct { const char *key, *label, *unit; } rows[] = {
	{ "commits", "Total commits:", "" }, { "last_commit_ms", "Last commit duration:", "ms" }, { "max_commit_ms", "Max commit duration:", "ms" },
	{ "total_commit_ms", "Total time spent in commit:", "ms" },
};

static void print_text(struct cmd_ctx *ctx, const struct host *h, char *text)
{
	char uuid[UUID_TEXT_MAX], *save = NULL;

	out_printf(ctx->out, "UUID: %s\nCommit stats since mount:\n", uuid_format(h->info.fsid, uuid));
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');
		size_t i;

		if (!value)
			continue;
		*value++ = 0;
		for (i = 0; i < ARRAY_SIZE(rows) && strcmp(rows[i].key, line); i++)
			;
		/* a key that is newer than this program is shown as it is */
		out_printf(ctx->out, "  %-28s%8s%s\n", i < ARRAY_SIZE(rows) ? rows[i].label : line, value, i < ARRAY_SIZE(rows) ? rows[i].unit : "");
	}
}

static void print_json(struct cmd_ctx *ctx, const struct host *h, char *text)
{
	char *save = NULL;
	u64 v;

	out_json_begin(ctx->out);
	out_obj(ctx->out, "filesystem-commit-stats");
	out_json_uuid(ctx->out, "uuid", h->info.fsid);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');

		if (!value)
			continue;
		*value++ = 0;
		if (!parse_u64(value, &v, NULL))
			out_json_u64(ctx->out, line, v);
	}
	out_json_end(ctx->out);
}

static int stats(struct cmd_ctx *ctx, const struct host *h, bool reset)
{
	char *text CLEANUP(mem_freep) = NULL;
	int ret = ksysfs_text(h->info.fsid, "commit_stats", &text);

	if (ret == -ENOENT)
		return cmd_error(ctx, "the kernel does not count commits: commit_stats needs 6.1");
	if (ret)
		return cmd_error(ctx, "cannot read the commit stats of %s: %s", h->path, strerror(-ret));
	if (ctx->json)
		print_json(ctx, h, text);
	else
		print_text(ctx, h, text);
	if (!reset)
		return 0;
	ret = ksysfs_write(h->info.fsid, "commit_stats", "0");
	if (ret)
		cmd_warn(ctx, "cannot reset stats: %s", strerror(-ret));
	else if (!ctx->json)
		out_puts(ctx->out, "NOTE: Max commit duration has been reset\n");
	return 0;
}

static int stats_run(struct cmd_ctx *ctx, void *args)
{
	const struct stats_args *a = args;
	struct host h;
	int ret = host_open(ctx, ctx->argv[0], HOST_ONLY, &h);

	if (ret)
		return ret;
	ret = stats(ctx, &h, a->reset);
	host_close(&h);
	return ret;
}

#define OPT_STRUCT struct stats_args
static const struct opt stats_opts[] = {
	OPT_FLAG('z', "reset", reset, "print the stats, then reset the maximum commit duration (needs root)"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_filesystem_commit_stats = {
	.name = "commit-stats", .usage = { "btrfs filesystem commit-stats [options] <path>" }, .brief = "Print number of commits and time stats since mount",
	.opts = stats_opts, CMD_ARGS(struct stats_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = stats_run, .complete = "fs",
};
