/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rm. A directory is emptied in portions of its entries, whatever its size; a subvolume goes as a whole when none lies inside it. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include "cmds/shell/edit.h"
#include "common/mem.h"

enum { PORTION = 512, DROP_BLOCKS = 4096 };

struct rm_args { bool recursive, force, dirs, interactive, verbose, one; };
#define OPT_STRUCT struct rm_args
static const struct opt rm_opts[] = {
	OPT_FLAG('d', "dir", dirs, "remove empty directories"),
	OPT_FLAG('f', "force", force, "ignore nonexistent files and arguments, never prompt"),
	OPT_FLAG('i', NULL, interactive, "prompt before every removal"),
	OPT_FLAG(0, "one-file-system", one, "leave subvolumes below an argument alone"),
	OPT_FLAG('r', "recursive", recursive, "remove directories and their contents, subvolumes included"),
	OPT_FLAG('R', NULL, recursive, NULL),
	OPT_FLAG('v', "verbose", verbose, "explain what is being done"),
	OPT_END
};
#undef OPT_STRUCT

struct remover { struct edit *e; const struct rm_args *a; struct strbuf path; bool stays; };
/* A directory that is being emptied. Entries up to index are done. */
struct entry { char *name; u16 len; u8 type; bool is_subvol; u64 id; };
struct level { struct loc dir, above; u64 subvol, next; size_t path_len, name_at; VEC(struct entry) part; size_t at; bool stays; };
VEC_TYPE(levels, struct level);

static int refuse(struct remover *r, int ret)
{
	r->stays = true;
	return edit_cannot(r->e, "remove", sb_str(&r->path), ret);
}

static bool ask(struct remover *r, const char *what)
{
	char answer[16] = "";

	if (!r->a->interactive || r->a->force)
		return true;
	out_flush(r->e->ctx->out);
	fprintf(stderr, "rm: %s '%s'? ", what, sb_str(&r->path));
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	r->stays = true;
	return false;
}

/* Deletes a subvolume and frees what only it held, in slices where that is allowed. */
static int drop_subvol(struct edit *e, u64 id)
{
	struct err *err = &e->ctx->err;
	bool done = false;
	int ret = op_subvol_delete(e->txn, id, err);

	while (!ret && !done) {
		ret = subvol_drop(e->txn, id, DROP_BLOCKS, &done, err);
		if (!ret && !done && !e->ctx->session->batch) {
			ret = change_checkpoint(e->ctx, &e->c) ? -EIO : 0;
			e->txn = e->c.txn;
		}
	}
	return ret;
}

static int remove_name(struct remover *r, struct loc dir, const struct entry *x)
{
	struct edit *e = r->e;
	bool is_dir = x->type == BTRFS_FT_DIR;
	int ret;

	do
		ret = x->id ? drop_subvol(e, x->id) : is_dir ? op_rmdir(e->txn, dir, x->name, x->len, &e->ctx->err)
			: op_unlink(e->txn, dir, x->name, x->len, &e->ctx->err);
	while (ret && edit_settle(e, ret));
	if (ret)
		return refuse(r, ret);
	edit_say(e, "removed %s'%s'", x->id ? "subvolume " : is_dir ? "directory " : "", sb_str(&r->path));
	return 0;
}

/* Does a subvolume lie somewhere inside this one? */
static int holds_subvols(struct fs *fs, u64 id, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&fs->root_tree->tree, KEY(id, BTRFS_ROOT_REF_KEY, 0), KEY(id, BTRFS_ROOT_REF_KEY, -1ULL));
	struct item item;
	int ret = tree_next(&it, &item, err);

	return ret == -ENOENT ? 0 : ret ? ret : 1;
}

static void drop_part(struct level *l)
{
	for (size_t i = 0; i < l->part.len; i++)
		free(l->part.v[i].name);
	l->part.len = l->at = 0;
}

