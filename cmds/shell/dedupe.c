/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dedupe: equal blocks of files come to share their extents. Blocks are found by a hash and compared byte by byte before anything is shared. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/edit.h"
#include "cmds/shell/walk.h"
#include "common/mem.h"
#include "common/progress.h"

enum { BLOCK_DEFAULT = 128 << 10, BLOCK_MIN = 4096, BLOCK_MAX = 1 << 20 };

struct dedupe_args { bool recursive, verbose; u64 block; bool has_block; };
#define OPT_STRUCT struct dedupe_args
static const struct opt dedupe_opts[] = {
	OPT_SIZE('b', "block", block, "SIZE", "compare in blocks of SIZE, a power of two from 4K to 1M (default: 128K)"),
	OPT_FLAG('r', "recursive", recursive, "all files below directories"),
	OPT_FLAG('v', "verbose", verbose, "print what is shared"),
	OPT_END
};
#undef OPT_STRUCT

/* A file by number, and where a content was seen first. */
struct file { struct loc loc; struct inode inode; char *path; };
struct place { u32 file; u64 off; };
struct dedupe {
	struct edit e;
	const struct dedupe_args *a;
	struct progress *progress;
	VEC(struct file) files;
	VEC(struct place) places;
	struct hmap known;         /* hash of a block -> place + 1 */
	struct shell_seen seen;
	u8 *buf, *other;
	u32 block;
	u64 shared, ranges, bytes;
};

static int take_file(void *arg, const struct walk_entry *w)
{
	struct dedupe *d = arg;
	struct file f = { w->loc, w->inode, NULL };

	if (inode_is(&w->inode, S_IFDIR) && !d->a->recursive) {
		edit_fail(&d->e, "-r not specified; omitting directory '%s'", w->path);
		return WALK_SKIP;
	}
	if (!inode_is(&w->inode, S_IFREG) || !w->inode.size)
		return WALK_GO;
	/* a second name of a file met before */
	if (w->inode.nlink > 1 && shell_seen_add(&d->seen, w->loc) == 0)
		return WALK_GO;
	f.path = mem_strdup(w->path);
	if (!f.path || vec_push(&d->files, f)) {
		free(f.path);
		edit_cannot(&d->e, "remember", w->path, -ENOMEM);
		return WALK_STOP;
	}
	return WALK_GO;
}

/* Where the byte lies: 0 for holes, inline and preallocated space; *left: how far the answer reaches. */
static int physical(const struct file *f, u64 off, u64 *bytenr, u64 *left, struct err *err)
{
	struct extent_iter it CLEANUP(extents_close) = extents_open(f->loc.root, f->loc.ino, off);
	struct file_extent_view x;
	int ret = extents_next(&it, &x, err);

	*bytenr = 0;
	*left = UINT64_MAX;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (x.start > off) {
		*left = x.start - off;
		return 0;
	}
	*left = extent_end(&x) - off;
	if (x.type == BTRFS_FILE_EXTENT_REG && x.disk_bytenr)
		*bytenr = x.disk_bytenr + x.offset + off - x.start;
	return 0;
}

static s64 read_block(struct dedupe *d, const struct file *f, u64 off, u8 *buf)
{
	return file_read(d->e.c.fs, &f->inode, off, buf, d->block, &d->e.ctx->err);
}

/* Are these len bytes the same in both files? */
static int same_bytes(struct dedupe *d, const struct file *a, u64 a_off, u32 len)
{
	s64 got = read_block(d, a, a_off, d->other);

	return got < 0 ? (int)got : got >= len && !memcmp(d->buf, d->other, len) ? 1 : 0;
}

/* A block that ends before its time can be shared only with one that ends its file, too. */
static bool fits(const struct dedupe *d, const struct file *src, u64 src_off, const struct file *dst, u64 dst_off, u32 len)
{
	u32 sector = d->e.c.fs->geo->sectorsize;
	u64 nosum = BTRFS_INODE_NODATASUM;

	if ((src->inode.flags ^ dst->inode.flags) & nosum)
		return false;
	return is_aligned_p2(len, sector) || (src_off + len == src->inode.size && dst_off + len == dst->inode.size);
}

static int share(struct dedupe *d, struct file *dst, u64 off, u32 len, const struct place *p)
{
	struct file *src = &d->files.v[p->file];
	u64 a, b, left;
	int ret;

	if (!fits(d, src, p->off, dst, off, len))
		return 0;
	ret = physical(src, p->off, &a, &left, &d->e.ctx->err);
	if (!ret)
		ret = physical(dst, off, &b, &left, &d->e.ctx->err);
	if (ret || !a || a == b)
		return ret; /* nothing to share, or shared already */
	ret = same_bytes(d, src, p->off, len);
	if (ret <= 0)
		return ret;
	ret = op_clone(d->e.txn, src->loc, p->off, len, dst->loc, off, CLONE_SAME_OP, &d->e.ctx->err);
	if (!ret) {
		d->shared += len;
		d->ranges++;
	}
	return ret;
}

