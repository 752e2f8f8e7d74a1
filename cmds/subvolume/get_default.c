/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume get-default: what a mount without subvol= shows. Spec: cli 7.6. */
#include "cmds/subvolume/row.h"

static int print_default(struct cmd_ctx *ctx, struct fs *fs)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	struct subvol_row row = { 0 };
	struct subvol_info info;
	int ret = subvol_info_get(fs, fs->default_subvol, &info, &ctx->err);

	if (!ret && !ctx->json && info.id == BTRFS_FS_TREE_OBJECTID) {
		out_puts(ctx->out, "ID 5 (FS_TREE)\n");
		subvol_info_fini(&info);
		return 0;
	}
	if (ret)
		return ret;
	ret = subvol_path(fs, info.id, &path, &ctx->err);
	row.info = &info;
	row.path = (char *)sb_str(&path);
	row.path_len = path.len;
	if (!ret && ctx->json) {
		out_json_begin(ctx->out);
		subvol_json(ctx->out, "subvolume-get-default", &row);
		out_json_end(ctx->out);
	} else if (!ret) {
		subvol_print_line(ctx->out, &row, COLS_DEFAULT);
	}
	subvol_info_fini(&info);
	return ret;
}

static int default_run(struct cmd_ctx *ctx, void *args)
{
	struct fs *fs;
	int ret = report_open(ctx, ctx->argv[0], &fs, NULL);

	if (ret)
		return ret;
	ret = print_default(ctx, fs);
	if (ret)
		ret = cmd_fail(ctx, "cannot read the default subvolume %llu", fs->default_subvol);
	target_close(ctx, fs);
	return ret;
}

const struct cmd cmd_subvolume_get_default = {
	.name = "get-default", .usage = { "btrfs subvolume get-default <path>" }, .brief = "Get the default subvolume of a filesystem",
	.min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = default_run, .complete = "dir",
};
