/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compress: stores the data of files again, as an algorithm packs it or plain, as `filesystem defragment -c` does on a mounted filesystem. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/edit.h"
#include "cmds/shell/walk.h"
#include "common/mem.h"
#include "common/progress.h"

enum { RUN = 4 << 20, PIECES = 256 };

struct compress_args { bool recursive, verbose; const char *algorithm; };
#define OPT_STRUCT struct compress_args
static const struct opt compress_opts[] = {
	OPT_STRING('c', "algorithm", algorithm, "ALG[:LEVEL]", "zlib, lzo, zstd, or none to unpack; default: that of -o, else zstd", .complete = "zlib|lzo|zstd|none"),
	OPT_FLAG('r', "recursive", recursive, "all files below directories"),
	OPT_FLAG('v', "verbose", verbose, "print the name and the bytes on disk of each file, before and after"),
	OPT_END
};
#undef OPT_STRUCT

struct recompress { struct edit e; const struct compress_args *a; struct write_opts opts; struct progress *progress; u64 files, before, after; u8 *buf; };

/* Bytes that extents of the file take on disk. */
static int stored_bytes(struct fs *fs, const struct inode *inode, u64 *bytes, struct err *err)
{
	struct extent_iter it CLEANUP(extents_close) = extents_open(inode->root, inode->ino, 0);
	struct file_extent_view x;
	u64 last = 0;
	int ret;

	*bytes = 0;
	while (!(ret = extents_next(&it, &x, err))) {
		if (x.type == BTRFS_FILE_EXTENT_INLINE)
			*bytes += x.inline_len;
		else if (x.disk_bytenr != last)
			*bytes += x.disk_num_bytes;
		last = x.disk_bytenr;
	}
	return ret == -ENOENT ? 0 : ret;
}

static int rewrite_run(struct recompress *r, struct loc loc, const struct inode *inode, u64 off, u64 end)
{
	struct err *err = &r->e.ctx->err;

	while (off < end) {
		s64 got = file_read(r->e.c.fs, inode, off, r->buf, min_t(u64, end - off, RUN), err);
		int ret = got < 0 ? (int)got : got ? op_write(r->e.txn, &r->opts, loc, off, r->buf, got, err) : 0;

		if (ret || !got)
			return ret;
		progress_add(r->progress, got);
		off += got;
		if (edit_over(&r->e))
			return -EINTR;
	}
	return 0;
}

/* Every run of data is written over itself. Holes and preallocated space stay. */
static int rewrite(struct recompress *r, struct loc loc, const struct inode *inode)
{
	struct err *err = &r->e.ctx->err;
	struct file_pieces pieces = VEC_INIT;
	u64 from = 0;
	int ret = 0;

	while (!ret && from != UINT64_MAX) {
		pieces.len = 0;
		ret = file_pieces_some(r->e.c.fs, inode, &from, PIECES, &pieces, err);
		for (size_t i = 0; i < pieces.len && !ret;) {
			u64 start = pieces.v[i].start, end = start + pieces.v[i].len;

			for (i++; i < pieces.len && pieces.v[i].start == end; i++)
				end += pieces.v[i].len;
			ret = rewrite_run(r, loc, inode, start, end);
		}
		file_pieces_fini(&pieces);
	}
	return ret ? ret : edit_restore_times(&r->e, loc, inode);
}

static int compress_entry(void *arg, const struct walk_entry *w)
{
	struct recompress *r = arg;
	struct err *err = &r->e.ctx->err;
	struct inode now;
	u64 before, after;
	int ret;

	if (inode_is(&w->inode, S_IFDIR) && !r->a->recursive) {
		edit_fail(&r->e, "-r not specified; omitting directory '%s'", w->path);
		return WALK_SKIP;
	}
	if (!inode_is(&w->inode, S_IFREG))
		return WALK_GO;
	err_clear(err);
	if (w->inode.flags & (BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM) && r->opts.compress) {
		edit_say(&r->e, "compress: '%s' is stored without checksums: left as it is", w->path);
		return WALK_GO;
	}
	ret = stored_bytes(r->e.c.fs, &w->inode, &before, err);
	if (!ret)
		ret = rewrite(r, w->loc, &w->inode);
	if (!ret)
		ret = inode_get(w->loc.root, w->loc.ino, &now, err);
	if (!ret)
		ret = stored_bytes(r->e.c.fs, &now, &after, err);
	if (ret) {
		edit_cannot(&r->e, "compress", w->path, ret);
	} else {
		r->files++;
		r->before += before;
		r->after += after;
		edit_say(&r->e, "%s: %llu -> %llu", w->path, before, after);
	}
	return edit_over(&r->e) ? WALK_STOP : WALK_GO;
}

static int choose(struct cmd_ctx *ctx, struct recompress *r)
{
	struct shell_opts o = { .write = r->e.c.opts };
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;

	if (r->a->algorithm) {
		sb_printf(&text, "compress-force=%s", r->a->algorithm);
		if (shell_opts_parse(&o, sb_str(&text), &ctx->err))
			return edit_fail(&r->e, "%s", err_text(&ctx->err));
	} else if (!o.write.compress) {
		o.write.compress = BTRFS_COMPRESS_ZSTD;
	}
	r->opts = o.write;
	r->opts.same_content = true;
	return 0;
}

static int compress_run(struct cmd_ctx *ctx, void *args)
{
	static const struct walk_ops ops = { .enter = compress_entry, .follow = true };
	struct recompress r = { .a = args };
	int ret;

	if (env_start_pool(ctx->env, &ctx->err))
		return cmd_fail(ctx, "compress: cannot start threads");
	ret = edit_begin(ctx, r.a->verbose, &r.e);
	if (ret)
		return ret;
	r.buf = mem_alloc_io(RUN);
	r.progress = progress_new("compress", PROGRESS_BYTES, 0, ctx->progress);
	if (!r.buf)
		edit_fail(&r.e, "not enough memory");
	else if (!choose(ctx, &r))
		for (int i = 0; i < ctx->argc && !edit_over(&r.e); i++)
			r.e.failed |= shell_walk(ctx, ctx->argv[i], &ops, &r);
	progress_free(r.progress);
	free(r.buf);
	ret = edit_end(&r.e);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "compress");
		out_json_u64(ctx->out, "files", r.files);
		out_json_u64(ctx->out, "before", r.before);
		out_json_u64(ctx->out, "after", r.after);
		out_end(ctx->out);
		out_json_end(ctx->out);
	} else if (r.a->verbose || cmd_level(ctx) > 1) {
		out_printf(ctx->out, "%llu files: %llu -> %llu bytes\n", r.files, r.before, r.after);
	}
	return ret;
}
static const char *const compress_details[] = {
	"Extents that are shared with other files or snapshots are stored anew for this file alone. Times do not change.", NULL
};
const struct cmd verb_compress = { .name = "compress", .usage = { "compress [-rv] [-c ALG[:LEVEL]] FILE..." }, .brief = "Compress the data of files, or unpack it",
	.details = compress_details, .opts = compress_opts, CMD_ARGS(struct compress_args), .min_args = 1, .max_args = -1,
	.flags = CMD_WRITES | CMD_JSON | CMD_PROGRESS | CMD_JOBS, .run = compress_run, .complete = "inside" };
