/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume get-default: what a mount without subvol= shows. Spec: cli 7.6. */
#include "cmds/mounted/subvols.h"
#include "cmds/subvolume/row.h"

static int print_default(struct cmd_ctx *ctx, struct subvols *subvols, u64 id)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	struct subvol_row row = { 0 };
	int ret;

	if (!ctx->json && id == BTRFS_FS_TREE_OBJECTID) {
		out_puts(ctx->out, "ID 5 (FS_TREE)\n");
		return 0;
	}
	row.info = subvols_find(subvols, id, &ret, &ctx->err);
	if (!row.info)
		return ret ? ret : -ENOENT;
	ret = subvols_path(subvols, id, &path, &ctx->err);
	row.path = sb_str(&path);
	row.path_len = path.len;
	if (!ret && ctx->json) {
		out_json_begin(ctx->out);
		subvol_json(ctx->out, "subvolume-get-default", &row);
		out_json_end(ctx->out);
	} else if (!ret) {
		subvol_print_line(ctx->out, &row, COLS_DEFAULT);
	}
	return ret;
}

static int default_run(struct cmd_ctx *ctx, void *args)
{
	struct subvols subvols;
	u64 id = 0;
	int ret = subvols_open_dir(ctx, ctx->argv[0], &subvols);

	if (ret)
		return ret;
	ret = subvols_default(&subvols, &id, &ctx->err);
	if (!ret)
		ret = print_default(ctx, &subvols, id);
	if (ret)
		ret = cmd_fail(ctx, "cannot read the default subvolume %llu", id);
	subvols_close(ctx, &subvols);
	return ret;
}

const struct cmd cmd_subvolume_get_default = {
	.name = "get-default", .usage = { "btrfs subvolume get-default <path>" }, .brief = "Get the default subvolume of a filesystem",
	.min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = default_run, .complete = "fs",
};
