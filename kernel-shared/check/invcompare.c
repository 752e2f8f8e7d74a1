/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Before against after. Only subvolumes whose root block changed are looked at, all of them when checksums or chunks did. */
#include "kernel-shared/check/inventory.h"

#include <stdlib.h>
#include "common/strbuf.h"
#include "kernel-shared/tree/salvage.h"

enum { SHOWN = 20 };
struct subvols { u64 *v; size_t len, cap; };

static int list_subvols(struct fs *fs, struct subvols *out, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&fs->root_tree->tree, KEY_MIN, KEY_MAX);
	struct disk_root_item ri;
	struct item item;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0) {
		if (ret || item.key.type != BTRFS_ROOT_ITEM_KEY || !is_fstree(item.key.objectid))
			continue;
		root_item_parse(&item, &ri);
		if (le32_get(ri.refs) && vec_push(out, item.key.objectid))
			return err_nomem(err);
	}
	err_clear(err);
	return ret == -ENOENT ? 0 : ret;
}

static bool same_root(struct fs *a, struct fs *b, u64 id)
{
	struct err ignored = ERR_INIT;
	struct root *x, *y;

	return !fs_subvol_root(a, id, &x, &ignored) && !fs_subvol_root(b, id, &y, &ignored) && x->tree.bytenr == y->tree.bytenr &&
	       x->tree.generation == y->tree.generation;
}

static bool same_sums(struct fs *a, struct fs *b)
{
	return a->csum_tree && b->csum_tree && a->csum_tree->tree.bytenr == b->csum_tree->tree.bytenr && a->vol->chunks.len == b->vol->chunks.len;
}

static int path_shown(void *arg, const char *path, size_t len)
{
	struct strbuf *sb = arg;

	sb_printf(sb, "%.*s", (int)len, path);
	return 1;
}

static void tell(struct repair *r, struct fs *before, const struct inv_file *f, bool there)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;
	struct err ignored = ERR_INIT;
	struct root *root;

	if (!fs_subvol_root(before, f->tree, &root, &ignored))
		inode_paths(root, f->ino, path_shown, &sb, &ignored);
	repair_say(r, "%s: inode %llu of root %llu (%s)", there ? "would not read as before" : "would be lost", f->ino, f->tree, sb.len ? sb_str(&sb) : "path unknown");
}

static bool exempt(const struct repair *r, const struct inv_file *f)
{
	return hmap_get(&r->exempt, hash_mix2(f->tree, f->ino));
}

static int merge(struct repair *r, struct fs *before, struct sortrun *was, struct sortrun *is, u64 *lost, struct err *err)
{
	const struct inv_file *a, *b;
	struct err local = ERR_INIT;
	int ret = sortrun_finish(was, &local);

	if (!ret)
		ret = sortrun_finish(is, &local);
	b = ret ? NULL : sortrun_next(is, &local);
	while (!ret && !local.code && (a = sortrun_next(was, &local))) {
		bool same = false, there = false;

		while (b && memcmp(b->path, a->path, sizeof(a->path)) < 0)
			b = sortrun_next(is, &local);
		there = b && !memcmp(b->path, a->path, sizeof(a->path));
		same = there && b->readable && b->content == a->content;
		if (!a->readable || same || exempt(r, a))
			continue;
		if (++*lost <= SHOWN)
			tell(r, before, a, there);
	}
	ret = ret ? ret : local.code;
	if (ret && err)
		*err = local;
	return ret;
}

static int compare(struct repair *r, struct fs *before, struct fs *after, u64 *lost, struct err *err)
{
	struct sortrun *was = sortrun_new(r->env, sizeof(struct inv_file), sizeof(struct inv_file), MiB(64));
	struct sortrun *is = sortrun_new(r->env, sizeof(struct inv_file), sizeof(struct inv_file), MiB(64));
	struct subvols ids = { 0 };
	int ret = was && is ? list_subvols(before, &ids, err) : err_nomem(err);
	bool all = !same_sums(before, after);

	for (size_t i = 0; !ret && i < ids.len; i++) {
		if (!all && same_root(before, after, ids.v[i]))
			continue;
		ret = inventory_tree(r, before, ids.v[i], was, err);
		if (!ret)
			ret = inventory_tree(r, after, ids.v[i], is, err);
	}
	if (!ret)
		ret = merge(r, before, was, is, lost, err);
	free(ids.v);
	sortrun_free(was);
	sortrun_free(is);
	return ret;
}

int inventory_compare(struct repair *r, u64 *lost, struct err *err)
{
	struct fs *before = NULL, *after = NULL;
	int ret;

	*lost = 0;
	r->below = true;
	ret = repair_open_raw(r, &before, err);
	r->below = false;
	if (ret) {
		/* nothing could be read before */
		err_clear(err);
		return ret == -ENOMEM ? ret : 0;
	}
	ret = repair_open_raw(r, &after, err);
	if (!ret && before->root_tree && after->root_tree)
		ret = compare(r, before, after, lost, err);
	fs_close(before);
	fs_close(after);
	return ret;
}
