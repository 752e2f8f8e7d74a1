/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs-map-logical: where the bytes of a logical range lie, and their content. Spec: cli 22.2. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "cmds/target.h"
#include "common/io.h"
#include "common/mem.h"
#include "kernel-shared/fs/users.h"

struct map_args { u64 logical, bytes, copy; bool has_logical, has_bytes, has_copy; const char *output; };

struct mapper {
	struct cmd_ctx *ctx;
	struct fs *fs;
	const struct map_args *args;
	struct out info;        /* standard error while the content goes to standard output */
	int fd;                 /* -1: no content asked for */
};

/* One line for each contiguous piece of each copy; parity counts as copies. */
static int print_range(struct mapper *m, u64 start, u64 end)
{
	const struct chunk *chunk = chunk_lookup(m->fs->vol, start);
	unsigned copies = chunk ? max_t(unsigned, chunk->profile->copies, 1 + chunk->profile->parity) : 1;

	for (unsigned mirror = 1; mirror <= copies; mirror++) {
		struct phys phys;

		for (u64 at = start; at < end; at += phys.len) {
			if (rio_map(m->fs->vol, at, end - at, mirror, &phys) || !phys.len)
				return cmd_error(m->ctx, "failed to map mirror %u logical %llu", mirror, at);
			if (m->ctx->json) {
				out_obj(&m->info, NULL);
				out_json_u64(&m->info, "mirror", mirror);
				out_json_u64(&m->info, "logical", at);
				out_json_u64(&m->info, "physical", phys.physical);
				out_json_u64(&m->info, "length", phys.len);
				out_json_str(&m->info, "device", phys.dev->path);
				out_end(&m->info);
			} else {
				out_printf(&m->info, "mirror %u logical %llu physical %llu device %s\n", mirror, at, phys.physical, phys.dev->path);
			}
		}
	}
	return 0;
}

static int write_range(struct mapper *m, u64 start, u64 end)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(1 << 20);
	int ret;

	if (!buf)
		return cmd_error(m->ctx, "not enough memory");
	while (start < end) {
		u32 len = min_t(u64, 1 << 20, end - start);

		if (rio_read(m->fs->vol, start, len, m->args->has_copy ? m->args->copy : 0, buf, &m->ctx->err))
			return cmd_fail(m->ctx, "cannot read logical %llu", start);
		ret = io_write(m->fd, buf, len);
		if (ret)
			return cmd_error(m->ctx, "cannot write %s: %s", m->args->output, strerror(-ret));
		start += len;
	}
	return 0;
}

/* Extents that touch the range, each cut to it. */
static int map_extents(struct mapper *m)
{
	u64 from = m->args->logical, to;
	struct extent_view ext;
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct item item;
	bool any = false;
	int ret = extent_find(m->fs, from, &ext, &m->ctx->err);

	if (ret && ret != -ENOENT)
		return cmd_fail(m->ctx, "failed to find any extent at %llu", from);
	if (add_overflows(from, m->args->bytes, &to))
		to = -1ULL;
	it = tree_range(&m->fs->extent_tree->tree, KEY(ret ? from : ext.bytenr, BTRFS_EXTENT_ITEM_KEY, 0), KEY(to - 1, BTRFS_METADATA_ITEM_KEY, -1ULL));
	while ((ret = tree_next(&it, &item, &m->ctx->err)) == 0) {
		u64 start, end;

		if ((item.key.type != BTRFS_EXTENT_ITEM_KEY && item.key.type != BTRFS_METADATA_ITEM_KEY) ||
				extent_item_parse(m->fs->geo, &item, &ext))
			continue;
		start = max_t(u64, from, ext.bytenr);
		end = min_t(u64, to, ext.bytenr + ext.len);
		if (start >= end)
			continue;
		any = true;
		ret = print_range(m, start, end);
		if (!ret && m->fd >= 0)
			ret = write_range(m, start, end);
		if (ret)
			return ret;
	}
	if (ret != -ENOENT)
		return cmd_fail(m->ctx, "cannot read the extent tree");
	return any ? 0 : cmd_error(m->ctx, "no extent found at range [%llu,%llu)", from, to);
}

static int open_output(struct mapper *m)
{
	const char *path = m->args->output;

	m->fd = -1;
	if (!path)
		return 0;
	m->fd = strcmp(path, "-") ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : STDOUT_FILENO;
	return m->fd < 0 ? cmd_error(m->ctx, "cannot open %s: %s", path, strerror(errno)) : 0;
}

static int map_opened(struct mapper *m)
{
	int ret;

	if (!m->fs->extent_tree)
		return cmd_error(m->ctx, "the extent tree cannot be read");
	ret = open_output(m);
	if (ret)
		return ret;
	out_init(&m->info, m->fd == STDOUT_FILENO ? STDERR_FILENO : STDOUT_FILENO);
	if (m->ctx->json) {
		out_json_begin(&m->info);
		out_arr(&m->info, "map-logical");
	}
	ret = map_extents(m);
	if (m->ctx->json)
		out_json_end(&m->info);
	if (out_fini(&m->info) && !ret)
		ret = 1;
	if (m->fd > STDERR_FILENO && close(m->fd) && !ret)
		ret = cmd_error(m->ctx, "cannot write %s: %s", m->args->output, strerror(errno));
	return ret;
}

static int map_run(struct cmd_ctx *ctx, void *args)
{
	struct map_args *a = args;
	struct mapper m = { .ctx = ctx, .args = a };
	struct target t;
	int ret;

	if (!a->logical)
		return cmd_usage(ctx);
	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = target_open(ctx, &t, FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_DEGRADED, &m.fs);
	target_fini(&t);
	if (ret)
		return ret;
	if (!a->has_bytes || !a->bytes)
		a->bytes = m.fs->geo->nodesize;
	ret = map_opened(&m);
	fs_close(m.fs);
	return ret;
}

#define OPT_STRUCT struct map_args
static const struct opt map_opts[] = {
	OPT_U64('l', "logical", logical, "LOGICAL", "logical extent to map"),
	OPT_U64('c', "copy", copy, "COPY", "copy of the extent to read (usually 1 or 2)"),
	OPT_STRING('o', "output", output, "FILE", "output file to hold the extent", .complete = "file"),
	OPT_U64('b', "bytes", bytes, "BYTES", "number of bytes to read"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_map_logical = {
	.name = "btrfs-map-logical", .usage = { "btrfs-map-logical [options] <device>" }, .brief = "Map logical address on a device",
	.opts = map_opts, CMD_ARGS(struct map_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON | CMD_STANDALONE, .run = map_run,
	.complete = "device",
};
