/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths and directories as all verbs look at them. */
#include <errno.h>
#include <stdlib.h>
#include "cmds/shell/shell.h"
#include "common/mem.h"

int shell_cannot(struct cmd_ctx *ctx, const char *what, const char *path, int ret)
{
	bool plain = ret == -ENOENT || ret == -ENOTDIR || ret == -ELOOP || ret == -ENAMETOOLONG || !ctx->err.text[0];

	return cmd_error(ctx, "%s: cannot %s '%s': %s", ctx->cmd->name, what, path, plain ? strerror(-ret) : err_text(&ctx->err));
}

int shell_resolve(struct cmd_ctx *ctx, const char *path, bool follow, struct loc *loc)
{
	int ret;

	err_clear(&ctx->err);
	ret = *path ? fs_resolve_under(ctx->session->top, ctx->session->cwd, path, follow, loc, &ctx->err) : -ENOENT;
	return ret ? shell_cannot(ctx, "access", path, ret) : 0;
}

int shell_look(struct cmd_ctx *ctx, const char *path, bool follow, struct loc *loc, struct inode *inode)
{
	int ret;

	if (shell_resolve(ctx, path, follow, loc))
		return 1;
	ret = inode_get(loc->root, loc->ino, inode, &ctx->err);
	return ret ? shell_cannot(ctx, "access", path, ret) : 0;
}

char *shell_basename(const char *path)
{
	size_t end = strlen(path), start;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/';)
		start--;
	if (end - start == 1 && path[start] == '.')
		end = start;
	if (end - start == 2 && path[start] == '.' && path[start + 1] == '.')
		end = start;
	return mem_strndup(path + start, end - start);
}

void shell_join(struct strbuf *sb, const char *dir, const char *name)
{
	sb_reset(sb);
	sb_puts(sb, dir);
	if (!sb->len || sb->v[sb->len - 1] != '/')
		sb_char(sb, '/');
	sb_puts(sb, name);
}

int shell_seen_add(struct shell_seen *s, struct loc loc)
{
	u64 *slot;
	struct hmap *inos;
	bool fresh;

	if (loc.ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID)
		return 1; /* many entries lead to this, which holds nothing */
	slot = hmap_put(&s->roots, (uintptr_t)loc.root, NULL);
	if (!slot)
		return -ENOMEM;
	if (!*slot)
		*slot = (uintptr_t)mem_zalloc(sizeof(struct hmap));
	inos = (struct hmap *)(uintptr_t)*slot;
	if (!inos || !hmap_put(inos, loc.ino, &fresh))
		return -ENOMEM;
	return fresh;
}

void shell_seen_fini(struct shell_seen *s)
{
	size_t pos = 0;
	u64 key, value;

	while (hmap_next(&s->roots, &pos, &key, &value)) {
		if (value)
			hmap_fini((struct hmap *)(uintptr_t)value);
		free((void *)(uintptr_t)value);
	}
	hmap_fini(&s->roots);
}
