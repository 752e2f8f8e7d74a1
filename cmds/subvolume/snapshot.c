/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume snapshot. Spec: cli 7.3. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/changes.h"
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
	if (!access(dir, F_OK) && !host_on_btrfs(dir)) {
		close(srcfd);
		return cmd_error(ctx, "not a btrfs filesystem: %s", dir);
	}
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

static int snapshot_host(struct cmd_ctx *ctx, const struct snapshot_args *a, const u64 *ids, const char *src, const char *dest)
{
	char *dir, *name;
	struct stat st;
	int ret = host_refuse_offline_options(ctx, src);

	if (!ret && stat(src, &st))
		ret = cmd_error(ctx, "cannot access %s: %s", src, strerror(errno));
	if (!ret)
		ret = destination(ctx, src, dest, &dir, &name);
	if (ret)
		return ret;
	ret = take(ctx, a, ids, src, dir, name);
	if (!ret)
		cmd_say(ctx, 1, "Create %ssnapshot of '%s' in '%s/%s'\n", a->readonly ? "readonly " : "", src, strcmp(dir, "/") ? dir : "", name);
	free(dir);
	free(name);
	return ret;
}

/* The directory and the name that an unmounted snapshot gets; shown: as the result line says it. */
struct place { struct loc dir; const char *name; size_t len; struct strbuf shown; };

static int find_place(struct cmd_ctx *ctx, struct change *c, const struct target *src, const struct target *dest, const char *arg, struct place *out)
{
	struct loc above, found;
	struct inode inode;
	int ret = 0;

	sb_puts(&out->shown, arg);
	while (out->shown.len > 1 && out->shown.v[out->shown.len - 1] == '/' && out->shown.v[out->shown.len - 2] != ':')
		out->shown.len--;
	if (target_lookup(ctx, dest, c->fs, true, &found))
		return change_resolve_parent(ctx, c, dest, &out->dir, &out->name, &out->len);
	if (inode_get(found.root, found.ino, &inode, &ctx->err))
		return cmd_fail(ctx, "cannot access %s", arg);
	if (!inode_is(&inode, S_IFDIR))
		return cmd_error(ctx, "'%s' exists and it is not a directory", arg);
	out->dir = found;
	ret = src->kind == TARGET_DEVICE ? cmd_error(ctx, "a snapshot of the top level needs a name: %s is a directory", arg) :
		change_resolve_parent(ctx, c, src, &above, &out->name, &out->len);
	if (dest->kind == TARGET_DEVICE)
		sb_lit(&out->shown, ":/");
	else if (out->shown.len && out->shown.v[out->shown.len - 1] != '/')
		sb_char(&out->shown, '/');
	if (!ret)
		sb_add(&out->shown, out->name, out->len);
	return ret;
}

static int snapshot_offline(struct cmd_ctx *ctx, const struct snapshot_args *a, const u64 *ids, const struct target *src, const struct target *dest)
{
	struct qgroup_inherit inherit = { ids, a->qgroups.len };
	struct place place = { .shown = STRBUF_INIT };
	struct change c;
	struct loc from;
	u64 id;
	int ret = change_begin(ctx, src, &c);

	if (ret)
		return ret;
	ret = change_resolve(ctx, &c, src, true, &from);
	if (!ret && from.ino != BTRFS_FIRST_FREE_OBJECTID)
		ret = cmd_error(ctx, "Not a Btrfs subvolume: %s", strerror(EINVAL));
	if (!ret)
		ret = find_place(ctx, &c, src, dest, ctx->argv[1], &place);
	if (!ret) {
		ret = op_subvol_snapshot(c.txn, from.root->tree.id, place.dir, place.name, place.len, a->readonly, inherit.ngroups ? &inherit : NULL, &id, &ctx->err);
		if (ret)
			ret = change_failed(ctx, ret, "Could not create subvolume");
	}
	ret = change_end(ctx, &c, ret);
	if (!ret)
		cmd_say(ctx, 1, "Create %ssnapshot of '%s' in '%s'\n", a->readonly ? "readonly " : "", ctx->argv[0], sb_str(&place.shown));
	sb_fini(&place.shown);
	return ret;
}

static int snapshot_run(struct cmd_ctx *ctx, void *args)
{
	const struct snapshot_args *a = args;
	struct target src, dest;
	u64 *ids;
	int ret = qgroupid_list(ctx, &a->qgroups, &ids);

	if (ret)
		return ret;
	if (target_arg(ctx, ctx->argv[0], &src) || target_arg(ctx, ctx->argv[1], &dest)) {
		free(ids);
		return cmd_error(ctx, "not enough memory");
	}
	if (host_means_path(&src, ctx->argv[0]) && dest.kind != TARGET_INSIDE)
		ret = snapshot_host(ctx, a, ids, ctx->argv[0], ctx->argv[1]);
	else if (src.kind == TARGET_HOST || dest.kind == TARGET_HOST || !target_same_devices(&src, &dest))
		ret = cmd_error(ctx, "Could not create subvolume: %s: a snapshot lies in the filesystem of its source", strerror(EXDEV));
	else
		ret = snapshot_offline(ctx, a, ids, &src, &dest);
	target_fini(&src);
	target_fini(&dest);
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
	.flags = CMD_QUIET | CMD_WRITES, .run = snapshot_run, .complete = "subvol dir",
};
