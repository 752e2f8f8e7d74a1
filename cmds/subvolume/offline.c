/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/subvolume/offline.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/mem.h"

/* Looked at before a slice is committed: a few hundred MiB of data, a few MiB of metadata. */
enum { SLICE_BLOCKS = 4096 };
enum { LEAVES_CREATE = 48 };

static u32 own_umask(void)
{
	u32 mask = umask(0);

	umask(mask);
	return mask;
}

/* One missing directory; a file in its place is found when the next component is looked up in it. */
static int make_dir(struct changes *s, struct loc dir, const char *name, size_t len, struct err *err)
{
	struct new_inode ni = { .mode = S_IFDIR | (0777 & ~own_umask()), .uid = geteuid(), .gid = getegid(), .inherit = true };
	u64 ino;
	int ret = op_create(s->c.txn, dir, name, len, &ni, &ino, err);

	return ret == -EEXIST ? 0 : ret;
}

static int make_parents(struct cmd_ctx *ctx, struct changes *s, const struct target *t, const char *arg)
{
	char *path CLEANUP(mem_freep) = mem_strdup(t->path);
	struct target above = *t;
	size_t end = path ? strlen(path) : 0, name_len;
	const char *name;
	struct loc dir;
	int ret = path ? 0 : cmd_error(ctx, "not enough memory");

	above.path = path;
	while (end && path[end - 1] == '/')
		end--;
	while (end && path[end - 1] != '/')
		end--;
	/* path[0..end) is the directory that is wanted */
	for (size_t i = 0; !ret && i + 1 < end; i++) {
		char c = path[i + 1];

		if (path[i] == '/' || c != '/')
			continue;
		path[i + 1] = 0;
		ret = change_resolve_parent(ctx, &s->c, &above, &dir, &name, &name_len);
		if (!ret && !(name_len == 1 && name[0] == '.') && !(name_len == 2 && !memcmp(name, "..", 2))) {
			int made = make_dir(s, dir, name, name_len, &ctx->err);

			if (made)
				ret = cmd_error(ctx, "failed to create directory %.*s: %s", (int)(strlen(arg) - strlen(t->path) + i + 1), arg, strerror(-made));
		}
		path[i + 1] = c;
	}
	return ret;
}

/* As the kernel makes it for a process of this user and umask: the default access list of the directory narrows the mode, but is not inherited. */
static int own_top(struct changes *s, struct loc dir, u64 id, struct err *err)
{
	struct inode attr = { .mode = S_IFDIR | (0777 & ~own_umask()), .uid = geteuid(), .gid = getegid() };
	struct loc top = { .ino = BTRFS_FIRST_FREE_OBJECTID };
	int ret = fs_subvol_root(s->c.fs, id, &top.root, err);

	if (!ret)
		ret = dir_narrow_mode(dir, &attr.mode, err);
	return ret ? ret : op_setattr(s->c.txn, top, ATTR_MODE | ATTR_UID | ATTR_GID, &attr, err);
}

int offline_create(struct cmd_ctx *ctx, struct changes *s, const struct target *t, const char *arg, bool parents, const u64 *ids, size_t n)
{
	struct qgroup_inherit inherit = { ids, n };
	char *dir, *base;
	struct loc above;
	struct op *op;
	const char *name;
	size_t len;
	u64 id;
	int ret = changes_next(ctx, s, t);

	if (!ret && parents)
		ret = make_parents(ctx, s, t, arg);
	if (!ret)
		ret = change_resolve_parent(ctx, &s->c, t, &above, &name, &len);
	if (ret)
		return ret;
	ret = op_begin(s->c.txn, LEAVES_CREATE, 0, &op, &ctx->err);
	if (!ret) {
		ret = op_subvol_create(s->c.txn, above, name, len, n ? &inherit : NULL, &id, &ctx->err);
		if (!ret)
			ret = own_top(s, above, id, &ctx->err);
		ret = op_end(op, ret, &ctx->err);
	}
	if (ret)
		return change_failed(ctx, ret, "Could not create subvolume");
	if (host_split(arg, &dir, &base))
		return cmd_error(ctx, "not enough memory");
	cmd_say(ctx, 1, "Create subvolume '%s/%s'\n", strcmp(dir, "/") ? dir : "", base);
	free(dir);
	free(base);
	return 0;
}

int offline_drop(struct cmd_ctx *ctx, struct change *c, u64 id)
{
	bool done = false;
	int ret = 0;

	while (!ret && !done) {
		if (env_check_interrupt(ctx->env, &ctx->err))
			return cmd_error(ctx, "%s", err_text(&ctx->err));
		ret = subvol_drop(c->txn, id, SLICE_BLOCKS, &done, &ctx->err);
		if (ret)
			return cmd_fail(ctx, "cannot drop subvolume %llu", id);
		if (!done)
			ret = change_checkpoint(ctx, c);
	}
	return ret;
}
