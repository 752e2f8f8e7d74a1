/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deleting subvolumes of unmounted filesystems: what they held alone is free when the command ends. */
#include <errno.h>
#include "cmds/subvolume/deletion.h"
#include "cmds/subvolume/offline.h"
#include "kernel-shared/fs/subvol.h"

/* "disk.img:/a/b", in a session "/a/b". */
static void full_path(const struct target *t, const char *inside, struct strbuf *out)
{
	struct target whole = *t;

	whole.path = "/";
	target_name(&whole, out);
	sb_puts(out, inside);
}

static int delete_one(struct cmd_ctx *ctx, struct changes *changes, const struct delete_args *a, const struct target *t, u64 id, bool last)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT, shown CLEANUP(sb_fini) = STRBUF_INIT;
	struct change *c = &changes->c;
	int ret;

	if (!subvol_path(c->fs, id, &path, NULL))
		full_path(t, sb_str(&path), &shown);
	if (id == c->fs->default_subvol)
		return deletion_refuse_default(ctx, id, shown.len ? sb_str(&shown) : "");
	deletion_say(ctx, a, id, shown.len ? sb_str(&shown) : NULL, last);
	ret = op_subvol_delete(c->txn, id, &ctx->err);
	if (ret)
		return change_failed(ctx, ret, "Could not destroy subvolume/snapshot");
	ret = offline_drop(ctx, c, id);
	return ret || !a->each ? ret : change_checkpoint(ctx, c);
}

static int delete_nested(struct cmd_ctx *ctx, struct changes *changes, const struct delete_args *a, const struct target *t, u64 id)
{
	struct subvols s = { .fs = changes->c.fs, .id = id };
	struct nested_list nested;
	int ret = deletion_nested(&s, &nested, &ctx->err);

	if (ret)
		ret = cmd_fail(ctx, "cannot list the subvolumes below subvolume %llu", id);
	for (size_t i = 0; !ret && i < nested.len; i++)
		ret = delete_one(ctx, changes, a, t, nested.v[i].id, false);
	nested_fini(&nested);
	subvols_forget(&s);
	return ret;
}

int offline_delete(struct cmd_ctx *ctx, struct changes *changes, const struct delete_args *a, const struct target *t, const char *arg, bool last)
{
	struct loc loc;
	u64 id = a->id;
	int ret = changes_next(ctx, changes, t);

	if (ret)
		return ret;
	ret = target_lookup(ctx, t, changes->c.fs, true, &loc);
	if (ret)
		return change_failed(ctx, ret, "Could not statfs");
	if (!a->has_id && loc.ino != BTRFS_FIRST_FREE_OBJECTID)
		return cmd_error(ctx, "Not a Btrfs subvolume: %s", strerror(EINVAL));
	if (!a->has_id)
		id = loc.root->tree.id;
	if (id == BTRFS_FS_TREE_OBJECTID)
		return id == changes->c.fs->default_subvol ? deletion_refuse_default(ctx, id, arg) : deletion_refuse_top(ctx, arg);
	if (a->recursive)
		ret = delete_nested(ctx, changes, a, t, id);
	return ret ? ret : delete_one(ctx, changes, a, t, id, last);
}
