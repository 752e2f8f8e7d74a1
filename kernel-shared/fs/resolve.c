/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From paths to inodes as a mount would walk, and from inodes back to paths. */
#include "common/mem.h"
#include "common/strbuf.h"
#include "kernel-shared/fs/inode.h"

#include <stdlib.h>
#include <sys/stat.h>

struct loc fs_top(struct fs *fs)
{
	return (struct loc){ fs->fs_tree, BTRFS_FIRST_FREE_OBJECTID };
}

static bool loc_eq(struct loc a, struct loc b)
{
	return a.root == b.root && a.ino == b.ino;
}

/* ---- Upwards ---- */

/* Brent's way of noticing that a climb goes round and round: no memory, at most a few rounds too many. */
struct loop_guard { u64 mark, steps, limit; };

static bool goes_round(struct loop_guard *g, u64 id)
{
	if (g->limit && id == g->mark)
		return true;
	if (g->steps++ == g->limit) {
		g->mark = id;
		g->limit = g->limit * 2 + 1;
		g->steps = 0;
	}
	return false;
}

struct first_ref { struct strbuf *name; u64 parent; bool found; };

/* Names are collected backwards, last byte first, so that climbing only appends. */
static void add_backwards(struct strbuf *sb, const u8 *name, size_t len)
{
	while (len)
		sb_char(sb, name[--len]);
}

static int take_first_ref(void *arg, const struct inode_ref_view *ref)
{
	struct first_ref *f = arg;

	f->parent = ref->parent;
	f->found = true;
	if (f->name)
		add_backwards(f->name, ref->name, ref->name_len);
	return 1;
}

/* The directory above within the subvolume; the name goes to backwards, if there is one. */
static int parent_within(struct root *root, u64 dir, u64 *parent, struct strbuf *backwards, struct err *err)
{
	struct first_ref f = { .name = backwards };
	int ret = inode_refs(root, dir, take_first_ref, &f, err);

	if (ret < 0)
		return ret;
	if (!f.found)
		return err_set(err, -ENOENT, "directory %llu of tree %llu hangs nowhere: it has no INODE_REF", dir, root->tree.id);
	*parent = f.parent;
	return 0;
}

int dir_parent(struct root *root, u64 dir, struct loc *out, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct root_ref_view ref;
	u64 parent;
	int ret;

	*out = (struct loc){ root, dir };
	if (dir != BTRFS_FIRST_FREE_OBJECTID)
		return parent_within(root, dir, &out->ino, NULL, err);
	if (root->tree.id == BTRFS_FS_TREE_OBJECTID)
		return 0;
	ret = subvol_link(root->fs, root->tree.id, &p, &parent, &ref, err);
	if (ret)
		return ret;
	out->ino = ref.dirid;
	return fs_subvol_root(root->fs, parent, &out->root, err);
}

/* The components from dir up to its subvolume's root, last first and each backwards, a slash behind each. */
static int climb(struct root *root, u64 dir, struct strbuf *backwards, struct err *err)
{
	struct loop_guard guard = { 0 };

	while (dir != BTRFS_FIRST_FREE_OBJECTID) {
		int ret;

		if (goes_round(&guard, dir))
			return err_set(err, -ENOENT, "directory %llu of tree %llu hangs below itself", dir, root->tree.id);
		ret = parent_within(root, dir, &dir, backwards, err);
		if (ret)
			return ret;
		sb_char(backwards, '/');
	}
	return 0;
}

/* Appends what was collected, the right way round, without the slash that now leads. */
static int turn_round(struct strbuf *backwards, struct strbuf *out, struct err *err)
{
	size_t n = backwards->len;

	if (n && backwards->v[n - 1] == '/')
		n--;
	while (n)
		sb_char(out, backwards->v[--n]);
	return backwards->failed || out->failed ? err_nomem(err) : 0;
}

int dir_path(struct root *root, u64 dir, struct strbuf *out, struct err *err)
{
	struct strbuf backwards CLEANUP(sb_fini) = STRBUF_INIT;
	int ret = climb(root, dir, &backwards, err);

	return ret ? ret : turn_round(&backwards, out, err);
}

/* One subvolume up: its name in its parent, then the directories there. */
static int climb_subvol(struct fs *fs, u64 *id, struct strbuf *backwards, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct root_ref_view ref;
	struct root *parent;
	int ret = subvol_link(fs, *id, &p, id, &ref, err);

	if (ret)
		return ret;
	add_backwards(backwards, ref.name, ref.name_len);
	sb_char(backwards, '/');
	ret = fs_subvol_root(fs, *id, &parent, err);
	return ret ? ret : climb(parent, ref.dirid, backwards, err);
}

int subvol_path(struct fs *fs, u64 id, struct strbuf *out, struct err *err)
{
	struct strbuf backwards CLEANUP(sb_fini) = STRBUF_INIT;
	struct loop_guard guard = { 0 };
	u64 at = id;

	while (at != BTRFS_FS_TREE_OBJECTID) {
		int ret;

		if (goes_round(&guard, at))
			return err_set(err, -ENOENT, "subvolume %llu hangs below itself", at);
		ret = climb_subvol(fs, &at, &backwards, err);
		if (ret)
			return err_wrap(err, ret, "cannot tell the path of subvolume %llu", id);
	}
	return turn_round(&backwards, out, err);
}

struct paths_ctx {
	struct root *root;
	int (*fn)(void *arg, const char *path, size_t len);
	void *arg;
	struct strbuf path;
	unsigned names;
	struct err *err;
};

