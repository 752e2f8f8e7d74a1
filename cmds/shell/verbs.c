/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of verbs, how a line finds its command, and the verbs about the shell itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
#include "cmds/shell/shell.h"
#include "common/mem.h"

#define VERBS(X) \
	X(abort) \
	X(begin) \
	X(cat) \
	X(cd) \
	X(chattr) \
	X(checksum) \
	X(chmod) \
	X(chown) \
	X(commit) \
	X(compress) \
	X(cp) \
	X(dedupe) \
	X(df) \
	X(diff) \
	X(du) \
	X(extents) \
	X(fallocate) \
	X(field) \
	X(find) \
	X(get) \
	X(getfattr) \
	X(hash) \
	X(help) \
	X(item) \
	X(lcd) \
	X(ln) \
	X(ls) \
	X(lsattr) \
	X(mkdir) \
	X(mkfifo) \
	X(mknod) \
	X(mv) \
	X(node) \
	X(punch) \
	X(put) \
	X(pwd) \
	X(quit) \
	X(readlink) \
	X(rm) \
	X(rmdir) \
	X(setfacl) \
	X(setfattr) \
	X(stat) \
	X(touch) \
	X(tree) \
	X(truncate) \
	X(write)
#define DECLARE(id) extern const struct cmd verb_##id;
#define ROW(id) &verb_##id,
VERBS(DECLARE)
static const struct cmd *const verb_rows[] = { VERBS(ROW) NULL };
const struct cmd cmd_shell = {
	.name = "offline", .usage = { "btrfs offline [options] DEVICE [COMMAND [ARGS...]]" }, .subs = verb_rows,
	.info = "look at and change an unmounted filesystem" };

static bool is_verb(const char *word)
{
	for (const struct cmd *const *c = verb_rows; *c; c++) {
		if (!strcmp((*c)->name, word) || ((*c)->alias && !strcmp((*c)->alias, word)))
			return true;
	}
	return false;
}

/* Those that can be left to themselves with a path: commands that open a device of their own have no place here. */
static bool is_group(const char *word)
{
	for (const struct cmd *const *c = cmd_btrfs.subs; *word && *c; c++) {
		if ((*c)->subs && (*c)->subs[0] && !strncmp((*c)->name, word, strlen(word)))
			return true;
	}
	return false;
}

/* "--format json" and "--format=json" mean the output here as well as before the first word of btrfs. */
static void take_format(struct cmd_ctx *ctx, int *argc, char **argv)
{
	static const char flag[] = "--format";

	for (int i = 0; i < *argc; i++) {
		const char *value = NULL;
		int used = 1;

		if (!strcmp(argv[i], "--"))
			break;
		if (!strncmp(argv[i], flag, sizeof(flag) - 1) && argv[i][sizeof(flag) - 1] == '=') {
			value = argv[i] + sizeof(flag);
		} else if (!strcmp(argv[i], flag) && i + 1 < *argc) {
			value = argv[i + 1];
			used = 2;
		}
		if (!value || (strcasecmp(value, "json") && strcasecmp(value, "text")))
			continue;
		ctx->json = !strcasecmp(value, "json");
		memmove(&argv[i], &argv[i + used], (*argc - i - used) * sizeof(*argv));
		*argc -= used;
		argv[*argc] = NULL;
		i--;
	}
}

int shell_run(struct cmd_ctx *ctx, int argc, char **argv)
{
	struct cmd_ctx inner = *ctx;
	char **words = mem_calloc((size_t)argc + 1, sizeof(*words));
	int ret;

	if (!words)
		return cmd_error(ctx, "not enough memory");
	session_refresh(ctx);
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	take_format(&inner, &argc, words);
	if (argc && !strcmp(words[0], "?"))
		words[0] = "help";
	if (!argc) {
		ret = cmd_error(ctx, "a command is missing");
	} else if (is_verb(words[0])) {
		ret = cmd_run(&inner, &cmd_shell, argc, words);
	} else if (is_group(words[0])) {
		inner.words = cmd_btrfs.name;
		ret = cmd_run(&inner, &cmd_btrfs, argc, words);
	} else {
		ret = cmd_error(ctx, "unknown command '%s', try 'help'", words[0]);
	}
	free(words);
	return ret;
}

/* ---- help ---- */

bool shell_shows(const struct cmd *c, bool groups)
{
	return !(c->flags & CMD_HIDDEN) && (groups ? c->subs && c->subs[0] : c->run || c->subs);
}

