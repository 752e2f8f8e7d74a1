/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree: a subtree drawn with lines. */
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/walk.h"

struct tree_args { bool all, dirs_only, full_path; u64 level; bool has_level; };
#define OPT_STRUCT struct tree_args
static const struct opt tree_opts[] = {
	OPT_FLAG('a', NULL, all, "all files are listed"),
	OPT_FLAG('d', NULL, dirs_only, "list directories only"),
	OPT_FLAG('f', NULL, full_path, "print the full path of each file"),
	OPT_U64('L', NULL, level, "N", "descend only N directories deep"),
	OPT_END
};
#undef OPT_STRUCT

struct drawing {
	struct cmd_ctx *ctx;
	const struct tree_args *a;
	VEC(bool) last;        /* by depth: nothing follows on this level */
	u64 dirs, files;
};

static int tree_json(struct drawing *t, const struct walk_entry *e)
{
	struct out *o = t->ctx->out;

	out_obj(o, NULL);
	out_json_strn(o, "path", e->path, strlen(e->path));
	out_json_u64(o, "depth", e->depth);
	json_inode(o, &e->inode, &e->loc);
	if (e->target)
		out_json_strn(o, "target", e->target, strlen(e->target));
	out_end(o);
	return WALK_GO;
}

static int tree_enter(void *arg, const struct walk_entry *e)
{
	struct drawing *t = arg;
	struct out *o = t->ctx->out;
	bool dir = inode_is(&e->inode, S_IFDIR);
	const char *shown = t->a->full_path || !e->depth ? e->path : e->name;

	if (e->depth && ((e->name[0] == '.' && !t->a->all) || (t->a->dirs_only && !dir)))
		return WALK_SKIP;
	*(dir ? &t->dirs : &t->files) += e->depth || !dir;
	if (t->ctx->json)
		return tree_json(t, e);
	t->last.len = e->depth;
	if (vec_push(&t->last, e->last))
		return WALK_STOP;
	for (unsigned i = 1; i < e->depth; i++)
		out_puts(o, t->last.v[i] ? "    " : "\342\224\202\302\240\302\240 ");
	if (e->depth)
		out_puts(o, e->last ? "\342\224\224\342\224\200\342\224\200 " : "\342\224\234\342\224\200\342\224\200 ");
	text_name(o, shown, strlen(shown));
	if (e->target) {
		out_puts(o, " -> ");
		text_name(o, e->target, strlen(e->target));
	}
	out_puts(o, "\n");
	return o->error ? WALK_STOP : WALK_GO;
}

static int tree_run(struct cmd_ctx *ctx, void *args)
{
	static char dot[] = ".";
	struct drawing t = { .ctx = ctx, .a = args };
	struct walk_ops ops = { .enter = tree_enter, .max_depth = min_t(u64, t.a->level, UINT32_MAX), .follow = true };
	int rc = 0;

	if (t.a->has_level && !t.a->level)
		return cmd_error(ctx, "tree: invalid level, must be greater than 0");
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "tree");
	}
	for (int i = 0; i < max_t(int, ctx->argc, 1); i++)
		rc |= shell_walk(ctx, ctx->argc ? ctx->argv[i] : dot, &ops, &t);
	vec_fini(&t.last);
	if (ctx->json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
		return rc;
	}
	out_printf(ctx->out, "\n%llu director%s", t.dirs, t.dirs == 1 ? "y" : "ies");
	if (!t.a->dirs_only)
		out_printf(ctx->out, ", %llu file%s", t.files, t.files == 1 ? "" : "s");
	out_puts(ctx->out, "\n");
	return rc;
}
const struct cmd verb_tree = { .name = "tree", .usage = { "tree [-adf] [-L N] [DIR]..." }, .brief = "Draw a subtree", .opts = tree_opts,
	CMD_ARGS(struct tree_args), .max_args = -1, .flags = CMD_JSON, .run = tree_run, .complete = "inside" };
