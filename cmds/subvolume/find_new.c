/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume find-new: file extents written since a generation. Spec: cli 7.6. */
#include <errno.h>
#include "cmds/mounted/host.h"
#include "cmds/report.h"
#include "kernel-shared/fs/newer.h"
#include "kernel-shared/kapi/search.h"
#include "kernel-shared/kapi/subvol.h"

struct finder {
	struct cmd_ctx *ctx;
	struct root *root;     /* unmounted */
	int fd;                /* mounted */
	u64 ino;               /* whose name this is; 0 none */
	struct strbuf name;
};

static int take_name(void *arg, const char *path, size_t len)
{
	struct strbuf *name = arg;

	sb_add(name, path, len);
	return 1; /* the first will do */
}

/* The kernel ends each path with a slash. */
static int mounted_name(struct finder *f, u64 ino)
{
	int ret = kino_path(f->fd, 0, ino, &f->name);

	if (f->name.len && f->name.v[f->name.len - 1] == '/')
		f->name.len--;
	return ret && ret != -ENOENT ? err_errno(&f->ctx->err, ret, "cannot tell the path of inode %llu", ino) : 0;
}

static int find_name(struct finder *f, u64 ino)
{
	int ret;

	if (f->ino == ino)
		return 0;
	sb_reset(&f->name);
	if (!f->root) {
		f->ino = ino;
		return mounted_name(f, ino);
	}
	ret = inode_paths(f->root, ino, take_name, &f->name, &f->ctx->err);
	f->ino = ino;
	return ret < 0 && ret != -ENOENT ? ret : 0;
}

static void flag_words(const struct file_extent_view *x, struct strbuf *out)
{
	if (x->compression)
		sb_lit(out, "COMPRESS");
	if (x->type != BTRFS_FILE_EXTENT_REG) {
		if (out->len)
			sb_char(out, '|');
		sb_puts(out, x->type == BTRFS_FILE_EXTENT_INLINE ? "INLINE" : "PREALLOC");
	}
	if (!out->len)
		sb_lit(out, "NONE");
}

static int print_extent(void *arg, u64 ino, const struct file_extent_view *x)
{
	struct finder *f = arg;
	struct strbuf flags CLEANUP(sb_fini) = STRBUF_INIT;
	bool is_inline = x->type == BTRFS_FILE_EXTENT_INLINE;
	u64 len = is_inline ? x->ram_bytes : x->num_bytes, disk = is_inline ? 0 : x->disk_bytenr, offset = is_inline ? 0 : x->offset;
	struct out *o = f->ctx->out;
	int ret = find_name(f, ino);

	if (ret)
		return ret;
	flag_words(x, &flags);
	if (f->ctx->json) {
		out_obj(o, NULL);
		out_json_u64(o, "inode", ino);
		out_json_u64(o, "file-offset", x->start);
		out_json_u64(o, "len", len);
		out_json_u64(o, "disk-start", disk);
		out_json_u64(o, "offset", offset);
		out_json_u64(o, "generation", x->generation);
		out_json_str(o, "flags", sb_str(&flags));
		out_json_strn(o, "path", sb_str(&f->name), f->name.len);
		out_end(o);
		return 0;
	}
	out_printf(o, "inode %llu file offset %llu len %llu disk start %llu offset %llu gen %llu flags %s ", ino, x->start, len, disk, offset,
		   x->generation, sb_str(&flags));
	out_write(o, sb_str(&f->name), f->name.len);
	out_puts(o, "\n");
	return 0;
}

/* What the blocks hold that were written since. */
static int search_mounted(struct finder *f, u64 gen)
{
	struct ksearch it CLEANUP(ksearch_fini) = ksearch_range(f->fd, 0, KEY(BTRFS_FIRST_FREE_OBJECTID, 0, 0), KEY_MAX);
	struct file_extent_view view;
	struct item item;
	int ret;

	it.min_transid = gen;
	while (!(ret = ksearch_next(&it, &item, &f->ctx->err))) {
		if (item.key.type != BTRFS_EXTENT_DATA_KEY || file_extent_parse(&item, &view) || view.generation < gen)
			continue;
		ret = print_extent(f, item.key.objectid, &view);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

static int print_all(struct finder *f, u64 gen, u64 marker)
{
	struct cmd_ctx *ctx = f->ctx;
	int ret;

	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "subvolume-find-new");
		out_arr(ctx->out, "extents");
	}
	ret = f->root ? subvol_newer_extents(f->root, gen, print_extent, f, &ctx->err) : search_mounted(f, gen);
	if (ctx->json) {
		out_end(ctx->out);
		out_json_u64(ctx->out, "transid-marker", marker);
		out_json_end(ctx->out);
	} else if (!ret) {
		out_printf(ctx->out, "transid marker was %llu\n", marker);
	}
	sb_fini(&f->name);
	return ret ? cmd_fail(ctx, "cannot look for new extents in %s", ctx->argv[0]) : 0;
}

static int find_mounted(struct cmd_ctx *ctx, const struct host *h, u64 gen)
{
	struct finder f = { .ctx = ctx, .fd = h->fd };
	struct ksubvol info;
	int ret;

	if (!host_is_subvol(h))
		return cmd_error(ctx, "Not a Btrfs subvolume: %s", strerror(EINVAL));
	ret = ksync(h->fd) ?: ksubvol_info(h->fd, &info);
	return ret ? cmd_error(ctx, "Could not get subvolume information: %s", strerror(-ret)) : print_all(&f, gen, le64_get(info.item.generation));
}

static int find_offline(struct cmd_ctx *ctx, u64 gen)
{
	struct finder f = { .ctx = ctx, .fd = -1 };
	struct loc loc;
	struct fs *fs;
	int ret = report_open(ctx, ctx->argv[0], &fs, &loc);

	if (ret)
		return ret;
	f.root = loc.root;
	if (loc.ino != BTRFS_FIRST_FREE_OBJECTID)
		ret = cmd_error(ctx, "Not a Btrfs subvolume: %s", strerror(EINVAL));
	else
		ret = print_all(&f, gen, le64_get(loc.root->item.generation));
	target_close(ctx, fs);
	return ret;
}

static int find_run(struct cmd_ctx *ctx, void *args)
{
	struct host h;
	u64 gen;
	int ret;

	if (parse_u64(ctx->argv[1], &gen, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = host_open(ctx, ctx->argv[0], 0, &h);
	if (ret == HOST_OFFLINE)
		return find_offline(ctx, gen);
	if (ret)
		return ret;
	ret = find_mounted(ctx, &h, gen);
	host_close(&h);
	return ret;
}

const struct cmd cmd_subvolume_find_new = {
	.name = "find-new", .usage = { "btrfs subvolume find-new <path> <lastgen>" }, .brief = "List the recently modified files in a filesystem",
	.min_args = 2, .max_args = 2, .flags = CMD_JSON, .run = find_run, .complete = "subvol none",
};
