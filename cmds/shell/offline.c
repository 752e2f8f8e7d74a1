/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `btrfs offline DEVICE`: opens the session and reads command lines from a prompt, a script or its own arguments. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "cmds/shell/shell.h"
#include "common/linedit.h"
#include "common/mem.h"

struct offline_args {
	struct strlist options;
	const char *script;
	bool force, atomic;
};
#define OPT_STRUCT struct offline_args
static const struct opt offline_opts[] = {
	OPT_LIST('o', "options", options, "LIST", "mount options that mean something here: compress[-force][=zlib|lzo|zstd|no[:LEVEL]], max_inline=SIZE, nodatacow, "
		 "nodatasum, degraded, device=PATH, subvol=PATH, subvolid=ID, ro; for reading: usebackuproot, nologreplay, "
		 "rescue=usebackuproot|nologreplay|ignorebadroots|ignoredatacsums|ignoremetacsums|all"),
	OPT_STRING('f', "file", script, "FILE", "read commands from FILE, one a line; - for standard input", .complete = "file"),
	OPT_FLAG(0, "atomic", atomic, "all lines are one transaction: when one fails nothing is changed"),
	OPT_FLAG(0, "force", force, "work on a filesystem that is mounted; what is seen may be torn"),
	OPT_END
};
#undef OPT_STRUCT

/* What "/" means: -o subvol= or subvolid=, else the top level. */
static int find_top(struct cmd_ctx *ctx, struct shell *sh)
{
	struct fs *fs = sh->session.fs;
	struct root *root = fs->fs_tree;
	int ret = 0;

	err_clear(&ctx->err);
	sh->session.top = sh->session.cwd = (struct loc){ NULL, 0 };
	if (sh->o.subvolid) {
		ret = fs_subvol_root(fs, sh->o.subvolid, &root, &ctx->err);
		if (ret)
			return cmd_error(ctx, "cannot open subvolume %llu: %s", sh->o.subvolid, ret == -ENOENT ? strerror(ENOENT) : err_text(&ctx->err));
	}
	/* Whoever looks at blocks as they are needs no directories. */
	if (!root && fs->flags & (FS_OPEN_LENIENT | FS_OPEN_IN_PLACE))
		return 0;
	if (!root)
		return cmd_error(ctx, "the top-level subvolume cannot be read; name another by -o subvolid=");
	sh->session.top = (struct loc){ root, BTRFS_FIRST_FREE_OBJECTID };
	if (sh->o.subvol) {
		ret = fs_resolve(fs, sh->session.top, sh->o.subvol, true, &sh->session.top, &ctx->err);
		if (ret)
			return cmd_error(ctx, "cannot open subvolume '%s': %s", sh->o.subvol, ret == -ENOENT ? strerror(ENOENT) : err_text(&ctx->err));
		if (sh->session.top.ino != BTRFS_FIRST_FREE_OBJECTID)
			return cmd_error(ctx, "'%s' is not a subvolume", sh->o.subvol);
	}
	return 0;
}

/* The filesystem has been opened, or opened anew. A current directory that is no more becomes the top. */
static int settle(struct cmd_ctx *ctx)
{
	struct shell *sh = shell_of(ctx);
	struct session *s = &sh->session;
	struct inode inode;
	int ret = find_top(ctx, sh);

	if (ret)
		return ret;
	ret = sh->cwd.len ? fs_resolve_under(s->top, s->top, sb_str(&sh->cwd), true, &s->cwd, NULL) : -ENOENT;
	if (!ret && !inode_get(s->cwd.root, s->cwd.ino, &inode, NULL) && inode_is(&inode, 0040000))
		return 0;
	s->cwd = s->top;
	sb_reset(&sh->cwd);
	sb_char(&sh->cwd, '/');
	return 0;
}

/* A log that waits says that the last fsyncs are not in what is shown. */
static void warn_log(struct cmd_ctx *ctx, const struct fs *fs)
{
	if (fs->log_root_tree && !(fs->flags & FS_OPEN_NO_LOG_REPLAY))
		cmd_warn(ctx, "the log was not replayed: what is shown is the last commit");
}

