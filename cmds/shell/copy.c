/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying of files and trees from one place of the filesystem to another. */
#include "cmds/shell/copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "common/mem.h"

/* A directory that is being copied. */
struct frame { struct loc from, to; struct inode inode; struct shell_entries entries; size_t next, from_len, to_len; };
struct copier {
	struct edit *e;
	struct copy_opts o;
	struct strbuf from, to;    /* paths of what is at hand, for messages and for finding */
	VEC(struct frame) frames;
	struct shell_seen seen;    /* directories that were entered, and those that were made: nothing is copied into itself for ever */
	struct hmap links;         /* root and inode of a source with several names -> inode of its copy */
	int rc;
};

struct copier *copier_new(struct edit *e, const struct copy_opts *o)
{
	struct copier *c = mem_zalloc(sizeof(*c));

	if (!c)
		return NULL;
	c->e = e;
	c->o = *o;
	return c;
}

void copier_free(struct copier *c)
{
	if (!c)
		return;
	sb_fini(&c->from);
	sb_fini(&c->to);
	vec_fini(&c->frames);
	shell_seen_fini(&c->seen);
	hmap_fini(&c->links);
	free(c);
}

static int PRINTF(2, 3) failed(struct copier *c, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->rc = 1;
	return edit_fail(c->e, "%s", text);
}

static int cannot(struct copier *c, const char *what, int ret)
{
	c->rc = 1;
	return edit_cannot(c->e, what, sb_str(&c->to), ret);
}

static bool is_acl(const u8 *name, u16 len)
{
	static const char prefix[] = "system.posix_acl_";

	return len >= sizeof(prefix) - 1 && !memcmp(name, prefix, sizeof(prefix) - 1);
}

/* A copy of the list first: the tree changes under an iteration. */
struct xattr { u8 *name, *value; u16 name_len, value_len; };
struct xattrs { VEC(struct xattr) v; struct arena arena; };

static int collect_xattr(void *arg, const u8 *name, u16 name_len, const u8 *value, u16 value_len)
{
	struct xattrs *l = arg;
	struct xattr x = { arena_dup(&l->arena, name, name_len ? name_len : 1), arena_dup(&l->arena, value, value_len ? value_len : 1), name_len, value_len };

	return x.name && x.value && !vec_push(&l->v, x) ? 0 : -ENOMEM;
}

/* An access list that came from the directory is none of the source's. */
static int drop_acls(struct copier *c, struct loc to)
{
	static const char *const names[] = { "system.posix_acl_access", "system.posix_acl_default" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *value CLEANUP(mem_freep) = NULL;
		size_t len;
		int ret = xattr_get(to.root, to.ino, names[i], &value, &len, &c->e->ctx->err);

		if (!ret)
			ret = op_xattr(c->e->txn, to, names[i], strlen(names[i]), NULL, 0, 0, &c->e->ctx->err);
		if (ret && ret != -ENODATA)
			return ret;
	}
	return 0;
}

/* all: every attribute; else only those that belong to the mode. */
static int copy_xattrs(struct copier *c, struct loc from, struct loc to, bool all)
{
	struct xattrs l = { .v = VEC_INIT };
	int ret;

	arena_init(&l.arena);
	ret = xattr_each(from.root, from.ino, collect_xattr, &l, &c->e->ctx->err);
	for (size_t i = 0; i < l.v.len && !ret; i++) {
		const struct xattr *x = &l.v.v[i];

		if (all || is_acl(x->name, x->name_len))
			ret = op_xattr(c->e->txn, to, x->name, x->name_len, x->value, x->value_len, 0, &c->e->ctx->err);
	}
	arena_fini(&l.arena);
	vec_fini(&l.v);
	return ret;
}

