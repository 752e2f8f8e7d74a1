/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem defragment: files become contiguous, and compressed if asked; a directory's subvolume gets its metadata in order. Spec: cli 8.8. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "cmds/mounted/host.h"
#include "cmds/mounted/hostwalk.h"
#include "kernel-shared/fs/file.h"
#include "kernel-shared/kapi/defrag.h"

struct defrag_args {
	bool recursive, flush, nocomp, has_level, has_start, has_len, has_target, has_step;
	const char *compress;
	s64 level;
	u64 start, len, target, step;
};
enum { STEP_MIN = 256 << 10, TARGET_DEFAULT = 32 << 20 };

struct defrag {
	struct cmd_ctx *ctx;
	struct kdefrag k;
	u64 step;               /* 0: all at once */
	unsigned failures;
	const char *top;        /* of a recursive walk */
};

static bool is_verbose(const struct cmd_ctx *ctx) { return ctx->verbosity >= 1; }

/* The kernel takes one piece at a time, so that others come to the file in between. */
static int in_steps(const struct defrag *d, int fd, u64 size)
{
	u64 end = d->k.len > size || d->k.start + d->k.len > size ? size : d->k.start + d->k.len;
	struct kdefrag k = d->k;
	int ret = 0;

	if (!d->step)
		return kdefrag(fd, &k);
	k.flush = true;
	for (u64 pos = d->k.start; !ret && pos < end; pos += k.len) {
		k.start = pos;
		k.len = min_t(u64, d->step, end - pos);
		ret = kdefrag(fd, &k);
		if (!ret)
			ret = env_check_interrupt(d->ctx->env, NULL);
	}
	return ret;
}

static int explain(struct defrag *d, const char *path, int ret)
{
	d->failures++;
	if (ret == -EINTR)
		return cmd_error(d->ctx, "defrag of %s was interrupted", path);
	if (ret == -ENOTTY && !host_on_btrfs(path))
		return cmd_error(d->ctx, "not a btrfs filesystem: %s", path);
	if (ret == -EOPNOTSUPP && d->k.nocomp)
		return cmd_error(d->ctx, "defrag failed on %s: the kernel does not know --nocomp, 6.17 does", path);
	if (ret == -EOPNOTSUPP && d->k.level)
		return cmd_error(d->ctx, "defrag failed on %s: the kernel does not know compression levels, 6.15 does", path);
	return cmd_error(d->ctx, "defrag failed on %s: %s", path, strerror(-ret));
}

/* An open file; 0 also when it failed and others follow, -EINTR ends all. */
static int one(struct defrag *d, int fd, const char *path, u64 size)
{
	int ret;

	if (is_verbose(d->ctx))
		out_printf(d->ctx->out, "%s\n", path);
	ret = in_steps(d, fd, size);
	if (ret)
		explain(d, path, ret);
	return ret == -EINTR ? ret : 0;
}

static int on_file(void *arg, struct dirfd *dir, const char *below, size_t len, size_t name)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	struct defrag *d = arg;
	struct stat st;
	int fd = openat(dir->fd, below + name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), ret = 0;

	sb_printf(&path, "%s/%s", d->top, below);
	if (fd < 0) {
		cmd_error(d->ctx, "cannot open %s: %s", sb_str(&path), strerror(errno));
		d->failures++;
		return 0;
	}
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		ret = one(d, fd, sb_str(&path), st.st_size);
	close(fd);
	return ret ? ret : env_check_interrupt(d->ctx->env, NULL);
}

static void cannot(void *arg, const char *path, int error)
{
	struct defrag *d = arg;

	cmd_error(d->ctx, "cannot open %s/%s: %s", d->top, path, strerror(error));
	d->failures++;
}

static const struct hostwalk_ops walk_ops = { .file = on_file, .cannot = cannot };

static int directory(struct defrag *d, int fd, const char *path, bool recursive)
{
	int ret;

	if (!recursive) {
		cmd_warn(d->ctx, "directory specified but recursive mode not requested: %s", path);
		cmd_warn(d->ctx, "the files in a directory are not processed without the option -r, only the metadata of its subvolume is defragmented");
		return one(d, fd, path, -1ULL);
	}
	d->top = path;
	ret = hostwalk(fd, &walk_ops, d, &d->ctx->err);
	if (ret && ret != -EINTR) {
		cmd_fail(d->ctx, "defrag failed on %s", path);
		d->failures++;
	}
	return ret == -EINTR ? ret : 0;
}

