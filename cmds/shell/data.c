/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cat, readlink, hash: content as it is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/hosthash.h"
#include "cmds/shell/shell.h"
#include "common/mem.h"

static int cat_one(struct cmd_ctx *ctx, const char *path, u8 *buf)
{
	struct inode inode;
	struct loc loc;
	s64 n;

	if (shell_look(ctx, path, true, &loc, &inode))
		return 1;
	if (inode_is(&inode, S_IFDIR))
		return shell_cannot(ctx, "read", path, err_set(&ctx->err, -EISDIR, "Is a directory"));
	if (!inode_is(&inode, S_IFREG))
		return cmd_error(ctx, "cat: cannot read '%s': it is a %s", path, text_type(inode.mode));
	for (u64 off = 0; !ctx->out->error; off += n) {
		n = file_read(ctx->session->fs, &inode, off, buf, MiB(1), &ctx->err);
		if (n < 0)
			return shell_cannot(ctx, "read", path, n);
		if (!n)
			break;
		out_write(ctx->out, buf, n);
	}
	return 0;
}

static int cat_run(struct cmd_ctx *ctx, void *args)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(MiB(1));
	int rc = 0;

	if (!buf)
		return cmd_error(ctx, "cat: not enough memory");
	for (int i = 0; i < ctx->argc; i++)
		rc |= cat_one(ctx, ctx->argv[i], buf);
	return rc;
}
const struct cmd verb_cat = { .name = "cat", .usage = { "cat FILE..." }, .brief = "Print the content of files", .min_args = 1, .max_args = -1,
	.flags = CMD_ANY_FORMAT, .run = cat_run, .complete = "inside" };

struct readlink_args { bool no_newline; };
#define OPT_STRUCT struct readlink_args
static const struct opt readlink_opts[] = {
	OPT_FLAG('n', "no-newline", no_newline, "do not output the trailing newline"),
	OPT_END
};
#undef OPT_STRUCT

static int readlink_one(struct cmd_ctx *ctx, const char *path, bool newline)
{
	char *target CLEANUP(mem_freep) = NULL;
	struct loc loc;
	size_t len;
	int ret;

	if (shell_resolve(ctx, path, false, &loc))
		return 1;
	ret = symlink_read(loc.root, loc.ino, &target, &len, &ctx->err);
	if (ret == -EINVAL)
		return cmd_error(ctx, "readlink: %s: %s", path, strerror(EINVAL));
	if (ret)
		return shell_cannot(ctx, "read", path, ret);
	if (ctx->json) {
		out_obj(ctx->out, NULL);
		out_json_strn(ctx->out, "path", path, strlen(path));
		out_json_strn(ctx->out, "target", target, len);
		out_end(ctx->out);
		return 0;
	}
	out_write(ctx->out, target, len);
	if (newline)
		out_puts(ctx->out, "\n");
	return 0;
}

static int readlink_run(struct cmd_ctx *ctx, void *args)
{
	const struct readlink_args *a = args;
	int rc = 0;

	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "readlink");
	}
	for (int i = 0; i < ctx->argc; i++)
		rc |= readlink_one(ctx, ctx->argv[i], !a->no_newline || ctx->argc > 1);
	if (ctx->json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	return rc;
}
const struct cmd verb_readlink = { .name = "readlink", .usage = { "readlink [-n] FILE..." }, .brief = "Print the target of symbolic links",
	.opts = readlink_opts, CMD_ARGS(struct readlink_args), .min_args = 1, .max_args = -1, .flags = CMD_JSON, .run = readlink_run,
	.complete = "inside" };

struct hash_args { const char *times; };
#define OPT_STRUCT struct hash_args
static const struct opt hash_opts[] = {
	OPT_STRING(0, "times", times, "none|mtime|all", "which times count; default mtime", .complete = "none|mtime|all"),
	OPT_END
};
#undef OPT_STRUCT

static int which_times(struct cmd_ctx *ctx, const char *word, enum hash_times *out)
{
	static const char *const words[] = { [HASH_TIMES_NONE] = "none", [HASH_TIMES_MTIME] = "mtime", [HASH_TIMES_ALL] = "all" };

	*out = HASH_TIMES_MTIME;
	for (unsigned i = 0; word && i < ARRAY_SIZE(words); i++) {
		if (!strcmp(word, words[i])) {
			*out = i;
			return 0;
		}
	}
	return word ? cmd_error(ctx, "hash: unknown times '%s': none, mtime and all are", word) : 0;
}

static int print_hash(struct cmd_ctx *ctx, const char *path, const char *hash)
{
	if (!ctx->json) {
		out_printf(ctx->out, "%s  %s\n", hash, path);
		return 0;
	}
	out_json_begin(ctx->out);
	out_obj(ctx->out, "hash");
	out_json_strn(ctx->out, "path", path, strlen(path));
	out_json_str(ctx->out, "hash", hash);
	out_end(ctx->out);
	out_json_end(ctx->out);
	return 0;
}

static int hash_run(struct cmd_ctx *ctx, void *args)
{
	const struct hash_args *a = args;
	const char *path = ctx->argc ? ctx->argv[0] : ".";
	char hash[TREEHASH_TEXT];
	enum hash_times times;
	struct loc loc;
	int ret;

	if (which_times(ctx, a->times, &times) || shell_resolve(ctx, path, true, &loc))
		return 1;
	ret = fs_hash(ctx->session->fs, loc, times, hash, &ctx->err);
	return ret ? shell_cannot(ctx, "hash", path, ret) : print_hash(ctx, path, hash);
}
const struct cmd verb_hash = { .name = "hash", .usage = { "hash [--times none|mtime|all] [PATH]" },
	.brief = "Print one digest of a subtree: names, types, modes, owners, attributes, links, content, times", .opts = hash_opts,
	CMD_ARGS(struct hash_args), .max_args = 1, .flags = CMD_JSON | CMD_JOBS, .run = hash_run, .complete = "inside" };

/* The same for what an address means: a directory of the running system, or DEVICE:/path. */
static int hash_target_run(struct cmd_ctx *ctx, void *args)
{
	const struct hash_args *a = args;
	char hash[TREEHASH_TEXT];
	enum hash_times times;
	struct target t;
	struct fs *fs;
	struct loc loc;
	int ret;

	if (which_times(ctx, a->times, &times))
		return 1;
	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "hash: not enough memory");
	if (t.kind == TARGET_HOST) {
		ret = host_hash(ctx->env, ctx->argv[0], times, hash, &ctx->err);
	} else {
		ret = target_resolve(ctx, &t, 0, &fs, &loc);
		if (ret) {
			target_fini(&t);
			return ret;
		}
		ret = fs_hash(fs, loc, times, hash, &ctx->err);
		target_close(ctx, fs);
	}
	target_fini(&t);
	return ret ? cmd_fail(ctx, "hash: cannot hash '%s'", ctx->argv[0]) : print_hash(ctx, ctx->argv[0], hash);
}
const struct cmd hash_target = { .name = "hash", .usage = { "btrfs offline hash [--times none|mtime|all] DIRECTORY|DEVICE:/PATH" },
	.brief = "Print one digest of a directory tree, here or inside an unmounted filesystem", .opts = hash_opts, CMD_ARGS(struct hash_args),
	.min_args = 1, .max_args = 1, .flags = CMD_JSON | CMD_JOBS, .run = hash_target_run };
