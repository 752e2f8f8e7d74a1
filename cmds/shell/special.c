/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mknod, mkfifo. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/edit.h"

struct node_args { const char *mode; };
#define OPT_STRUCT struct node_args
static const struct opt node_opts[] = {
	OPT_STRING('m', "mode", mode, "MODE", "set the mode (as in chmod), not a=rw less the umask"),
	OPT_END
};
#undef OPT_STRUCT

static int make_node(struct edit *e, const char *path, u32 type, u64 rdev, const struct mode_change *mode, const char *what)
{
	struct new_inode ni;
	struct inode attr;
	struct loc dir, at;
	const char *name;
	size_t len;
	int ret = edit_parent(e, path, &dir, &name, &len);

	if (!ret) {
		ni = edit_new(e, dir, type | 0666);
		ni.rdev = rdev;
		ret = op_create(e->txn, dir, name, len, &ni, &at.ino, &e->ctx->err);
		at.root = dir.root;
	}
	if (!ret && mode) {
		attr.mode = mode_apply(mode, type | 0666);
		ret = op_setattr(e->txn, at, ATTR_MODE, &attr, &e->ctx->err);
	}
	return ret ? edit_cannot(e, what, path, ret) : 0;
}

static int mkfifo_run(struct cmd_ctx *ctx, void *args)
{
	const struct node_args *a = args;
	struct mode_change *mode = NULL;
	struct edit e;
	int ret;

	if (a->mode && mode_parse(a->mode, &mode))
		return cmd_error(ctx, "mkfifo: invalid mode '%s'", a->mode);
	ret = edit_begin(ctx, false, &e);
	for (int i = 0; !ret && i < ctx->argc && !edit_over(&e); i++)
		make_node(&e, ctx->argv[i], S_IFIFO, 0, mode, "create fifo");
	free(mode);
	return ret ? ret : edit_end(&e);
}
const struct cmd verb_mkfifo = { .name = "mkfifo", .usage = { "mkfifo [-m MODE] NAME..." }, .brief = "Make named pipes", .opts = node_opts,
	CMD_ARGS(struct node_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = mkfifo_run, .complete = "inside" };

/* Decimal, 0x..., 0...: one half of a device number. */
static int parse_part(struct cmd_ctx *ctx, const char *what, const char *text, unsigned long max, u64 *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 0);

	if (!*text || *end || *text == '-' || v > max)
		return cmd_error(ctx, "mknod: invalid %s device number '%s'", what, text);
	*out = v;
	return 0;
}

static int mknod_run(struct cmd_ctx *ctx, void *args)
{
	const struct node_args *a = args;
	struct mode_change *mode = NULL;
	const char *type = ctx->argv[1];
	bool numbers = type[0] != 'p' && type[0] != 's';
	u64 major = 0, minor = 0;
	struct edit e;
	int ret = 0;

	if (!strchr("bcups", *type) || !*type || type[1])
		return cmd_error(ctx, "mknod: invalid device type '%s'", type);
	if (numbers != (ctx->argc == 4))
		return cmd_error(ctx, numbers ? "mknod: block and character devices need a major and a minor number" :
				 "mknod: fifos and sockets do not have major and minor device numbers");
	if (numbers)
		ret = parse_part(ctx, "major", ctx->argv[2], 0xfff, &major) || parse_part(ctx, "minor", ctx->argv[3], 0xfffff, &minor);
	if (!ret && a->mode && mode_parse(a->mode, &mode))
		ret = cmd_error(ctx, "mknod: invalid mode '%s'", a->mode);
	if (!ret)
		ret = edit_begin(ctx, false, &e);
	if (!ret) {
		make_node(&e, ctx->argv[0], *type == 'p' ? S_IFIFO : *type == 's' ? S_IFSOCK : *type == 'b' ? S_IFBLK : S_IFCHR, major << 20 | minor, mode,
			  "create special file");
		ret = edit_end(&e);
	}
	free(mode);
	return ret;
}
static const char *const mknod_details[] = { "TYPE: b a block device, c or u a character device, p a fifo, s a socket.", NULL };
const struct cmd verb_mknod = { .name = "mknod", .usage = { "mknod [-m MODE] NAME TYPE [MAJOR MINOR]" }, .brief = "Make a device node, fifo or socket",
	.details = mknod_details, .opts = node_opts, CMD_ARGS(struct node_args), .min_args = 2, .max_args = 4, .flags = CMD_WRITES | CMD_ANY_FORMAT,
	.run = mknod_run, .complete = "inside" };
