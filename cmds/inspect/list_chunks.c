/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs inspect-internal list-chunks: every device extent with its chunk. Spec: cli 15.2. */
#include "cmds/mounted/chunks.h"
#include "cmds/report.h"
#include "cmds/sortkeys.h"
#include "common/mem.h"

enum sort_key { BY_DEVID, BY_PSTART, BY_LSTART, BY_USAGE, BY_LENGTH, BY_TYPE, BY_PROFILE };
static const char *const sort_names[] = { "devid", "pstart", "lstart", "usage", "length", "type", "profile" };

struct chunks_args { const char *sort; };

/* One row: the place and its numbers along the device and in logical order. */
struct row { struct chunk_place p; u64 pnumber, lnumber; };

static double usage_of(const struct chunk_place *p)
{
	return p->chunk_length ? 100.0 * p->used / p->chunk_length : 0.0;
}

static int parse_sort(struct cmd_ctx *ctx, const char *text, struct sort_keys *order)
{
	const char *bad;
	int len;

	*order = (struct sort_keys){ 0 };
	return sort_keys_parse(order, text, sort_names, ARRAY_SIZE(sort_names), &bad, &len) ? 0 : cmd_error(ctx, "unknown sort key: %.*s", len, bad);
}

static int compare_by(enum sort_key key, const struct chunk_place *a, const struct chunk_place *b)
{
	switch (key) {
	case BY_DEVID: return sort_compare(a->devid, b->devid);
	case BY_PSTART: return sort_compare(a->physical, b->physical);
	case BY_LSTART: return sort_compare(a->logical, b->logical);
	case BY_USAGE: return usage_of(a) < usage_of(b) ? -1 : usage_of(a) > usage_of(b);
	case BY_LENGTH: return sort_compare(a->length, b->length);
	case BY_TYPE: return sort_compare(a->flags & BTRFS_BLOCK_GROUP_TYPE_MASK, b->flags & BTRFS_BLOCK_GROUP_TYPE_MASK);
	case BY_PROFILE: return sort_compare(a->flags & BTRFS_BLOCK_GROUP_PROFILE_MASK, b->flags & BTRFS_BLOCK_GROUP_PROFILE_MASK);
	}
	return 0;
}

static int row_cmp(const void *pa, const void *pb, void *arg)
{
	const struct row *a = pa, *b = pb;
	const struct sort_keys *order = arg;
	int c = 0;

	for (unsigned i = 0; !c && i < order->n; i++) {
		c = compare_by((enum sort_key)order->by[i].key, &a->p, &b->p);
		if (order->by[i].descending)
			c = -c;
	}
	if (!c)
		c = sort_compare(a->p.devid, b->p.devid);
	return c ? c : sort_compare(a->p.physical, b->p.physical);
}

static void print_rows(struct cmd_ctx *ctx, const struct row *rows, size_t n)
{
	static const char *const heads[] = { "Devid", "PNumber", "Type/profile", "PStart", "Length", "PEnd", "LNumber", "LStart", "Usage%" };
	struct table *t = table_new(ARRAY_SIZE(heads), 1);
	char a[SIZE_TEXT_MAX];

	table_align(t, "rrrrrrrrr");
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		table_cell(t, "%s", heads[i]);
	table_rule(t);
	for (size_t i = 0; i < n; i++) {
		const struct chunk_place *p = &rows[i].p;

		table_cell(t, "%llu", p->devid);
		table_cell(t, "%llu", rows[i].pnumber);
		table_cell(t, "%10s/%-6s", bg_type_name(p->flags), profile_of(p->flags)->name);
		table_cell(t, "%s", report_size(ctx, p->physical, a));
		table_cell(t, "%s", report_size(ctx, p->length, a));
		table_cell(t, "%s", report_size(ctx, p->physical + p->length, a));
		table_cell(t, "%llu", rows[i].lnumber);
		table_cell(t, "%s", report_size(ctx, p->logical, a));
		table_cell(t, "%.2f", usage_of(p));
	}
	table_print(t, ctx->out, false);
	table_free(t);
}

