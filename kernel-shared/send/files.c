/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that is no directory, one inode after the other: created or given its new names, then content and attributes. Every directory is in its place by now. */
#include "kernel-shared/send/gen.h"

#include <stdlib.h>
#include <sys/stat.h>

struct files {
	struct gen *g;
	struct change c;
	struct refs now, old;
	struct spath path;          /* by its first name */
	bool placed;                /* it is there */
};

static int refs_path(struct files *f, const struct name_ref *ref, struct spath *out)
{
	return names_path(&f->g->names, STEP_LEFT, ref->parent, ref_name(&f->now, ref), ref->len, out, f->g->err);
}

static int two_paths(struct files *f, enum send_cmd_id cmd, enum send_attr_id second, const struct spath *a, const struct spath *b)
{
	struct send_writer *w = emit_begin(f->g->emit, cmd);

	send_bytes(w, SEND_A_PATH, spath_text(a), spath_len(a));
	send_bytes(w, second, spath_text(b), spath_len(b));
	return emit_end(f->g->emit);
}

/* LINK for all names but those that are there: first, and what both trees have. */
static int link_names(struct files *f, size_t first, const struct spath *at)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < f->now.v.len; i++) {
		struct spath path;

		if (i == first || f->now.v.v[i].both)
			continue;
		ret = refs_path(f, &f->now.v.v[i], &path);
		if (!ret)
			ret = two_paths(f, SEND_C_LINK, SEND_A_PATH_LINK, &path, at);
	}
	return ret;
}

/* The "new" encoding of device numbers. Spec: 2.1. */
static u64 stream_rdev(u64 rdev)
{
	u32 major = rdev_major(rdev), minor = rdev_minor(rdev);

	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffu) << 12;
}

static int create(struct files *f, const struct spath *at)
{
	const struct inode *inode = &f->c.now;
	enum send_cmd_id cmd = S_ISREG(inode->mode) ? SEND_C_MKFILE : S_ISLNK(inode->mode) ? SEND_C_SYMLINK : S_ISFIFO(inode->mode) ? SEND_C_MKFIFO :
		S_ISSOCK(inode->mode) ? SEND_C_MKSOCK : S_ISCHR(inode->mode) || S_ISBLK(inode->mode) ? SEND_C_MKNOD : SEND_C_UNSPEC;
	struct send_writer *w;
	char *target = NULL;
	size_t len = 0;
	int ret;

	if (!cmd)
		return err_set(f->g->err, -EUCLEAN, "%.*s has an unknown type (mode %o)", (int)spath_len(at), spath_text(at), inode->mode);
	if (cmd == SEND_C_SYMLINK && (ret = symlink_read(inode->root, inode->ino, &target, &len, f->g->err)))
		return err_wrap(f->g->err, ret, "cannot read symlink %.*s", (int)spath_len(at), spath_text(at));
	w = emit_begin(f->g->emit, cmd);
	send_bytes(w, SEND_A_PATH, spath_text(at), spath_len(at));
	send_u64(w, SEND_A_INO, inode->ino);
	if (cmd == SEND_C_SYMLINK) {
		send_bytes(w, SEND_A_PATH_LINK, target, len);
	} else if (cmd != SEND_C_MKFILE) {
		send_u64(w, SEND_A_RDEV, stream_rdev(inode->rdev));
		send_u64(w, SEND_A_MODE, inode->mode);
	}
	free(target);
	return emit_end(f->g->emit);
}

/* A new inode is made where it belongs, or, if it would inherit something there, in the root, and moved. */
static int place_new(struct files *f)
{
	struct names *n = &f->g->names;
	struct spath made;
	int breeds, ret;

	f->placed = true;
	if (!f->now.v.len)
		return err_set(f->g->err, -EUCLEAN, "inode %llu of tree %llu has links but no name", f->c.ino, n->left.root->tree.id);
	ret = refs_path(f, &f->now.v.v[0], &f->path);
	if (ret)
		return ret;
	breeds = f->now.v.v[0].parent == BTRFS_FIRST_FREE_OBJECTID ? 0 : names_breeds(n, f->now.v.v[0].parent, f->g->err);
	if (breeds < 0)
		return breeds;
	made = f->path;
	if (breeds)
		ret = names_temporary(n, f->c.ino, f->c.now.generation, &made, f->g->err);
	if (!ret)
		ret = create(f, &made);
	if (!ret && breeds)
		ret = two_paths(f, SEND_C_RENAME, SEND_A_PATH_TO, &made, &f->path);
	if (!ret)
		ret = link_names(f, 0, &f->path);
	if (!ret && attrs_early_flags(f->g, &f->c.now))
		ret = attrs_flags(f->g, spath_text(&f->path), spath_len(&f->path), attrs_early_flags(f->g, &f->c.now));
	return ret;
}

