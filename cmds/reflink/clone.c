/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs reflink clone: a file, or ranges of one, shared with another. Spec: cli 2.3 (experimental builds of the incumbent). */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/changes.h"
#include "cmds/mounted/host.h"
#include "kernel-shared/kapi/extents.h"

/* len 0: to the end of the source. */
struct clone_range { u64 src, len, dst; };
struct clone_args {
	u64 from;
	bool has_from;
	VEC(struct clone_range) ranges;
};

/* "SRCOFF:LEN:DSTOFF", each a size and each may be left out: the start, to the end, the place it has in the source. */
static int parse_spec(void *args, const char *text, struct err *err)
{
	struct clone_args *a = args;
	struct clone_range r = { 0 };
	u64 *part[] = { &r.src, &r.len, &r.dst };
	char field[32];
	bool has_dst = false;

	for (unsigned i = 0; i < 3; i++) {
		size_t len = strcspn(text, ":");

		if (len >= sizeof(field) || (i == 2 && text[len]))
			return err_set(err, -EINVAL, "invalid range: it is SRCOFF:LENGTH:DSTOFF");
		memcpy(field, text, len);
		field[len] = 0;
		if (len && parse_size(field, part[i], err))
			return -EINVAL;
		if (i == 1 && len && !r.len)
			return err_set(err, -EINVAL, "invalid range: it has no length");
		has_dst |= i == 2 && len;
		text += len;
		text += *text == ':';
	}
	if (!has_dst)
		r.dst = r.src;
	return vec_push(&a->ranges, r) ? err_nomem(err) : 0;
}

/* What is asked for, or the whole file. */
static int ranges_of(struct clone_args *a, struct err *err)
{
	if (a->ranges.len)
		return 0;
	return vec_push(&a->ranges, ((struct clone_range){ a->has_from ? a->from : 0, 0, 0 })) ? err_nomem(err) : 0;
}

static int failed(struct cmd_ctx *ctx, int ret)
{
	static const struct { int code; const char *why; } reasons[] = {
		{ -EINVAL, "ranges begin at sectors, lie within the source and do not overlap in one file, and both files have data checksums or neither" },
		{ -EXDEV, "a reflink lies in the filesystem of its source" }, { -EOPNOTSUPP, "the filesystem cannot share data" },
		{ -ETXTBSY, "the target is in use as a swapfile" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].code == ret)
			return cmd_error(ctx, "cannot clone '%s' to '%s': %s: %s", ctx->argv[0], ctx->argv[1], strerror(-ret), reasons[i].why);
	return ctx->err.len ? cmd_fail(ctx, "cannot clone '%s' to '%s'", ctx->argv[0], ctx->argv[1]) :
		cmd_error(ctx, "cannot clone '%s' to '%s': %s", ctx->argv[0], ctx->argv[1], strerror(-ret));
}

static int clone_files(struct cmd_ctx *ctx, const struct clone_args *a, int src, int dst)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < a->ranges.len; i++)
		ret = kclone(src, a->ranges.v[i].src, a->ranges.v[i].len, dst, a->ranges.v[i].dst);
	return ret ? failed(ctx, ret) : 0;
}

static int clone_mounted(struct cmd_ctx *ctx, const struct clone_args *a)
{
	const char *from = ctx->argv[0], *to = ctx->argv[1];
	int src = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK), dst = -1, ret;
	bool made = false;
	struct stat st;

	if (src < 0 || fstat(src, &st)) {
		ret = cmd_error(ctx, "cannot access '%s': %s", from, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		ret = cmd_error(ctx, "not a regular file: %s", from);
	} else {
		made = access(to, F_OK) != 0;
		dst = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, st.st_mode & 0777);
		ret = dst < 0 ? cmd_error(ctx, "cannot open '%s': %s", to, strerror(errno)) : clone_files(ctx, a, src, dst);
	}
	if (ret && made && dst >= 0)
		unlink(to);
	if (dst >= 0)
		close(dst);
	if (src >= 0)
		close(src);
	return ret;
}

