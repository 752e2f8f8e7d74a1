/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs inspect-internal tree-stats: how the blocks of the trees lie on the disk. Spec: cli 15.3. */
#include "cmds/report.h"
#include "cmds/treeid.h"
#include "kernel-shared/fs/treestats.h"

struct stats_args { bool bytes; const char *tree; };

/* Bars in twentieths of all seeks; fewer seeks than that have no histogram. */
enum { HISTOGRAM_TICKS = 20, GROUP_TICKS = 3 };

/* One line of the histogram: seeks over from..to bytes. */
typedef void (*bar_fn)(struct out *o, const struct tree_stats *s, u64 from, u64 to, u64 count);

static u64 tick_of(const struct tree_stats *s) { return s->seeks / HISTOGRAM_TICKS; }

static void print_bar(struct out *o, const struct tree_stats *s, u64 from, u64 to, u64 count)
{
	int digits = 1;

	for (u64 v = s->max_seek / 10; v; v /= 10)
		digits++;
	out_printf(o, "\t\t%*llu - %*llu: %*llu ", digits, from, digits, to, digits, count);
	if (count < tick_of(s))
		out_puts(o, "|");
	for (u64 i = 0; i < count / tick_of(s); i++)
		out_puts(o, "#");
	out_puts(o, "\n");
}

static void json_bar(struct out *o, const struct tree_stats *s, u64 from, u64 to, u64 count)
{
	out_obj(o, NULL);
	out_json_u64(o, "from", from);
	out_json_u64(o, "to", to);
	out_json_u64(o, "count", count);
	out_end(o);
}

/*
 * Distances that are frequent stand alone; the others are gathered until they are as frequent. The distance that finds a group full
 * ends it and is not shown itself: so does the incumbent, whose figures people compare.
 */
static void histogram(struct out *o, const struct tree_stats *s, bar_fn bar)
{
	u64 tick = tick_of(s), from = 0, to = 0, count = 0;

	if (!tick)
		return;
	for (size_t i = 0; i < s->distances.len; i++) {
		const struct seek_count *d = &s->distances.v[i];
		bool frequent = d->count / tick >= GROUP_TICKS;

		if (!frequent && count / tick < GROUP_TICKS) {
			if (!count)
				from = d->distance;
			to = d->distance;
			count += d->count;
			continue;
		}
		if (count)
			bar(o, s, from, to, count);
		count = 0;
		if (frequent)
			bar(o, s, d->distance, d->distance, d->count);
	}
	if (count)
		bar(o, s, from, to, count);
}

static u64 average(u64 sum, u64 n) { return n ? sum / n : 0; }

static void print_stats(struct cmd_ctx *ctx, const struct tree_stats *s, bool bytes)
{
	struct units units = bytes ? UNITS_RAW : ctx->units;
	char a[SIZE_TEXT_MAX];
	struct out *o = ctx->out;

	out_printf(o, "\tTotal size: %s\n", units_format(s->total_bytes, units, a));
	out_printf(o, "\t\tInline data: %s\n", units_format(s->inline_bytes, units, a));
	out_printf(o, "\tTotal seeks: %llu\n\t\tForward seeks: %llu\n\t\tBackward seeks: %llu\n", s->seeks, s->forward, s->backward);
	out_printf(o, "\t\tAvg seek len: %s\n", units_format(average(s->seek_bytes, s->seeks), units, a));
	if (tick_of(s))
		out_puts(o, "\tSeek histogram\n");
	histogram(o, s, print_bar);
	out_printf(o, "\tTotal clusters: %llu\n", max_t(u64, s->clusters, 1));
	out_printf(o, "\t\tAvg cluster size: %s\n", units_format(average(s->cluster_bytes, s->clusters), units, a));
	out_printf(o, "\t\tMin cluster size: %s\n", units_format(s->min_cluster, units, a));
	out_printf(o, "\t\tMax cluster size: %s\n", units_format(s->max_cluster, units, a));
	out_printf(o, "\tTotal disk spread: %s\n", units_format(s->highest - s->lowest, units, a));
	out_printf(o, "\tTotal read time: %llu s %llu us\n", s->read_usec / 1000000, s->read_usec % 1000000);
	out_printf(o, "\tLevels: %u\n\tTotal nodes: %llu\n", s->levels, s->total_nodes);
	for (unsigned i = 0; i < s->levels; i++) {
		out_printf(o, "\t\tOn level %u: %8llu", i, s->nodes[i]);
		if (i)
			out_printf(o, "  (avg fanout %llu)", average(s->nodes[i - 1], s->nodes[i]));
		out_puts(o, "\n");
	}
}

