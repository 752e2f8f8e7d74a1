/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs scrub status, cancel, limit. Spec: cli 12.2 to 12.4. */
#include <errno.h>
#include "cmds/scrub/place.h"
#include "cmds/scrub/report.h"

/* --- status --- */

struct status_args { bool per_device, raw; };

/* Older kernels' programs tell nothing by a socket: then the kernel is asked. */
static void ask_kernel(const struct scrub_place *p, struct scrub_records *records)
{
	for (size_t i = 0; i < p->devices.len; i++) {
		struct scrub_record *r = record_find(records, p->devices.v[i].info.devid);

		if (r && !r->finished)
			kscrub_progress(p->h.fd, r->devid, &r->p);
	}
}

static void view_of(const struct scrub_place *p, struct scrub_view *v)
{
	v->limit = p->devices.v[0].limit;
	for (size_t i = 0; i < p->devices.len; i++) {
		v->to_scrub += p->devices.v[i].info.bytes_used;
		v->some_limits |= p->devices.v[i].limit != v->limit;
	}
}

static void show_devices(struct cmd_ctx *ctx, const struct scrub_place *p, struct scrub_records *records, struct scrub_view v)
{
	if (ctx->json)
		out_arr(ctx->out, "devices");
	for (size_t i = 0; i < p->devices.len; i++) {
		const struct scrub_device *d = &p->devices.v[i];
		const struct scrub_record *r = record_find(records, d->info.devid);
		struct scrub_view own = v;

		own.running = v.running && r && !r->finished && !r->cancelled;
		own.to_scrub = d->info.bytes_used;
		own.limit = d->limit;
		own.some_limits = false;
		if (ctx->json) {
			out_obj(ctx->out, NULL);
			out_json_str(ctx->out, "device", d->info.path);
			out_json_u64(ctx->out, "devid", d->info.devid);
			scrub_json(ctx->out, r, &own);
			out_end(ctx->out);
		} else {
			out_printf(ctx->out, "\nScrub device %s (id %llu) %s\n", d->info.path, d->info.devid, own.running ? "status" : r && r->t_start ? "history" : "");
			scrub_report(ctx, r, &own);
		}
	}
	if (ctx->json)
		out_end(ctx->out);
}

static void show_sum(struct cmd_ctx *ctx, const struct scrub_place *p, struct scrub_records *records, const struct scrub_view *v)
{
	struct scrub_records those = VEC_INIT;
	struct scrub_record sum;

	for (size_t i = 0; i < p->devices.len; i++) {
		const struct scrub_record *r = record_find(records, p->devices.v[i].info.devid);

		if (r)
			(void)!vec_push(&those, *r);
	}
	records_sum(&those, &sum);
	if (ctx->json)
		scrub_json(ctx->out, &sum, v);
	else
		scrub_report(ctx, &sum, v);
	vec_fini(&those);
}

static int show(struct cmd_ctx *ctx, const struct status_args *a, struct scrub_place *p)
{
	struct scrub_records records = VEC_INIT;
	struct scrub_view v = { .raw = a->raw };
	char uuid[UUID_TEXT_MAX];
	bool live, odd;
	int ret = records_load(p->h.info.fsid, &records, &live, &odd);

	if (odd)
		cmd_warn(ctx, "the scrub status file holds what is not understood; that is passed over");
	if (ret)
		cmd_warn(ctx, "failed to read the scrub status: %s", strerror(-ret));
	v.running = live || place_busy(p);
	if (v.running && !live)
		ask_kernel(p, &records);
	view_of(p, &v);
	uuid_format(p->h.info.fsid, uuid);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "scrub-status");
		out_json_str(ctx->out, "uuid", uuid);
		show_sum(ctx, p, &records, &v);
		show_devices(ctx, p, &records, v);
		out_end(ctx->out);
		out_json_end(ctx->out);
	} else {
		out_printf(ctx->out, "UUID:             %s\n", uuid);
		if (a->per_device)
			show_devices(ctx, p, &records, v);
		else
			show_sum(ctx, p, &records, &v);
	}
	vec_fini(&records);
	return 0;
}

static int status_run(struct cmd_ctx *ctx, void *args)
{
	struct scrub_place p;
	int ret = place_open(ctx, ctx->argv[0], &p);

	if (ret)
		return ret;
	ret = show(ctx, args, &p);
	place_close(&p);
	return ret;
}

/* --- cancel --- */

static int cancel_run(struct cmd_ctx *ctx, void *args)
{
	struct scrub_place p;
	int ret = place_open(ctx, ctx->argv[0], &p);

	if (ret)
		return ret;
	ret = kscrub_cancel(p.h.fd);
	place_close(&p);
	if (!ret) {
		out_puts(ctx->out, "scrub cancelled\n");
		return 0;
	}
	cmd_error(ctx, "scrub cancel failed on %s: %s", ctx->argv[0], ret == -ENOTCONN ? "not running" : strerror(-ret));
	return ret == -ENOTCONN ? 2 : 1;
}

/* --- limit --- */

struct limit_args { bool all; u64 devid, limit; bool has_devid, has_limit; };

static const char *limit_text(u64 limit, char buf[SIZE_TEXT_MAX])
{
	return limit ? units_format(limit, UNITS_HUMAN, buf) : "unlimited";
}