/* The next portion of entries, which stay known while the directory changes under them. */
static int read_part(struct remover *r, struct level *l)
{
	struct dir_iter it CLEANUP(dir_close) = { tree_range(&l->dir.root->tree, KEY(l->dir.ino, BTRFS_DIR_INDEX_KEY, l->next), KEY(l->dir.ino, BTRFS_DIR_INDEX_KEY, -1ULL)) };
	struct dirent d;
	int ret = 0;

	drop_part(l);
	while (l->part.len < PORTION && !(ret = dir_next(&it, &d, &r->e->ctx->err))) {
		struct entry x = { .name = mem_strndup((const char *)d.name, d.name_len), .len = d.name_len, .type = d.type, .is_subvol = d.is_subvol,
			.id = d.is_subvol ? d.ino : 0 };

		if (!x.name || vec_push(&l->part, x)) {
			free(x.name);
			return -ENOMEM;
		}
		l->next = d.index + 1;
	}
	return ret == -ENOENT ? 0 : ret;
}

static int push_dir(struct remover *r, struct levels *ls, struct loc above, const struct entry *x, struct loc dir)
{
	struct level l = { .dir = dir, .above = above, .subvol = x->id, .path_len = r->path.len, .name_at = r->path.len - x->len };

	return vec_push(ls, l) ? refuse(r, -ENOMEM) : 0;
}

/* One entry: goes at once, or is entered. */
static int visit(struct remover *r, struct levels *ls, struct loc dir, struct entry *x, bool top)
{
	struct dirent d = { .name = (const u8 *)x->name, .name_len = x->len, .type = x->type, .is_subvol = x->is_subvol, .ino = x->id };
	struct edit *e = r->e;
	struct loc at;
	int ret;

	if (x->type != BTRFS_FT_DIR)
		return ask(r, "remove file") ? remove_name(r, dir, x) : 0;
	err_clear(&e->ctx->err);
	ret = x->is_subvol ? 0 : dir_lookup(dir.root, dir.ino, x->name, x->len, &d, &e->ctx->err);
	if (!ret)
		ret = dirent_follow(dir.root, dir.ino, &d, &at, &e->ctx->err);
	if (ret)
		return refuse(r, ret);
	if (at.ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID) {
		x->id = 0;
		return remove_name(r, dir, x);
	}
	if (x->is_subvol) {
		x->id = at.root->tree.id;
		if (r->a->one && !top) {
			r->stays = true;
			return edit_fail(e, "skipping '%s', since it's a subvolume of its own", sb_str(&r->path));
		}
		if (le64_get(at.root->item.flags) & BTRFS_ROOT_SUBVOL_RDONLY)
			return refuse(r, err_set(&e->ctx->err, -EROFS, "subvolume %llu is read-only", x->id));
		ret = r->a->interactive || r->a->verbose ? 1 : holds_subvols(e->c.fs, x->id, &e->ctx->err);
		if (ret <= 0)
			return ret ? refuse(r, ret) : remove_name(r, dir, x);
	}
	return ask(r, "descend into directory") ? push_dir(r, ls, dir, x, at) : 0;
}

/* The directory on top of the stack is empty, or as empty as it gets. */
static void leave(struct remover *r, struct levels *ls)
{
	struct level *l = &ls->v[ls->len - 1];
	struct entry self = { .type = BTRFS_FT_DIR, .id = l->subvol };
	bool stays = l->stays;

	r->path.len = l->path_len;
	self.name = mem_strdup(sb_str(&r->path) + l->name_at);
	self.len = l->path_len - l->name_at;
	r->stays = stays;
	if (!self.name)
		refuse(r, -ENOMEM);
	else if (!stays && ask(r, "remove directory"))
		remove_name(r, l->above, &self);
	free(self.name);
	stays = r->stays;
	drop_part(l);
	vec_fini(&l->part);
	if (--ls->len)
		ls->v[ls->len - 1].stays |= stays;
}

static void step(struct remover *r, struct levels *ls)
{
	struct level *l = &ls->v[ls->len - 1];
	size_t depth = ls->len;
	int ret = l->at < l->part.len ? 0 : read_part(r, l);
	struct entry *x;

	r->path.len = l->path_len;
	if (ret) {
		refuse(r, ret);
		l->stays = true;
	}
	if (ret || l->at == l->part.len) {
		leave(r, ls);
		return;
	}
	x = &l->part.v[l->at++];
	sb_char(&r->path, '/');
	sb_add(&r->path, x->name, x->len);
	r->stays = false;
	visit(r, ls, l->dir, x, false);
	ls->v[depth - 1].stays |= r->stays;
}

