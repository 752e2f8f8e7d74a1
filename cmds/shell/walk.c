/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/walk.h"
#include "common/mem.h"

/* A directory on the way from the argument down to where the walk is. */
struct level {
	struct shell_entries entries;
	size_t next;
	size_t path_len;         /* of this directory's path */
	struct walk_entry self;  /* path and name are set anew when it is left */
	char *name;
};
struct walk {
	struct cmd_ctx *ctx;
	const struct walk_ops *ops;
	void *arg;
	struct strbuf path;
	VEC(struct level) levels;
	struct shell_seen seen;
	bool stop;
	int rc;
};

static int call(struct walk *w, int (*fn)(void *, const struct walk_entry *), struct walk_entry *e)
{
	int ret = fn(w->arg, e);

	if (ret == WALK_STOP)
		w->stop = true;
	return ret;
}

static void enter_dir(struct walk *w, const struct walk_entry *e)
{
	struct level l = { .path_len = w->path.len, .self = *e, .name = mem_strdup(e->name) };
	int met = shell_seen_add(&w->seen, e->loc);

	if (met != 1 || !l.name) {
		w->rc = cmd_error(w->ctx, "%s: '%s': %s", w->ctx->cmd->name, sb_str(&w->path),
				  met ? "not enough memory" : "this directory was met under another name already");
		free(l.name);
		return;
	}
	if (shell_list(w->ctx, e->loc, &l.entries))
		w->rc = shell_cannot(w->ctx, "read directory", sb_str(&w->path), -EIO);
	if (vec_push(&w->levels, l)) {
		w->rc = cmd_error(w->ctx, "%s: not enough memory", w->ctx->cmd->name);
		shell_entries_fini(&l.entries);
		free(l.name);
	}
}

static void visit(struct walk *w, struct walk_entry *e)
{
	bool bounded = w->ops->bounded || w->ops->max_depth;
	int ret;

	e->path = sb_str(&w->path);
	ret = call(w, w->ops->enter, e);
	if (w->stop || !inode_is(&e->inode, S_IFDIR))
		return;
	if (ret == WALK_GO && (!bounded || e->depth < w->ops->max_depth))
		enter_dir(w, e);
	else if (w->ops->leave && ret == WALK_GO)
		call(w, w->ops->leave, e);
}

static void leave_dir(struct walk *w)
{
	struct level l = w->levels.v[--w->levels.len];

	w->path.len = l.path_len;
	l.self.path = sb_str(&w->path);
	l.self.name = l.name;
	if (w->ops->leave && !w->stop)
		call(w, w->ops->leave, &l.self);
	shell_entries_fini(&l.entries);
	free(l.name);
}

static void step(struct walk *w)
{
	struct level *l = &w->levels.v[w->levels.len - 1];
	struct shell_entry x;
	struct walk_entry e;

	w->path.len = l->path_len;
	if (l->next == l->entries.len) {
		leave_dir(w);
		return;
	}
	x = shell_entry_at(&l->entries, l->next++);
	if (w->path.len && w->path.v[w->path.len - 1] != '/')
		sb_char(&w->path, '/');
	sb_puts(&w->path, x.name);
	if (x.error) {
		w->rc = cmd_error(w->ctx, "%s: cannot access '%s': %s", w->ctx->cmd->name, sb_str(&w->path), strerror(-x.error));
		return;
	}
	e = (struct walk_entry){ .name = x.name, .depth = l->self.depth + 1, .loc = x.loc, .inode = x.inode, .target = x.target,
		.last = l->next == l->entries.len };
	visit(w, &e);
}

int shell_walk(struct cmd_ctx *ctx, const char *path, const struct walk_ops *ops, void *arg)
{
	struct walk w = { .ctx = ctx, .ops = ops, .arg = arg };
	struct walk_entry top = { .name = path, .last = true };
	char *target CLEANUP(mem_freep) = NULL;
	size_t len;

	if (shell_look(ctx, path, ops->follow, &top.loc, &top.inode))
		return 1;
	if (inode_is(&top.inode, S_IFLNK) && !symlink_read(top.loc.root, top.loc.ino, &target, &len, NULL))
		top.target = target;
	sb_puts(&w.path, path);
	visit(&w, &top);
	while (w.levels.len && !w.stop) {
		step(&w);
		if (env_check_interrupt(ctx->env, &ctx->err)) {
			w.rc = cmd_error(ctx, "%s: %s", ctx->cmd->name, err_text(&ctx->err));
			w.stop = true;
		}
	}
	while (w.levels.len)
		leave_dir(&w);
	vec_fini(&w.levels);
	sb_fini(&w.path);
	shell_seen_fini(&w.seen);
	return w.rc;
}