static int open_shell(struct cmd_ctx *ctx, struct shell *sh, const struct offline_args *a)
{
	struct session *s = &sh->session;
	struct target *t = &s->target;
	struct cmd_ctx inner = *ctx;

	s->fs_flags = sh->o.fs_flags | (a->force ? FS_OPEN_FORCE_MOUNTED | FS_OPEN_WARN_MOUNTED : FS_OPEN_REFUSE_MOUNTED);
	if (ctx->argc > 1 && verb_is_inside(ctx->argv[1]))
		s->fs_flags |= FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_DEGRADED | FS_OPEN_NO_LOG_REPLAY;
	s->read_only = sh->o.read_only;
	s->opts = sh->o.write;
	s->settle = settle;
	s->dry_run = ctx->dry_run;
	s->undo = ctx->undo;
	s->atomic = a->atomic;
	if (target_parse(ctx->argv[0], t))
		return cmd_error(ctx, "not enough memory");
	if (t->kind == TARGET_INSIDE)
		return cmd_error(ctx, "a device is expected, not a path inside one: %s", ctx->argv[0]);
	for (size_t i = 0; i < sh->o.devices.len && t->kind == TARGET_DEVICE; i++) {
		char *copy = mem_strdup(sh->o.devices.v[i]);

		if (!copy || vec_push(&t->devices, copy)) {
			free(copy);
			return cmd_error(ctx, "not enough memory");
		}
	}
	if (target_open(ctx, t, s->fs_flags, &s->fs))
		return 1;
	warn_log(ctx, s->fs);
	inner.session = s;
	return settle(&inner);
}

/* One line of text. *empty: there was nothing in it. */
static int run_line(struct cmd_ctx *ctx, const char *line)
{
	struct shell_words words = VEC_INIT;
	int ret = shell_split(line, &words);

	if (ret == -EINVAL)
		ret = cmd_error(ctx, "a quote is not closed: %s", line);
	else if (ret)
		ret = cmd_error(ctx, "not enough memory");
	else if (words.len)
		ret = shell_run(ctx, words.len, words.v);
	shell_words_fini(&words);
	return ret;
}

/* Host commands take the rest of the line as it is. */
static int run_text(struct cmd_ctx *ctx, const char *line)
{
	line += strspn(line, " \t");
	if (*line != '!')
		return run_line(ctx, line);
	out_flush(ctx->out);
	return system(line + 1) ? 1 : 0;
}

static int run_prompt(struct cmd_ctx *ctx, struct shell *sh)
{
	struct linedit *le = linedit_new(NULL, shell_complete, ctx);
	struct strbuf prompt CLEANUP(sb_fini) = STRBUF_INIT;

	if (!le)
		return cmd_error(ctx, "not enough memory");
	while (!sh->quit) {
		char *line;

		out_flush(ctx->out);
		sb_reset(&prompt);
		sb_printf(&prompt, "btrfs:%s> ", sb_str(&sh->cwd));
		line = linedit_read(le, sb_str(&prompt));
		if (!line)
			break;
		cmd_forget_interrupt();
		run_text(ctx, line);
		free(line);
	}
	linedit_free(le);
	return 0;
}

/* Ends at the first line that fails, as nothing good can come of the rest. */
static int run_script(struct cmd_ctx *ctx, struct shell *sh, const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *line = NULL;
	size_t cap = 0;
	unsigned number = 0;
	ssize_t len;
	int ret = 0;

	if (!f)
		return cmd_error(ctx, "cannot open '%s': %s", path, strerror(errno));
	while (!ret && !sh->quit && (len = getline(&line, &cap, f)) >= 0) {
		number++;
		ret = strlen(line) < (size_t)len ? cmd_error(ctx, "a line with a NUL byte in it is no command") : 0;
		line[strcspn(line, "\n")] = 0;
		if (!ret)
			ret = run_text(ctx, line);
		if (ret)
			cmd_error(ctx, "%s: line %u failed, the rest is not run: %s", strcmp(path, "-") ? path : "standard input", number, line);
	}
	if (!ret && ferror(f))
		ret = cmd_error(ctx, "cannot read '%s': %s", path, strerror(errno));
	free(line);
	if (f != stdin)
		fclose(f);
	return ret;
}