/* Owner, attributes, mode and times, in an order in which none undoes another. */
static int keep(struct copier *c, struct loc from, const struct inode *in, struct loc to)
{
	unsigned set = (c->o.keep_owner ? ATTR_UID | ATTR_GID : 0) | (c->o.keep_mode && !inode_is(in, S_IFLNK) ? ATTR_MODE : 0) |
		(c->o.keep_times ? ATTR_ATIME | ATTR_MTIME : 0);
	int ret = c->o.keep_mode && !inode_is(in, S_IFLNK) ? drop_acls(c, to) : 0;

	/* a new owner takes capabilities away, and set-id bits; those bits come back with the mode */
	if (!ret && c->o.keep_owner && !(set & ATTR_MODE)) {
		ret = op_setattr(c->e->txn, to, ATTR_UID | ATTR_GID, in, &c->e->ctx->err);
		set &= ~(unsigned)(ATTR_UID | ATTR_GID);
	}
	if (!ret && (c->o.keep_xattrs || c->o.keep_mode))
		ret = copy_xattrs(c, from, to, c->o.keep_xattrs);
	if (!ret && set)
		ret = op_setattr(c->e->txn, to, set | ATTR_KEEP_SUID, in, &c->e->ctx->err);
	return ret ? cannot(c, "preserve the attributes of", ret) : 0;
}

/* What a copy begins with: rights, not the set-id bits. */
static u32 mode_of(const struct inode *in)
{
	return in->mode & (S_IFMT | 0777 | (inode_is(in, S_IFDIR) ? S_ISVTX : 0));
}

static u64 link_key(struct loc l)
{
	return hash_mix2(l.root->tree.id, l.ino);
}

/* What is made at the new name; what was there and may be replaced is gone before. */
static int make(struct copier *c, struct loc from, const struct inode *in, const char *target, struct loc dir, const char *name, size_t len)
{
	struct edit *e = c->e;
	struct err *err = &e->ctx->err;
	struct new_inode ni = edit_new(e, dir, mode_of(in));
	struct loc to = { dir.root, 0 };
	u64 *known = c->o.keep_links && in->nlink > 1 ? hmap_put(&c->links, link_key(from), NULL) : NULL;
	int ret;

	ni.rdev = in->rdev;
	if (known && *known) {
		ret = op_link(e->txn, (struct loc){ dir.root, *known }, dir, name, len, err);
		return ret ? cannot(c, "create hard link", ret) : 0;
	}
	if (inode_is(in, S_IFLNK))
		ret = target ? op_symlink(e->txn, dir, name, len, target, strlen(target), &ni, &to.ino, err) : -EIO;
	else
		ret = op_create(e->txn, dir, name, len, &ni, &to.ino, err);
	if (ret)
		return cannot(c, inode_is(in, S_IFLNK) ? "create symbolic link" : inode_is(in, S_IFREG) ? "create regular file" : "create special file", ret);
	if (known)
		*known = to.ino;
	if (inode_is(in, S_IFREG) && !c->o.attributes_only)
		ret = copy_content(e, from, in, to, c->o.reflink);
	return ret ? cannot(c, "copy to", ret) : keep(c, from, in, to);
}

/* Writes over a file that is there, which keeps its inode, owner and mode. */
static int overwrite(struct copier *c, struct loc from, const struct inode *in, struct loc to)
{
	int ret = c->o.attributes_only ? 0 : op_truncate(c->e->txn, to, 0, &c->e->ctx->err);

	if (!ret && !c->o.attributes_only)
		ret = copy_content(c->e, from, in, to, c->o.reflink);
	return ret ? cannot(c, "write to", ret) : keep(c, from, in, to);
}

static int link_instead(struct copier *c, struct loc from, struct loc dir, const char *name, size_t len)
{
	struct edit *e = c->e;
	struct new_inode ni = edit_new(e, dir, S_IFLNK | 0777);
	const char *path = sb_str(&c->from);
	u64 ino;
	int ret = c->o.hard_link ? op_link(e->txn, from, dir, name, len, &e->ctx->err) :
		op_symlink(e->txn, dir, name, len, path, strlen(path), &ni, &ino, &e->ctx->err);

	return ret ? cannot(c, "create link", ret) : 0;
}