static int limit_set(struct cmd_ctx *ctx, const struct limit_args *a, struct scrub_place *p)
{
	bool found = false;
	char from[SIZE_TEXT_MAX], to[SIZE_TEXT_MAX];

	for (size_t i = 0; i < p->devices.len; i++) {
		const struct scrub_device *d = &p->devices.v[i];
		int ret;

		if (!a->all && d->info.devid != a->devid)
			continue;
		found = true;
		ret = place_limit_set(p, d->info.devid, a->limit);
		if (ret)
			return cmd_error(ctx, "cannot set the scrub limit of devid %llu: %s", d->info.devid, ret == -ENOENT ?
					 "this kernel knows no limits (they came with 5.14)" : strerror(-ret));
		out_printf(ctx->out, "Set scrub limit of devid %llu from %s%s to %s%s\n", d->info.devid, limit_text(d->limit, from), d->limit ? "/s" : "",
			   limit_text(a->limit, to), a->limit ? "/s" : "");
	}
	return found ? 0 : cmd_error(ctx, "device with devid %llu not found", a->devid);
}

static void limit_show(struct cmd_ctx *ctx, const struct scrub_place *p)
{
	struct table *t = table_new(3, 2);
	char size[SIZE_TEXT_MAX];

	table_align(t, "rrl");
	table_left(t, "Id");
	table_left(t, "Limit");
	table_left(t, "Path");
	table_rule(t);
	for (size_t i = 0; i < p->devices.len; i++) {
		const struct scrub_device *d = &p->devices.v[i];

		table_cell(t, "%llu", d->info.devid);
		table_cell(t, "%s", d->limit ? units_format(d->limit, ctx->units, size) : "-");
		table_cell(t, "%s", d->info.path);
	}
	if (t)
		table_print(t, ctx->out, false);
	table_free(t);
}

static void limit_json(struct cmd_ctx *ctx, const struct scrub_place *p)
{
	out_json_begin(ctx->out);
	out_json_uuid(ctx->out, "uuid", p->h.info.fsid);
	out_arr(ctx->out, "scrub-limit");
	for (size_t i = 0; i < p->devices.len; i++) {
		out_obj(ctx->out, NULL);
		out_json_u64(ctx->out, "devid", p->devices.v[i].info.devid);
		out_json_u64(ctx->out, "limit", p->devices.v[i].limit);
		out_json_str(ctx->out, "path", p->devices.v[i].info.path);
		out_end(ctx->out);
	}
	out_end(ctx->out);
	out_json_end(ctx->out);
}

static int limit_run(struct cmd_ctx *ctx, void *args)
{
	const struct limit_args *a = args;
	struct scrub_place p;
	char uuid[UUID_TEXT_MAX];
	int ret;

	if (a->all && a->has_devid)
		return cmd_error(ctx, "--all and --devid cannot be used at the same time");
	if (a->has_devid && !a->has_limit)
		return cmd_error(ctx, "--devid and --limit must be set together");
	if (a->all && !a->has_limit)
		return cmd_error(ctx, "--all and --limit must be set together");
	if (a->has_limit && !a->all && !a->has_devid)
		return cmd_error(ctx, "--limit must be used with either --all or --devid");
	ret = place_open(ctx, ctx->argv[0], &p);
	if (ret)
		return ret;
	if (ctx->json && !a->has_limit) {
		limit_json(ctx, &p);
	} else {
		out_printf(ctx->out, "UUID: %s\n", uuid_format(p.h.info.fsid, uuid));
		if (a->has_limit)
			ret = limit_set(ctx, a, &p);
		else
			limit_show(ctx, &p);
	}
	place_close(&p);
	return ret;
}

#define OPT_STRUCT struct status_args
static const struct opt status_opts[] = {
	OPT_FLAG('d', NULL, per_device, "stats per device"),
	OPT_FLAG('R', NULL, raw, "print raw stats"),
	OPT_END
};
#undef OPT_STRUCT
#define OPT_STRUCT struct limit_args
static const struct opt limit_opts[] = {
	OPT_FLAG('a', "all", all, "apply the limit to all devices"),
	OPT_U64('d', "devid", devid, "DEVID", "select the device by DEVID to apply the limit"),
	OPT_SIZE('l', "limit", limit, "SIZE", "set the limit of the device to SIZE (size units with suffix), or 0 to reset to unlimited"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_scrub_cancel = {
	.name = "cancel", .usage = { "btrfs scrub cancel <path>|<device>" }, .brief = "Cancel a running scrub", .min_args = 1, .max_args = 1, .run = cancel_run,
	.complete = "device",
};
const struct cmd cmd_scrub_status = {
	.name = "status", .usage = { "btrfs scrub status [options] <path>|<device>" }, .brief = "Show status of running or finished scrub", .opts = status_opts,
	CMD_ARGS(struct status_args), .min_args = 1, .max_args = 1, .flags = CMD_UNITS | CMD_JSON, .run = status_run, .complete = "device",
};
const struct cmd cmd_scrub_limit = {
	.name = "limit", .usage = { "btrfs scrub limit [options] <path>" }, .brief = "Show or set the per-device scrub limits (/sys/fs/btrfs/FSID/devinfo/ID/scrub_speed_max)",
	.opts = limit_opts, CMD_ARGS(struct limit_args), .min_args = 1, .max_args = 1, .flags = CMD_UNITS | CMD_JSON, .run = limit_run, .complete = "fs",
};
