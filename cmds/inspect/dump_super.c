/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs inspect-internal dump-super. Spec: cli 15.4. */
#include "cmds/inspect/block_json.h"
#include "crypto/csum.h"
#include "cmds/cmd.h"
#include "kernel-shared/bdev/bdev.h"
#include "kernel-shared/format/super.h"
#include "kernel-shared/volume/dumpfile.h"

struct super_args {
	bool full, all, force;
	bool has_super, has_bytenr, has_mirror;
	u64 super, bytenr, mirror; /* mirror: the deprecated -i */
};

/* A device, or a metadata dump, which has the first copy only. */
struct super_source { struct bdev *dev; struct dump_file *dump; };

/* A superblock beyond the end of the device is an empty line, except the first: a device without room for that is none of btrfs. */
static int read_super(struct cmd_ctx *ctx, const struct super_source *src, u64 bytenr, struct disk_super *sb, bool *beyond)
{
	struct bdev *dev = src->dev;

	if (src->dump) {
		*sb = src->dump->sb;
		*beyond = bytenr != btrfs_super_offset[0];
		return 0;
	}
	*beyond = bytenr > dev->size || dev->size - bytenr < sizeof(*sb);
	if (*beyond && bytenr == btrfs_super_offset[0])
		return cmd_error(ctx, "failed to read the superblock on %s at %llu: the device has only %llu bytes", dev->name, bytenr, dev->size);
	if (*beyond)
		return 0;
	if (bdev_read(dev, bytenr, sb, sizeof(*sb), &ctx->err))
		return cmd_fail(ctx, "failed to read the superblock on %s at %llu", dev->name, bytenr);
	return 0;
}

static void print_json(struct cmd_ctx *ctx, const struct disk_super *sb, const struct bdev *dev, u64 bytenr, bool full)
{
	struct json_fields j = { .out = ctx->out, .skip = { full ? "padding" : "sys", full ? NULL : "backup", full ? NULL : "padding" } };
	unsigned type = le16_get(sb->csum_type);

	out_obj(ctx->out, NULL);
	out_json_str(ctx->out, "device", dev->name);
	out_json_u64(ctx->out, "superblock-bytenr", bytenr);
	out_json_bool(ctx->out, "magic-match", super_has_magic(sb));
	out_json_bool(ctx->out, "csum-match", super_check_csum(sb, NULL));
	if (type < CSUM_TYPES)
		out_json_str(ctx->out, "csum-type-name", csum_types[type].name);
	super_fields(sb, json_field, &j);
	out_end(ctx->out);
}

static int dump_copy(struct cmd_ctx *ctx, const struct super_args *a, const struct super_source *src, u64 bytenr)
{
	struct bdev *dev = src->dev;
	struct print_ctx p;
	struct disk_super sb;
	bool beyond;
	int ret = read_super(ctx, src, bytenr, &sb, &beyond);

	if (ret)
		return ret;
	if (!beyond && !super_has_magic(&sb) && !a->force) {
		if (!ctx->json)
			print_super_head(&ctx->out->buf, dev->name, bytenr);
		return cmd_error(ctx, "bad magic on superblock on %s at %llu (use --force to dump it anyway)", dev->name, bytenr);
	}
	if (ctx->json) {
		if (!beyond)
			print_json(ctx, &sb, dev, bytenr, a->full);
		return 0;
	}
	if (!beyond) {
		print_ctx_init(&p, &ctx->out->buf, NULL);
		print_super(&p, &sb, dev->name, bytenr, a->full);
	}
	out_puts(ctx->out, "\n");
	return 0;
}

static int dump_device(struct cmd_ctx *ctx, const struct super_args *a, const char *spec)
{
	u64 bytenr = a->has_bytenr ? a->bytenr : btrfs_super_offset[a->super];
	struct super_source src = { NULL, NULL };
	int ret = bdev_open_spec(ctx->env, spec, BDEV_READ, &src.dev, &ctx->err);

	if (ret)
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	if (dump_probe(src.dev) && dump_open(src.dev, &src.dump, &ctx->err))
		ret = cmd_error(ctx, "%s", err_text(&ctx->err));
	if (!ret && !a->all)
		ret = dump_copy(ctx, a, &src, bytenr);
	for (unsigned i = 0; a->all && !ret && i < BTRFS_SUPER_MIRROR_MAX; i++)
		ret = dump_copy(ctx, a, &src, btrfs_super_offset[i]);
	if (src.dump)
		dump_close(src.dump);
	else
		bdev_close(src.dev);
	return ret;
}

/* Which copy the options name. */
static int choose_copy(struct cmd_ctx *ctx, struct super_args *a)
{
	if (a->has_mirror) {
		cmd_warn(ctx, "option -i is deprecated, please use -s or --super");
		if (a->mirror >= BTRFS_SUPER_MIRROR_MAX)
			return cmd_error(ctx, "super mirror too big: %llu >= %d", a->mirror, BTRFS_SUPER_MIRROR_MAX);
		a->super = a->mirror;
		a->all = false;
	}
	if (a->has_super && a->super >= BTRFS_SUPER_MIRROR_MAX) {
		cmd_warn(ctx, "deprecated use of -s <bytenr> with %llu, assuming --bytenr", a->super);
		a->bytenr = a->super;
		a->has_bytenr = true;
		a->super = 0;
	}
	if (a->has_super || a->has_bytenr)
		a->all = false;
	return 0;
}

static int super_run(struct cmd_ctx *ctx, void *args)
{
	struct super_args *a = args;
	int ret = choose_copy(ctx, a);

	if (ret)
		return ret;
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "dump-super");
	}
	for (int i = 0; !ret && i < ctx->argc; i++)
		ret = dump_device(ctx, a, ctx->argv[i]);
	if (ctx->json)
		out_json_end(ctx->out);
	return ret;
}

#define OPT_STRUCT struct super_args
static const struct opt super_opts[] = {
	OPT_FLAG('f', "full", full, "print full superblock information, backup roots etc."),
	OPT_FLAG('a', "all", all, "print information about all superblocks"),
	OPT_U64('s', "super", super, "SUPER", "specify which copy to print out (values: 0, 1, 2)"),
	OPT_U64('i', NULL, mirror, "SUPER", NULL),
	OPT_FLAG('F', "force", force, "attempt to dump superblocks with bad magic"),
	OPT_U64(0, "bytenr", bytenr, "OFFSET", "specify alternate superblock offset"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_inspect_dump_super = {
	.name = "dump-super", .usage = { "btrfs inspect-internal dump-super [options] device [device...]" }, .brief = "Dump superblock from a device in a textual form",
	.opts = super_opts, CMD_ARGS(struct super_args), .min_args = 1, .max_args = -1, .flags = CMD_JSON, .run = super_run, .complete = "device",
};