static int walk(struct remover *r, struct loc dir, struct entry *x)
{
	struct levels ls = VEC_INIT;
	bool stays;

	r->stays = false;
	visit(r, &ls, dir, x, true);
	stays = r->stays;
	while (ls.len && !edit_over(r->e)) {
		step(r, &ls);
		stays |= r->stays;
	}
	stays |= ls.len;
	for (; ls.len; ls.len--) {
		drop_part(&ls.v[ls.len - 1]);
		vec_fini(&ls.v[ls.len - 1].part);
	}
	vec_fini(&ls);
	return stays;
}

static int lookup(struct edit *e, struct loc dir, const char *name, size_t len, struct dirent *d)
{
	err_clear(&e->ctx->err);
	if ((len == 1 && *name == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return -EINVAL;
	return dir_lookup(dir.root, dir.ino, name, len, d, &e->ctx->err);
}

int remove_tree(struct edit *e, const char *path, struct loc dir, const char *name, size_t len)
{
	static const struct rm_args args = { .recursive = true, .force = true };
	struct remover r = { .e = e, .a = &args };
	struct entry x = { .name = (char *)name, .len = len };
	struct dirent d;
	int ret = lookup(e, dir, name, len, &d);

	sb_puts(&r.path, path);
	if (ret) {
		ret = refuse(&r, ret);
	} else {
		x.type = d.type;
		x.is_subvol = d.is_subvol;
		x.id = d.is_subvol ? d.ino : 0;
		ret = walk(&r, dir, &x);
	}
	sb_fini(&r.path);
	return ret;
}

static void remove_operand(struct edit *e, const struct rm_args *a, const char *path)
{
	struct remover r = { .e = e, .a = a };
	struct entry x = { 0 };
	struct dirent d;
	struct loc dir;
	size_t len;
	const char *name;
	int ret = edit_parent(e, path, &dir, &name, &len);

	if (ret == -EEXIST) {
		edit_fail(e, "it is dangerous to operate on the top directory: skipping '%s'", path);
		return;
	}
	ret = ret ? ret : lookup(e, dir, name, len, &d);
	if (ret == -ENOENT && a->force)
		return;
	sb_puts(&r.path, path);
	while (r.path.len && r.path.v[r.path.len - 1] == '/')
		r.path.len--;
	if (ret == -EINVAL) {
		edit_fail(e, "refusing to remove '.' or '..' directory: skipping '%s'", path);
	} else if (ret) {
		refuse(&r, ret);
	} else if (d.type != BTRFS_FT_DIR && path[strlen(path) - 1] == '/') {
		refuse(&r, -ENOTDIR);
	} else if (d.type == BTRFS_FT_DIR && !a->recursive && !a->dirs) {
		refuse(&r, -EISDIR);
	} else {
		x = (struct entry){ (char *)name, len, d.type, d.is_subvol, d.is_subvol ? d.ino : 0 };
		if (x.type != BTRFS_FT_DIR || a->recursive)
			walk(&r, dir, &x);
		else if (ask(&r, "remove directory"))
			x.id ? refuse(&r, -ENOTEMPTY) : remove_name(&r, dir, &x);
	}
	sb_fini(&r.path);
}

static int rm_run(struct cmd_ctx *ctx, void *args)
{
	const struct rm_args *a = args;
	struct edit e;
	int ret;

	if (!ctx->argc)
		return a->force ? 0 : cmd_error(ctx, "rm: missing operand");
	ret = edit_begin(ctx, a->verbose, &e);
	if (ret)
		return ret;
	for (int i = 0; i < ctx->argc && !edit_over(&e); i++)
		remove_operand(&e, a, ctx->argv[i]);
	return edit_end(&e);
}
const struct cmd verb_rm = { .name = "rm", .usage = { "rm [-dfirv] FILE..." }, .brief = "Remove files and directories", .opts = rm_opts,
	CMD_ARGS(struct rm_args), .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = rm_run, .complete = "inside" };