static bool newer(struct timespec64 a, struct timespec64 b)
{
	return a.sec != b.sec ? a.sec > b.sec : a.nsec > b.nsec;
}

/* What is no directory. */
static int copy_file(struct copier *c, struct loc from, const struct inode *in, const char *target)
{
	struct edit *e = c->e;
	struct inode there;
	struct loc at, dir;
	const char *name;
	size_t len;
	bool links = c->o.hard_link || c->o.symbolic_link;
	int ret = edit_find(e, sb_str(&c->to), false, &at, &there);

	if (ret && ret != -ENOENT)
		return cannot(c, "access", ret);
	if (!ret && c->o.no_clobber)
		return 0;
	if (!ret && at.root == from.root && at.ino == from.ino)
		return failed(c, "'%s' and '%s' are the same file", sb_str(&c->from), sb_str(&c->to));
	if (!ret && inode_is(&there, S_IFDIR))
		return failed(c, "cannot overwrite directory '%s' with non-directory", sb_str(&c->to));
	if (!ret && c->o.update && !newer(in->mtime, there.mtime))
		return 0;
	if (!ret && !links && inode_is(in, S_IFREG) && inode_is(&there, S_IFREG) && !c->o.keep_links && !c->o.force)
		return overwrite(c, from, in, at);
	if (!ret && !links && inode_is(in, S_IFREG) && inode_is(&there, S_IFLNK) && !c->o.keep_links && !c->o.force) {
		/* through a symbolic link that leads somewhere */
		if (!edit_find(e, sb_str(&c->to), true, &at, &there) && inode_is(&there, S_IFREG) && (at.root != from.root || at.ino != from.ino))
			return overwrite(c, from, in, at);
		return failed(c, "not writing through dangling symlink '%s'", sb_str(&c->to));
	}
	if (!ret && links && !c->o.force)
		return cannot(c, "create link", -EEXIST);
	ret = edit_parent(e, sb_str(&c->to), &dir, &name, &len);
	if (!ret && !edit_find(e, sb_str(&c->to), false, &at, NULL))
		ret = op_unlink(e->txn, dir, name, len, &e->ctx->err);
	if (ret)
		return cannot(c, "create", ret);
	return links ? link_instead(c, from, dir, name, len) : make(c, from, in, target, dir, name, len);
}

/* The directory that a copy goes into; it exists afterwards. */
static int open_target(struct copier *c, const struct inode *in, struct loc *out)
{
	struct edit *e = c->e;
	struct new_inode ni;
	struct inode there;
	struct loc dir;
	const char *name;
	size_t len;
	int ret = edit_find(e, sb_str(&c->to), true, out, &there);

	if (!ret)
		return inode_is(&there, S_IFDIR) ? 0 : failed(c, "cannot overwrite non-directory '%s' with directory '%s'", sb_str(&c->to), sb_str(&c->from));
	ret = edit_parent(e, sb_str(&c->to), &dir, &name, &len);
	if (!ret) {
		ni = edit_new(e, dir, mode_of(in));
		ret = op_create(e->txn, dir, name, len, &ni, &out->ino, &e->ctx->err);
		out->root = dir.root;
	}
	if (ret)
		return cannot(c, "create directory", ret);
	edit_say(e, "'%s' -> '%s'", sb_str(&c->from), sb_str(&c->to));
	return 0;
}

/* Would the copy lie inside its source? */
static bool lies_below(struct copier *c, struct loc from)
{
	struct loc at, above;
	const char *name;
	size_t len;

	if (edit_parent(c->e, sb_str(&c->to), &at, &name, &len))
		return false;
	while (at.root != from.root || at.ino != from.ino) {
		if (dir_parent(at.root, at.ino, &above, NULL) || (above.root == at.root && above.ino == at.ino))
			return false;
		at = above;
	}
	return true;
}

