/* SPDX-License-Identifier: GPL-2.0-or-later */
/* du: what files take on disk, uncompressed, and as they refer to it; df: what the filesystem has. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/walk.h"
#include "kernel-shared/fs/usage.h"

struct du_args { bool all, summarize, human, bytes, total; u64 depth; bool has_depth; };
#define OPT_STRUCT struct du_args
static const struct opt du_opts[] = {
	OPT_FLAG('a', "all", all, "write counts for all files, not just directories"),
	OPT_FLAG('b', "bytes", bytes, "count in bytes, not in units of 1024"),
	OPT_FLAG('c', "total", total, "produce a grand total"),
	OPT_U64('d', "max-depth", depth, "N", "print only what is at most N levels below the argument"),
	OPT_FLAG('h', "human-readable", human, "print sizes like 1K 234M 2G"),
	OPT_FLAG('s', "summarize", summarize, "display only a total for each argument"),
	OPT_END
};
#undef OPT_STRUCT

/* disk, plain: each extent once, as it lies on disk and uncompressed. referenced: what the files show of them. */
struct sizes { u64 disk, plain, referenced; };
struct du {
	struct cmd_ctx *ctx;
	const struct du_args *a;
	VEC(struct sizes) open; /* by depth: directories that are being added up */
	struct hmap extents;    /* disk bytenr, met before */
	struct shell_seen seen; /* files with several names */
	struct sizes total;
	int rc;
};

static void add_sizes(struct sizes *to, const struct sizes *s)
{
	to->disk += s->disk;
	to->plain += s->plain;
	to->referenced += s->referenced;
}

static int add_extent(struct du *d, const struct file_extent_view *x, struct sizes *s)
{
	bool fresh = true;

	if (x->type == BTRFS_FILE_EXTENT_INLINE) {
		s->disk += x->inline_len;
		s->plain += x->ram_bytes;
		s->referenced += x->ram_bytes;
		return 0;
	}
	s->referenced += x->num_bytes;
	if (!hmap_put(&d->extents, x->disk_bytenr, &fresh))
		return -ENOMEM;
	if (fresh) {
		s->disk += x->disk_num_bytes;
		s->plain += x->ram_bytes;
	}
	return 0;
}

static int measure(struct du *d, const struct walk_entry *e, struct sizes *s)
{
	struct extent_iter it CLEANUP(extents_close) = extents_open(e->loc.root, e->loc.ino, 0);
	struct file_extent_view x;
	int ret;

	if (!inode_is(&e->inode, S_IFREG) || (e->inode.nlink > 1 && shell_seen_add(&d->seen, e->loc) == 0))
		return 0;
	while (!(ret = extents_next(&it, &x, &d->ctx->err))) {
		ret = add_extent(d, &x, s);
		if (ret)
			break;
	}
	return ret == -ENOENT ? 0 : ret;
}

static void print_size(const struct du *d, u64 bytes)
{
	char text[32];

	if (d->a->human) {
		text_size_ls(bytes, text);
		out_printf(d->ctx->out, "%s\t", text);
	} else {
		out_printf(d->ctx->out, "%llu\t", d->a->bytes ? bytes : div_round_up(bytes, 1024));
	}
}

static void print_sizes(const struct du *d, const struct sizes *s, const char *path)
{
	struct out *o = d->ctx->out;
	double percent = s->plain ? 100.0 * s->disk / s->plain : 100.0;

	if (d->ctx->json) {
		out_obj(o, NULL);
		out_json_strn(o, "path", path, strlen(path));
		out_json_u64(o, "disk", s->disk);
		out_json_u64(o, "uncompressed", s->plain);
		out_json_u64(o, "referenced", s->referenced);
		out_json_double(o, "percent", percent, 1);
		out_end(o);
		return;
	}
	print_size(d, s->disk);
	print_size(d, s->plain);
	print_size(d, s->referenced);
	out_printf(o, "%.0f%%\t", percent);
	text_name(o, path, strlen(path));
	out_puts(o, "\n");
}

static bool wanted(const struct du *d, unsigned depth)
{
	return !depth || (!d->a->summarize && (!d->a->has_depth || depth <= d->a->depth));
}

static int du_enter(void *arg, const struct walk_entry *e)
{
	struct du *d = arg;
	struct sizes s = { 0 };

	if (inode_is(&e->inode, S_IFDIR))
		return vec_push(&d->open, s) ? WALK_STOP : WALK_GO;
	if (measure(d, e, &s))
		d->rc = shell_cannot(d->ctx, "read", e->path, -EIO);
	add_sizes(d->open.len ? &d->open.v[d->open.len - 1] : &d->total, &s);
	if (!e->depth || (d->a->all && wanted(d, e->depth)))
		print_sizes(d, &s, e->path);
	return WALK_GO;
}

