/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line that changes something: beginning, operands, messages, end. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/shell/edit.h"
#include "common/mem.h"

int edit_begin(struct cmd_ctx *ctx, bool verbose, struct edit *e)
{
	static char dot[] = ".";
	struct target t = { .kind = TARGET_INSIDE, .path = dot };
	int ret;

	memset(e, 0, sizeof(*e));
	e->ctx = ctx;
	ret = change_begin(ctx, &t, &e->c);
	if (ret)
		return ret;
	e->txn = e->c.txn;
	e->verbose = verbose || ctx->session->dev->dry_run;
	return 0;
}

int edit_end(struct edit *e)
{
	int ret = change_end(e->ctx, &e->c, edit_over(e));

	return ret ? ret : e->failed;
}

bool edit_over(struct edit *e)
{
	struct cmd_ctx *ctx = e->ctx;

	if (!e->fatal && env_check_interrupt(ctx->env, &ctx->err)) {
		cmd_error(ctx, "%s: %s", ctx->cmd->name, err_text(&ctx->err));
		e->fatal = true;
	}
	e->fatal |= writer_dead(e->c.fs->writer);
	return e->fatal;
}

/* Where the error's own words say no more than the name of the code. */
static bool is_plain(int ret)
{
	static const int plain[] = { ENOENT, ENOTDIR, ELOOP, EEXIST, ENOTEMPTY, EISDIR, EMLINK };

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (ret == -plain[i])
			return true;
	return false;
}

void edit_weigh(struct edit *e, int ret)
{
	e->failed = true;
	e->fatal |= ret == -ENOSPC || ret == -EDQUOT || ret == -ENOMEM || ret == -EIO || ret == -EINTR || ret == -EUCLEAN;
}

bool edit_settle(struct edit *e, int ret)
{
	if (ret != -ENOSPC || e->ctx->session->batch || writer_dead(e->c.fs->writer) || txn_ops(e->txn) == e->c.ops)
		return false;
	if (change_checkpoint(e->ctx, &e->c)) {
		e->fatal = true;
		return false;
	}
	e->txn = e->c.txn;
	return true;
}

int edit_cannot(struct edit *e, const char *what, const char *path, int ret)
{
	struct err *err = &e->ctx->err;

	edit_weigh(e, ret);
	if (ret == -ENAMETOOLONG && !strstr(err_text(err), "symbolic"))
		err_clear(err);
	return cmd_error(e->ctx, "%s: cannot %s '%s': %s", e->ctx->cmd->name, what, path, is_plain(ret) || !err->text[0] ? strerror(-ret) : err_text(err));
}

int edit_fail(struct edit *e, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	e->failed = true;
	return cmd_error(e->ctx, "%s: %s", e->ctx->cmd->name, text);
}

void edit_say(struct edit *e, const char *fmt, ...)
{
	va_list ap;

	if (!e->verbose || e->ctx->json)
		return;
	va_start(ap, fmt);
	out_vprintf(e->ctx->out, fmt, ap);
	va_end(ap);
	out_puts(e->ctx->out, "\n");
}

int edit_find(struct edit *e, const char *path, bool follow, struct loc *loc, struct inode *inode)
{
	struct session *s = e->ctx->session;
	int ret;

	err_clear(&e->ctx->err);
	ret = *path ? fs_resolve_under(s->top, s->cwd, path, follow, loc, &e->ctx->err) : -ENOENT;
	return ret || !inode ? ret : inode_get(loc->root, loc->ino, inode, &e->ctx->err);
}

int edit_parent(struct edit *e, const char *path, struct loc *dir, const char **name, size_t *len)
{
	char *above CLEANUP(mem_freep) = NULL;
	struct inode inode;
	size_t end = strlen(path), start;
	int ret;

	err_clear(&e->ctx->err);
	if (!end)
		return -ENOENT;
	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/';)
		start--;
	*name = path + start;
	*len = end - start;
	if (!end)
		return -EEXIST;
	above = start ? mem_strndup(path, start) : mem_strdup(".");
	if (!above)
		return err_nomem(&e->ctx->err);
	ret = edit_find(e, above, true, dir, &inode);
	return !ret && !inode_is(&inode, S_IFDIR) ? -ENOTDIR : ret;
}

int edit_dest(struct edit *e, const char *dir, bool bare, struct dest *out)
{
	struct cmd_ctx *ctx = e->ctx;
	struct inode inode;
	struct loc loc;
	bool is_dir;
	int ret;

	if (dir && bare)
		return edit_fail(e, "cannot combine --target-directory (-t) and --no-target-directory (-T)");
	*out = (struct dest){ dir ? dir : ctx->argv[ctx->argc - 1], dir ? ctx->argc : ctx->argc - 1, false };
	if (!out->n)
		return edit_fail(e, "missing destination file operand after '%s'", ctx->argv[0]);
	if (bare) {
		if (out->n > 1)
			return edit_fail(e, "extra operand '%s'", ctx->argv[2]);
		return 0;
	}
	ret = edit_find(e, out->path, true, &loc, &inode);
	is_dir = !ret && inode_is(&inode, S_IFDIR);
	if (!is_dir && (dir || out->n > 1)) {
		if (ret)
			return edit_fail(e, dir ? "target directory '%s': %s" : "target '%s': %s", out->path, strerror(-ret));
		return edit_fail(e, dir ? "target directory '%s': Not a directory" : "target '%s' is not a directory", out->path);
	}
	out->into = is_dir;
	return 0;
}

char *edit_dest_path(struct edit *e, const struct dest *d, const char *source)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;
	char *base = d->into ? shell_basename(source) : mem_strdup(""), *path;

	if (d->into)
		shell_join(&sb, d->path, base && *base ? base : ".");
	else
		sb_puts(&sb, d->path);
	path = base ? mem_strdup(sb_str(&sb)) : NULL;
	free(base);
	if (!path)
		edit_fail(e, "not enough memory");
	return path;
}

int edit_restore_times(struct edit *e, struct loc loc, const struct inode *was)
{
	return op_setattr(e->txn, loc, ATTR_ATIME | ATTR_MTIME | ATTR_CTIME, was, &e->ctx->err);
}

u32 edit_umask(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return mask;
}

struct new_inode edit_new(struct edit *e, struct loc dir, u32 mode)
{
	struct new_inode ni = { .mode = mode, .uid = geteuid(), .gid = getegid(), .inherit = true };
	const struct write_opts *o = &e->c.opts;
	char *acl = NULL;
	size_t len;

	if (S_ISREG(mode)) /* from the beginning, as in a mount with these options */
		ni.flags = (o->nodatacow ? BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM : 0) | (o->nodatasum ? BTRFS_INODE_NODATASUM : 0);
	/* a default ACL takes the place of the umask */
	if (!S_ISLNK(mode) && xattr_get(dir.root, dir.ino, "system.posix_acl_default", &acl, &len, NULL))
		ni.mode &= ~edit_umask();
	free(acl);
	return ni;
}
