/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chmod, chown. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/edit.h"
#include "cmds/shell/walk.h"

/* ---- chmod ---- */

enum { MINUS = 9 };
static const char minus_letters[MINUS + 1] = "rwxXstugo";
struct chmod_args { bool recursive, verbose, changes, quiet; const char *reference, *minus[MINUS]; };
#define OPT_STRUCT struct chmod_args
/* "-w" and its like are modes. */
#define MINUS_ROW(i, l) OPT_OPTARG(l, NULL, minus[i], NULL, NULL)
static const struct opt chmod_opts[] = {
	OPT_FLAG('c', "changes", changes, "like verbose but report only when a change is made"),
	OPT_FLAG('f', "silent", quiet, "suppress most error messages"),
	OPT_FLAG('R', "recursive", recursive, "change files and directories recursively"),
	OPT_STRING(0, "reference", reference, "RFILE", "use RFILE's mode"),
	OPT_FLAG('v', "verbose", verbose, "output a diagnostic for every file processed"),
	MINUS_ROW(0, 'r'), MINUS_ROW(1, 'w'), MINUS_ROW(2, 'x'), MINUS_ROW(3, 'X'), MINUS_ROW(4, 's'), MINUS_ROW(5, 't'), MINUS_ROW(6, 'u'), MINUS_ROW(7, 'g'),
	MINUS_ROW(8, 'o'),
	OPT_END
};
#undef OPT_STRUCT

struct chmod { struct edit e; const struct chmod_args *a; const struct mode_change *mode; u32 ref; bool diagnose; /* the mode stood where options do */ };

static void tell_mode(struct chmod *c, const char *path, u32 old, u32 mode)
{
	bool same = (old & 07777) == mode;
	char a[11], b[11];

	text_mode(old, a);
	text_mode((old & S_IFMT) | mode, b);
	if (same && (c->a->verbose && !c->a->changes))
		edit_say(&c->e, "mode of '%s' retained as %04o (%s)", path, mode, b + 1);
	else if (!same)
		edit_say(&c->e, "mode of '%s' changed from %04o (%s) to %04o (%s)", path, old & 07777, a + 1, mode, b + 1);
}

static int chmod_one(struct chmod *c, const char *path, struct loc loc, const struct inode *inode)
{
	struct inode attr = *inode;
	char is[11], not[11];
	u32 naive;
	int ret;

	attr.mode = c->mode ? mode_apply(c->mode, inode->mode) : c->ref;
	ret = op_setattr(c->e.txn, loc, ATTR_MODE, &attr, &c->e.ctx->err);
	if (ret) {
		edit_weigh(&c->e, ret);
		return c->a->quiet ? 1 : edit_fail(&c->e, "changing permissions of '%s': %s", path, err_text(&c->e.ctx->err));
	}
	tell_mode(c, path, inode->mode, attr.mode);
	/* "-w" may look like an option that takes it from everybody; the umask says from whom */
	naive = c->mode && c->diagnose ? mode_apply_masked(c->mode, inode->mode, 0) : attr.mode;
	if (attr.mode & 07777 & ~naive) {
		text_mode((inode->mode & S_IFMT) | (attr.mode & 07777), is);
		text_mode((inode->mode & S_IFMT) | naive, not);
		return edit_fail(&c->e, "'%s': new permissions are %s, not %s", path, is + 1, not + 1);
	}
	return 0;
}

static int chmod_entry(void *arg, const struct walk_entry *e)
{
	struct chmod *c = arg;

	if (walk_leads_nowhere(e))
		return WALK_SKIP;
	if (!inode_is(&e->inode, S_IFLNK))
		chmod_one(c, e->path, e->loc, &e->inode);
	return edit_over(&c->e) ? WALK_STOP : WALK_GO;
}

