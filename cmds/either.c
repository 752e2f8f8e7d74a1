/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/either.h"

#include <errno.h>
#include "cmds/mounted/qgroupids.h"
#include "kernel-shared/kapi/subvol.h"

static int open_offline(struct cmd_ctx *ctx, const char *arg, struct either *e)
{
	struct target t;
	int ret;

	if (target_arg(ctx, arg, &t))
		return cmd_error(ctx, "not enough memory");
	ret = change_begin(ctx, &t, &e->change);
	if (!ret && change_resolve(ctx, &e->change, &t, true, &e->loc))
		ret = change_end(ctx, &e->change, 1);
	target_fini(&t);
	return ret;
}

int either_open(struct cmd_ctx *ctx, const char *arg, unsigned flags, struct either *e)
{
	int ret;

	*e = (struct either){ .arg = arg };
	ret = host_open(ctx, arg, flags, &e->host);
	e->mounted = !ret;
	return ret == HOST_OFFLINE ? open_offline(ctx, arg, e) : ret;
}

int either_close(struct cmd_ctx *ctx, struct either *e, int status)
{
	if (!e->mounted)
		return change_end(ctx, &e->change, status);
	host_close(&e->host);
	return status;
}

int either_subvol(const struct either *e, u64 *id)
{
	if (e->mounted)
		return host_is_subvol(&e->host) ? ksubvol_id(e->host.fd, id) : -EINVAL;
	*id = e->loc.root->tree.id;
	return e->loc.ino == BTRFS_FIRST_FREE_OBJECTID ? 0 : -EINVAL;
}

int either_qgroupid(struct cmd_ctx *ctx, struct either *e, const char *text, u64 *id)
{
	struct target t = { .kind = TARGET_INSIDE, .path = (char *)text };
	struct loc loc;
	int ret;

	if (e->mounted || !parse_qgroupid(text, id) || text[0] != '/')
		return qgroupid_arg(ctx, text, id);
	if (ctx->session)
		ret = target_lookup(ctx, &t, e->change.fs, true, &loc);
	else
		ret = fs_resolve(e->change.fs, fs_top(e->change.fs), text, true, &loc, &ctx->err);
	if (ret || loc.ino != BTRFS_FIRST_FREE_OBJECTID) {
		err_clear(&ctx->err);
		cmd_error(ctx, "invalid qgroupid or subvolume path: %s", text);
		return BAD_QGROUPID;
	}
	*id = loc.root->tree.id;
	return 0;
}
