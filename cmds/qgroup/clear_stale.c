/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs qgroup clear-stale: groups of subvolumes that are gone. Spec: cli 13.4. */
#include <errno.h>
#include "cmds/mounted/quota.h"
#include "cmds/qgroup/qgroup.h"
#include "kernel-shared/kapi/quota.h"

static int destroy(struct cmd_ctx *ctx, struct either *e, const struct qgroup *g)
{
	int ret;

	if (g->subject == QGROUP_SPACE_HOLDER)
		cmd_say(ctx, 1, "Attempt to delete stale but non-empty qgroup %u/%llu\n", qgroup_level(g->id), qgroup_subid(g->id));
	else
		cmd_say(ctx, 1, "Delete stale qgroup %u/%llu\n", qgroup_level(g->id), qgroup_subid(g->id));
	ret = e->mounted ? kqgroup_destroy(e->host.fd, g->id) : op_qgroup_destroy(e->change.txn, g->id, &ctx->err);
	if (ret == -EBUSY && g->subject == QGROUP_SPACE_HOLDER) {
		cmd_warn(ctx, "not possible to delete non-empty stale qgroup %u/%llu", qgroup_level(g->id), qgroup_subid(g->id));
		return 0;
	}
	return ret ? qgroup_failed(ctx, e, ret, "destroy") : 0;
}

static int gather(struct cmd_ctx *ctx, struct either *e, struct qgroups *all)
{
	struct subvols s = { .host = e->host };
	struct quota_state state;
	int ret;

	if (!e->mounted)
		return qgroups_read(e->change.fs, true, all, &ctx->err);
	ret = ksync(e->host.fd) ?: mounted_quota_state(e->host.fd, &state, &ctx->err);
	if (!ret && !state.enabled)
		ret = -ENOENT;
	if (!ret)
		ret = mounted_qgroups(e->host.fd, all, &ctx->err);
	if (!ret)
		ret = mounted_qgroup_subjects(&s, state.simple, all, &ctx->err);
	subvols_forget(&s);
	return ret;
}

static int clear_run(struct cmd_ctx *ctx, void *args)
{
	struct qgroups all = VEC_INIT;
	struct either e;
	int ret = either_open(ctx, ctx->argv[0], HOST_DIR, &e);

	if (ret)
		return ret;
	ret = gather(ctx, &e, &all);
	if (ret == -ENOENT) {
		cmd_warn(ctx, "qgroups not enabled");
		ret = 0;
	} else if (ret) {
		ret = cmd_fail(ctx, "can't list qgroups");
	}
	for (size_t i = 0; i < all.len; i++)
		if (all.v[i].subject == QGROUP_STALE || all.v[i].subject == QGROUP_SPACE_HOLDER)
			ret |= destroy(ctx, &e, &all.v[i]);
	qgroups_fini(&all);
	return either_close(ctx, &e, ret);
}

const struct cmd cmd_qgroup_clear_stale = {
	.name = "clear-stale", .usage = { "btrfs qgroup clear-stale <path>" }, .brief = "Clear all stale qgroups (level 0/subvolid), without a subvolume.",
	.min_args = 1, .max_args = 1, .flags = CMD_WRITES | CMD_QUIET, .run = clear_run, .complete = "fs",
};
