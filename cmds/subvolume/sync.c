/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume sync: until deleted subvolumes are gone. Spec: cli 7.6. */
#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "cmds/subvolume/offline.h"
#include "kernel-shared/fs/subvol.h"
#include "kernel-shared/kapi/search.h"

struct sync_args { const char *sleep; };
VEC_TYPE(ids, u64);

/* Every deleted subvolume that is not yet dropped has an orphan item in the root tree. */
static int find_pending(const struct host *h, struct ids *out, struct err *err)
{
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(h->fd, BTRFS_ROOT_TREE_OBJECTID, KEY(BTRFS_ORPHAN_OBJECTID, BTRFS_ORPHAN_ITEM_KEY, 0),
							       KEY(BTRFS_ORPHAN_OBJECTID, BTRFS_ORPHAN_ITEM_KEY, -1ULL));
	struct item item;
	int ret;

	while (!(ret = ksearch_next(&s, &item, err)))
		if (is_fstree(item.key.offset) && vec_push(out, item.key.offset))
			return err_nomem(err);
	return ret == -ENOENT ? 0 : ret;
}

/* 1 gone, 0 still there. */
static int is_gone(const struct host *h, u64 id, struct err *err)
{
	struct key found;
	char none;
	int ret = ksearch_first(h->fd, BTRFS_ROOT_TREE_OBJECTID, KEY(id, BTRFS_ROOT_ITEM_KEY, 0), KEY(id, BTRFS_ROOT_ITEM_KEY, -1ULL), &found, &none, 0, NULL, err);

	return ret == -ENOENT ? 1 : ret;
}

/* No ids: all. */
static bool is_wanted(const struct ids *ids, u64 id)
{
	for (size_t i = 0; i < ids->len; i++)
		if (ids->v[i] == id)
			return true;
	return !ids->len;
}

static int wait_for(struct cmd_ctx *ctx, const struct host *h, struct ids *ids, u64 interval)
{
	size_t total = ids->len, gone = 0;
	struct statvfs vfs;

	cmd_say(ctx, 1, "Waiting for %zu subvolume%s\n", total, total == 1 ? "" : "s");
	out_flush(ctx->out);
	for (;;) {
		for (size_t i = 0; i < ids->len; i++) {
			int ret = ids->v[i] ? is_gone(h, ids->v[i], &ctx->err) : 0;

			if (ret < 0)
				return cmd_fail(ctx, "cannot look for subvolume %llu", ids->v[i]);
			if (!ret)
				continue;
			cmd_say(ctx, 1, "Subvolume id %llu is gone (%zu/%zu)\n", ids->v[i], ++gone, total);
			out_flush(ctx->out);
			ids->v[i] = 0;
		}
		if (gone == total)
			return 0;
		if (!fstatvfs(h->fd, &vfs) && vfs.f_flag & ST_RDONLY) {
			cmd_warn(ctx, "filesystem is now read-only");
			return 1;
		}
		if (env_check_interrupt(ctx->env, &ctx->err))
			return cmd_error(ctx, "%s", err_text(&ctx->err));
		sleep(interval);
	}
}

/* Nobody else cleans an unmounted filesystem: what waits is dropped here. */
static int sync_offline(struct cmd_ctx *ctx, struct ids *ids)
{
	struct subvol_list all = VEC_INIT;
	size_t total = 0, gone = 0;
	struct change c;
	struct target t;
	int ret;

	if (target_arg(ctx, ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = change_begin(ctx, &t, &c);
	target_fini(&t);
	if (ret)
		return ret;
	if (subvol_list(c.fs, &all, &ctx->err))
		ret = cmd_fail(ctx, "cannot find deleted subvolumes");
	for (size_t i = 0; !ret && i < all.len; i++)
		if (all.v[i].deleted && is_wanted(ids, all.v[i].id))
			total++;
	if (!ret && total)
		cmd_say(ctx, 1, "Waiting for %zu subvolume%s\n", total, total == 1 ? "" : "s");
	for (size_t i = 0; !ret && i < all.len; i++) {
		if (!all.v[i].deleted || !is_wanted(ids, all.v[i].id))
			continue;
		ret = offline_drop(ctx, &c, all.v[i].id);
		if (!ret)
			cmd_say(ctx, 1, "Subvolume id %llu is gone (%zu/%zu)\n", all.v[i].id, ++gone, total);
	}
	subvol_list_fini(&all);
	return change_end(ctx, &c, ret);
}

static int given_ids(struct cmd_ctx *ctx, struct ids *ids)
{
	u64 id;

	for (int i = 1; i < ctx->argc; i++) {
		if (parse_u64(ctx->argv[i], &id, NULL) || !is_fstree(id) || id == BTRFS_FS_TREE_OBJECTID)
			return cmd_error(ctx, "unrecognized subvolume id %s", ctx->argv[i]);
		if (vec_push(ids, id))
			return cmd_error(ctx, "not enough memory");
	}
	return 0;
}

static int sync_mounted(struct cmd_ctx *ctx, const struct host *h, struct ids *ids, u64 interval)
{
	if (ctx->argc == 1 && find_pending(h, ids, &ctx->err))
		return cmd_fail(ctx, "cannot find deleted subvolumes");
	return ids->len ? wait_for(ctx, h, ids, interval) : 0;
}

static int sync_run(struct cmd_ctx *ctx, void *args)
{
	const struct sync_args *a = args;
	struct ids ids = VEC_INIT;
	u64 interval = 1;
	struct host h;
	int ret;

	if (a->sleep && (parse_u64(a->sleep, &interval, NULL) || !interval || interval > 1U << 30))
		return cmd_error(ctx, "invalid sleep interval %s", a->sleep);
	ret = given_ids(ctx, &ids);
	if (!ret)
		ret = host_open(ctx, ctx->argv[0], HOST_DIR, &h);
	if (!ret) {
		ret = sync_mounted(ctx, &h, &ids, interval);
		host_close(&h);
	} else if (ret == HOST_OFFLINE) {
		ret = sync_offline(ctx, &ids);
	}
	vec_fini(&ids);
	return ret;
}

#define OPT_STRUCT struct sync_args
static const struct opt sync_opts[] = {
	OPT_STRING('s', NULL, sleep, "N", "sleep N seconds between checks (default: 1)"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_subvolume_sync = {
	.name = "sync", .usage = { "btrfs subvolume sync [options] <path> [<subvolid>...]" }, .brief = "Wait until given subvolume(s) are completely removed from the filesystem.",
	.opts = sync_opts, CMD_ARGS(struct sync_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES, .run = sync_run, .complete = "fs none",
};