static void list_rows(struct cmd_ctx *ctx, const struct cmd *const *rows, bool groups)
{
	for (; *rows; rows++) {
		const struct cmd *c = *rows;

		if (shell_shows(c, groups))
			out_printf(ctx->out, "  %-16s  %s\n", c->name, c->brief ? c->brief : c->info ? c->info : "");
	}
}

static int help_run(struct cmd_ctx *ctx, void *args)
{
	if (ctx->argc) {
		char *argv[2] = { ctx->argv[0], "--help" };

		return shell_run(ctx, 2, argv);
	}
	out_puts(ctx->out, "Commands (help COMMAND tells more):\n");
	list_rows(ctx, verb_rows, false);
	out_puts(ctx->out, "  !COMMAND          Run a command of the running system\n\nGroups of btrfs, the device left out:\n");
	list_rows(ctx, cmd_btrfs.subs, true);
	return 0;
}
const struct cmd verb_help = { .name = "help", .usage = { "help [COMMAND]" }, .brief = "List the commands, or describe one", .max_args = 1,
	.flags = CMD_ANY_FORMAT, .run = help_run };

/* ---- cd, pwd, lcd, quit ---- */

/* Appends the components of path to the normalised absolute path in sb: "." stays, ".." goes up by name, as a shell's cd does. */
static void walk_text(struct strbuf *sb, const char *path)
{
	if (*path == '/')
		sb->len = 0;
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (sb->len && sb->v[--sb->len] != '/')
				;
		} else if (n && !(n == 1 && path[0] == '.')) {
			if (!sb->len || sb->v[sb->len - 1] != '/')
				sb_char(sb, '/');
			sb_add(sb, path, n);
		}
		path += n + (path[n] == '/');
	}
	if (!sb->len)
		sb_char(sb, '/');
}

static int cd_run(struct cmd_ctx *ctx, void *args)
{
	const char *arg = ctx->argc ? ctx->argv[0] : "/";
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	struct shell *sh = shell_of(ctx);
	struct inode inode;
	struct loc loc;
	int ret;

	sb_puts(&path, sb_str(&sh->cwd));
	walk_text(&path, arg);
	ret = fs_resolve_under(sh->session.top, sh->session.top, sb_str(&path), true, &loc, &ctx->err);
	if (!ret)
		ret = inode_get(loc.root, loc.ino, &inode, &ctx->err);
	if (!ret && !inode_is(&inode, 0040000))
		ret = -ENOTDIR;
	if (ret)
		return shell_cannot(ctx, "enter", arg, ret);
	sh->session.cwd = loc;
	sb_reset(&sh->cwd);
	sb_puts(&sh->cwd, sb_str(&path));
	return 0;
}
const struct cmd verb_cd = { .name = "cd", .usage = { "cd [DIR]" }, .brief = "Change the current directory", .max_args = 1, .flags = CMD_ANY_FORMAT,
	.run = cd_run, .complete = "inside" };

static int pwd_run(struct cmd_ctx *ctx, void *args)
{
	const char *cwd = sb_str(&shell_of(ctx)->cwd);

	if (!ctx->json) {
		out_printf(ctx->out, "%s\n", cwd);
		return 0;
	}
	out_json_begin(ctx->out);
	out_json_strn(ctx->out, "pwd", cwd, strlen(cwd));
	out_json_end(ctx->out);
	return 0;
}
const struct cmd verb_pwd = { .name = "pwd", .usage = { "pwd" }, .brief = "Print the current directory", .flags = CMD_JSON, .run = pwd_run };

static int lcd_run(struct cmd_ctx *ctx, void *args)
{
	const char *dir = ctx->argc ? ctx->argv[0] : getenv("HOME");

	if (!dir || chdir(dir))
		return cmd_error(ctx, "lcd: cannot enter '%s': %s", dir ? dir : "", dir ? strerror(errno) : "HOME is not set");
	return 0;
}
const struct cmd verb_lcd = { .name = "lcd", .usage = { "lcd [DIR]" }, .brief = "Change the directory of the running system that 'get' writes to",
	.max_args = 1, .flags = CMD_ANY_FORMAT, .run = lcd_run, .complete = "dir" };

static int quit_run(struct cmd_ctx *ctx, void *args)
{
	shell_of(ctx)->quit = true;
	return 0;
}
const struct cmd verb_quit = { .name = "quit", .alias = "exit", .usage = { "quit" }, .brief = "Leave", .flags = CMD_ANY_FORMAT, .run = quit_run };
