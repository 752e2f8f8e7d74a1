/* SPDX-License-Identifier: GPL-2.0-or-later */
/* truncate, fallocate, punch. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/edit.h"

struct truncate_args { bool no_create; const char *size, *reference; };
#define OPT_STRUCT struct truncate_args
static const struct opt truncate_opts[] = {
	OPT_FLAG('c', "no-create", no_create, "do not create any files"),
	OPT_STRING('r', "reference", reference, "RFILE", "base size on RFILE"),
	OPT_STRING('s', "size", size, "SIZE", "set or adjust the file size by SIZE bytes; + extends, - reduces by, < at most, > at least, / down, % up to a multiple of"),
	OPT_END
};
#undef OPT_STRUCT

/* A size as coreutils takes it: K, M, ... are powers of 1024, KB, MB, ... of 1000, KiB as K. */
static int coreutils_size(const char *text, u64 *out)
{
	static const char letters[] = "KMGTPE";
	unsigned long long v;
	const char *unit;
	char *end;
	u64 base = 1024;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	*out = v;
	if (!*end || !strcmp(end, "B"))
		return 0;
	unit = strchr(letters, toupper((unsigned char)*end));
	if (!unit || !*unit)
		return -EINVAL;
	if (!strcmp(end + 1, "B"))
		base = 1000;
	else if (end[1] && strcmp(end + 1, "iB"))
		return -EINVAL;
	for (const char *l = letters; l <= unit; l++)
		if (__builtin_mul_overflow(*out, base, out))
			return -ERANGE;
	return 0;
}

struct sizing { char op; u64 size; bool has_ref; u64 ref; };

/* 0, -EFBIG. */
static int new_size(const struct sizing *s, u64 old, u64 *out)
{
	u64 base = s->has_ref ? s->ref : old, size = s->size;

	switch (s->op) {
	case '+':
		return __builtin_add_overflow(base, size, out) ? -EFBIG : 0;
	case '-':
		*out = base > size ? base - size : 0;
		return 0;
	case '<':
		*out = min_t(u64, base, size);
		return 0;
	case '>':
		*out = max_t(u64, base, size);
		return 0;
	case '/':
		*out = base - base % size;
		return 0;
	case '%':
		*out = base % size ? base - base % size : base;
		return base % size && __builtin_add_overflow(*out, size, out) ? -EFBIG : 0;
	default:
		*out = size;
		return 0;
	}
}

static int truncate_one(struct edit *e, const struct truncate_args *a, const struct sizing *s, const char *path)
{
	struct new_inode ni;
	struct inode inode;
	struct loc loc, dir;
	const char *name;
	size_t len;
	u64 size;
	int ret = edit_find(e, path, true, &loc, &inode);

	if (ret == -ENOENT && a->no_create)
		return 0;
	if (ret == -ENOENT) {
		ret = edit_parent(e, path, &dir, &name, &len);
		if (!ret) {
			ni = edit_new(e, dir, S_IFREG | 0666);
			ret = op_create(e->txn, dir, name, len, &ni, &loc.ino, &e->ctx->err);
			loc.root = dir.root;
			inode.size = 0;
		}
	}
	if (ret)
		return edit_fail(e, "cannot open '%s' for writing: %s", path, strerror(-ret));
	ret = new_size(s, inode.size, &size);
	if (!ret)
		ret = op_truncate(e->txn, loc, size, &e->ctx->err);
	if (!ret)
		return 0;
	edit_weigh(e, ret);
	return edit_fail(e, "failed to truncate '%s': %s", path, e->ctx->err.text[0] ? err_text(&e->ctx->err) : strerror(-ret));
}

