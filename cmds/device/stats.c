/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs device stats: I/O error counters: of a mounted filesystem as they are, of an unmounted one as last committed. Spec: cli 10.4. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/mounted/host.h"
#include "cmds/report.h"
#include "common/mem.h"
#include "kernel-shared/kapi/device.h"

struct stats_args { bool check, reset, offline, tabular; };

enum { COUNTERS = 5, STATS_FOUND = 64 /* exit code bit of --check */ };
static const char *const counter_names[COUNTERS] = { "write_io_errs", "read_io_errs", "flush_io_errs", "corruption_errs", "generation_errs" };

/* The counters of one device, wherever they came from. */
struct counters { u64 devid, v[COUNTERS]; char *path; /* heap; NULL: the device is missing */ };
VEC_TYPE(counter_list, struct counters);

static void counters_fini(struct counter_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		free(list->v[i].path);
	vec_fini(list);
}

static int counters_add(struct counter_list *list, u64 devid, const char *path, const u64 *v)
{
	struct counters c = { .devid = devid, .path = path ? mem_strdup(path) : NULL };

	memcpy(c.v, v, sizeof(c.v));
	if ((path && !c.path) || vec_push(list, c)) {
		free(c.path);
		return -ENOMEM;
	}
	return 0;
}

/* --- where they come from --- */

static int by_devid(const void *pa, const void *pb)
{
	const struct counters *a = pa, *b = pb;

	return a->devid < b->devid ? -1 : a->devid > b->devid;
}

static int read_fs(struct cmd_ctx *ctx, struct fs *fs, struct counter_list *list)
{
	for (size_t i = 0; i < fs->vol->devices.len; i++) {
		const struct device *d = fs->vol->devices.v[i];
		struct dev_stats s;
		int ret = fs_dev_stats(fs, d->devid, &s, &ctx->err);
		const u64 v[COUNTERS] = { s.write, s.read, s.flush, s.corruption, s.generation };

		if (!ret)
			ret = counters_add(list, d->devid, d->bdev ? d->path : NULL, v);
		if (ret)
			return ret;
	}
	vec_sort(list, by_devid);
	return 0;
}

static int read_offline(struct cmd_ctx *ctx, struct counter_list *list)
{
	struct fs *fs;
	int ret = report_open(ctx, ctx->argv[0], &fs, NULL);

	if (ret)
		return ret;
	ret = read_fs(ctx, fs, list);
	target_close(ctx, fs);
	return ret ? cmd_fail(ctx, "cannot read the counters of %s", ctx->argv[0]) : 0;
}

static bool same_device(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && S_ISBLK(sa.st_mode) && sa.st_rdev == sb.st_rdev;
}

/* only: the one device that was named, NULL: all */
static int read_mounted(struct cmd_ctx *ctx, const struct host *h, const char *only, bool reset, struct counter_list *list)
{
	for (u64 id = 0; id <= h->info.max_devid; id++) {
		struct kdev_info dev;
		u64 v[COUNTERS];
		int ret = kdev_info(h->fd, id, &dev);

		if (ret == -ENODEV || (!ret && only && !same_device(dev.path, only)))
			continue;
		if (!ret)
			ret = kdevice_stats(h->fd, id, reset, v);
		if (ret == -ENODEV)
			continue; /* missing: the kernel keeps no counters of it */
		if (!ret)
			ret = counters_add(list, id, dev.path[0] ? dev.path : NULL, v);
		if (ret)
			return cmd_error(ctx, "device stats on devid %llu of %s failed: %s", id, h->path, strerror(-ret));
	}
	return 0;
}

/* --- showing --- */

static void print_text(struct out *o, const struct counters *c)
{
	for (unsigned i = 0; i < COUNTERS; i++) {
		if (c->path)
			out_printf(o, "[%s].%-16s %llu\n", c->path, counter_names[i], c->v[i]);
		else
			out_printf(o, "[devid:%llu].%-16s %llu\n", c->devid, counter_names[i], c->v[i]);
	}
}

static void print_json(struct out *o, const struct counter_list *list)
{
	out_json_begin(o);
	out_arr(o, "device-stats");
	for (size_t d = 0; d < list->len; d++) {
		out_obj(o, NULL);
		out_json_str(o, "device", list->v[d].path ? list->v[d].path : "missing");
		out_json_u64(o, "devid", list->v[d].devid);
		for (unsigned i = 0; i < COUNTERS; i++)
			out_json_u64(o, counter_names[i], list->v[d].v[i]);
		out_end(o);
	}
	out_json_end(o);
}

static void print_table(struct out *o, const struct counter_list *list)
{
	static const char *const heads[] = { "Id", "Path", "Write errors", "Read errors", "Flush errors", "Corruption errors", "Generation errors" };
	struct table *t = table_new(ARRAY_SIZE(heads), 1);

	table_align(t, "rrrrrrr");
	for (size_t i = 0; t && i < ARRAY_SIZE(heads); i++)
		table_left(t, "%s", heads[i]);
	table_rule(t);
	for (size_t d = 0; d < list->len; d++) {
		table_cell(t, "%llu", list->v[d].devid);
		table_cell(t, "%s", list->v[d].path ? list->v[d].path : "missing");
		for (unsigned i = 0; i < COUNTERS; i++)
			table_cell(t, "%llu", list->v[d].v[i]);
	}
	if (t)
		table_print(t, o, false);
	table_free(t);
}

static void show(struct cmd_ctx *ctx, const struct stats_args *a, const struct counter_list *list)
{
	if (ctx->json)
		print_json(ctx->out, list);
	else if (a->tabular)
		print_table(ctx->out, list);
	else
		for (size_t i = 0; i < list->len; i++)
			print_text(ctx->out, &list->v[i]);
}

static int read_all(struct cmd_ctx *ctx, const struct stats_args *a, struct counter_list *list)
{
	const char *arg = ctx->argv[0];
	struct host h = { .fd = -1 };
	struct stat st;
	bool device = !stat(arg, &st) && S_ISBLK(st.st_mode);
	int ret = a->offline ? HOST_OFFLINE : host_open(ctx, arg, HOST_DIR | HOST_DEVICE, &h);

	if (ret == HOST_OFFLINE)
		return a->reset ? cmd_error(ctx, "'%s' is not a mounted btrfs device: the counters of an unmounted filesystem cannot be reset", arg) : read_offline(ctx, list);
	if (ret)
		return ret;
	ret = read_mounted(ctx, &h, device ? arg : NULL, a->reset, list);
	host_close(&h);
	return ret;
}

static int stats_run(struct cmd_ctx *ctx, void *args)
{
	const struct stats_args *a = args;
	struct counter_list list = VEC_INIT;
	bool found = false;
	int ret;

	if (a->offline && a->reset)
		return cmd_error(ctx, "--offline and --reset cannot be used together");
	ret = read_all(ctx, a, &list);
	if (!ret)
		show(ctx, a, &list);
	for (size_t d = 0; d < list.len; d++)
		for (unsigned i = 0; i < COUNTERS; i++)
			found |= list.v[d].v[i];
	counters_fini(&list);
	return ret | (a->check && found ? STATS_FOUND : 0);
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
