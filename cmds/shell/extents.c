/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extents: where the data of a file lies. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/shell.h"
#include "kernel-shared/fs/users.h"

struct extents {
	struct cmd_ctx *ctx;
	struct fs *fs;
	struct resolver resolver;
	struct table *table;
};

static void add_flag(struct strbuf *sb, const char *word)
{
	if (sb->len)
		sb_char(sb, ',');
	sb_puts(sb, word);
}

static void flags_text(struct extents *x, const struct extent_iter *it, const struct inode *inode, const struct file_extent_view *v, struct strbuf *sb)
{
	bool is_inline = v->type == BTRFS_FILE_EXTENT_INLINE;

	if (is_inline)
		add_flag(sb, "inline");
	if (v->type == BTRFS_FILE_EXTENT_PREALLOC)
		add_flag(sb, "prealloc");
	if (v->compression)
		add_flag(sb, "encoded");
	if (v->encryption)
		add_flag(sb, "encrypted");
	if (!is_inline && x->fs->extent_tree && extent_shared(&x->resolver, &it->it.path, inode->root->tree.id, inode->ino, v->disk_bytenr, NULL) == 1)
		add_flag(sb, "shared");
	if (extent_end(v) >= inode->size)
		add_flag(sb, "eof");
	if (!sb->len)
		sb_char(sb, '-');
}

/* "1:13631488,2:22020096": each copy's device and byte. Parity profiles have one place for data. */
static void places_text(struct extents *x, const struct file_extent_view *v, struct strbuf *sb)
{
	const struct chunk *chunk = chunk_lookup(x->fs->vol, v->disk_bytenr);
	unsigned copies = !chunk ? 0 : chunk->type & BTRFS_BLOCK_GROUP_RAID56_MASK ? 1 : rio_copies(x->fs->vol, v->disk_bytenr);
	struct phys phys;

	for (unsigned mirror = 1; mirror <= copies; mirror++) {
		if (rio_map(x->fs->vol, v->disk_bytenr, v->disk_num_bytes, mirror, &phys))
			continue;
		if (sb->len)
			sb_char(sb, ',');
		sb_printf(sb, "%llu:%llu", phys.dev->devid, phys.physical);
	}
	if (!sb->len)
		sb_char(sb, '-');
}

static void print_json(struct out *o, const struct file_extent_view *v, struct strbuf *flags, struct strbuf *places)
{
	bool is_inline = v->type == BTRFS_FILE_EXTENT_INLINE;

	out_obj(o, NULL);
	out_json_u64(o, "offset", v->start);
	out_json_u64(o, "length", is_inline ? v->ram_bytes : v->num_bytes);
	if (!is_inline) {
		out_json_u64(o, "logical", v->disk_bytenr);
		out_json_u64(o, "disk-length", v->disk_num_bytes);
		out_json_u64(o, "extent-offset", v->offset);
		out_json_str(o, "physical", sb_str(places));
	} else {
		out_json_u64(o, "disk-length", v->inline_len);
	}
	out_json_u64(o, "uncompressed-length", v->ram_bytes);
	out_json_str(o, "compression", compress_name(v->compression));
	out_json_str(o, "flags", sb_str(flags));
	out_json_u64(o, "generation", v->generation);
	out_end(o);
}

static void print_row(struct table *t, const struct file_extent_view *v, struct strbuf *flags, struct strbuf *places)
{
	bool is_inline = v->type == BTRFS_FILE_EXTENT_INLINE;

	table_cell(t, "%llu", v->start);
	table_cell(t, "%llu", is_inline ? v->ram_bytes : v->num_bytes);
	if (is_inline) {
		table_cell(t, "-");
		table_cell(t, "%u", v->inline_len);
		table_cell(t, "-");
	} else {
		table_cell(t, "%llu", v->disk_bytenr);
		table_cell(t, "%llu", v->disk_num_bytes);
		table_cell(t, "%llu", v->offset);
	}
	table_cell(t, "%s", is_inline ? "-" : sb_str(places));
	table_cell(t, "%s", compress_name(v->compression));
	table_cell(t, "%s", sb_str(flags));
}

static int each_extent(struct extents *x, const char *path, const struct inode *inode)
{
	struct extent_iter it CLEANUP(extents_close) = extents_open(inode->root, inode->ino, 0);
	struct file_extent_view v;
	int ret;

	while (!(ret = extents_next(&it, &v, &x->ctx->err))) {
		struct strbuf flags CLEANUP(sb_fini) = STRBUF_INIT;
		struct strbuf places CLEANUP(sb_fini) = STRBUF_INIT;

		flags_text(x, &it, inode, &v, &flags);
		if (v.type != BTRFS_FILE_EXTENT_INLINE)
			places_text(x, &v, &places);
		if (x->ctx->json)
			print_json(x->ctx->out, &v, &flags, &places);
		else
			print_row(x->table, &v, &flags, &places);
	}
	return ret == -ENOENT ? 0 : shell_cannot(x->ctx, "read the extents of", path, ret);
}

static int extents_text(struct extents *x, const char *path, const struct inode *inode)
{
	static const char *const heads[] = { "Offset", "Length", "Logical", "Disk-length", "Extent-offset", "Physical", "Compression", "Flags" };
	int rc;

	x->table = table_new(ARRAY_SIZE(heads), 2);
	if (!x->table)
		return cmd_error(x->ctx, "extents: not enough memory");
	table_align(x->table, "rrrrrrll");
	for (unsigned i = 0; i < ARRAY_SIZE(heads); i++)
		table_cell(x->table, "%s", heads[i]);
	rc = each_extent(x, path, inode);
	if (x->ctx->argc > 1) {
		text_name(x->ctx->out, path, strlen(path));
		out_puts(x->ctx->out, ":\n");
	}
	table_print(x->table, x->ctx->out, false);
	table_free(x->table);
	return rc;
}

static int extents_one(struct extents *x, const char *path)
{
	struct out *o = x->ctx->out;
	struct inode inode;
	struct loc loc;
	int rc;

	if (shell_look(x->ctx, path, true, &loc, &inode))
		return 1;
	if (!inode_is(&inode, S_IFREG))
		return cmd_error(x->ctx, "extents: '%s' is not a regular file but a %s", path, text_type(inode.mode));
	if (!x->ctx->json)
		return extents_text(x, path, &inode);
	out_obj(o, NULL);
	out_json_strn(o, "path", path, strlen(path));
	out_json_u64(o, "size", inode.size);
	out_arr(o, "extents");
	rc = each_extent(x, path, &inode);
	out_end(o);
	out_end(o);
	return rc;
}

static int extents_run(struct cmd_ctx *ctx, void *args)
{
	struct extents x = { .ctx = ctx, .fs = ctx->session->fs };
	int rc = 0;

	resolver_init(&x.resolver, x.fs);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "extents");
	}
	for (int i = 0; i < ctx->argc; i++)
		rc |= extents_one(&x, ctx->argv[i]);
	if (ctx->json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	resolver_fini(&x.resolver);
	return rc;
}
static const char *const extents_details[] = {
	"Lengths and offsets are bytes. Physical: DEVID:BYTE of every copy. Holes are not listed.",
	"Flags: inline, prealloc, encoded (compressed), encrypted, shared, eof.",
	NULL
};
const struct cmd verb_extents = { .name = "extents", .usage = { "extents FILE..." }, .brief = "List where the data of files lies",
	.details = extents_details, .min_args = 1, .max_args = -1, .flags = CMD_JSON, .run = extents_run, .complete = "inside" };