static int enter(struct copier *c, struct loc from, const struct inode *in)
{
	struct frame f = { .from = from, .inode = *in, .from_len = c->from.len, .to_len = c->to.len };
	int ret;

	if (!c->o.recursive)
		return failed(c, "-r not specified; omitting directory '%s'", sb_str(&c->from));
	if (!c->frames.len && lies_below(c, from))
		return failed(c, "cannot copy a directory, '%s', into itself, '%s'", sb_str(&c->from), sb_str(&c->to));
	if (open_target(c, in, &f.to))
		return 1;
	if (!shell_seen_add(&c->seen, from))
		return failed(c, "cannot copy a directory, '%s', into itself, '%s'", sb_str(&c->from), sb_str(&c->to));
	shell_seen_add(&c->seen, f.to);
	ret = shell_list(c->e->ctx, from, &f.entries);
	if (ret || vec_push(&c->frames, f)) {
		shell_entries_fini(&f.entries);
		return failed(c, "cannot read directory '%s': %s", sb_str(&c->from), ret ? err_text(&c->e->ctx->err) : strerror(ENOMEM));
	}
	return 0;
}

static void leave(struct copier *c)
{
	struct frame f = c->frames.v[--c->frames.len];

	c->from.len = f.from_len;
	c->to.len = f.to_len;
	if (!edit_over(c->e))
		keep(c, f.from, &f.inode, f.to);
	shell_entries_fini(&f.entries);
}

/* What a mount shows of a subvolume's entry that leads nowhere: the owner of the directory around it, the time of looking. */
static void make_up(struct copier *c, struct inode *in)
{
	if (c->frames.len) {
		in->uid = c->frames.v[c->frames.len - 1].inode.uid;
		in->gid = c->frames.v[c->frames.len - 1].inode.gid;
	}
	env_now(c->e->ctx->env, &in->mtime.sec, &in->mtime.nsec);
	in->atime = in->mtime;
}

/* Whatever is at from, to to. top: an argument. */
static int copy_any(struct copier *c, bool top)
{
	bool follow = c->o.follow == 'L' || (c->o.follow == 'H' && top);
	char *target CLEANUP(mem_freep) = NULL;
	struct inode in;
	struct loc from;
	size_t len;
	int ret = edit_find(c->e, sb_str(&c->from), follow, &from, &in);

	if (ret) {
		c->rc = 1;
		return edit_cannot(c->e, "stat", sb_str(&c->from), ret);
	}
	if (from.ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID)
		make_up(c, &in);
	if (inode_is(&in, S_IFDIR))
		return enter(c, from, &in);
	if (inode_is(&in, S_IFLNK))
		symlink_read(from.root, from.ino, &target, &len, NULL);
	ret = copy_file(c, from, &in, target);
	if (!ret)
		edit_say(c->e, "'%s' -> '%s'", sb_str(&c->from), sb_str(&c->to));
	return ret;
}

static void append(struct strbuf *sb, size_t len, const char *name)
{
	sb->len = len;
	if (!len || sb->v[len - 1] != '/')
		sb_char(sb, '/');
	sb_puts(sb, name);
}

int copy_path(struct copier *c, const char *from, const char *to)
{
	sb_reset(&c->from);
	sb_puts(&c->from, from);
	sb_reset(&c->to);
	sb_puts(&c->to, to);
	c->rc = 0;
	copy_any(c, true);
	while (c->frames.len) {
		struct frame *f = &c->frames.v[c->frames.len - 1];
		struct shell_entry x;

		if (edit_over(c->e) || f->next == f->entries.len) {
			leave(c);
			continue;
		}
		x = shell_entry_at(&f->entries, f->next++);
		append(&c->from, f->from_len, x.name);
		append(&c->to, f->to_len, x.name);
		copy_any(c, false);
	}
	return c->rc;
}