static void json_stats(struct out *o, const char *name, u64 id, const struct tree_stats *s)
{
	out_obj(o, NULL);
	if (name)
		out_json_str(o, "name", name);
	out_json_u64(o, "tree", id);
	out_json_u64(o, "total-size", s->total_bytes);
	out_json_u64(o, "inline-data", s->inline_bytes);
	out_json_u64(o, "seeks", s->seeks);
	out_json_u64(o, "forward-seeks", s->forward);
	out_json_u64(o, "backward-seeks", s->backward);
	out_json_u64(o, "avg-seek-len", average(s->seek_bytes, s->seeks));
	out_json_u64(o, "clusters", s->clusters);
	out_json_u64(o, "avg-cluster-size", average(s->cluster_bytes, s->clusters));
	out_json_u64(o, "min-cluster-size", s->min_cluster);
	out_json_u64(o, "max-cluster-size", s->max_cluster);
	out_json_u64(o, "disk-spread", s->highest - s->lowest);
	out_json_u64(o, "read-time-us", s->read_usec);
	out_json_u64(o, "nodes", s->total_nodes);
	out_arr(o, "levels");
	for (unsigned i = 0; i < s->levels; i++)
		out_json_u64(o, NULL, s->nodes[i]);
	out_end(o);
	out_arr(o, "avg-fanout"); /* of the levels above 0 */
	for (unsigned i = 1; i < s->levels; i++)
		out_json_u64(o, NULL, average(s->nodes[i - 1], s->nodes[i]));
	out_end(o);
	out_arr(o, "seek-histogram");
	histogram(o, s, json_bar);
	out_end(o);
	out_end(o);
}

/* name: of a default tree, NULL with -t. */
static int one_tree(struct cmd_ctx *ctx, struct root *root, const char *name, bool bytes)
{
	struct tree_stats s;
	int ret;

	if (!ctx->json && name)
		out_printf(ctx->out, "Calculating size of %s tree\n", name);
	else if (!ctx->json)
		out_printf(ctx->out, "Calculating size of tree (%llu)\n", root->tree.id);
	ret = tree_stats_read(&root->tree, &s, &ctx->err);
	if (ret)
		return cmd_fail(ctx, "cannot read tree %llu", root->tree.id);
	if (ctx->json)
		json_stats(ctx->out, name, root->tree.id, &s);
	else
		print_stats(ctx, &s, bytes);
	tree_stats_fini(&s);
	return 0;
}

static struct root *bare_root(struct fs *fs, u64 id)
{
	return id == BTRFS_ROOT_TREE_OBJECTID ? fs->root_tree : id == BTRFS_CHUNK_TREE_OBJECTID ? fs->chunk_tree :
		id == BTRFS_TREE_LOG_OBJECTID ? fs->log_root_tree : NULL;
}

static int chosen_tree(struct cmd_ctx *ctx, struct fs *fs, u64 id, bool bytes)
{
	struct root *root = bare_root(fs, id);
	int ret = root ? 0 : is_fstree(id) ? fs_subvol_root(fs, id, &root, &ctx->err) : fs_root_get(fs, id, 0, &root, &ctx->err);

	if (ret == -ENOENT)
		return cmd_error(ctx, "tree %llu not found", id);
	if (ret)
		return cmd_fail(ctx, "cannot open tree %llu", id);
	return one_tree(ctx, root, NULL, bytes);
}

static int default_trees(struct cmd_ctx *ctx, struct fs *fs, bool bytes)
{
	const struct { struct root *root; const char *name; } trees[] = {
		{ fs->root_tree, "root" }, { fs->extent_tree, "extent" }, { fs->csum_tree, "csum" }, { fs->fs_tree, "fs" },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(trees); i++)
		if (trees[i].root)
			ret = one_tree(ctx, trees[i].root, trees[i].name, bytes);
	return ret;
}

static int stats_run(struct cmd_ctx *ctx, void *args)
{
	const struct stats_args *a = args;
	struct target t;
	struct fs *fs;
	u64 id = 0;
	int ret = a->tree ? treeid_parse(ctx, a->tree, &id) : 0;

	if (ret)
		return ret;
	if (target_arg(ctx, ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = target_open(ctx, &t, FS_OPEN_WARN_MOUNTED, &fs);
	target_fini(&t);
	if (ret)
		return ret;
	env_start_pool(ctx->env, NULL);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "tree-stats");
	}
	ret = a->tree ? chosen_tree(ctx, fs, id, a->bytes) : default_trees(ctx, fs, a->bytes);
	if (ctx->json)
		out_json_end(ctx->out);
	target_close(ctx, fs);
	return ret;
}

#define OPT_STRUCT struct stats_args
static const struct opt stats_opts[] = {
	OPT_FLAG('b', NULL, bytes, "raw numbers in bytes"),
	OPT_STRING('t', NULL, tree, "TREE_ID", "print only tree with the given id"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_inspect_tree_stats = {
	.name = "tree-stats", .usage = { "btrfs inspect-internal tree-stats [options] <device>" }, .brief = "Print various stats for trees",
	.opts = stats_opts, CMD_ARGS(struct stats_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON | CMD_UNITS | CMD_JOBS, .run = stats_run,
	.complete = "device",
};
