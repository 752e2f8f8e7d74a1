/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One command's changes: alone, in a session, in a batch. */
#include "cmds/change.h"

static int begin_alone(struct cmd_ctx *ctx, const struct target *t, struct change *c)
{
	c->opts = (struct write_opts)WRITE_OPTS_DEFAULT;
	return change_device_open(ctx, t, 0, ctx->dry_run ? CHANGE_DRY_RUN : 0, ctx->undo, &c->dev);
}

static int begin_joined(struct cmd_ctx *ctx, struct change *c)
{
	struct session *s = ctx->session;
	int ret = session_writable(ctx);

	if (!ret && s->batch_failed)
		ret = cmd_error(ctx, "an earlier command of the batch failed half way: only 'abort' is left");
	if (!ret && s->atomic && !s->batch)
		ret = session_begin(ctx);
	else if (!ret && !s->batch && volume_check_untouched(s->fs->vol, &ctx->err))
		ret = cmd_error(ctx, "%s", err_text(&ctx->err));
	c->opts = s->opts;
	return ret;
}

int change_begin(struct cmd_ctx *ctx, const struct target *t, struct change *c)
{
	bool joined = ctx->session && t->kind == TARGET_INSIDE && !t->devices.len;
	int ret;

	memset(c, 0, sizeof(*c));
	err_clear(&ctx->err);
	ret = joined ? begin_joined(ctx, c) : begin_alone(ctx, t, c);
	if (ret)
		return ret;
	c->fs = joined ? ctx->session->fs : c->dev->fs;
	ret = txn_begin(c->fs->writer, &c->txn, &ctx->err);
	if (!ret) {
		c->ops = txn_ops(c->txn);
		return 0;
	}
	ret = cmd_error(ctx, "%s", err_text(&ctx->err));
	return joined ? ret : change_device_close(ctx, c->dev, ret);
}

int change_resolve(struct cmd_ctx *ctx, struct change *c, const struct target *t, bool follow, struct loc *loc)
{
	return target_resolve_in(ctx, t, c->fs, follow, loc);
}

int change_resolve_parent(struct cmd_ctx *ctx, struct change *c, const struct target *t, struct loc *dir, const char **name, size_t *len)
{
	struct target above = *t;
	size_t end = t->path ? strlen(t->path) : 0, start;
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;

	while (end && t->path[end - 1] == '/')
		end--;
	for (start = end; start && t->path[start - 1] != '/';)
		start--;
	if (!end) {
		target_name(t, &text);
		return cmd_error(ctx, "the top directory has no name: '%s'", sb_str(&text));
	}
	*name = t->path + start;
	*len = end - start;
	sb_add(&text, t->path, start);
	if (!start)
		sb_char(&text, t->devices.len ? '/' : '.');
	above.path = (char *)sb_str(&text);
	return target_resolve_in(ctx, &above, c->fs, true, dir);
}

/* Only what nobody else has touched is written. */
static int commit(struct cmd_ctx *ctx, struct change *c)
{
	err_clear(&ctx->err);
	if (!writer_dead(c->fs->writer) && volume_check_untouched(c->fs->vol, &ctx->err))
		return cmd_error(ctx, "nothing is written: %s", err_text(&ctx->err));
	return txn_commit(c->txn, &ctx->err) ? cmd_error(ctx, "%s", err_text(&ctx->err)) : 0;
}

static int end_in_batch(struct cmd_ctx *ctx, struct change *c, int status)
{
	struct session *s = ctx->session;

	if (writer_dead(c->fs->writer)) {
		cmd_error(ctx, "the batch was given up: nothing of it is kept");
		session_reload(ctx);
		return status ? status : 1;
	}
	if (status && txn_ops(c->txn) != c->ops) {
		s->batch_failed = true;
		cmd_error(ctx, "the command failed half way: the batch can only be given up");
	}
	txn_commit(c->txn, &ctx->err); /* one level up, no more */
	return status;
}

int change_end(struct cmd_ctx *ctx, struct change *c, int status)
{
	if (!c->dev && ctx->session->batch)
		return end_in_batch(ctx, c, status);
	if (!status)
		status = commit(ctx, c);
	if (c->dev)
		return change_device_close(ctx, c->dev, status);
	if (status)
		session_reload(ctx);
	return status;
}

int change_checkpoint(struct cmd_ctx *ctx, struct change *c)
{
	int ret;

	if (!c->dev && ctx->session->batch)
		return 0;
	ret = commit(ctx, c);
	if (!ret && txn_begin(c->fs->writer, &c->txn, &ctx->err))
		ret = cmd_error(ctx, "%s", err_text(&ctx->err));
	if (!ret)
		c->ops = txn_ops(c->txn);
	return ret;
}