static int argument(struct defrag *d, const char *path, bool recursive)
{
	struct target t;
	struct stat st;
	int fd, ret;
	bool host;

	if (target_arg(d->ctx, path, &t))
		return -ENOMEM;
	host = host_means_path(&t, path);
	target_fini(&t);
	if (!host) {
		cmd_error(d->ctx, "defragmenting works on mounted filesystems only, and %s is not mounted", path);
		d->failures++;
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		cmd_error(d->ctx, "cannot open %s: %s", path, strerror(errno));
		d->failures++;
		ret = 0;
	} else if (S_ISDIR(st.st_mode)) {
		ret = directory(d, fd, path, recursive);
	} else if (S_ISREG(st.st_mode)) {
		ret = one(d, fd, path, st.st_size);
	} else {
		cmd_error(d->ctx, "%s is not a directory or a regular file", path);
		d->failures++;
		ret = 0;
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

static int parse_compression(struct cmd_ctx *ctx, const struct defrag_args *a, struct kdefrag *k)
{
	int type;

	if (a->compress && a->nocomp)
		return cmd_error(ctx, "cannot use compression with --nocomp");
	k->nocomp = a->nocomp;
	if (a->has_level && !a->compress)
		return cmd_error(ctx, "a compression level needs a compression type (-c)");
	if (!a->compress)
		return 0;
	type = *a->compress ? compress_by_name(a->compress) : BTRFS_COMPRESS_ZLIB;
	if (type <= 0)
		return cmd_error(ctx, "unknown compression type: %s", a->compress);
	k->compress = type;
	k->level = max_t(s64, -128, min_t(s64, 127, a->level));
	return 0;
}

static int prepare(struct cmd_ctx *ctx, const struct defrag_args *a, struct defrag *d)
{
	u64 target = a->has_target ? a->target : TARGET_DEFAULT;

	*d = (struct defrag){ .ctx = ctx, .k = { .start = a->start, .len = a->has_len && a->len ? a->len : -1ULL /* to the kernel, too, none is all */, .flush = a->flush } };
	if (target > (u32)-1) {
		cmd_warn(ctx, "target extent size %llu too big, trimmed to %u", target, (u32)-1);
		target = (u32)-1;
	}
	d->k.extent_thresh = target;
	d->step = a->step;
	if (a->has_step && a->step < STEP_MIN) {
		cmd_warn(ctx, "step %llu too small, adjusting to 256KiB", a->step);
		d->step = STEP_MIN;
	}
	return parse_compression(ctx, a, &d->k);
}

static int defrag_run(struct cmd_ctx *ctx, void *args)
{
	const struct defrag_args *a = args;
	struct defrag d;
	int ret = prepare(ctx, a, &d);

	if (ret)
		return ret;
	for (int i = 0; !ret && i < ctx->argc; i++)
		ret = argument(&d, ctx->argv[i], a->recursive);
	if (d.failures) {
		out_flush(ctx->out);
		env_msg(ctx->env, MSG_NOTE, "total %u failures", d.failures);
	}
	return ret || d.failures ? 1 : 0;
}

/* "-15": a sign, digits. */
static int parse_level(void *args, const char *text, struct err *err)
{
	struct defrag_args *a = args;
	char *end;

	errno = 0;
	a->level = strtoll(text, &end, 10);
	a->has_level = true;
	return *text && !*end && !errno ? 0 : err_set(err, -EINVAL, "%s is not a valid compression level", text);
}

#define OPT_STRUCT struct defrag_args
static const struct opt defrag_opts[] = {
	OPT_FLAG('r', NULL, recursive, "defragment files recursively"),
	OPT_OPTARG('c', NULL, compress, "[zlib,lzo,zstd]", "compress the file while defragmenting, optional parameter (no space in between)"),
	OPT_CALL('L', "level", parse_level, "LEVEL", "use given compression level if enabled (zlib: 1..9, zstd: -15..15, and 0 selects the default level)"),
	OPT_FLAG(0, "nocomp", nocomp, "do not compress while defragmenting (uncompress if needed)"),
	OPT_FLAG('f', NULL, flush, "flush data to disk immediately after defragmenting"),
	OPT_SIZE('s', NULL, start, "START", "defragment only from byte onward"),
	OPT_SIZE('l', NULL, len, "LEN", "defragment only up to LEN bytes"),
	OPT_SIZE('t', NULL, target, "SIZE", "target extent SIZE hint (default: 32M)"),
	OPT_SIZE(0, "step", step, "SIZE", "process the range in given steps, flush after each one"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_filesystem_defragment = {
	.name = "defragment", .usage = { "btrfs filesystem defragment [options] <file>|<dir> [<file>|<dir>...]" }, .brief = "Defragment a file or a directory",
	.opts = defrag_opts, CMD_ARGS(struct defrag_args), .min_args = 1, .max_args = -1, .flags = CMD_QUIET_VERBOSE, .run = defrag_run, .complete = "file",
};