static int truncate_run(struct cmd_ctx *ctx, void *args)
{
	const struct truncate_args *a = args;
	struct sizing s = { 0 };
	const char *text = a->size;
	struct inode ref;
	struct loc loc;
	struct edit e;
	int ret;

	if (!a->size && !a->reference)
		return cmd_error(ctx, "truncate: you must specify either '--size' or '--reference'");
	if (text) {
		text += strspn(text, " ");
		if (*text && strchr("+-<>/%", *text))
			s.op = *text++;
		if (coreutils_size(text, &s.size))
			return cmd_error(ctx, "truncate: Invalid number: '%s'", a->size);
		if ((s.op == '/' || s.op == '%') && !s.size)
			return cmd_error(ctx, "truncate: division by zero");
	} else {
		s.op = '+';
	}
	if (a->size && a->reference && !s.op)
		return cmd_error(ctx, "truncate: you must specify a relative '--size' with '--reference'");
	ret = edit_begin(ctx, false, &e);
	if (ret)
		return ret;
	if (a->reference) {
		ret = edit_find(&e, a->reference, true, &loc, &ref);
		if (ret)
			ret = edit_cannot(&e, "stat", a->reference, ret);
		s.has_ref = true;
		s.ref = ref.size;
	}
	for (int i = 0; !ret && i < ctx->argc && !edit_over(&e); i++)
		truncate_one(&e, a, &s, ctx->argv[i]);
	return edit_end(&e);
}
const struct cmd verb_truncate = { .name = "truncate", .usage = { "truncate [-c] [-r RFILE] -s SIZE FILE..." }, .brief = "Shrink or extend files",
	.opts = truncate_opts, CMD_ARGS(struct truncate_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = truncate_run,
	.complete = "inside" };

struct falloc_args { bool keep, punch, zero; u64 offset, length; bool has_offset, has_length; };
#define OPT_STRUCT struct falloc_args
static const struct opt falloc_opts[] = {
	OPT_SIZE('l', "length", length, "SIZE", "length of the range"),
	OPT_FLAG('n', "keep-size", keep, "do not change the size of the file"),
	OPT_SIZE('o', "offset", offset, "SIZE", "where the range begins (default: 0)"),
	OPT_FLAG('p', "punch-hole", punch, "replace the range by a hole (implies -n)"),
	OPT_FLAG('z', "zero-range", zero, "zero the range and preallocate it"),
	OPT_END
};
static const struct opt punch_opts[] = {
	OPT_SIZE('l', "length", length, "SIZE", "length of the hole (default: to the end of the file)"),
	OPT_SIZE('o', "offset", offset, "SIZE", "where the hole begins (default: 0)"),
	OPT_END
};
#undef OPT_STRUCT

static int open_file(struct edit *e, const char *path, bool create, struct loc *loc, struct inode *inode)
{
	struct new_inode ni;
	struct loc dir;
	const char *name;
	size_t len;
	int ret = edit_find(e, path, true, loc, inode);

	if (ret != -ENOENT || !create)
		return ret;
	ret = edit_parent(e, path, &dir, &name, &len);
	if (ret)
		return ret;
	ni = edit_new(e, dir, S_IFREG | 0644);
	ret = op_create(e->txn, dir, name, len, &ni, &loc->ino, &e->ctx->err);
	loc->root = dir.root;
	return ret ? ret : inode_get(loc->root, loc->ino, inode, &e->ctx->err);
}

static int allocate(struct cmd_ctx *ctx, const struct falloc_args *a, unsigned flags)
{
	u64 len = a->length;
	struct inode inode;
	struct loc loc;
	struct edit e;
	int ret = edit_begin(ctx, false, &e);

	if (ret)
		return ret;
	ret = open_file(&e, ctx->argv[0], !(flags & FALLOC_PUNCH_OP), &loc, &inode);
	if (!ret && !a->has_length)
		len = inode.size > a->offset ? inode.size - a->offset : 0;
	if (ret)
		edit_cannot(&e, "open", ctx->argv[0], ret);
	else if (len && (ret = op_fallocate(e.txn, loc, a->offset, len, flags, &ctx->err)))
		edit_cannot(&e, flags & FALLOC_PUNCH_OP ? "punch a hole into" : "allocate space for", ctx->argv[0], ret);
	return edit_end(&e);
}

static int fallocate_run(struct cmd_ctx *ctx, void *args)
{
	const struct falloc_args *a = args;

	if (!a->has_length)
		return cmd_error(ctx, "fallocate: no length argument specified");
	if (!a->length)
		return cmd_error(ctx, "fallocate: invalid length value specified");
	if (a->punch && a->zero)
		return cmd_error(ctx, "fallocate: options --punch-hole and --zero-range exclude each other");
	return allocate(ctx, a, (a->punch ? FALLOC_PUNCH_OP : 0) | (a->zero ? FALLOC_ZERO_OP : 0) | (a->keep && !a->punch ? FALLOC_KEEP_SIZE_OP : 0));
}
const struct cmd verb_fallocate = { .name = "fallocate", .usage = { "fallocate [-n|-p|-z] [-o OFFSET] -l LENGTH FILE" }, .brief = "Reserve or release space of a file",
	.opts = falloc_opts, CMD_ARGS(struct falloc_args), .min_args = 1, .max_args = 1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = fallocate_run,
	.complete = "inside" };

static int punch_run(struct cmd_ctx *ctx, void *args)
{
	return allocate(ctx, args, FALLOC_PUNCH_OP);
}
const struct cmd verb_punch = { .name = "punch", .usage = { "punch [-o OFFSET] [-l LENGTH] FILE" }, .brief = "Make a hole in a file", .opts = punch_opts,
	CMD_ARGS(struct falloc_args), .min_args = 1, .max_args = 1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = punch_run, .complete = "inside" };
