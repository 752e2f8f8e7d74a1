/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The session of `btrfs offline` as changes see it: opened for writing when it is needed, batches, and the way back. */
#include "cmds/change.h"

/* What is torn, half read or half believed is not to be built upon. */
static int refuse_flags(struct cmd_ctx *ctx, unsigned fs_flags)
{
	enum { LOOKING = FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_NO_BLOCK_GROUPS | FS_OPEN_NO_DATA_CSUM | FS_OPEN_BACKUP_ROOT | FS_OPEN_IGNORE_TRANSID |
		FS_OPEN_FORCE_MOUNTED };

	return fs_flags & LOOKING ? cmd_error(ctx, "rescue options, usebackuproot and --force are for looking: nothing is written with them") : 0;
}

int session_reload(struct cmd_ctx *ctx)
{
	struct session *s = ctx->session;

	s->batch = NULL;
	s->batch_failed = false;
	if (fs_reload(&s->dev->fs, &ctx->err)) {
		s->fs = NULL;
		return cmd_fail(ctx, "cannot open the filesystem again, the session is over");
	}
	s->fs = s->dev->fs;
	return s->settle(ctx);
}

int session_writable(struct cmd_ctx *ctx)
{
	struct session *s = ctx->session;
	bool dry_run = s->dry_run || ctx->dry_run;
	const char *undo = ctx->undo ? ctx->undo : s->undo;
	int ret;

	if (!s->fs)
		return cmd_error(ctx, "the session is over");
	if (s->read_only)
		return cmd_error(ctx, "the session is read-only (-o ro)");
	if (s->dev && !s->dev->fs->writer) {
		/* open for changes in place; now everything has to be right */
		s->dev->fs->flags = FS_OPEN_WRITE | (s->fs_flags & FS_OPEN_DEGRADED) | (dry_run ? FS_OPEN_DRY_RUN : 0);
		s->dev->fs->vol->flags &= ~VOLUME_LENIENT;
		ret = session_reload(ctx);
		if (ret)
			return ret;
	}
	if (s->dev && (dry_run != s->dev->dry_run || (undo && (!s->dev->undo || strcmp(undo, s->dev->undo))) ))
		return cmd_error(ctx, "--dry-run and --undo hold for a whole session: give them before the device");
	if (s->dev)
		return 0;
	ret = refuse_flags(ctx, s->fs_flags);
	if (!ret)
		ret = change_device_open(ctx, &s->target, s->fs_flags & (FS_OPEN_DEGRADED | FS_OPEN_NO_LOG_REPLAY), (dry_run ? CHANGE_DRY_RUN : 0) | (s->atomic ? CHANGE_HOLD : 0), undo,
					 &s->dev);
	if (ret)
		return ret;
	fs_close(s->fs);
	s->fs = s->dev->fs;
	return s->settle(ctx);
}

int session_in_place(struct cmd_ctx *ctx)
{
	struct session *s = ctx->session;
	int ret;

	if (!s->fs)
		return cmd_error(ctx, "the session is over");
	if (s->read_only)
		return cmd_error(ctx, "the session is read-only (-o ro)");
	if (s->batch || s->atomic)
		return cmd_error(ctx, "changes in place belong to no batch: 'commit' or 'abort' ends one, and --atomic makes one");
	if (s->dev)
		return 0;
	ret = change_device_open(ctx, &s->target, FS_OPEN_IN_PLACE | FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_DEGRADED | FS_OPEN_QUIET,
				 s->dry_run || ctx->dry_run ? CHANGE_DRY_RUN : 0, ctx->undo ? ctx->undo : s->undo, &s->dev);
	if (ret)
		return ret;
	fs_close(s->fs);
	s->fs = s->dev->fs;
	s->stale = true;
	return 0;
}

void session_refresh(struct cmd_ctx *ctx)
{
	struct session *s = ctx->session;

	if (s->stale && s->fs)
		session_reload(ctx);
	s->stale = false;
}

int session_begin(struct cmd_ctx *ctx)
{
	struct session *s = ctx->session;
	int ret = s->batch ? cmd_error(ctx, "a batch is open: 'commit' or 'abort' ends it") : session_writable(ctx);

	if (ret)
		return ret;
	if (volume_check_untouched(s->fs->vol, &ctx->err) || txn_begin(s->fs->writer, &s->batch, &ctx->err)) {
		s->batch = NULL;
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	}
	return 0;
}

int session_commit(struct cmd_ctx *ctx)
{
	struct session *s = ctx->session;
	int ret;

	if (!s->batch)
		return cmd_error(ctx, "there is no batch: 'begin' opens one");
	if (s->batch_failed)
		return cmd_error(ctx, "a command of the batch failed half way: only 'abort' is left");
	ret = volume_check_untouched(s->fs->vol, &ctx->err);
	if (!ret)
		ret = txn_commit(s->batch, &ctx->err);
	if (!ret)
		ret = change_device_write(s->dev, &ctx->err);
	s->batch = NULL;
	if (!ret)
		return 0;
	cmd_error(ctx, "%s", err_text(&ctx->err));
	session_reload(ctx);
	return 1;
}

int session_abort(struct cmd_ctx *ctx)
{
	if (!ctx->session->batch)
		return cmd_error(ctx, "there is no batch: 'begin' opens one");
	return session_reload(ctx);
}

int session_close(struct cmd_ctx *ctx, int status)
{
	struct session *s = ctx->session;

	if (s->batch && s->atomic && !status)
		status = session_commit(ctx);
	if (s->batch && !s->atomic)
		cmd_warn(ctx, "the batch was not committed: nothing of it is kept");
	if (s->dev)
		status = change_device_close(ctx, s->dev, status);
	else if (s->fs)
		fs_close(s->fs);
	s->dev = NULL;
	s->fs = NULL;
	s->batch = NULL;
	target_fini(&s->target);
	return status;
}
