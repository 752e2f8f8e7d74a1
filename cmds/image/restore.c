/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs-image, the way back. A dump from a pipe is kept in a temporary file, since its blocks can only be placed when its chunks are known. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/image/image.h"
#include "common/io.h"
#include "common/mem.h"

enum { COPY_BYTES = 1 << 20 };

static int copy_pipe(struct cmd_ctx *ctx, int fd)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc(1, COPY_BYTES);
	u64 at = 0;

	if (!buf)
		return cmd_error(ctx, "not enough memory");
	for (;;) {
		ssize_t n = io_read(STDIN_FILENO, buf, COPY_BYTES);
		int ret = n > 0 ? io_pwrite(fd, buf, n, at) : 0;

		if (n < 0)
			return cmd_error(ctx, "cannot read the dump from standard input: %s", strerror(-n));
		if (ret)
			return cmd_error(ctx, "cannot keep the dump in a temporary file: %s", strerror(-ret));
		if (env_check_interrupt(ctx->env, &ctx->err))
			return cmd_error(ctx, "%s", err_text(&ctx->err));
		at += n;
		if (n < COPY_BYTES)
			return 0;
	}
}

/* Standard input as a file that can be opened. *fd: to be kept open until then. */
static int open_input(struct cmd_ctx *ctx, char path[64], int *fd)
{
	struct stat st;

	*fd = STDIN_FILENO;
	if (fstat(STDIN_FILENO, &st) || !S_ISREG(st.st_mode) || lseek(STDIN_FILENO, 0, SEEK_CUR)) {
		*fd = io_tempfile(ctx->env->tempdir);
		if (*fd < 0)
			return cmd_error(ctx, "cannot create a temporary file: %s", strerror(-*fd));
		if (copy_pipe(ctx, *fd))
			return 1;
	}
	snprintf(path, 64, "/proc/self/fd/%d", *fd);
	return 0;
}

int image_restore(struct cmd_ctx *ctx, const struct image_args *a)
{
	struct restore_opts opts = { .targets = (const char *const *)ctx->argv + 1, .ntargets = ctx->argc - 1 };
	const char *path = ctx->argv[0];
	char input[64];
	int fd = -1, ret = strcmp(path, "-") ? 0 : open_input(ctx, input, &fd);

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
