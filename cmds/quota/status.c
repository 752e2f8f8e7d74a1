/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs quota status. Spec: cli 13.1. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "cmds/mounted/host.h"
#include "cmds/report.h"
#include "common/listdir.h"
#include "common/mem.h"
#include "kernel-shared/fs/qgroup.h"
#include "kernel-shared/kapi/sysfs.h"

struct status_args { bool is_enabled; };

enum { LEVELS = 1 << 16, DROP_SUBTREE_THRESHOLD = 3 /* what the kernel takes when it mounts; it is not recorded */ };
struct status {
	struct quota_state state;
	bool override;         /* also not recorded */
	u64 threshold, total;
	u64 *counts;           /* of each level */
};

static const char *yes_no(bool yes) { return yes ? "yes" : "no"; }

static void print_text(struct cmd_ctx *ctx, const struct status *status)
{
	const struct quota_state *s = &status->state;
	struct out *o = ctx->out;

	out_printf(o, "  Enabled:                 yes\n");
	out_printf(o, "  Mode:                    %s\n", s->simple ? "squota (simplified accounting)" : "qgroup (full accounting)");
	out_printf(o, "  Inconsistent:            %s%s\n", yes_no(s->inconsistent), s->inconsistent ? " (rescan needed)" : "");
	out_printf(o, "  Override limits:         %s\n", yes_no(status->override));
	out_printf(o, "  Drop subtree threshold:  %llu\n", status->threshold);
	out_printf(o, "  Total count:             %llu\n", status->total);
	for (unsigned i = 0; i < LEVELS; i++) {
		char label[32];

		if (!status->counts[i])
			continue;
		snprintf(label, sizeof(label), "Level %u:", i);
		out_printf(o, "  %-24s %llu\n", label, status->counts[i]);
	}
}

static void print_json(struct out *o, const char *path, const struct status *status)
{
	const struct quota_state *s = &status->state;

	out_json_begin(o);
	out_obj(o, "quota-status");
	out_json_str(o, "path", path);
	out_json_bool(o, "enabled", s->enabled);
	if (s->enabled) {
		out_json_str(o, "mode", s->simple ? "squota" : "qgroup");
		out_json_bool(o, "inconsistent", s->inconsistent);
		out_json_bool(o, "override-limits", status->override);
		out_json_u64(o, "drop-subtree-threshold", status->threshold);
		out_json_u64(o, "total-count", status->total);
		out_arr(o, "levels");
		for (unsigned i = 0; i < LEVELS; i++) {
			if (!status->counts[i])
				continue;
			out_obj(o, NULL);
			out_json_u64(o, "level", i);
			out_json_u64(o, "count", status->counts[i]);
			out_end(o);
		}
		out_end(o);
	}
	out_json_end(o);
}

static void count(struct status *s, u64 level)
{
	s->counts[level]++;
	s->total++;
}

static int read_offline(struct cmd_ctx *ctx, const char *arg, struct status *s)
{
	struct qgroups all = VEC_INIT;
	struct fs *fs;
	int ret = report_open(ctx, arg, &fs, NULL);

	if (ret)
		return ret;
	s->threshold = DROP_SUBTREE_THRESHOLD;
	ret = quota_state_read(fs, &s->state, &ctx->err);
	if (!ret)
		ret = qgroups_read(fs, false, &all, &ctx->err);
	for (size_t i = 0; !ret && i < all.len; i++)
		count(s, qgroup_level(all.v[i].id));
	qgroups_fini(&all);
	target_close(ctx, fs);
	return ret && ret != -ENOENT ? cmd_fail(ctx, "cannot read the quota tree") : 0;
}

/* Each group is a directory LEVEL_ID. */
static int count_mounted(const u8 fsid[16], struct status *s)
{
	char path[KSYSFS_PATH];
	enum listdir_type type;
	struct listdir *dir;
	const char *name;
	int fd = open(ksysfs_path(fsid, "qgroups", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	dir = listdir_open(fd);
	close(fd);
	if (!dir)
		return -errno;
	while ((name = listdir_next(dir, &type))) {
		char *end;
		unsigned long level = strtoul(name, &end, 10);

		if (end != name && *end == '_' && level < LEVELS)
			count(s, level);
	}
	listdir_close(dir);
	return 0;
}

/* The kernel tells everybody. */
static int read_mounted(struct cmd_ctx *ctx, const struct host *h, struct status *s)
{
	char mode[32] = "";
	u64 v;
	int ret;

	if (ksysfs_u64(h->info.fsid, "qgroups/enabled", &v) || !v)
		return 0;
	s->state.enabled = true;
	ksysfs_read(h->info.fsid, "qgroups/mode", mode, sizeof(mode));
	s->state.simple = !strcmp(mode, "squota");
	s->state.inconsistent = !ksysfs_u64(h->info.fsid, "qgroups/inconsistent", &v) && v;
	s->override = !ksysfs_u64(h->info.fsid, "quota_override", &v) && v;
	if (ksysfs_u64(h->info.fsid, "qgroups/drop_subtree_threshold", &s->threshold))
		s->threshold = DROP_SUBTREE_THRESHOLD;
	ret = count_mounted(h->info.fsid, s);
	return ret ? cmd_error(ctx, "cannot count the quota groups of %s: %s", h->path, strerror(-ret)) : 0;
}

static void print(struct cmd_ctx *ctx, const struct status *s)
{
	if (ctx->json) {
		print_json(ctx->out, ctx->argv[0], s);
		return;
	}
	out_printf(ctx->out, "Quotas on %s:\n", ctx->argv[0]);
	if (s->state.enabled)
		print_text(ctx, s);
	else
		out_puts(ctx->out, "  Enabled: no\n");
}

static int status_run(struct cmd_ctx *ctx, void *args)
{
	const struct status_args *a = args;
	struct status s = { .counts = mem_calloc(LEVELS, sizeof(*s.counts)) };
	struct host h;
	int ret = s.counts ? host_open(ctx, ctx->argv[0], HOST_DIR, &h) : cmd_error(ctx, "not enough memory");

	if (!ret) {
		ret = read_mounted(ctx, &h, &s);
		host_close(&h);
	} else if (ret == HOST_OFFLINE) {
		ret = read_offline(ctx, ctx->argv[0], &s);
	}
	if (!ret && a->is_enabled)
		ret = !s.state.enabled;
	else if (!ret)
		print(ctx, &s);
	free(s.counts);
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
	.opts = status_opts, CMD_ARGS(struct status_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = status_run, .complete = "fs",
};
