/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem df: space by type and profile. Spec: cli 8.1. */
#include <stdio.h>
#include "cmds/report.h"
#include "kernel-shared/kapi/sysfs.h"

static void print_text(struct cmd_ctx *ctx, const char *type, const char *profile, u64 total, u64 used)
{
	char a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX];

	cmd_say(ctx, 1, "%s, %s: total=%s, used=%s\n", type, profile, report_size(ctx, total, a), report_size(ctx, used, b));
}

static void print_json(struct out *o, const char *type, const char *profile, u64 total, u64 used)
{
	out_obj(o, NULL);
	out_json_str(o, "bg-type", type);
	out_json_str(o, "bg-profile", profile);
	out_json_u64(o, "total", total);
	out_json_u64(o, "used", used);
	out_end(o);
}

static void print_line(struct cmd_ctx *ctx, const char *type, const char *profile, u64 total, u64 used)
{
	if (ctx->json)
		print_json(ctx->out, type, profile, total, used);
	else
		print_text(ctx, type, profile, total, used);
}

/* What the kernel keeps of each type, of mounted filesystems. */
static const char *const sysfs_types[][2] = { { "Data", "data" }, { "Metadata", "metadata" }, { "System", "system" } };
static const char *const sysfs_names[] = { "bg_reclaim_threshold", "bytes_may_use", "bytes_pinned", "bytes_readonly", "bytes_reserved", "bytes_used",
	"bytes_zone_unusable", "chunk_size", "disk_total", "disk_used", "total_bytes" };
enum { PERCENT = 0 /* the one name that is no size */ };

static bool sysfs_value(const struct fs_usage *u, size_t type, size_t name, u64 *v)
{
	char file[64];

	snprintf(file, sizeof(file), "allocation/%s/%s", sysfs_types[type][1], sysfs_names[name]);
	return !ksysfs_u64(u->fsid, file, v);
}

static void print_sysfs(struct cmd_ctx *ctx, const struct fs_usage *u)
{
	char text[SIZE_TEXT_MAX];
	u64 v;

	for (size_t t = 0; t < ARRAY_SIZE(sysfs_types); t++) {
		out_printf(ctx->out, "%s:\n", sysfs_types[t][0]);
		for (size_t n = 0; n < ARRAY_SIZE(sysfs_names); n++) {
			if (!sysfs_value(u, t, n, &v))
				continue;
			if (n == PERCENT)
				snprintf(text, sizeof(text), "%llu%%", v);
			else
				report_size(ctx, v, text);
			out_printf(ctx->out, "  %-24s %16s\n", sysfs_names[n], text);
		}
	}
}

static void json_sysfs(struct out *o, const struct fs_usage *u)
{
	u64 v;

	out_arr(o, "allocation");
	for (size_t t = 0; t < ARRAY_SIZE(sysfs_types); t++) {
		out_obj(o, NULL);
		out_json_str(o, "bg-type", sysfs_types[t][0]);
		for (size_t n = 0; n < ARRAY_SIZE(sysfs_names); n++)
			if (sysfs_value(u, t, n, &v))
				out_json_u64(o, sysfs_names[n], v);
		out_end(o);
	}
	out_end(o);
}

static int df_run(struct cmd_ctx *ctx, void *args)
{
	struct fs_usage u;
	u64 known;
	bool more;
	int ret = report_spaces(ctx, ctx->argv[0], &u);

	if (ret)
		return ret;
	more = cmd_level(ctx) >= 2 && !ksysfs_u64(u.fsid, "allocation/data/total_bytes", &known);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "filesystem-df");
	}
	for (size_t i = 0; i < u.spaces.len; i++) {
		const struct space_usage *s = &u.spaces.v[i];

		print_line(ctx, bg_type_name(s->flags), profile_of(s->flags)->name, s->total, s->used);
	}
	print_line(ctx, "GlobalReserve", "single", u.reserve_size, u.reserve_used);
	if (ctx->json) {
		out_end(ctx->out);
		if (more)
			json_sysfs(ctx->out, &u);
		out_json_end(ctx->out);
	} else if (more) {
		print_sysfs(ctx, &u);
	}
	report_multiple_profiles(ctx, &u);
	fs_usage_fini(&u);
	return 0;
}

const struct cmd cmd_filesystem_df = {
	.name = "df", .usage = { "btrfs filesystem df [options] <path>" }, .brief = "Show space usage information for a filesystem",
	.min_args = 1, .max_args = 1, .flags = CMD_JSON | CMD_UNITS | CMD_UNITS_DF, .run = df_run, .complete = "device",
};
