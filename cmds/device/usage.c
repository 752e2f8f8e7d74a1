/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs device usage: what lies on each device. Spec: cli 10.5. */
#include "cmds/report.h"

static const char *device_name(const struct device_usage *d)
{
	return d->missing ? "missing" : d->path;
}

static u64 slack_of(const struct device_usage *d)
{
	return d->real_size > d->size ? d->real_size - d->size : 0;
}

static void print_size(struct cmd_ctx *ctx, const char *label, u64 bytes)
{
	char a[SIZE_TEXT_MAX];

	out_printf(ctx->out, "   %-22s%10s\n", label, report_size(ctx, bytes, a));
}

/* "Data,RAID0/2:": profiles that stripe say over how many devices. */
static void print_chunks(struct cmd_ctx *ctx, const struct chunk_usage *c)
{
	const struct profile *p = profile_of(c->flags);
	bool striped = c->flags & (BTRFS_BLOCK_GROUP_RAID0 | BTRFS_BLOCK_GROUP_RAID10 | BTRFS_BLOCK_GROUP_RAID56_MASK);
	struct strbuf label CLEANUP(sb_fini) = STRBUF_INIT;

	sb_printf(&label, "%s,%s", bg_type_name(c->flags), p->name);
	if (striped)
		sb_printf(&label, "/%u", c->num_stripes);
	sb_char(&label, ':');
	print_size(ctx, sb_str(&label), c->size);
}

static void print_device(struct cmd_ctx *ctx, const struct fs_usage *u, const struct device_usage *d)
{
	out_printf(ctx->out, "%s, ID: %llu\n", device_name(d), d->devid);
	print_size(ctx, "Device size:", d->missing ? 0 : d->size); /* of what is there */
	print_size(ctx, "Device slack:", slack_of(d));
	for (size_t i = 0; i < u->chunks.len; i++)
		if (u->chunks.v[i].devid == d->devid)
			print_chunks(ctx, &u->chunks.v[i]);
	print_size(ctx, "Unallocated:", d->size - min_t(u64, d->size, d->allocated));
	out_puts(ctx->out, "\n");
}

static void json_device(struct out *o, const struct fs_usage *u, const struct device_usage *d)
{
	out_obj(o, NULL);
	out_json_str(o, "device", device_name(d));
	out_json_u64(o, "devid", d->devid);
	out_json_u64(o, "size", d->size);
	out_json_u64(o, "slack", slack_of(d));
	out_json_u64(o, "unallocated", d->size - min_t(u64, d->size, d->allocated));
	out_json_bool(o, "missing", d->missing);
	out_arr(o, "allocations");
	for (size_t i = 0; i < u->chunks.len; i++) {
		const struct chunk_usage *c = &u->chunks.v[i];

		if (c->devid != d->devid)
			continue;
		out_obj(o, NULL);
		out_json_str(o, "bg-type", bg_type_name(c->flags));
		out_json_str(o, "bg-profile", profile_of(c->flags)->name);
		out_json_u64(o, "num-stripes", c->num_stripes);
		out_json_u64(o, "size", c->size);
		out_end(o);
	}
	out_end(o);
	out_end(o);
}

static int usage_run(struct cmd_ctx *ctx, void *args)
{
	int ret = 0;

	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "device-usage");
	}
	for (int i = 0; !ret && i < ctx->argc; i++) {
		struct fs_usage u;

		ret = report_usage(ctx, ctx->argv[i], &u);
		if (ret)
			break;
		if (i && !ctx->json)
			out_puts(ctx->out, "\n");
		for (size_t d = 0; d < u.devices.len; d++) {
			if (ctx->json)
				json_device(ctx->out, &u, &u.devices.v[d]);
			else
				print_device(ctx, &u, &u.devices.v[d]);
		}
		fs_usage_fini(&u);
	}
	if (ctx->json)
		out_json_end(ctx->out);
	return ret;
}

const struct cmd cmd_device_usage = {
	.name = "usage", .usage = { "btrfs device usage [options] <path> [<path>..]" },
	.brief = "Show detailed information about internal allocations in devices.",
	.min_args = 1, .max_args = -1, .flags = CMD_JSON | CMD_UNITS | CMD_UNITS_DF, .run = usage_run, .complete = "device",
};
