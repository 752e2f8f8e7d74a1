/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs-corrupt-block: breaks a filesystem in a chosen way, for tests. Spec: cli 23. */
#include <stdarg.h>
#include <stdio.h>
#include "cmds/corrupt_block/corrupt.h"
#include "common/text.h"

int fail(struct corrupt *c, int ret, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->ctx->err.code)
		cmd_fail(c->ctx, "%s", text);
	else
		cmd_error(c->ctx, "%s", text);
	return ret;
}

int invalid_field(struct corrupt *c)
{
	return fail(c, -EINVAL, "invalid field %s", c->a->field ? c->a->field : "(none)");
}

/* Open for transactions if that is possible, else only for changes in place. A log stays as it is. */
static int open_fs(struct corrupt *c, const struct target *t)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;

	args.specs = (const char *const *)t->devices.v;
	args.nspecs = t->devices.len;
	args.flags = FS_OPEN_WRITE | FS_OPEN_QUIET | FS_OPEN_NO_LOG_REPLAY;
	if (!fs_open(c->ctx->env, &args, &c->fs, NULL))
		return 0;
	err_clear(&c->ctx->err);
	args.flags = FS_OPEN_WRITE | FS_OPEN_IN_PLACE | FS_OPEN_QUIET | FS_OPEN_LENIENT | FS_OPEN_PARTIAL | FS_OPEN_DEGRADED;
	return fs_open(c->ctx->env, &args, &c->fs, &c->ctx->err);
}

/* Only one action a run, the first of this order. */
static int act(struct corrupt *c)
{
	const struct corrupt_args *a = c->a;
	const struct { bool wanted; int (*run)(struct corrupt *c); } actions[] = {
		{ a->extent_record, corrupt_extent_record }, { a->extent_tree, corrupt_extent_tree }, { a->chunk_record, corrupt_chunk_record },
		{ a->chunk_tree, corrupt_chunk_tree }, { a->has_inode && !a->has_file_extent, corrupt_inode }, { a->has_file_extent, corrupt_file_extent },
		{ a->has_metadata_block, corrupt_metadata_block }, { a->has_dir_item, corrupt_dir_item }, { a->has_csum, corrupt_csum },
		{ a->has_item && a->field, corrupt_item_header }, { a->has_item, corrupt_item_data }, { a->has_delete, corrupt_delete },
		{ a->has_key, corrupt_key }, { a->has_block_group, corrupt_block_group }, { a->keys, corrupt_swap_keys },
		{ a->has_logical, corrupt_sectors },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(actions); i++)
		if (actions[i].wanted)
			return actions[i].run(c);
	return 1;
}

/* What an action cannot do without. */
static bool complete(const struct corrupt_args *a)
{
	bool any = a->extent_tree || a->chunk_tree || a->has_inode || a->has_metadata_block || a->has_dir_item || a->has_csum || a->has_item || a->has_delete ||
		   a->has_key || a->has_block_group || a->has_logical;

	if ((a->extent_record || a->chunk_record || a->keys) && !a->has_logical)
		return false;
	if ((a->has_inode || a->has_metadata_block || a->has_dir_item || a->has_key || a->has_block_group) && !a->field)
		return false;
	if (a->has_file_extent && !a->has_inode)
		return false;
	if (a->has_item && !a->field && (!a->has_offset || !a->has_bytes || !a->has_value))
		return false;
	return any;
}

static int corrupt_run(struct cmd_ctx *ctx, void *args)
{
	struct corrupt c = { .ctx = ctx, .a = args };
	struct target t;
	int ret;

	if (!complete(args))
		return cmd_usage(ctx);
	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	if (t.kind != TARGET_DEVICE)
		ret = err_set(&ctx->err, -ENOENT, "%s is no device or image", ctx->argv[0]);
	else
		ret = open_fs(&c, &t);
	target_fini(&t);
	if (ret) {
		cmd_error(ctx, "%s", err_text(&ctx->err));
		return cmd_error(ctx, "open ctree failed");
	}
	ret = act(&c);
	fs_close(c.fs);
	return ret < 0 ? ret & 0xff : ret;
}

