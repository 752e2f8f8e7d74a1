/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Receiving into an unmounted filesystem: one transaction, or (--checkpoint) several. */
#include "cmds/change.h"
#include "cmds/receive/receive.h"
#include "kernel-shared/send/engine.h"

struct offline { struct receive *rc; struct change c; };

static int commit(void *arg, struct txn **txn, struct err *err)
{
	struct offline *o = arg;
	int ret = change_checkpoint(o->rc->ctx, &o->c);

	*txn = o->c.txn;
	return ret ? err_set(err, -EIO, "the filesystem could not be written") : 0;
}

/* Where an earlier receive stopped. */
static int find_partial(struct offline *o, struct engine *e, struct apply_note *note)
{
	struct cmd_ctx *ctx = o->rc->ctx;
	const char *text = o->rc->args->resume;
	bool given = text && *text;
	struct send_token want;
	int ret = given ? send_token_parse(text, &want, &ctx->err) : 0;

	if (ret)
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = engine_resume(e, given ? want.uuid : NULL, note, &ctx->err);
	return ret ? cmd_error(ctx, "%s: %s", o->rc->dest, err_text(&ctx->err)) : 0;
}

static int receive_into(struct offline *o, struct loc dest, bool *keep)
{
	struct receive *rc = o->rc;
	const struct receive_args *a = rc->args;
	struct engine_opts opts = { .write = o->c.opts, .force_decompress = a->force_decompress, .parents_only = a->sources && !strcmp(a->sources, "parents"),
		.keep = a->keep || a->has_checkpoint || a->has_resume, .checkpoint = a->has_checkpoint ? a->checkpoint : 0, .commit = commit, .arg = o };
	struct apply_note note;
	struct engine *e;
	const char *name;
	int ret = engine_new(&e, o->c.txn, dest, &opts, &rc->ctx->err);

	if (ret)
		return cmd_fail(rc->ctx, "cannot receive");
	if (a->has_resume)
		ret = find_partial(o, e, &note);
	if (!ret)
		ret = receive_run(rc, engine_target(e), a->has_resume ? &note.token : NULL);
	*keep = ret && engine_kept(e, &note, &name);
	if (*keep)
		receive_say_token(rc, &note.token, name);
	engine_free(e);
	return ret;
}

int receive_offline(struct receive *rc, const struct target *t)
{
	struct offline o = { .rc = rc };
	struct inode inode;
	struct loc dest;
	bool keep = false;
	int ret = change_begin(rc->ctx, t, &o.c);

	if (ret)
		return ret;
	env_start_pool(rc->ctx->env, NULL);
	ret = change_resolve(rc->ctx, &o.c, t, true, &dest);
	if (!ret && (inode_get(dest.root, dest.ino, &inode, &rc->ctx->err) || !inode_is(&inode, 0040000)))
		ret = cmd_error(rc->ctx, "not a directory: %s", rc->dest);
	if (!ret)
		ret = receive_into(&o, dest, &keep);
	/* What is incomplete, and kept, is committed all the same. */
	return keep ? change_end(rc->ctx, &o.c, 0), ret : change_end(rc->ctx, &o.c, ret);
}
