/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/changes.h"

#include <errno.h>
#include "common/mem.h"

static int copy_devices(struct target *to, const struct target *from)
{
	*to = (struct target){ .kind = from->kind };
	for (size_t i = 0; i < from->devices.len; i++) {
		char *copy = mem_strdup(from->devices.v[i]);

		if (!copy || vec_push(&to->devices, copy)) {
			free(copy);
			target_fini(to);
			return -ENOMEM;
		}
	}
	return 0;
}

int changes_next(struct cmd_ctx *ctx, struct changes *s, const struct target *t)
{
	int ret;

	if (s->open && target_same_devices(&s->devices, t))
		return 0;
	ret = changes_end(ctx, s, 0);
	if (!ret && copy_devices(&s->devices, t))
		ret = cmd_error(ctx, "not enough memory");
	if (ret)
		return ret;
	ret = change_begin(ctx, t, &s->c);
	s->open = !ret;
	if (ret)
		target_fini(&s->devices);
	return ret;
}

int changes_end(struct cmd_ctx *ctx, struct changes *s, int status)
{
	int ret = s->open ? change_end(ctx, &s->c, 0) : 0;

	if (s->open)
		target_fini(&s->devices);
	s->open = false;
	return status ? status : ret;
}

int change_failed(struct cmd_ctx *ctx, int ret, const char *what)
{
	switch (ret) {
	case -EEXIST: case -ENOENT: case -EINVAL: case -ENOTDIR: case -ENAMETOOLONG: case -ENOTEMPTY: case -EBUSY: case -EXDEV:
		err_clear(&ctx->err);
		return cmd_error(ctx, "%s: %s", what, strerror(-ret));
	default:
		return ctx->err.len ? cmd_fail(ctx, "%s", what) : cmd_error(ctx, "%s: %s", what, strerror(-ret));
	}
}