/* "256,1,0"; the type may have its name. */
static int parse_key(const char *text, struct key *key, struct err *err)
{
	unsigned long long objectid, offset;
	unsigned type;
	int end = 0;

	if (sscanf(text, "%llu,%u,%llu%n", &objectid, &type, &offset, &end) != 3 || text[end] || type > 255)
		return err_set(err, -EINVAL, "invalid key '%s': OBJECTID,TYPE,OFFSET is expected", text);
	*key = KEY(objectid, type, offset);
	return 0;
}

#define KEY_OPTION(member) \
	static int set_##member(void *args, const char *value, struct err *err) \
	{ \
		struct corrupt_args *a = args; \
		a->has_##member = true; \
		return parse_key(value, &a->member, err); \
	}
KEY_OPTION(key)
KEY_OPTION(item)
KEY_OPTION(dir_item)
KEY_OPTION(delete)

#define OPT_STRUCT struct corrupt_args
static const struct opt corrupt_opts[] = {
	OPT_U64('l', "logical", logical, "LOGICAL", "logical extent to be corrupted"),
	OPT_U64('c', "copy", copy, "COPY", "copy of the extent to be corrupted (usually 1 or 2, default: 0)"),
	OPT_U64('b', "bytes", bytes, "COUNT", "number of bytes to be corrupted"),
	OPT_FLAG('e', "extent-record", extent_record, "extent to be corrupted"),
	OPT_FLAG('E', "extent-tree", extent_tree, "whole extent tree to be corrupted"),
	OPT_FLAG('k', "keys", keys, "corrupt block keys (set by --logical)"),
	OPT_FLAG('u', "chunk-record", chunk_record, "corrupt the given chunk (set by --logical)"),
	OPT_FLAG('U', "chunk-tree", chunk_tree, "corrupt the whole chunk tree"),
	OPT_U64('i', "inode", inode, "INO", "the inode item to corrupt"),
	OPT_U64('x', "file-extent", file_extent, "OFFSET", "the file extent item to corrupt (also needs -i for the inode)"),
	OPT_U64('m', "metadata-block", metadata_block, "BYTENR", "the metadata block to corrupt (must also specify -f for the field to corrupt)"),
	OPT_STRING('f', "field", field, "FIELD", "the field name in the item to corrupt"),
	OPT_CALL('K', "key", set_key, "<u64,u8,u64>", "the key of the item to corrupt (must also specify -f for the field)"),
	OPT_CALL('I', "item", set_item, "<u64,u8,u64>", "corrupt an item corresponding to the passed key triplet (must also specify the field, or bytes, offset, and value)"),
	OPT_CALL('D', "dir-item", set_dir_item, "<u64,u8,u64>", "corrupt a dir item corresponding to the passed key triplet, must also specify a field"),
	OPT_CALL('d', "delete", set_delete, "<u64,u8,u64>", "delete item corresponding to passed key triplet"),
	OPT_U64('r', "root", root, "ROOTID", "operate on this root"),
	OPT_U64('C', "csum", csum, "BYTENR", "delete a csum for the specified bytenr. When used with -b it'll delete that many bytes, otherwise it's just sectorsize"),
	OPT_U64(0, "block-group", block_group, "START", "corrupt the given block group"),
	OPT_U64('v', "value", value, "VALUE", "value to use for corrupting item data"),
	OPT_U64('o', "offset", offset, "OFFSET", "offset to use for corrupting item data"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_corrupt_block = {
	.name = "btrfs-corrupt-block", .usage = { "btrfs-corrupt-block [options] device" }, .brief = "Corrupt data structures on a device for testing purposes",
	.opts = corrupt_opts, CMD_ARGS(struct corrupt_args), .min_args = 1, .max_args = 1, .flags = CMD_STANDALONE | CMD_SEED, .run = corrupt_run,
	.complete = "device",
};
