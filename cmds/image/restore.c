/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs-image, the way back. A dump from a pipe is kept in a temporary file, since its blocks can only be placed when its chunks are known. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/image/image.h"
#include "common/io.h"
#include "common/mem.h"

enum { COPY_BYTES = 1 << 20 };

static int copy_pipe(struct cmd_ctx *ctx, int from, int fd)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc(1, COPY_BYTES);
	u64 at = 0;

	if (!buf)
		return cmd_error(ctx, "not enough memory");
	for (;;) {
		ssize_t n = io_read(from, buf, COPY_BYTES);
		int ret = n > 0 ? io_pwrite(fd, buf, n, at) : 0;

		if (n < 0)
			return cmd_error(ctx, "cannot read the dump: %s", strerror(-n));
		if (ret)
			return cmd_error(ctx, "cannot keep the dump in a temporary file: %s", strerror(-ret));
		if (env_check_interrupt(ctx->env, &ctx->err))
			return cmd_error(ctx, "%s", err_text(&ctx->err));
		at += n;
		if (n < COPY_BYTES)
			return 0;
	}
}

/* What comes through a pipe as a file that can be opened. from: read from; *fd: to be kept open until then. */
static int open_input(struct cmd_ctx *ctx, int from, char path[64], int *fd)
{
	struct stat st;

	*fd = from;
	if (fstat(from, &st) || !S_ISREG(st.st_mode) || lseek(from, 0, SEEK_CUR)) {
		*fd = io_tempfile(ctx->env->tempdir);
		if (*fd < 0)
			return cmd_error(ctx, "cannot create a temporary file: %s", strerror(-*fd));
		if (copy_pipe(ctx, from, *fd))
			return 1;
	}
	snprintf(path, 64, "/proc/self/fd/%d", *fd);
	return 0;
}

/* "-", or a pipe that has a name: <(zstdcat dump.zst) is one. */
static int find_input(struct cmd_ctx *ctx, const char *source, char path[64], int *fd)
{
	struct stat st;
	int from, ret;

	if (!strcmp(source, "-"))
		return open_input(ctx, STDIN_FILENO, path, fd);
	if (stat(source, &st) || !S_ISFIFO(st.st_mode))
		return 0;
	from = open(source, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return cmd_error(ctx, "cannot open %s: %s", source, strerror(errno));
	ret = open_input(ctx, from, path, fd);
	close(from);
	return ret;
}

int image_restore(struct cmd_ctx *ctx, const struct image_args *a)
{
	struct restore_opts opts = { .targets = (const char *const *)ctx->argv + 1, .ntargets = ctx->argc - 1 };
	const char *path = ctx->argv[0];
	char input[64];
	int fd = -1, ret;

	for (unsigned i = 0; i < opts.ntargets; i++)
		if (!strcmp(opts.targets[i], "-"))
			return cmd_error(ctx, "cannot restore to standard output: the target is a device or a file");
	ret = find_input(ctx, path, input, &fd);

	opts.mode = a->multi ? RESTORE_ALL : a->old ? RESTORE_FLAT : RESTORE_ONE;
	if (!ret) {
		opts.progress = progress_new("metadata restored", PROGRESS_BYTES, 0, ctx->progress);
		ret = dump_restore(ctx->env, fd < 0 ? path : input, &opts, &ctx->err);
		progress_free(opts.progress);
		if (ret) {
			cmd_error(ctx, "%s", err_text(&ctx->err));
			cmd_error(ctx, "restore failed: %d", ret);
			ret = 1;
		}
	}
	if (fd > STDERR_FILENO)
		close(fd);
	return ret;
}
