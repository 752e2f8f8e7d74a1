/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands of the group do in the same way. Spec: check.md 2. */
#include <string.h>
#include "cmds/rescue/rescue.h"

int rescue_unmounted(struct cmd_ctx *ctx, const struct target *t, bool busy)
{
	if (t->kind != TARGET_DEVICE)
		return cmd_error(ctx, "a device or an image is expected: %s", ctx->argv[ctx->argc - 1]);
	for (size_t i = 0; i < t->devices.len; i++) {
		int ret = bdev_in_use(t->devices.v[i], NULL, &ctx->err);

		if (ret < 0)
			return cmd_error(ctx, "could not check mount status: %s", strerror(-ret));
		if (ret)
			return busy ? cmd_error(ctx, "the device is busy") : cmd_error(ctx, "%s is currently mounted", t->devices.v[i]);
	}
	return 0;
}

static int in_transaction(struct cmd_ctx *ctx, struct fs *fs, int (*fn)(struct cmd_ctx *ctx, struct fs *fs, struct txn *txn, void *arg), void *arg)
{
	struct txn *txn;
	int ret;

	if (txn_begin(fs->writer, &txn, &ctx->err))
		return cmd_fail(ctx, "cannot start a transaction");
	ret = fn(ctx, fs, txn, arg);
	if (ret)
		txn_abort(txn);
	else if (txn_commit(txn, &ctx->err))
		ret = cmd_fail(ctx, "cannot write the change");
	return ret;
}

int rescue_change(struct cmd_ctx *ctx, const char *arg, int (*fn)(struct cmd_ctx *ctx, struct fs *fs, struct txn *txn, void *arg), void *fn_arg)
{
	struct change_device *dev;
	struct target t;
	int ret;

	if (target_parse(arg, &t))
		return cmd_error(ctx, "not enough memory");
	ret = rescue_unmounted(ctx, &t, false);
	if (!ret)
		ret = change_device_open(ctx, &t, FS_OPEN_WRITE, ctx->dry_run ? CHANGE_DRY_RUN : 0, ctx->undo, &dev);
	if (!ret)
		ret = change_device_close(ctx, dev, in_transaction(ctx, dev->fs, fn, fn_arg));
	target_fini(&t);
	return ret;
}
