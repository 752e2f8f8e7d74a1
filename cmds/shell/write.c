/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write: bytes into a file, at a place or at its end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/shell/edit.h"
#include "common/io.h"
#include "common/mem.h"

enum { WRITE_CHUNK = 4 << 20 };

struct write_args { bool append, keep, newline, no_create; u64 offset; bool has_offset; const char *input; };
#define OPT_STRUCT struct write_args
static const struct opt write_opts_rows[] = {
	OPT_FLAG('a', "append", append, "at the end of the file"),
	OPT_FLAG('c', "no-create", no_create, "the file must exist"),
	OPT_STRING('i', "input", input, "FILE", "take the bytes from FILE of the running system (default: standard input)", .complete = "file"),
	OPT_FLAG('n', NULL, newline, "no newline behind TEXT"),
	OPT_SIZE('o', "offset", offset, "SIZE", "over what is at this place; the rest of the file stays"),
	OPT_END
};
#undef OPT_STRUCT

static int put_stream(struct edit *e, struct loc loc, u64 off, int fd)
{
	u8 *buf = mem_alloc_io(WRITE_CHUNK);
	int ret = buf ? 0 : err_nomem(&e->ctx->err);

	while (!ret && !edit_over(e)) {
		ssize_t n = io_read(fd, buf, WRITE_CHUNK);

		if (n < 0)
			ret = err_errno(&e->ctx->err, (int)n, "cannot read the input");
		if (n <= 0)
			break;
		ret = op_write(e->txn, &e->c.opts, loc, off, buf, n, &e->ctx->err);
		off += (u64)n;
	}
	free(buf);
	return ret;
}

/* TEXT arguments, blanks between them, as echo. */
static int put_text(struct edit *e, struct loc loc, u64 off, bool newline)
{
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;

	for (int i = 1; i < e->ctx->argc; i++) {
		if (i > 1)
			sb_char(&text, ' ');
		sb_puts(&text, e->ctx->argv[i]);
	}
	if (newline)
		sb_char(&text, '\n');
	return text.failed ? -ENOMEM : op_write(e->txn, &e->c.opts, loc, off, text.v, text.len, &e->ctx->err);
}

static int open_file(struct edit *e, const char *path, bool create, struct loc *loc, struct inode *inode)
{
	struct new_inode ni;
	struct loc dir;
	const char *name;
	size_t len;
	int ret = edit_find(e, path, true, loc, inode);

	if (!ret && inode_is(inode, S_IFDIR))
		return -EISDIR;
	if (ret != -ENOENT || !create)
		return ret;
	ret = edit_parent(e, path, &dir, &name, &len);
	if (ret)
		return ret;
	ni = edit_new(e, dir, S_IFREG | 0666);
	ret = op_create(e->txn, dir, name, len, &ni, &loc->ino, &e->ctx->err);
	loc->root = dir.root;
	inode->size = 0;
	return ret;
}

static int write_run(struct cmd_ctx *ctx, void *args)
{
	const struct write_args *a = args;
	const char *path = ctx->argv[0];
	bool from_text = ctx->argc > 1;
	int fd = STDIN_FILENO, ret;
	struct inode inode;
	struct loc loc;
	struct edit e;

	if (from_text && a->input)
		return cmd_error(ctx, "write: TEXT and --input cannot both be given");
	if (a->append && a->has_offset)
		return cmd_error(ctx, "write: --append and --offset exclude each other");
	if (a->input && strcmp(a->input, "-")) {
		fd = open(a->input, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return cmd_error(ctx, "write: cannot open '%s': %s", a->input, strerror(errno));
	}
	ret = edit_begin(ctx, false, &e);
	if (!ret) {
		ret = open_file(&e, path, !a->no_create, &loc, &inode);
		if (!ret && !a->append && !a->has_offset && inode.size)
			ret = op_truncate(e.txn, loc, 0, &ctx->err);
		if (!ret)
			ret = from_text ? put_text(&e, loc, a->append ? inode.size : a->offset, !a->newline) :
				put_stream(&e, loc, a->append ? inode.size : a->offset, fd);
		if (ret) {
			edit_cannot(&e, "write", path, ret);
			e.fatal = true; /* half a file is none */
		}
		ret = edit_end(&e);
	}
	if (fd != STDIN_FILENO)
		close(fd);
	return ret;
}
static const char *const write_details[] = {
	"Without -a and -o the file is replaced. TEXT is written as echo does it; without TEXT and -i the bytes come from standard input.", NULL
};
const struct cmd verb_write = { .name = "write", .usage = { "write [-acn] [-o OFFSET] [-i INPUT] FILE [TEXT]..." }, .brief = "Write text or bytes into a file",
	.details = write_details, .opts = write_opts_rows, CMD_ARGS(struct write_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT,
	.run = write_run, .complete = "inside" };
