/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node, item, field: the insides of the filesystem, as they are on the device. `field set` changes them there: for repair by hand, and for making test cases. */
#include <stdio.h>
#include <stdlib.h>
#include "cmds/shell/where.h"
#include "common/mem.h"

struct inside_args { u64 copy; bool has_copy, keep_csum, no_undo; };
#define OPT_STRUCT struct inside_args
static const struct opt look_opts[] = {
	OPT_U64(0, "copy", copy, "N", "read copy N (1 and up) of the block"),
	OPT_END
};
static const struct opt field_opts[] = {
	OPT_U64(0, "copy", copy, "N", "read, or change, copy N (1 and up) of the block alone"),
	OPT_FLAG(0, "keep-csum", keep_csum, "set: leave the checksum as it is, so that it is wrong"),
	OPT_FLAG(0, "no-undo", no_undo, "set: without the way back that --undo keeps"),
	OPT_END
};
#undef OPT_STRUCT

/* --- as JSON: the fields as one object --- */

static int json_field(void *arg, const struct field *f, const u8 *value)
{
	struct out *o = arg;
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;
	u8 bytes[8] = { 0 };

	if ((f->kind == FIELD_UINT || f->kind == FIELD_SINT) && f->size <= sizeof(bytes)) {
		memcpy(bytes, value, f->size);
		if (f->kind == FIELD_UINT)
			out_json_u64(o, f->name, get_le64(bytes));
		else
			out_json_s64(o, f->name, get_le64(bytes));
		return 0;
	}
	field_format(f, value, &sb);
	out_json_str(o, f->name, sb_str(&sb));
	return 0;
}

static void json_where(struct cmd_ctx *ctx, const struct where *w, const char *key)
{
	struct out *o = ctx->out;

	out_json_begin(o);
	out_obj(o, key);
	where_fields(ctx->session->fs, w, json_field, o);
	out_end(o);
	out_json_end(o);
}

static void print_start(struct cmd_ctx *ctx, struct print_ctx *p)
{
	print_ctx_init(p, &ctx->out->buf, ctx->session->fs->geo);
	p->csum_headers = p->csum_items = true;
}

