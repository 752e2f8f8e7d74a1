/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checksum: verifies the data of files, every copy of it, or lists the checksums that are stored. */
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/walk.h"
#include "common/mem.h"
#include "crypto/csum.h"

struct checksum_args { bool list, quiet; };
#define OPT_STRUCT struct checksum_args
static const struct opt checksum_opts[] = {
	OPT_FLAG('l', "list", list, "list the stored checksums: file offset, logical address, checksum"),
	OPT_FLAG('q', "quiet", quiet, "name only the files that fail"),
	OPT_END
};
#undef OPT_STRUCT

enum { STEP = 1 << 20 };
struct checksum {
	struct cmd_ctx *ctx;
	const struct checksum_args *a;
	struct fs *fs;
	u8 *data, *stored, *computed, *have;
	struct strbuf report;   /* of the file at hand: what is bad */
	u64 verified, missing;  /* bytes */
	unsigned bad;
	int rc;
};

/* Told as what lies in the file, as far as an extent that is compressed can say. */
static void bad_range(struct checksum *c, const struct file_extent_view *x, u64 logical, u32 len, unsigned mirror, unsigned copies)
{
	u64 from = x->start, to = extent_end(x);

	if (!x->compression) {
		from = x->start + (logical - x->disk_bytenr - x->offset);
		to = from + len;
	}
	c->bad++;
	if (c->ctx->json) {
		struct out *o = c->ctx->out;

		out_obj(o, NULL);
		out_json_u64(o, "from", from);
		out_json_u64(o, "to", to);
		out_json_u64(o, "logical", logical);
		out_json_u64(o, "copy", mirror);
		out_json_u64(o, "copies", copies);
		out_end(o);
		return;
	}
	sb_printf(&c->report, "  bytes %llu to %llu: copy %u of %u is bad (logical %llu)\n", from, to - 1, mirror, copies, logical);
}

static void compare_copy(struct checksum *c, const struct file_extent_view *x, u64 logical, u32 len, unsigned mirror, unsigned copies)
{
	const struct geometry *geo = c->fs->geo;
	u32 sector = geo->sectorsize, n = len / sector, run = 0;
	bool readable = !rio_read(c->fs->vol, logical, len, mirror, c->data, NULL);

	if (readable)
		csum_compute_blocks(geo->csum_type, c->data, sector, n, c->computed);
	for (u32 i = 0; i <= n; i++) {
		bool bad = i < n && c->have[i] && (!readable || memcmp(c->computed + i * geo->csum_size, c->stored + i * geo->csum_size, geo->csum_size));

		if (bad) {
			run++;
		} else if (run) {
			bad_range(c, x, logical + (u64)(i - run) * sector, run * sector, mirror, copies);
			run = 0;
		}
	}
}

static void list_sums(struct checksum *c, const struct file_extent_view *x, u64 logical, u32 len)
{
	const struct geometry *geo = c->fs->geo;
	struct out *o = c->ctx->out;

	for (u32 i = 0; i < len / geo->sectorsize; i++) {
		u64 at = logical + (u64)i * geo->sectorsize, off = x->compression ? x->start : x->start + (at - x->disk_bytenr - x->offset);
		struct strbuf sum CLEANUP(sb_fini) = STRBUF_INIT;

		if (c->have[i])
			sb_hexbytes(&sum, c->stored + i * geo->csum_size, geo->csum_size);
		if (c->ctx->json) {
			out_obj(o, NULL);
			out_json_u64(o, "offset", off);
			out_json_u64(o, "logical", at);
			if (c->have[i])
				out_json_str(o, "checksum", sb_str(&sum));
			else
				out_json_null(o, "checksum");
			out_end(o);
		} else {
			out_printf(o, "%12llu %14llu %s\n", off, at, c->have[i] ? sb_str(&sum) : "none");
		}
	}
}

/* One step of an extent's bytes on disk. */
static int check_step(struct checksum *c, const struct file_extent_view *x, u64 logical, u32 len)
{
	unsigned copies = rio_copies(c->fs->vol, logical);
	int ret = csum_lookup(c->fs, logical, len, c->stored, c->have, &c->ctx->err);

	if (ret)
		return ret;
	for (u32 i = 0; i < len / c->fs->geo->sectorsize; i++)
		*(c->have[i] ? &c->verified : &c->missing) += c->fs->geo->sectorsize;
	if (c->a->list) {
		list_sums(c, x, logical, len);
		return 0;
	}
	for (unsigned mirror = 1; mirror <= copies; mirror++)
		compare_copy(c, x, logical, len, mirror, copies);
	return copies ? 0 : err_set(&c->ctx->err, -EIO, "no chunk maps logical %llu", logical);
}