static int dedupe_file(struct dedupe *d, u32 index)
{
	struct file *f = &d->files.v[index];
	u64 before = d->shared, bytenr, left;
	int ret = 0;

	for (u64 off = 0; !ret && off < f->inode.size && !edit_over(&d->e); off += d->block) {
		struct place here = { index, off };
		u64 *known, step;
		s64 got;

		ret = physical(f, off, &bytenr, &left, &d->e.ctx->err);
		if (!ret && !bytenr && left > d->block) { /* over the hole, by whole blocks */
			step = min_t(u64, left, f->inode.size - off) / d->block * d->block;
			off += step ? step - d->block : 0;
			continue;
		}
		got = ret ? ret : read_block(d, f, off, d->buf);
		if (got <= 0) {
			ret = got;
			continue;
		}
		progress_add(d->progress, got);
		d->bytes += got;
		known = hmap_put(&d->known, hash_mix2(hash_bytes(d->buf, got), got), NULL);
		if (!known)
			return -ENOMEM;
		if (*known)
			ret = share(d, f, off, got, &d->places.v[*known - 1]);
		else if (vec_push(&d->places, here))
			return -ENOMEM;
		else
			*known = d->places.len;
	}
	if (!ret && d->shared != before) {
		ret = edit_restore_times(&d->e, f->loc, &f->inode);
		edit_say(&d->e, "%s: %llu bytes shared", f->path, d->shared - before);
	}
	return ret;
}

static void report(struct dedupe *d)
{
	struct out *o = d->e.ctx->out;

	if (d->e.ctx->json) {
		out_json_begin(o);
		out_obj(o, "dedupe");
		out_json_u64(o, "files", d->files.len);
		out_json_u64(o, "bytes", d->bytes);
		out_json_u64(o, "shared", d->shared);
		out_json_u64(o, "ranges", d->ranges);
		out_end(o);
		out_json_end(o);
	} else {
		cmd_say(d->e.ctx, 1, "%zu files with %llu bytes: %llu bytes shared in %llu ranges\n", d->files.len, d->bytes, d->shared, d->ranges);
	}
}

static void dedupe_fini(struct dedupe *d)
{
	for (size_t i = 0; i < d->files.len; i++)
		free(d->files.v[i].path);
	vec_fini(&d->files);
	vec_fini(&d->places);
	hmap_fini(&d->known);
	shell_seen_fini(&d->seen);
	progress_free(d->progress);
	free(d->buf);
	free(d->other);
}

static int dedupe_run(struct cmd_ctx *ctx, void *args)
{
	static const struct walk_ops ops = { .enter = take_file, .follow = true };
	struct dedupe d = { .a = args, .block = BLOCK_DEFAULT };
	int ret;

	if (d.a->has_block && (d.a->block < BLOCK_MIN || d.a->block > BLOCK_MAX || !is_p2(d.a->block)))
		return cmd_error(ctx, "dedupe: a block is a power of two from 4K to 1M");
	if (env_start_pool(ctx->env, &ctx->err))
		return cmd_fail(ctx, "dedupe: cannot start threads");
	ret = edit_begin(ctx, d.a->verbose, &d.e);
	if (ret)
		return ret;
	d.block = max_t(u32, d.a->has_block ? d.a->block : BLOCK_DEFAULT, d.e.c.fs->geo->sectorsize);
	d.buf = mem_alloc_io(d.block);
	d.other = mem_alloc_io(d.block);
	d.progress = progress_new("dedupe", PROGRESS_BYTES, 0, ctx->progress);
	if (!d.buf || !d.other)
		edit_cannot(&d.e, "compare", ctx->argv[0], -ENOMEM);
	for (int i = 0; i < ctx->argc && !edit_over(&d.e); i++)
		d.e.failed |= shell_walk(ctx, ctx->argv[i], &ops, &d);
	for (size_t i = 0; i < d.files.len && !edit_over(&d.e); i++) {
		err_clear(&ctx->err);
		ret = dedupe_file(&d, i);
		if (ret)
			edit_cannot(&d.e, "dedupe", d.files.v[i].path, ret);
	}
	ret = edit_end(&d.e);
	if (!ret || d.e.failed)
		report(&d);
	dedupe_fini(&d);
	return ret;
}
const struct cmd verb_dedupe = { .name = "dedupe", .usage = { "dedupe [-rv] [-b SIZE] FILE..." }, .brief = "Share equal data of files", .opts = dedupe_opts,
	CMD_ARGS(struct dedupe_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_JSON | CMD_PROGRESS | CMD_JOBS, .run = dedupe_run,
	.complete = "inside" };
