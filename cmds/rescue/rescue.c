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

int rescue_change(struct cmd_ctx *ctx, const char *arg, change_fn *fn, void *fn_arg)
{
	struct target t;
	int ret;

	if (target_parse(arg, &t))
		return cmd_error(ctx, "not enough memory");
	ret = rescue_unmounted(ctx, &t, false);
	if (!ret)
		ret = change_device_run(ctx, &t, 0, fn, fn_arg);
	target_fini(&t);
	return ret;
}