static int check_extent(struct checksum *c, const struct inode *inode, const struct file_extent_view *x)
{
	u64 from = x->compression ? 0 : x->offset, len = x->compression ? x->disk_num_bytes : x->num_bytes, logical, end;

	if (x->type != BTRFS_FILE_EXTENT_REG || inode->flags & BTRFS_INODE_NODATASUM)
		return 0;
	if (add_overflows(x->disk_bytenr, from, &logical) || add_overflows(logical, len, &end))
		return err_set(&c->ctx->err, -EUCLEAN, "extent at %llu reaches past the end of the address space", x->disk_bytenr);
	while (logical < end) {
		u32 step = min_t(u64, end - logical, STEP);
		int ret = check_step(c, x, logical, round_down_p2(step, c->fs->geo->sectorsize));

		if (ret || step < c->fs->geo->sectorsize)
			return ret;
		logical += step;
	}
	return 0;
}

static int check_extents(struct checksum *c, const struct walk_entry *e)
{
	struct extent_iter it CLEANUP(extents_close) = extents_open(e->loc.root, e->loc.ino, 0);
	struct file_extent_view x;
	int ret;

	while (!(ret = extents_next(&it, &x, &c->ctx->err))) {
		if (x.start >= e->inode.size)
			return 0;
		ret = check_extent(c, &e->inode, &x);
		if (ret)
			break;
	}
	return ret == -ENOENT ? 0 : ret;
}

static void verdict(struct checksum *c, const struct walk_entry *e, bool ok)
{
	struct out *o = c->ctx->out;

	if (c->ctx->json) {
		out_end(o);
		out_json_bool(o, "ok", ok);
		out_json_u64(o, "checked-bytes", c->verified);
		out_json_u64(o, "unsummed-bytes", c->missing);
		out_end(o);
		return;
	}
	if (c->a->list || (ok && c->a->quiet))
		return;
	text_name(o, e->path, strlen(e->path));
	out_puts(o, !ok ? ": FAILED\n" : e->inode.flags & BTRFS_INODE_NODATASUM ? ": no checksums\n" : c->missing ? ": OK, but some data has no checksum\n" : ": OK\n");
	out_write(o, c->report.v, c->report.len);
}

static int check_file(void *arg, const struct walk_entry *e)
{
	struct checksum *c = arg;
	struct out *o = c->ctx->out;
	bool ok;

	if (!inode_is(&e->inode, S_IFREG))
		return WALK_GO;
	c->verified = c->missing = c->bad = 0;
	sb_reset(&c->report);
	if (c->ctx->json) {
		out_obj(o, NULL);
		out_json_strn(o, "path", e->path, strlen(e->path));
		out_arr(o, c->a->list ? "sums" : "bad");
	} else if (c->a->list) {
		out_printf(o, "%s:\n", e->path);
	}
	ok = !check_extents(c, e);
	if (!ok)
		shell_cannot(c->ctx, "check", e->path, -EIO);
	ok &= !c->bad;
	verdict(c, e, ok);
	if (!ok)
		c->rc = 1;
	return o->error ? WALK_STOP : WALK_GO;
}

static int checksum_run(struct cmd_ctx *ctx, void *args)
{
	static char dot[] = ".";
	struct checksum c = { .ctx = ctx, .a = args, .fs = ctx->session->fs };
	struct walk_ops ops = { .enter = check_file, .follow = true };
	u32 sectors = STEP / c.fs->geo->sectorsize;

	c.data = mem_alloc_io(STEP);
	c.stored = mem_calloc(sectors, CSUM_SIZE_MAX);
	c.computed = mem_calloc(sectors, CSUM_SIZE_MAX);
	c.have = mem_calloc(sectors, 1);
	if (!c.data || !c.stored || !c.computed || !c.have)
		c.rc = cmd_error(ctx, "checksum: not enough memory");
	if (!c.rc && !c.fs->csum_tree)
		c.rc = cmd_error(ctx, "checksum: the checksum tree is absent or unreadable");
	if (!c.rc && ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "checksum");
	}
	for (int i = 0, bad = c.rc; !bad && i < max_t(int, ctx->argc, 1); i++)
		c.rc |= shell_walk(ctx, ctx->argc ? ctx->argv[i] : dot, &ops, &c);
	if (c.fs->csum_tree && ctx->json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	free(c.data);
	free(c.stored);
	free(c.computed);
	free(c.have);
	sb_fini(&c.report);
	return c.rc;
}
const struct cmd verb_checksum = { .name = "checksum", .usage = { "checksum [-lq] [PATH]..." },
	.brief = "Verify every copy of the data of files by its checksums", .opts = checksum_opts, CMD_ARGS(struct checksum_args), .max_args = -1,
	.flags = CMD_JSON, .run = checksum_run, .complete = "inside" };