static int node_run(struct cmd_ctx *ctx, void *args)
{
	const struct inside_args *a = args;
	struct print_ctx p;
	struct where w;
	int ret = where_find(ctx, ctx->argv[0], a->copy, &w);

	if (!ret && w.kind == WHERE_ITEM)
		w.kind = WHERE_BLOCK;
	if (!ret && ctx->json) {
		json_where(ctx, &w, "node");
	} else if (!ret && w.kind == WHERE_SUPER) {
		unsigned i = w.super < 0 ? 0 : w.super;

		print_start(ctx, &p);
		print_super(&p, (const void *)w.block, ctx->session->fs->vol->main->path, btrfs_super_offset[i], true);
	} else if (!ret) {
		print_start(ctx, &p);
		print_block(&p, w.block);
	}
	where_fini(&w);
	return ret;
}
const struct cmd verb_node = { .name = "node", .usage = { "node [--copy N] BYTENR|super[0|1|2]" }, .brief = "Print a tree block, or a superblock", .opts = look_opts,
	CMD_ARGS(struct inside_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = node_run };

static int item_run(struct cmd_ctx *ctx, void *args)
{
	const struct inside_args *a = args;
	struct print_ctx p;
	struct where w;
	int ret = where_find(ctx, ctx->argv[0], a->copy, &w);

	if (!ret && w.kind != WHERE_ITEM)
		ret = cmd_error(ctx, "item: '%s' is no item: BYTENR/SLOT or TREE:OBJECTID,TYPE,OFFSET", ctx->argv[0]);
	if (!ret && ctx->json) {
		json_where(ctx, &w, "item");
	} else if (!ret) {
		print_start(ctx, &p);
		print_slot(&p, w.block, w.slot);
	}
	where_fini(&w);
	return ret;
}
const struct cmd verb_item = { .name = "item", .usage = { "item [--copy N] BYTENR/SLOT|TREE:OBJECTID,TYPE,OFFSET" }, .brief = "Print one item of a tree", .opts = look_opts,
	CMD_ARGS(struct inside_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = item_run };

/* --- field --- */

static int print_field(void *arg, const struct field *f, const u8 *value)
{
	struct out *o = arg;

	out_puts(o, f->name);
	out_puts(o, " ");
	field_format(f, value, &o->buf);
	out_puts(o, "\n");
	return 0;
}

static int no_field(struct cmd_ctx *ctx, const char *where, const char *name)
{
	return cmd_error(ctx, "field: %s has no field '%s' ('field %s' lists them)", where, name, where);
}

static int field_show(struct cmd_ctx *ctx, const struct where *w)
{
	struct out *o = ctx->out;
	int ret = 0;

	if (ctx->argc == 1 && ctx->json) {
		json_where(ctx, w, "field");
		return 0;
	}
	if (ctx->argc == 1)
		return where_fields(ctx->session->fs, w, print_field, o);
	if (ctx->json) {
		out_json_begin(o);
		out_obj(o, "field");
	}
	for (int i = 1; i < ctx->argc; i++) {
		struct field f;

		if (where_field(ctx->session->fs, w, ctx->argv[i], &f)) {
			ret = no_field(ctx, ctx->argv[0], ctx->argv[i]);
		} else if (ctx->json) {
			json_field(o, &f, w->block + f.offset);
		} else if (ctx->argc == 2) {
			field_format(&f, w->block + f.offset, &o->buf);
			out_puts(o, "\n");
		} else {
			print_field(o, &f, w->block + f.offset);
		}
	}
	if (ctx->json) {
		out_end(o);
		out_json_end(o);
	}
	return ret;
}

/* NAME=VALUE into the bytes of w, and said. */
static int set_one(struct cmd_ctx *ctx, struct where *w, const char *where, const char *text, bool say)
{
	const char *eq = strchr(text, '=');
	char *name CLEANUP(mem_freep) = mem_strndup(text, eq ? (size_t)(eq - text) : strlen(text));
	struct strbuf old CLEANUP(sb_fini) = STRBUF_INIT, new CLEANUP(sb_fini) = STRBUF_INIT;
	struct field f;

	if (!name)
		return cmd_error(ctx, "not enough memory");
	if (!eq)
		return cmd_error(ctx, "field: NAME=VALUE is expected, not '%s'", text);
	if (where_field(ctx->session->fs, w, name, &f))
		return no_field(ctx, where, name);
	field_format(&f, w->block + f.offset, &old);
	if (field_parse(&f, eq + 1, w->block + f.offset, &ctx->err))
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	field_format(&f, w->block + f.offset, &new);
	if (say)
		cmd_say(ctx, 1, "%s: %s -> %s\n", name, sb_str(&old), sb_str(&new));
	return 0;
}

static int set_all(struct cmd_ctx *ctx, struct where *w, bool say)
{
	int ret = 0;

	for (int i = 2; !ret && i < ctx->argc; i++)
		ret = set_one(ctx, w, ctx->argv[1], ctx->argv[i], say);
	return ret;
}

struct super_arg { struct cmd_ctx *ctx; unsigned n; };

/* The same fields in each copy, which differ in others. */
static int set_super(void *arg, struct disk_super *sb, struct err *err)
{
	struct super_arg *s = arg;
	struct where w = { .kind = WHERE_SUPER, .block = (u8 *)sb };

	return set_all(s->ctx, &w, !s->n++) ? err_set(err, -EINVAL, "the superblock was not changed") : 0;
}

static int field_write(struct cmd_ctx *ctx, const struct inside_args *a, struct where *w)
{
	struct fs *fs = ctx->session->fs;
	struct super_arg s = { ctx, 0 };
	int ret;

	if (w->kind == WHERE_SUPER)
		ret = inplace_supers(fs, w->super, !a->keep_csum, set_super, &s, &ctx->err);
	else if (set_all(ctx, w, true))
		return 1;
	else
		ret = inplace_write(fs, w->bytenr, a->copy, w->block, !a->keep_csum, &ctx->err);
	ctx->session->stale = true;
	return ret ? cmd_fail(ctx, "field: cannot set %s", ctx->argv[1]) : 0;
}

static int field_set(struct cmd_ctx *ctx, const struct inside_args *a)
{
	struct where w;
	int ret;

	if (ctx->argc < 3)
		return cmd_error(ctx, "field set: a place and NAME=VALUE are expected");
	if (!a->no_undo && !ctx->undo && !ctx->session->undo && !ctx->dry_run && !ctx->session->dry_run)
		return cmd_error(ctx, "field set: changes without checks need a way back: --undo FILE before the device (or --no-undo)");
	ret = session_in_place(ctx);
	if (ret)
		return ret;
	ret = where_find(ctx, ctx->argv[1], a->copy, &w);
	if (!ret)
		ret = field_write(ctx, a, &w);
	where_fini(&w);
	return ret;
}

static int field_run(struct cmd_ctx *ctx, void *args)
{
	const struct inside_args *a = args;
	struct where w;
	int ret;

	if (!strcmp(ctx->argv[0], "set"))
		return field_set(ctx, a);
	ret = where_find(ctx, ctx->argv[0], a->copy, &w);
	if (!ret)
		ret = field_show(ctx, &w);
	where_fini(&w);
	return ret;
}

static const char *const field_details[] = {
	"WHERE is a tree block (BYTENR), an item (BYTENR/SLOT or TREE:OBJECTID,TYPE,OFFSET) or a superblock",
	"(super: all copies of all devices; super0, super1, super2).",
	"set changes all copies in place, without a transaction and without asking what it means.",
	NULL
};
const struct cmd verb_field = { .name = "field", .usage = { "field [--copy N] WHERE [NAME...]", "field set [--copy N] [--keep-csum] [--no-undo] WHERE NAME=VALUE..." },
	.brief = "Print or change fields of tree blocks, items and superblocks", .details = field_details, .opts = field_opts, CMD_ARGS(struct inside_args), .min_args = 1,
	.max_args = -1, .flags = CMD_JSON | CMD_WRITES, .run = field_run };

bool verb_is_inside(const char *word)
{
	return !strcmp(word, verb_node.name) || !strcmp(word, verb_item.name) || !strcmp(word, verb_field.name);
}