static int du_leave(void *arg, const struct walk_entry *e)
{
	struct du *d = arg;
	struct sizes s = d->open.v[--d->open.len];

	add_sizes(d->open.len ? &d->open.v[d->open.len - 1] : &d->total, &s);
	if (wanted(d, e->depth))
		print_sizes(d, &s, e->path);
	return d->ctx->out->error ? WALK_STOP : WALK_GO;
}

static int du_run(struct cmd_ctx *ctx, void *args)
{
	static char dot[] = ".";
	struct du d = { .ctx = ctx, .a = args };
	struct walk_ops ops = { .enter = du_enter, .leave = du_leave };

	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "du");
	} else {
		out_puts(ctx->out, "Disk\tPlain\tReferenced\tRatio\tPath\n");
	}
	for (int i = 0; i < max_t(int, ctx->argc, 1); i++) {
		d.open.len = 0;
		d.rc |= shell_walk(ctx, ctx->argc ? ctx->argv[i] : dot, &ops, &d);
	}
	if (d.a->total)
		print_sizes(&d, &d.total, "total");
	if (ctx->json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	vec_fini(&d.open);
	hmap_fini(&d.extents);
	shell_seen_fini(&d.seen);
	return d.rc;
}
static const char *const du_details[] = {
	"Disk: each extent once, as it lies on disk. Plain: the same uncompressed. Referenced: what the files show of them.",
	"Ratio: Disk of Plain. An extent counts where it is met first. In units of 1024 bytes.",
	NULL
};
const struct cmd verb_du = { .name = "du", .usage = { "du [-abchs] [-d N] [FILE]..." }, .brief = "Estimate file space usage, compression included",
	.details = du_details, .opts = du_opts, CMD_ARGS(struct du_args), .max_args = -1, .flags = CMD_JSON, .run = du_run, .complete = "inside" };

struct df_args { bool human, bytes; };
#define OPT_STRUCT struct df_args
static const struct opt df_opts[] = {
	OPT_FLAG('b', "bytes", bytes, "count in bytes, not in units of 1024"),
	OPT_FLAG('h', "human-readable", human, "print sizes like 1K 234M 2G"),
	OPT_END
};
#undef OPT_STRUCT

static const char *df_text(const struct df_args *a, u64 bytes, char out[32])
{
	if (a->human)
		text_size_ls(bytes, out);
	else
		snprintf(out, 32, "%llu", a->bytes ? bytes : div_round_up(bytes, 1024));
	return out;
}

/* As the mounted filesystem tells it: copies do not count, what is reserved counts as used. */
static int df_run(struct cmd_ctx *ctx, void *args)
{
	struct fs *fs = ctx->session->fs;
	const char *device = fs->vol->main ? fs->vol->main->path : "-";
	struct usage_overall all;
	struct fs_usage u;
	u64 size, used, avail, percent;
	char a[32], b[32], c[32];

	if (fs_usage_read(fs, &u, &ctx->err))
		return cmd_fail(ctx, "df: cannot add up the space");
	fs_usage_overall(&u, &all);
	size = all.data_ratio > 0 ? le64_get(fs->sb->total_bytes) / all.data_ratio : le64_get(fs->sb->total_bytes);
	used = (all.data_ratio > 0 ? all.used / all.data_ratio : all.used) + u.reserve_size;
	used = min_t(u64, used, size);
	avail = u.statfs_avail;
	percent = used + avail ? div_round_up(used * 100, used + avail) : 100;
	fs_usage_fini(&u);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "df");
		out_json_str(ctx->out, "device", device);
		out_json_u64(ctx->out, "size", size);
		out_json_u64(ctx->out, "used", used);
		out_json_u64(ctx->out, "available", avail);
		out_end(ctx->out);
		out_json_end(ctx->out);
		return 0;
	}
	out_printf(ctx->out, "%-20s %10s %10s %10s Use%%\n", "Filesystem", ((const struct df_args *)args)->human ? "Size" : "1K-blocks", "Used", "Available");
	out_printf(ctx->out, "%-20s %10s %10s %10s %3llu%%\n", device, df_text(args, size, a), df_text(args, used, b), df_text(args, avail, c), percent);
	return 0;
}
const struct cmd verb_df = { .name = "df", .usage = { "df [-bh]" }, .brief = "Report file system space usage", .opts = df_opts, CMD_ARGS(struct df_args),
	.flags = CMD_JSON, .run = df_run };