/* The mode, from an option or the first argument; *first: where the files begin. */
static int chmod_mode(struct cmd_ctx *ctx, const struct chmod_args *a, struct mode_change **mode, int *first)
{
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;

	*first = 0;
	if (a->reference)
		return 0;
	for (int i = 0; i < MINUS; i++) {
		if (a->minus[i]) {
			if (text.len)
				sb_char(&text, ',');
			sb_char(&text, '-');
			sb_char(&text, minus_letters[i]);
			sb_puts(&text, a->minus[i]);
		}
	}
	if (!text.len) {
		sb_puts(&text, ctx->argv[0]);
		*first = 1;
	}
	return mode_parse(sb_str(&text), mode) ? cmd_error(ctx, "chmod: invalid mode: '%s'", sb_str(&text)) : 0;
}

static int chmod_run(struct cmd_ctx *ctx, void *args)
{
	static const struct walk_ops ops = { .enter = chmod_entry, .follow = true };
	struct chmod c = { .a = args };
	struct mode_change *mode = NULL;
	struct inode inode;
	struct loc loc;
	int first, ret = chmod_mode(ctx, c.a, &mode, &first);

	if (!ret && first == ctx->argc)
		ret = cmd_error(ctx, "chmod: missing operand after '%s'", ctx->argv[0]);
	if (!ret)
		ret = edit_begin(ctx, c.a->verbose || c.a->changes, &c.e);
	if (ret) {
		free(mode);
		return ret;
	}
	c.mode = mode;
	c.diagnose = !first && mode;
	if (c.a->reference) {
		ret = edit_find(&c.e, c.a->reference, true, &loc, &inode);
		c.ref = inode.mode & 07777;
		if (ret)
			edit_fail(&c.e, "failed to get attributes of '%s': %s", c.a->reference, strerror(-ret));
	}
	for (int i = first; !ret && i < ctx->argc && !edit_over(&c.e); i++) {
		if (c.a->recursive) {
			c.e.failed |= shell_walk(ctx, ctx->argv[i], &ops, &c);
			continue;
		}
		ret = edit_find(&c.e, ctx->argv[i], true, &loc, &inode);
		if (!ret)
			chmod_one(&c, ctx->argv[i], loc, &inode);
		else
			edit_cannot(&c.e, "access", ctx->argv[i], ret);
		ret = 0;
	}
	free(mode);
	return edit_end(&c.e);
}
const struct cmd verb_chmod = { .name = "chmod", .usage = { "chmod [-cfRv] MODE[,MODE]... FILE...", "chmod [-cfRv] --reference=RFILE FILE..." },
	.brief = "Change modes", .opts = chmod_opts, CMD_ARGS(struct chmod_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT,
	.run = chmod_run, .complete = "inside" };

/* ---- chown ---- */

struct chown_args { bool recursive, verbose, changes, quiet, no_follow; const char *reference, *from; char walk; };
#define OPT_STRUCT struct chown_args
static int walk_never(void *args, const char *value, struct err *err) { ((struct chown_args *)args)->walk = 'P'; return 0; }
static int walk_arguments(void *args, const char *value, struct err *err) { ((struct chown_args *)args)->walk = 'H'; return 0; }
static const struct opt chown_opts[] = {
	OPT_FLAG('c', "changes", changes, "like verbose but report only when a change is made"),
	OPT_FLAG('f', "silent", quiet, "suppress most error messages"),
	OPT_STRING(0, "from", from, "OWNER:GROUP", "change only what belongs to these now"),
	OPT_CALL('H', NULL, walk_arguments, NULL, "with -R: a symbolic link as argument that leads to a directory is entered"),
	OPT_FLAG('h', "no-dereference", no_follow, "affect symbolic links themselves"),
	OPT_CALL('P', NULL, walk_never, NULL, "with -R: enter no symbolic links (default)"),
	OPT_FLAG('R', "recursive", recursive, "operate on files and directories recursively"),
	OPT_STRING(0, "reference", reference, "RFILE", "use RFILE's owner and group"),
	OPT_FLAG('v', "verbose", verbose, "output a diagnostic for every file processed"),
	OPT_END
};
#undef OPT_STRUCT

struct chown { struct edit e; const struct chown_args *a; struct owner want, from; };

static int chown_one(struct chown *c, const char *path, struct loc loc, const struct inode *inode)
{
	unsigned set = (c->want.has_uid ? ATTR_UID : 0) | (c->want.has_gid ? ATTR_GID : 0);
	struct inode attr = *inode;
	char user[32], group[32], was_user[32], was_group[32];
	int ret;

	if ((c->from.has_uid && c->from.uid != inode->uid) || (c->from.has_gid && c->from.gid != inode->gid))
		return 0;
	if (c->want.has_uid)
		attr.uid = c->want.uid;
	if (c->want.has_gid)
		attr.gid = c->want.gid;
	ret = set ? op_setattr(c->e.txn, loc, set, &attr, &c->e.ctx->err) : 0;
	if (ret) {
		edit_weigh(&c->e, ret);
		return c->a->quiet ? 1 : edit_fail(&c->e, "changing ownership of '%s': %s", path, err_text(&c->e.ctx->err));
	}
	if (attr.uid != inode->uid || attr.gid != inode->gid)
		edit_say(&c->e, "changed ownership of '%s' from %s:%s to %s:%s", path, text_user(inode->uid, was_user), text_group(inode->gid, was_group),
			 text_user(attr.uid, user), text_group(attr.gid, group));
	else if (c->a->verbose)
		edit_say(&c->e, "ownership of '%s' retained as %s:%s", path, text_user(attr.uid, user), text_group(attr.gid, group));
	return 0;
}

static int chown_entry(void *arg, const struct walk_entry *e)
{
	struct chown *c = arg;

	if (walk_leads_nowhere(e))
		return WALK_SKIP;
	/* links met on the way lead elsewhere: themselves are changed only if asked */
	if (!inode_is(&e->inode, S_IFLNK) || c->a->no_follow || !e->depth)
		chown_one(c, e->path, e->loc, &e->inode);
	return edit_over(&c->e) ? WALK_STOP : WALK_GO;
}

static int chown_who(struct chown *c, int *first)
{
	struct cmd_ctx *ctx = c->e.ctx;
	const char *bad;
	struct inode ref;
	struct loc loc;
	int ret;

	*first = c->a->reference ? 0 : 1;
	if (c->a->from && owner_parse(c->a->from, &c->from, &bad))
		return edit_fail(&c->e, "invalid %s: '%s'", bad, c->a->from);
	if (!c->a->reference)
		return owner_parse(ctx->argv[0], &c->want, &bad) ? edit_fail(&c->e, "invalid %s: '%s'", bad, ctx->argv[0]) : 0;
	ret = edit_find(&c->e, c->a->reference, true, &loc, &ref);
	if (ret)
		return edit_fail(&c->e, "failed to get attributes of '%s': %s", c->a->reference, strerror(-ret));
	c->want = (struct owner){ true, true, ref.uid, ref.gid };
	return 0;
}

static int chown_run(struct cmd_ctx *ctx, void *args)
{
	struct chown c = { .a = args };
	struct walk_ops ops = { .enter = chown_entry, .follow = c.a->walk == 'H' };
	struct inode inode;
	struct loc loc;
	int first, ret = edit_begin(ctx, c.a->verbose || c.a->changes, &c.e);

	if (ret)
		return ret;
	if (chown_who(&c, &first))
		return edit_end(&c.e);
	if (first == ctx->argc)
		edit_fail(&c.e, "missing operand after '%s'", ctx->argv[0]);
	for (int i = first; i < ctx->argc && !edit_over(&c.e); i++) {
		if (c.a->recursive) {
			c.e.failed |= shell_walk(ctx, ctx->argv[i], &ops, &c);
			continue;
		}
		ret = edit_find(&c.e, ctx->argv[i], !c.a->no_follow, &loc, &inode);
		if (!ret)
			chown_one(&c, ctx->argv[i], loc, &inode);
		else
			edit_cannot(&c.e, "access", ctx->argv[i], ret);
	}
	return edit_end(&c.e);
}
const struct cmd verb_chown = { .name = "chown", .usage = { "chown [-cfhRv] [OWNER][:[GROUP]] FILE...", "chown [-cfhRv] --reference=RFILE FILE..." },
	.brief = "Change owner and group", .opts = chown_opts, CMD_ARGS(struct chown_args), .min_args = 1, .max_args = -1,
	.flags = CMD_WRITES | CMD_ANY_FORMAT, .run = chown_run, .complete = "inside" };
