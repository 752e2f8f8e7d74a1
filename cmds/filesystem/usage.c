/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem usage: all of the space, by type and by device. Spec: cli 8.4. */
#include <stdlib.h>
#include "cmds/report.h"
#include "common/mem.h"

struct usage_args { bool tabular; };

static const char *device_name(const struct device_usage *d)
{
	return d->missing ? "missing" : d->path;
}

static const struct { u64 type; const char *word; } type_words[] = {
	{ BTRFS_BLOCK_GROUP_DATA, "data" }, { BTRFS_BLOCK_GROUP_METADATA, "metadata" }, { BTRFS_BLOCK_GROUP_SYSTEM, "system" },
};

static void list_types(u64 multiple, struct strbuf *sb)
{
	for (size_t i = 0; i < ARRAY_SIZE(type_words); i++)
		if (multiple & type_words[i].type)
			sb_printf(sb, "%s%s", sb->len ? ", " : "", type_words[i].word);
}

static void print_overall(struct cmd_ctx *ctx, const struct fs_usage *u)
{
	struct strbuf types CLEANUP(sb_fini) = STRBUF_INIT;
	/* the incumbent's rule, to whom asking for the default is asking for nothing */
	int width = ctx->units.base != UNIT_BINARY || ctx->units.step ? 18 : 10;
	char a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX];
	struct out *o = ctx->out;
	struct usage_overall all;

	fs_usage_overall(u, &all);
	list_types(all.multiple, &types);
	out_printf(o, "Overall:\n");
	out_printf(o, "    Device size:\t\t%*s\n", width, report_size(ctx, all.size, a));
	out_printf(o, "    Device allocated:\t\t%*s\n", width, report_size(ctx, all.allocated, a));
	out_printf(o, "    Device unallocated:\t\t%*s\n", width, report_size(ctx, all.unallocated, a));
	out_printf(o, "    Device missing:\t\t%*s\n", width, report_size(ctx, all.missing, a));
	out_printf(o, "    Device slack:\t\t%*s\n", width, report_size(ctx, all.slack, a));
	out_printf(o, "    Used:\t\t\t%*s\n", width, report_size(ctx, all.used, a));
	out_printf(o, "    Free (estimated):\t\t%*s\t(min: %s)\n", width, report_size(ctx, all.free_estimated, a),
		   report_size(ctx, all.free_min, b));
	out_printf(o, "    Free (statfs, df):\t\t%*s\n", width, report_size(ctx, u->statfs_avail, a));
	out_printf(o, "    Data ratio:\t\t\t%*.2f\n", width, all.data_ratio);
	out_printf(o, "    Metadata ratio:\t\t%*.2f\n", width, all.metadata_ratio);
	out_printf(o, "    Global reserve:\t\t%*s\t(used: %s)\n", width, report_size(ctx, u->reserve_size, a), report_size(ctx, u->reserve_used, b));
	if (all.multiple)
		out_printf(o, "    Multiple profiles:\t\t%*s\t(%s)\n", width, "yes", sb_str(&types));
	else
		out_printf(o, "    Multiple profiles:\t\t%*s\n", width, "no");
}

static double used_percent(const struct space_usage *s)
{
	return s->total ? 100.0 * s->used / s->total : 0.0;
}

static int profile_cmp(const void *pa, const void *pb)
{
	const struct space_usage *const *a = pa, *const *b = pb;
	u64 x = (*a)->flags & BTRFS_BLOCK_GROUP_PROFILE_MASK, y = (*b)->flags & BTRFS_BLOCK_GROUP_PROFILE_MASK;

	return x < y ? -1 : x > y;
}

/* Spaces in the order of the report: data, metadata, system; single first, then profiles by their bits. */
static size_t ordered_spaces(const struct fs_usage *u, const struct space_usage **out)
{
	static const u64 types[] = { BTRFS_BLOCK_GROUP_DATA, BTRFS_BLOCK_GROUP_METADATA, BTRFS_BLOCK_GROUP_SYSTEM };
	size_t n = 0, from;

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		from = n;
		for (size_t i = 0; i < u->spaces.len; i++)
			/* the lowest of its types decides, so that mixed groups come once */
			if (u->spaces.v[i].flags & types[t] && !(t && u->spaces.v[i].flags & types[0]))
				out[n++] = &u->spaces.v[i];
		qsort(out + from, n - from, sizeof(*out), profile_cmp);
	}
	return n;
}

static u64 device_unallocated(const struct device_usage *d)
{
	return d->size - min_t(u64, d->size, d->allocated);
}