static int path_of_ref(void *arg, const struct inode_ref_view *ref)
{
	struct paths_ctx *c = arg;
	int ret;

	c->names++;
	sb_reset(&c->path);
	ret = dir_path(c->root, ref->parent, &c->path, c->err);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (c->path.len)
		sb_char(&c->path, '/');
	sb_add(&c->path, ref->name, ref->name_len);
	if (c->path.failed)
		return err_nomem(c->err);
	return c->fn(c->arg, c->path.v, c->path.len);
}

int inode_paths(struct root *root, u64 ino, int (*fn)(void *arg, const char *path, size_t len), void *arg, struct err *err)
{
	struct paths_ctx c = { .root = root, .fn = fn, .arg = arg, .path = STRBUF_INIT, .err = err };
	int ret;

	if (ino == BTRFS_FIRST_FREE_OBJECTID)
		return fn(arg, "", 0);
	ret = inode_refs(root, ino, path_of_ref, &c, err);
	sb_fini(&c.path);
	if (!ret && !c.names)
		return err_set(err, -ENOENT, "inode %llu of tree %llu has no name", ino, root->tree.id);
	return ret;
}

/* ---- Downwards ---- */

enum { SYMLINKS_MAX = 40 }; /* as many as the kernel follows */

struct walk {
	struct loc top, at;
	struct loc above;     /* where a dangling subvolume entry was entered: its empty directory does not know */
	char *text;           /* heap: what is still to be walked, from pos on */
	const char *pos;
	unsigned symlinks;
	bool follow;
};

/* Only asked where it matters: a missing inode item must not hide what hangs below. */
static int want_dir(struct loc at, struct err *err)
{
	struct inode inode;
	int ret = inode_get(at.root, at.ino, &inode, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	return inode_is(&inode, S_IFDIR) ? 0 : err_set(err, -ENOTDIR, "Not a directory");
}

static int walk_up(struct walk *w, struct err *err)
{
	if (w->at.ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID) {
		w->at = w->above;
		return 0;
	}
	return loc_eq(w->at, w->top) ? 0 : dir_parent(w->at.root, w->at.ino, &w->at, err);
}

/* Puts the target of a symlink before what is left. */
static int walk_symlink(struct walk *w, struct loc link, struct err *err)
{
	struct strbuf text = STRBUF_INIT;
	char *target;
	size_t len;
	int ret;

	if (w->symlinks++ == SYMLINKS_MAX)
		return err_set(err, -ELOOP, "Too many levels of symbolic links");
	ret = symlink_read(link.root, link.ino, &target, &len, err);
	if (ret)
		return ret;
	if (!len) {
		free(target);
		return err_set(err, -ENOENT, "No such file or directory");
	}
	if (target[0] == '/')
		w->at = w->top;
	sb_add(&text, target, len);
	sb_puts(&text, w->pos);
	sb_char(&text, '\0');
	free(target);
	if (text.failed) {
		sb_fini(&text);
		return err_nomem(err);
	}
	free(w->text);
	w->pos = w->text = text.v;
	return 0;
}

/* One component. last: nothing follows it, not even a slash. */
static int walk_step(struct walk *w, const char *name, size_t len, bool last, struct err *err)
{
	struct dirent d;
	struct loc to;
	int ret;

	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'))) {
		ret = want_dir(w->at, err);
		return ret || len == 1 ? ret : walk_up(w, err);
	}
	if (len > BTRFS_NAME_LEN)
		return err_set(err, -ENAMETOOLONG, "File name too long");
	ret = dir_lookup(w->at.root, w->at.ino, name, len, &d, err);
	if (ret == -ENOENT) {
		int not_dir = want_dir(w->at, err);

		return not_dir ? not_dir : err_set(err, ret, "No such file or directory");
	}
	if (!ret)
		ret = dirent_follow(w->at.root, w->at.ino, &d, &to, err);
	if (ret)
		return ret;
	if (d.type == BTRFS_FT_SYMLINK && !d.is_subvol && (!last || w->follow))
		return walk_symlink(w, to, err);
	w->above = w->at;
	w->at = to;
	return 0;
}

static int walk_all(struct walk *w, struct err *err)
{
	for (;;) {
		const char *name = w->pos + strspn(w->pos, "/");
		size_t len = strcspn(name, "/");
		int ret;

		if (!len)
			return name == w->pos ? 0 : want_dir(w->at, err); /* slashes at the end ask for a directory */
		w->pos = name + len;
		ret = walk_step(w, name, len, !*w->pos, err);
		if (ret)
			return ret;
	}
}

int fs_resolve_under(struct loc top, struct loc start, const char *path, bool follow, struct loc *out, struct err *err)
{
	struct walk w = { .top = top, .at = path[0] == '/' ? top : start, .follow = follow };
	int ret;

	if (!w.at.root || !top.root)
		return err_set(err, -EIO, "the tree of the top-level subvolume could not be read");
	w.above = w.at;
	w.pos = w.text = mem_strdup(path);
	if (!w.text)
		return err_nomem(err);
	ret = walk_all(&w, err);
	free(w.text);
	if (!ret)
		*out = w.at;
	return ret;
}

int fs_resolve(struct fs *fs, struct loc start, const char *path, bool follow, struct loc *out, struct err *err)
{
	return fs_resolve_under(fs_top(fs), start, path, follow, out, err);
}
