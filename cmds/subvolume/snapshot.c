/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume snapshot. Spec: cli 7.3. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/mounted/host.h"
#include "cmds/mounted/qgroupids.h"
#include "common/mem.h"
#include "kernel-shared/kapi/subvol.h"

struct snapshot_args { struct strlist qgroups; bool readonly; };

/* Into DEST, or into the directory DEST under the source's own name. Heap. */
static int destination(struct cmd_ctx *ctx, const char *src, const char *dest, char **dir, char **name)
{
	char *real CLEANUP(mem_freep) = NULL, *parent = NULL;
	struct stat st;

	if (stat(dest, &st))
		return host_split(dest, dir, name) ? cmd_error(ctx, "not enough memory") : 0;
	if (!S_ISDIR(st.st_mode))
		return cmd_error(ctx, "'%s' exists and it is not a directory", dest);
	real = realpath(src, NULL);
	if (!real)
		return cmd_error(ctx, "cannot access %s: %s", src, strerror(errno));
	if (host_split(real, &parent, name))
		return cmd_error(ctx, "not enough memory");
	free(parent);
	*dir = mem_strdup(dest);
	if (*dir)
		return 0;
	free(*name);
	return cmd_error(ctx, "not enough memory");
}

static int take(struct cmd_ctx *ctx, const struct snapshot_args *a, const u64 *ids, const char *src, const char *dir, const char *name)
{
	struct stat st;
	int srcfd, dirfd, ret;

	if (stat(src, &st))
		return cmd_error(ctx, "cannot access %s: %s", src, strerror(errno));
	srcfd = open(src, O_RDONLY | O_CLOEXEC);
	if (srcfd < 0)
		return cmd_error(ctx, "cannot access %s: %s", src, strerror(errno));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		ret = cmd_error(ctx, "Could not open: %s", strerror(errno));
	else if (!S_ISDIR(st.st_mode) || st.st_ino != BTRFS_FIRST_FREE_OBJECTID)
		ret = cmd_error(ctx, "Not a Btrfs subvolume: %s", strerror(EINVAL));
	else if ((ret = ksubvol_snapshot(dirfd, name, srcfd, a->readonly, ids, a->qgroups.len)))
		ret = cmd_error(ctx, "Could not create subvolume: %s", strerror(-ret));
	if (dirfd >= 0)
		close(dirfd);
	close(srcfd);
	return ret;
}

static int snapshot_run(struct cmd_ctx *ctx, void *args)
{
	const struct snapshot_args *a = args;
	const char *src = ctx->argv[0], *dest = ctx->argv[1];
	char *dir, *name;
	struct target t;
	struct stat st;
	bool outside;
	u64 *ids;
	int ret;

	if (target_arg(ctx, src, &t))
		return cmd_error(ctx, "not enough memory");
	outside = t.kind != TARGET_INSIDE;
	target_fini(&t);
	if (!outside)
		return cmd_error(ctx, "cannot snapshot %s: taking snapshots is not supported on unmounted filesystems yet", src);
	if (stat(src, &st))
		return cmd_error(ctx, "cannot access %s: %s", src, strerror(errno));
	ret = qgroupid_list(ctx, &a->qgroups, &ids);
	if (ret)
		return ret;
	ret = destination(ctx, src, dest, &dir, &name);
	if (!ret) {
		ret = take(ctx, a, ids, src, dir, name);
		if (!ret)
			cmd_say(ctx, 1, "Create %ssnapshot of '%s' in '%s/%s'\n", a->readonly ? "readonly " : "", src, strcmp(dir, "/") ? dir : "", name);
		free(dir);
		free(name);
	}
	free(ids);
	return ret;
}

#define OPT_STRUCT struct snapshot_args
static const struct opt snapshot_opts[] = {
	OPT_FLAG('r', NULL, readonly, "make the new snapshot readonly"),
	OPT_LIST('i', NULL, qgroups, "QGROUPID", "add the new snapshot to a qgroup (a quota group); can be given several times"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_subvolume_snapshot = {
	.name = "snapshot", .usage = { "btrfs subvolume snapshot [options] <subvolume> { <subdir>/<name> | <subdir> }" },
	.brief = "Create a snapshot of a subvolume", .opts = snapshot_opts, CMD_ARGS(struct snapshot_args), .min_args = 2, .max_args = 2,
	.flags = CMD_QUIET, .run = snapshot_run, .complete = "subvol",
};