static void print_linear(struct cmd_ctx *ctx, const struct fs_usage *u, const struct space_usage **spaces, size_t n)
{
	char a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX];
	struct out *o = ctx->out;

	for (size_t i = 0; i < n; i++) {
		const struct space_usage *s = spaces[i];

		out_printf(o, "\n%s,%s: Size:%s, Used:%s (%.2f%%)\n", bg_type_name(s->flags), profile_of(s->flags)->name,
			   report_size(ctx, s->total, a), report_size(ctx, s->used, b), used_percent(s));
		for (size_t d = 0; d < u->devices.len; d++) {
			u64 bytes = fs_usage_chunk_bytes(u, s->flags, u->devices.v[d].devid);

			if (bytes)
				out_printf(o, "   %s\t%10s\n", device_name(&u->devices.v[d]), report_size(ctx, bytes, a));
		}
	}
	if (u->anonymous) {
		out_puts(o, "\n");
		return;
	}
	out_puts(o, "\nUnallocated:\n");
	for (size_t d = 0; d < u->devices.len; d++)
		out_printf(o, "   %s\t%10s\n", device_name(&u->devices.v[d]), report_size(ctx, device_unallocated(&u->devices.v[d]), a));
}

/* A size in a row of one device: nothing is a dash. */
static void device_cell(struct cmd_ctx *ctx, struct table *t, u64 bytes)
{
	char a[SIZE_TEXT_MAX];

	table_cell(t, "%s", bytes ? report_size(ctx, bytes, a) : "-");
}

static void size_cell(struct cmd_ctx *ctx, struct table *t, u64 bytes)
{
	char a[SIZE_TEXT_MAX];

	table_cell(t, "%s", report_size(ctx, bytes, a));
}

static void table_head(struct table *t, const struct space_usage **spaces, size_t n)
{
	table_left(t, "%s", "");
	table_left(t, "%s", "");
	for (size_t i = 0; i < n; i++)
		table_left(t, "%s", bg_type_name(spaces[i]->flags));
	for (unsigned i = 0; i < 3; i++)
		table_left(t, "%s", "");
	table_left(t, "Id");
	table_left(t, "Path");
	for (size_t i = 0; i < n; i++)
		table_left(t, "%s", profile_of(spaces[i]->flags)->name);
	table_left(t, "Unallocated");
	table_left(t, "Total");
	table_left(t, "Slack");
	table_rule(t);
}

static void table_sums(struct cmd_ctx *ctx, struct table *t, const struct fs_usage *u, const struct space_usage **spaces, size_t n)
{
	struct usage_overall all;

	fs_usage_overall(u, &all);
	table_rule(t);
	table_cell(t, "%s", "");
	table_left(t, "Total");
	for (size_t i = 0; i < n; i++)
		size_cell(ctx, t, spaces[i]->total);
	size_cell(ctx, t, all.unallocated);
	size_cell(ctx, t, all.size);
	size_cell(ctx, t, all.slack);
	table_cell(t, "%s", "");
	table_left(t, "Used");
	for (size_t i = 0; i < n; i++)
		size_cell(ctx, t, spaces[i]->used);
}

static int print_table(struct cmd_ctx *ctx, const struct fs_usage *u, const struct space_usage **spaces, size_t n)
{
	char *right = mem_zalloc(n + 6);
	struct table *t = table_new(n + 5, 1);

	if (!t || !right) {
		free(right);
		table_free(t);
		return cmd_error(ctx, "not enough memory");
	}
	memset(right, 'r', n + 5);
	table_align(t, right);
	free(right);
	table_head(t, spaces, n);
	for (size_t d = 0; d < u->devices.len; d++) {
		const struct device_usage *dev = &u->devices.v[d];

		table_cell(t, "%llu", dev->devid);
		table_left(t, "%s", device_name(dev));
		for (size_t i = 0; i < n; i++)
			device_cell(ctx, t, fs_usage_chunk_bytes(u, spaces[i]->flags, dev->devid));
		device_cell(ctx, t, device_unallocated(dev));
		device_cell(ctx, t, dev->size);
		device_cell(ctx, t, dev->real_size > dev->size ? dev->real_size - dev->size : 0);
	}
	table_sums(ctx, t, u, spaces, n);
	for (unsigned i = 0; i < 3; i++)
		table_cell(t, "%s", "");
	out_puts(ctx->out, "\n");
	table_print(t, ctx->out, true);
	table_free(t);
	return 0;
}