/* Options may also stand behind the device; the first other word begins the command. */
static int late_options(struct cmd_ctx *ctx, struct offline_args *a)
{
	while (ctx->argc > 1 && ctx->argv[1][0] == '-' && strncmp(ctx->argv[1], "--format", 8)) {
		bool script = !strcmp(ctx->argv[1], "-f") || !strcmp(ctx->argv[1], "--file");
		int used = 2;

		if (!strcmp(ctx->argv[1], "--force")) {
			a->force = true;
			used = 1;
		} else if (!strcmp(ctx->argv[1], "--atomic")) {
			a->atomic = true;
			used = 1;
		} else if (!strcmp(ctx->argv[1], "--dry-run")) {
			ctx->dry_run = true;
			used = 1;
		} else if (ctx->argc > 2 && !strcmp(ctx->argv[1], "--undo")) {
			ctx->undo = ctx->argv[2];
		} else if (ctx->argc > 2 && script) {
			a->script = ctx->argv[2];
		} else if (ctx->argc > 2 && (!strcmp(ctx->argv[1], "-o") || !strcmp(ctx->argv[1], "--options"))) {
			if (vec_push(&a->options, ctx->argv[2]))
				return cmd_error(ctx, "not enough memory");
		} else {
			return cmd_usage(ctx);
		}
		memmove(&ctx->argv[1], &ctx->argv[1 + used], (ctx->argc - 1 - used + 1) * sizeof(*ctx->argv));
		ctx->argc -= used;
	}
	return 0;
}

static int run_session(struct cmd_ctx *ctx, struct shell *sh, const struct offline_args *a)
{
	struct cmd_ctx inner = *ctx;

	int ret;

	inner.session = &sh->session;
	inner.words = "offline";
	inner.dry_run = false; /* the session's from here on */
	inner.undo = NULL;
	if (ctx->argc > 1)
		ret = shell_run(&inner, ctx->argc - 1, ctx->argv + 1);
	else if (a->script || !linedit_interactive())
		ret = run_script(&inner, sh, a->script ? a->script : "-");
	else
		ret = run_prompt(&inner, sh);
	return session_close(&inner, ret);
}

/* `btrfs offline hash DIRECTORY`: no device, no session. */
static bool is_hash(struct cmd_ctx *ctx)
{
	struct target t;
	bool host;

	if (strcmp(ctx->argv[0], "hash") || target_parse(ctx->argv[0], &t))
		return false;
	host = t.kind == TARGET_HOST;
	target_fini(&t);
	return host;
}

static int run_alone(struct cmd_ctx *ctx)
{
	static const struct cmd *const rows[] = { &hash_target, NULL };
	static const struct cmd group = { .name = "offline", .usage = { "btrfs offline" }, .subs = rows };

	return cmd_run(ctx, &group, ctx->argc, ctx->argv);
}

static int offline_run(struct cmd_ctx *ctx, void *args)
{
	struct offline_args *a = args;
	struct shell sh = { .o.write = WRITE_OPTS_DEFAULT };
	int ret;

	if (is_hash(ctx))
		return run_alone(ctx);
	ret = late_options(ctx, a);

	if (!ret && a->script && ctx->argc > 1)
		ret = cmd_error(ctx, "a script and a command cannot both be given");
	for (size_t i = 0; !ret && i < a->options.len; i++) {
		if (shell_opts_parse(&sh.o, a->options.v[i], &ctx->err))
			ret = cmd_error(ctx, "%s", err_text(&ctx->err));
	}
	if (!ret)
		ret = open_shell(ctx, &sh, a);
	if (!ret) {
		ret = run_session(ctx, &sh, a);
	} else {
		fs_close(sh.session.fs);
		target_fini(&sh.session.target);
	}
	shell_opts_fini(&sh.o);
	sb_fini(&sh.cwd);
	return ret;
}

static const char *const offline_details[] = {
	"Without COMMAND a prompt (or the lines of standard input). Paths are inside the filesystem; 'help' lists the commands, which are",
	"those of coreutils where there is one, and every btrfs group by its own name with the device left out.",
	NULL
};
const struct cmd cmd_offline = {
	.name = "offline", .usage = { "btrfs offline [options] DEVICE [COMMAND [ARGS...]]", "btrfs offline [options] -f FILE DEVICE",
		"btrfs offline hash [--times none|mtime|all] DIRECTORY|DEVICE:/PATH" },
	.brief = "A shell inside an unmounted filesystem: look at files, copy them in and out, change everything", .details = offline_details, .opts = offline_opts,
	CMD_ARGS(struct offline_args), .min_args = 1, .max_args = -1,
	.flags = CMD_OURS | CMD_NO_PERMUTE | CMD_JSON | CMD_PROGRESS | CMD_JOBS | CMD_WRITES, .run = offline_run, .complete = "device",
	.inside = &cmd_shell };
