/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs device stats: I/O error counters, as last committed. Spec: cli 10.4. */
#include <sys/stat.h>
#include "cmds/report.h"

struct stats_args { bool check, reset, offline, tabular; };

enum { COUNTERS = 5, STATS_FOUND = 64 /* exit code bit of --check */ };
static const char *const counter_names[COUNTERS] = { "write_io_errs", "read_io_errs", "flush_io_errs", "corruption_errs", "generation_errs" };

static void counters_of(const struct dev_stats *s, u64 v[COUNTERS])
{
	v[0] = s->write;
	v[1] = s->read;
	v[2] = s->flush;
	v[3] = s->corruption;
	v[4] = s->generation;
}

static void print_text(struct out *o, const struct device *dev, const u64 *v)
{
	for (unsigned i = 0; i < COUNTERS; i++) {
		if (dev->bdev)
			out_printf(o, "[%s].%-16s %llu\n", dev->path, counter_names[i], v[i]);
		else
			out_printf(o, "[devid:%llu].%-16s %llu\n", dev->devid, counter_names[i], v[i]);
	}
}

static void print_json(struct out *o, const struct device *dev, const u64 *v)
{
	out_obj(o, NULL);
	out_json_str(o, "device", dev->path);
	out_json_u64(o, "devid", dev->devid);
	for (unsigned i = 0; i < COUNTERS; i++)
		out_json_u64(o, counter_names[i], v[i]);
	out_end(o);
}

static struct table *new_table(void)
{
	static const char *const heads[] = { "Id", "Path", "Write errors", "Read errors", "Flush errors", "Corruption errors", "Generation errors" };
	struct table *t = table_new(ARRAY_SIZE(heads), 1);

	table_align(t, "rlrrrrr");
	for (size_t i = 0; t && i < ARRAY_SIZE(heads); i++)
		table_left(t, "%s", heads[i]);
	table_rule(t);
	return t;
}

static void table_row(struct table *t, const struct device *dev, const u64 *v)
{
	table_cell(t, "%llu", dev->devid);
	table_cell(t, "%s", dev->bdev ? dev->path : "missing");
	for (unsigned i = 0; i < COUNTERS; i++)
		table_cell(t, "%llu", v[i]);
}

static int device_cmp(const void *pa, const void *pb)
{
	const struct device *a = *(const struct device *const *)pa, *b = *(const struct device *const *)pb;

	return a->devid < b->devid ? -1 : a->devid > b->devid;
}

static int print_all(struct cmd_ctx *ctx, struct fs *fs, const struct stats_args *a, bool *found)
{
	VEC(struct device *) devices = VEC_INIT;
	struct table *t = a->tabular && !ctx->json ? new_table() : NULL;
	struct dev_stats s;
	u64 v[COUNTERS];
	int ret = 0;

	for (size_t i = 0; !ret && i < fs->vol->devices.len; i++)
		if (vec_push(&devices, fs->vol->devices.v[i]))
			ret = err_nomem(&ctx->err);
	vec_sort(&devices, device_cmp);
	for (size_t i = 0; !ret && i < devices.len; i++) {
		ret = fs_dev_stats(fs, devices.v[i]->devid, &s, &ctx->err);
		if (ret)
			break;
		counters_of(&s, v);
		for (unsigned c = 0; c < COUNTERS; c++)
			*found |= v[c];
		if (ctx->json)
			print_json(ctx->out, devices.v[i], v);
		else if (a->tabular)
			table_row(t, devices.v[i], v);
		else
			print_text(ctx->out, devices.v[i], v);
	}
	if (t && !ret)
		table_print(t, ctx->out, false);
	table_free(t);
	vec_fini(&devices);
	return ret;
}

static int stats_run(struct cmd_ctx *ctx, void *args)
{
	const struct stats_args *a = args;
	bool found = false;
	struct fs *fs;
	int ret;

	if (a->offline && a->reset)
		return cmd_error(ctx, "--offline and --reset cannot be used together");
	if (a->reset)
		return cmd_error(ctx, "resetting the counters of an unmounted filesystem is not supported");
	ret = report_open(ctx, ctx->argv[0], &fs, NULL);
	if (ret)
		return ret;
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "device-stats");
	}
	ret = print_all(ctx, fs, a, &found);
	if (ctx->json)
		out_json_end(ctx->out);
	target_close(ctx, fs);
	if (ret)
		return cmd_fail(ctx, "cannot read the counters of %s", ctx->argv[0]);
	return a->check && found ? STATS_FOUND : 0;
}

#define OPT_STRUCT struct stats_args
static const struct opt stats_opts[] = {
	OPT_FLAG('c', "check", check, "return non-zero if any stat counter is not zero"),
	OPT_FLAG('z', "reset", reset, "show current stats and reset values to zero"),
	OPT_FLAG(0, "offline", offline, "read the counters of an unmounted device or image"),
	OPT_FLAG('T', NULL, tabular, "show current stats in tabular format"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_device_stats = {
	.name = "stats", .usage = { "btrfs device stats [options] <path>|<device>" }, .brief = "Show device IO error statistics",
	.opts = stats_opts, CMD_ARGS(struct stats_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = stats_run, .complete = "device",
};