static void json_overall(struct out *o, const struct fs_usage *u)
{
	struct usage_overall all;

	fs_usage_overall(u, &all);
	out_obj(o, "overall");
	out_json_u64(o, "device-size", all.size);
	out_json_u64(o, "device-allocated", all.allocated);
	out_json_u64(o, "device-unallocated", all.unallocated);
	out_json_u64(o, "device-missing", all.missing);
	out_json_u64(o, "device-slack", all.slack);
	out_json_u64(o, "used", all.used);
	out_json_u64(o, "free-estimated", all.free_estimated);
	out_json_u64(o, "free-estimated-min", all.free_min);
	out_json_u64(o, "free-statfs", u->statfs_avail);
	out_json_double(o, "data-ratio", all.data_ratio, 2);
	out_json_double(o, "metadata-ratio", all.metadata_ratio, 2);
	out_json_u64(o, "global-reserve", u->reserve_size);
	out_json_u64(o, "global-reserve-used", u->reserve_used);
	out_json_bool(o, "multiple-profiles", all.multiple);
	out_arr(o, "multiple-profile-types");
	for (size_t i = 0; i < ARRAY_SIZE(type_words); i++)
		if (all.multiple & type_words[i].type)
			out_json_str(o, NULL, type_words[i].word);
	out_end(o);
	out_end(o);
}

static void json_usage(struct out *o, const char *arg, const struct fs_usage *u, const struct space_usage **spaces, size_t n)
{
	out_obj(o, NULL);
	out_json_str(o, "path", arg);
	json_overall(o, u);
	out_arr(o, "block-groups");
	for (size_t i = 0; i < n; i++) {
		out_obj(o, NULL);
		out_json_str(o, "bg-type", bg_type_name(spaces[i]->flags));
		out_json_str(o, "bg-profile", profile_of(spaces[i]->flags)->name);
		out_json_u64(o, "total", spaces[i]->total);
		out_json_u64(o, "used", spaces[i]->used);
		out_json_double(o, "used-percent", used_percent(spaces[i]), 2);
		out_arr(o, "devices");
		for (size_t d = 0; d < u->devices.len; d++) {
			u64 bytes = fs_usage_chunk_bytes(u, spaces[i]->flags, u->devices.v[d].devid);

			if (!bytes)
				continue;
			out_obj(o, NULL);
			out_json_u64(o, "devid", u->devices.v[d].devid);
			out_json_u64(o, "size", bytes);
			out_end(o);
		}
		out_end(o);
		out_end(o);
	}
	out_end(o);
	out_arr(o, "devices");
	for (size_t d = 0; d < u->devices.len; d++) {
		const struct device_usage *dev = &u->devices.v[d];

		out_obj(o, NULL);
		out_json_u64(o, "devid", dev->devid);
		out_json_str(o, "device", device_name(dev));
		out_json_u64(o, "size", dev->size);
		out_json_u64(o, "slack", dev->real_size > dev->size ? dev->real_size - dev->size : 0);
		out_json_u64(o, "unallocated", device_unallocated(dev));
		out_json_bool(o, "missing", dev->missing);
		out_end(o);
	}
	out_end(o);
	out_end(o);
}

static int print_one(struct cmd_ctx *ctx, const char *arg, const struct fs_usage *u, bool tabular)
{
	const struct space_usage **spaces = calloc(u->spaces.len + 1, sizeof(*spaces));
	size_t n;
	int ret = 0;

	if (!spaces)
		return cmd_error(ctx, "not enough memory");
	n = ordered_spaces(u, spaces);
	if (ctx->json) {
		json_usage(ctx->out, arg, u, spaces, n);
	} else {
		print_overall(ctx, u);
		if (tabular)
			ret = print_table(ctx, u, spaces, n);
		else
			print_linear(ctx, u, spaces, n);
	}
	free(spaces);
	return ret;
}

static int usage_run(struct cmd_ctx *ctx, void *args)
{
	const struct usage_args *a = args;
	int ret = 0;

	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "filesystem-usage");
	}
	for (int i = 0; !ret && i < ctx->argc; i++) {
		struct fs_usage u;

		ret = report_usage(ctx, ctx->argv[i], &u);
		if (ret)
			break;
		if (i && !ctx->json)
			out_puts(ctx->out, "\n");
		ret = print_one(ctx, ctx->argv[i], &u, a->tabular);
		report_multiple_profiles(ctx, &u);
		fs_usage_fini(&u);
	}
	if (ctx->json)
		out_json_end(ctx->out);
	return ret;
}

#define OPT_STRUCT struct usage_args
static const struct opt usage_opts[] = {
	OPT_FLAG('T', NULL, tabular, "show data in tabular format"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_filesystem_usage = {
	.name = "usage", .usage = { "btrfs filesystem usage [options] <path> [<path>..]" }, .brief = "Show detailed information about internal filesystem usage.",
	.opts = usage_opts, CMD_ARGS(struct usage_args), .min_args = 1, .max_args = -1, .flags = CMD_JSON | CMD_UNITS | CMD_UNITS_DF, .run = usage_run,
	.complete = "device",
};
