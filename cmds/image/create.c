/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs-image, the way out: opening the source, the file that it goes to. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/image/image.h"
#include "kernel-shared/fs/usage.h"

struct output { const char *path; int fd; bool regular; };

static bool same_file(const struct stat *st, const struct bdev *b)
{
	u64 dev = S_ISBLK(st->st_mode) ? st->st_rdev : st->st_dev;

	return b && (S_ISBLK(st->st_mode) ? b->block && b->id[0] == dev : b->id[0] == dev && b->id[1] == st->st_ino);
}

/* The target is emptied when it is opened: it had better not be what is dumped. */
static int open_output(struct cmd_ctx *ctx, const struct fs *fs, struct output *o)
{
	struct stat st;

	o->fd = STDOUT_FILENO;
	if (!strcmp(o->path, "-"))
		return 0;
	if (!stat(o->path, &st))
		for (size_t i = 0; i < fs->vol->devices.len; i++)
			if (same_file(&st, fs->vol->devices.v[i]->bdev))
				return cmd_error(ctx, "unable to create target file %s: it is the source", o->path);
	o->fd = open(o->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (o->fd < 0)
		return cmd_error(ctx, "unable to create target file %s: %s", o->path, strerror(errno));
	o->regular = !fstat(o->fd, &st) && S_ISREG(st.st_mode);
	return 0;
}

static int close_output(struct cmd_ctx *ctx, const struct output *o, int ret)
{
	if (o->fd != STDOUT_FILENO && close(o->fd) && !ret)
		ret = cmd_error(ctx, "cannot write %s: %s", o->path, strerror(errno));
	if (ret && o->regular)
		unlink(o->path);
	return ret;
}

/* What the progress counts up to: what block groups say that they hold. Where that cannot be told there is no total. */
static u64 bytes_to_dump(struct fs *fs, bool data)
{
	u64 types = BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM | (data ? BTRFS_BLOCK_GROUP_DATA : 0), sum = 0, used;

	for (size_t i = 0; i < fs->vol->chunks.len; i++) {
		const struct chunk *c = fs->vol->chunks.v[i];

		if (!(c->type & types))
			continue;
		if (fs_block_group_used(fs, c, &used, NULL))
			return 0;
		sum += used;
	}
	return sum;
}

static void tell_stats(struct cmd_ctx *ctx, const struct dump_stats *s)
{
	if (s->unreadable)
		cmd_warn(ctx, "%llu tree blocks are damaged in all copies", s->unreadable);
	if (s->bad_data)
		cmd_warn(ctx, "%llu runs of file data do not match their checksums in any copy and were taken as they are", s->bad_data);
	if (s->short_names)
		cmd_warn(ctx, "cannot find a hash collision for %llu names, which are too short: garbage, indexes will not match", s->short_names);
	if (s->odd_names)
		cmd_warn(ctx, "%llu broken items with names were emptied", s->odd_names);
}

static int write_dump(struct cmd_ctx *ctx, const struct image_args *a, struct fs *fs, int fd)
{
	struct dump_opts opts = { .level = a->level, .walk = a->walk, .damaged = a->damaged, .private = a->private, .data = a->data };
	struct dump_stats stats;
	int ret;

	opts.names = a->sanitize > 1 ? NAMES_COLLIDE : a->sanitize ? NAMES_GARBAGE : NAMES_KEEP;
	opts.progress = progress_new(a->data ? "dumped" : "metadata dumped", PROGRESS_BYTES, bytes_to_dump(fs, a->data), ctx->progress);
	ret = dump_write(fs, fd, &opts, &stats, &ctx->err);
	progress_free(opts.progress);
	if (ret) {
		cmd_error(ctx, "%s", err_text(&ctx->err));
		return cmd_error(ctx, "create failed: %d", ret);
	}
	tell_stats(ctx, &stats);
	return 0;
}

int image_dump(struct cmd_ctx *ctx, const struct image_args *a)
{
	struct output o = { .path = ctx->argv[1] };
	struct target t;
	struct fs *fs;
	int ret;

	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = target_open(ctx, &t, FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_DEGRADED | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_WARN_MOUNTED, &fs);
	target_fini(&t);
	if (ret) {
		cmd_error(ctx, "open ctree failed");
		return cmd_error(ctx, "create failed: %d", ctx->err.code ? ctx->err.code : -EIO);
	}
	ret = open_output(ctx, fs, &o);
	if (!ret)
		ret = close_output(ctx, &o, write_dump(ctx, a, fs, o.fd));
	fs_close(fs);
	return ret;
}
