/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume create. Spec: cli 7.1. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/mounted/host.h"
#include "cmds/mounted/qgroupids.h"
#include "cmds/subvolume/offline.h"
#include "common/mem.h"
#include "kernel-shared/kapi/subvol.h"

struct create_args { struct strlist qgroups; bool parents; };

/* Every missing directory on the way to dir, which is changed meanwhile and restored. */
static int make_parents(struct cmd_ctx *ctx, char *dir)
{
	for (char *end = dir + 1; ; end++) {
		char c = *end;

		if (c && c != '/')
			continue;
		*end = 0;
		if (mkdir(dir, 0777) && errno != EEXIST)
			return cmd_error(ctx, "failed to create directory %s: %s", dir, strerror(errno));
		*end = c;
		if (!c)
			return 0;
	}
}

static int create_in(struct cmd_ctx *ctx, const struct create_args *a, const u64 *ids, char *dir, const char *name)
{
	int fd, ret;

	if (a->parents && strcmp(dir, ".") && make_parents(ctx, dir))
		return 1;
	if (!access(dir, F_OK) && !host_on_btrfs(dir))
		return cmd_error(ctx, "not a btrfs filesystem: %s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cmd_error(ctx, "Could not open: %s", strerror(errno));
	ret = ksubvol_create(fd, name, ids, a->qgroups.len);
	close(fd);
	if (ret)
		return cmd_error(ctx, "Could not create subvolume: %s", strerror(-ret));
	cmd_say(ctx, 1, "Create subvolume '%s/%s'\n", strcmp(dir, "/") ? dir : "", name);
	return 0;
}

static int create_host(struct cmd_ctx *ctx, const struct create_args *a, const u64 *ids, const char *arg)
{
	char *dir, *name;
	struct stat st;
	int ret = host_refuse_offline_options(ctx, arg);

	if (ret)
		return ret;
	/* asked here, because "m/." and mount points are no names in their directories */
	if (!lstat(arg, &st))
		return cmd_error(ctx, "Could not create subvolume: %s", strerror(EEXIST));
	if (host_split(arg, &dir, &name))
		return cmd_error(ctx, "not enough memory");
	ret = create_in(ctx, a, ids, dir, name);
	free(dir);
	free(name);
	return ret;
}

static int create_run(struct cmd_ctx *ctx, void *args)
{
	const struct create_args *a = args;
	struct changes changes = { 0 };
	struct target t;
	u64 *ids;
	int ret = qgroupid_list(ctx, &a->qgroups, &ids);

	if (ret)
		return ret;
	for (int i = 0; i < ctx->argc; i++) {
		if (target_arg(ctx, ctx->argv[i], &t)) {
			ret = cmd_error(ctx, "not enough memory");
			break;
		}
		/* a device or file of that name is in the way, wherever it lies */
		if (t.kind == TARGET_INSIDE)
			ret |= offline_create(ctx, &changes, &t, ctx->argv[i], a->parents, ids, a->qgroups.len);
		else
			ret |= create_host(ctx, a, ids, ctx->argv[i]);
		target_fini(&t);
	}
	free(ids);
	return changes_end(ctx, &changes, ret);
}

#define OPT_STRUCT struct create_args
static const struct opt create_opts[] = {
	OPT_LIST('i', NULL, qgroups, "QGROUPID", "add the newly created subvolume(s) to a qgroup; can be given several times"),
	OPT_FLAG('p', "parents", parents, "create any missing parent directories (like mkdir -p)"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_subvolume_create = {
	.name = "create", .usage = { "btrfs subvolume create [options] [<dest>/]<name> [[<dest2>/]<name2> ...]" }, .brief = "Create subvolume(s)",
	.opts = create_opts, CMD_ARGS(struct create_args), .min_args = 1, .max_args = -1, .flags = CMD_QUIET | CMD_WRITES, .run = create_run, .complete = "dir",
};