/* Gives an inode that is there its new names. */
static int place_old(struct files *f)
{
	struct names *n = &f->g->names;
	struct name_ref *first;
	struct spath at;
	size_t kept = 0;
	int ret, placed;

	f->placed = true;
	ret = refs_read(&f->now, &n->left, f->c.ino, f->g->err);
	if (!ret)
		ret = refs_read(&f->old, &n->right, f->c.ino, f->g->err);
	if (!ret)
		ret = names_match(n, &f->now, &f->old, f->g->err);
	if (ret)
		return ret;
	if (!f->now.v.len)
		return err_set(f->g->err, -EUCLEAN, "inode %llu of tree %llu has links but no name", f->c.ino, n->left.root->tree.id);
	first = &f->now.v.v[0];
	ret = refs_path(f, first, &f->path);
	while (kept < f->now.v.len && !f->now.v.v[kept].both)
		kept++;
	if (ret)
		return ret;
	if (kept < f->now.v.len) {
		ret = refs_path(f, &f->now.v.v[kept], &at);
		return ret ? ret : link_names(f, kept, &at);
	}
	/* It has lost all its names: send_gone put it at its first new one, or at a temporary one. */
	placed = f->old.v.len ? names_file_placed(n, f->c.ino, &f->now, f->g->err) : 0;
	if (placed < 0)
		return placed;
	if (!placed) {
		ret = names_temporary(n, f->c.ino, f->c.now.generation, &at, f->g->err);
		if (!ret)
			ret = two_paths(f, SEND_C_RENAME, SEND_A_PATH_TO, &at, &f->path);
	}
	return ret ? ret : link_names(f, 0, &f->path);
}

static int begin(void *arg, const struct change *c)
{
	struct files *f = arg;
	struct gen *g = f->g;
	int ret = 0;

	if (!c->has_now || S_ISDIR(c->now.mode))
		return 1;
	f->c = *c;
	f->placed = false;
	f->now.v.len = 0;
	sb_reset(&f->now.text);
	g->attrs.acl = g->attrs.has_capability = false;
	if (c->has_old)
		ret = place_old(f);
	if (!ret && S_ISREG(c->now.mode))
		ret = content_begin(g, &f->c.now, c->has_old ? &f->c.old : NULL, &f->path);
	return ret;
}

static int item(void *arg, const struct item *now, const struct item *old, bool same)
{
	struct files *f = arg;
	struct gen *g = f->g;
	u8 type = now ? now->key.type : old->key.type;
	struct inode_ref_view ref;
	u32 pos = 0;
	int ret = 0;

	if (type == BTRFS_INODE_REF_KEY || type == BTRFS_INODE_EXTREF_KEY) {
		while (!f->placed && !ret && inode_ref_next(now, &pos, &ref))
			ret = refs_add(&f->now, &ref);
		return ret ? err_nomem(g->err) : 0;
	}
	if (!f->placed && (ret = place_new(f)))
		return ret;
	if (type == BTRFS_XATTR_ITEM_KEY && !same)
		return attrs_xattr_item(g, spath_text(&f->path), spath_len(&f->path), now, old);
	/* Extents that differ without the inode were moved or deduplicated: their bytes are the same. */
	if (type == BTRFS_EXTENT_DATA_KEY && S_ISREG(f->c.now.mode) && f->c.item)
		return content_item(g, now, old, same);
	return 0;
}

static int end(void *arg)
{
	struct files *f = arg;
	struct gen *g = f->g;
	int ret = f->placed ? 0 : place_new(f);

	if (!ret && S_ISREG(f->c.now.mode))
		ret = content_end(g);
	return ret ? ret : attrs_finish(g, spath_text(&f->path), spath_len(&f->path), &f->c.now, f->c.has_old ? &f->c.old : NULL);
}

int send_files(struct gen *g)
{
	static const struct change_ops ops = { begin, item, end };
	struct files f = { .g = g };
	int ret = changes_walk(&g->names, &ops, &f, g->err);

	refs_fini(&f.now);
	refs_fini(&f.old);
	return ret;
}
