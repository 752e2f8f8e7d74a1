/* SPDX-License-Identifier: GPL-2.0-or-later */
/* begin, commit, abort: several lines as one transaction. */
#include "cmds/shell/shell.h"

static int begin_run(struct cmd_ctx *ctx, void *args)
{
	return session_begin(ctx);
}
const struct cmd verb_begin = { .name = "begin", .usage = { "begin" }, .brief = "Begin a batch: nothing of it is written before 'commit'", .flags = CMD_ANY_FORMAT,
	.run = begin_run };

static int commit_run(struct cmd_ctx *ctx, void *args)
{
	return session_commit(ctx);
}
const struct cmd verb_commit = { .name = "commit", .usage = { "commit" }, .brief = "Write the batch, all of it at once", .flags = CMD_ANY_FORMAT, .run = commit_run };

static int abort_run(struct cmd_ctx *ctx, void *args)
{
	return session_abort(ctx);
}
const struct cmd verb_abort = { .name = "abort", .usage = { "abort" }, .brief = "Give up the batch: the filesystem is as it was before 'begin'",
	.flags = CMD_ANY_FORMAT, .run = abort_run };