static void json_rows(struct out *o, const struct row *rows, size_t n)
{
	out_json_begin(o);
	out_arr(o, "list-chunks");
	for (size_t i = 0; i < n; i++) {
		const struct chunk_place *p = &rows[i].p;

		out_obj(o, NULL);
		out_json_u64(o, "devid", p->devid);
		out_json_u64(o, "pnumber", rows[i].pnumber);
		out_json_str(o, "bg-type", bg_type_name(p->flags));
		out_json_str(o, "bg-profile", profile_of(p->flags)->name);
		out_json_u64(o, "pstart", p->physical);
		out_json_u64(o, "length", p->length);
		out_json_u64(o, "pend", p->physical + p->length);
		out_json_u64(o, "lnumber", rows[i].lnumber);
		out_json_u64(o, "lstart", p->logical);
		out_json_u64(o, "chunk-length", p->chunk_length);
		out_json_u64(o, "used", p->used);
		out_json_double(o, "usage", usage_of(p), 2);
		out_end(o);
	}
	out_json_end(o);
}

/* Counts along each device, then along the logical addresses, then sorts as asked. */
static struct row *make_rows(const struct chunk_places *places, struct sort_keys *order)
{
	struct sort_keys logical = { .n = 1, .by = { { BY_LSTART, false } } };
	struct row *rows = mem_calloc(places->len + 1, sizeof(*rows));

	for (size_t i = 0; rows && i < places->len; i++) {
		rows[i].p = places->v[i];
		rows[i].pnumber = i && rows[i - 1].p.devid == rows[i].p.devid ? rows[i - 1].pnumber + 1 : 1;
	}
	if (!rows)
		return NULL;
	qsort_r(rows, places->len, sizeof(*rows), row_cmp, &logical);
	for (size_t i = 0; i < places->len; i++)
		rows[i].lnumber = i + 1;
	qsort_r(rows, places->len, sizeof(*rows), row_cmp, order);
	return rows;
}

/* On either side. The exit code. */
static int read_places(struct cmd_ctx *ctx, const char *arg, struct chunk_places *places)
{
	struct host h;
	struct fs *fs;
	int ret = host_open(ctx, arg, 0, &h);

	if (!ret) {
		ret = mounted_chunk_places(h.fd, places, &ctx->err);
		host_close(&h);
	} else {
		if (ret == HOST_OFFLINE)
			ret = report_open(ctx, arg, &fs, NULL);
		if (ret)
			return ret;
		ret = fs_chunk_places(fs, places, &ctx->err);
		target_close(ctx, fs);
	}
	return ret ? cmd_fail(ctx, "cannot list the chunks of %s", arg) : 0;
}

static int chunks_run(struct cmd_ctx *ctx, void *args)
{
	const struct chunks_args *a = args;
	struct chunk_places places;
	struct sort_keys order;
	struct row *rows;
	int ret = parse_sort(ctx, a->sort, &order);

	if (!ret)
		ret = read_places(ctx, ctx->argv[0], &places);
	if (ret)
		return ret;
	rows = make_rows(&places, &order);
	if (rows && ctx->json)
		json_rows(ctx->out, rows, places.len);
	else if (rows)
		print_rows(ctx, rows, places.len);
	free(rows);
	vec_fini(&places);
	return rows ? 0 : cmd_error(ctx, "not enough memory");
}

#define OPT_STRUCT struct chunks_args
static const struct opt chunks_opts[] = {
	OPT_STRING(0, "sort", sort, "MODE", "sort by the list of keys devid, pstart, lstart, usage, length, type, profile; -KEY sorts in descending order "
		   "(default: devid,pstart)"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_inspect_list_chunks = {
	.name = "list-chunks", .usage = { "btrfs inspect-internal list-chunks [options] <path>" }, .brief = "Enumerate chunks on all devices",
	.opts = chunks_opts, CMD_ARGS(struct chunks_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON | CMD_UNITS, .run = chunks_run,
	.complete = "device",
};
