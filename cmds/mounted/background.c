/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void leave_terminal(bool talks)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/") || null < 0)
		return;
	dup2(null, 0);
	if (!talks) {
		dup2(null, 1);
		dup2(null, 2);
	}
	close(null);
}

pid_t background_fork(struct cmd_ctx *ctx, bool talks)
{
	pid_t pid;

	/* what is still buffered would be printed twice */
	out_flush(ctx->out);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		cmd_error(ctx, "cannot fork: %s", strerror(errno));
	else if (!pid)
		leave_terminal(talks);
	return pid;
}