/* The file that t names, made like the source if it is missing. */
static int target_file(struct cmd_ctx *ctx, struct change *c, const struct target *t, const struct inode *like, struct loc *loc)
{
	struct new_inode ni = { .mode = like->mode, .uid = geteuid(), .gid = getegid(), .inherit = true };
	const char *name;
	struct loc dir;
	size_t len;
	int ret = target_lookup(ctx, t, c->fs, true, loc);

	if (!ret)
		return 0;
	if (ret != -ENOENT)
		return failed(ctx, ret);
	err_clear(&ctx->err);
	ret = change_resolve_parent(ctx, c, t, &dir, &name, &len);
	if (ret)
		return ret;
	loc->root = dir.root;
	ret = op_create(c->txn, dir, name, len, &ni, &loc->ino, &ctx->err);
	return ret ? failed(ctx, ret) : 0;
}

static int clone_offline(struct cmd_ctx *ctx, const struct clone_args *a, const struct target *src, const struct target *dst)
{
	struct loc from, to;
	struct inode inode;
	struct change c;
	int ret = change_begin(ctx, src, &c);

	if (ret)
		return ret;
	ret = change_resolve(ctx, &c, src, true, &from);
	if (!ret && inode_get(from.root, from.ino, &inode, &ctx->err))
		ret = cmd_fail(ctx, "cannot access '%s'", ctx->argv[0]);
	if (!ret && !inode_is(&inode, S_IFREG))
		ret = cmd_error(ctx, "not a regular file: %s", ctx->argv[0]);
	if (!ret)
		ret = target_file(ctx, &c, dst, &inode, &to);
	for (size_t i = 0; !ret && i < a->ranges.len; i++) {
		ret = op_clone(c.txn, from, a->ranges.v[i].src, a->ranges.v[i].len, to, a->ranges.v[i].dst, 0, &ctx->err);
		if (ret)
			ret = failed(ctx, ret);
	}
	return change_end(ctx, &c, ret);
}

static int clone_run(struct cmd_ctx *ctx, void *args)
{
	struct clone_args *a = args;
	struct target src, dst;
	int ret;

	if (a->has_from && a->ranges.len)
		return cmd_error(ctx, "options -s and -r cannot be used at the same time");
	if (ranges_of(a, &ctx->err) || target_arg(ctx, ctx->argv[0], &src))
		return cmd_error(ctx, "not enough memory");
	if (target_arg(ctx, ctx->argv[1], &dst)) {
		target_fini(&src);
		return cmd_error(ctx, "not enough memory");
	}
	if (src.kind != TARGET_INSIDE && dst.kind != TARGET_INSIDE)
		ret = host_refuse_offline_options(ctx, ctx->argv[0]) ?: clone_mounted(ctx, a);
	else if (src.kind != dst.kind || !target_same_devices(&src, &dst))
		ret = failed(ctx, -EXDEV);
	else
		ret = clone_offline(ctx, a, &src, &dst);
	target_fini(&src);
	target_fini(&dst);
	vec_fini(&a->ranges);
	return ret;
}

#define OPT_STRUCT struct clone_args
static const struct opt clone_opts[] = {
	OPT_SIZE('s', NULL, from, "SRCOFF", "share what the source holds from this offset on, at the start of the target"),
	OPT_CALL('r', NULL, parse_spec, "RANGESPEC", "share this range: SRCOFF:LENGTH:DSTOFF, each a size, each may be left out (the start, to the end of the source, "
		 "the same offset as in the source); can be given several times"),
	OPT_END
};
#undef OPT_STRUCT

static const char *const clone_details[] = {
	"The target is created when it is missing. Nothing is copied: both files share their data until",
	"one of them is written to.", NULL,
};

const struct cmd cmd_reflink_clone = {
	.name = "clone", .usage = { "btrfs reflink clone [options] <source> <target>" }, .brief = "Lightweight file copy (reflink), whole or by ranges",
	.details = clone_details, .opts = clone_opts, CMD_ARGS(struct clone_args), .min_args = 2, .max_args = 2, .flags = CMD_WRITES, .run = clone_run, .complete = "file",
};
