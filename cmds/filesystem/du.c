/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem du: space of files, alone and shared. Spec: cli 8.2. */
#include <errno.h>
#include <unistd.h>
#include "cmds/mounted/du.h"
#include "cmds/report.h"

struct du_args { bool summarize; };

struct du_printer { struct cmd_ctx *ctx; const char *prefix; };

/* set_shared NULL: a row below an argument. */
static void print_row(struct cmd_ctx *ctx, const struct du_space *space, const u64 *set_shared, const char *prefix, const char *path, size_t len)
{
	char a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX], c[SIZE_TEXT_MAX];
	struct out *o = ctx->out;

	if (ctx->json) {
		struct strbuf name CLEANUP(sb_fini) = STRBUF_INIT;

		sb_puts(&name, prefix);
		sb_add(&name, path, len);
		out_obj(o, NULL);
		out_json_strn(o, "path", sb_str(&name), name.len);
		out_json_u64(o, "total", space->total);
		out_json_u64(o, "exclusive", space->total - space->shared);
		if (set_shared)
			out_json_u64(o, "set-shared", *set_shared);
		else
			out_json_null(o, "set-shared");
		out_end(o);
		return;
	}
	out_printf(o, "%10s  %10s  %10s  %s", report_size(ctx, space->total, a), report_size(ctx, space->total - space->shared, b),
		   set_shared ? report_size(ctx, *set_shared, c) : "-", prefix);
	out_write(o, path, len);
	out_puts(o, "\n");
}

static int print_below(void *arg, const char *path, size_t len, const struct du_space *space)
{
	const struct du_printer *p = arg;

	print_row(p->ctx, space, NULL, p->prefix, path, len);
	return p->ctx->out->error;
}

/* "disk.img:/" before what lies in disk.img, "disk.img:/dir/" before what lies in disk.img:/dir, "/mnt/" before what lies in /mnt. */
static void below_prefix(const struct target *t, const char *arg, struct strbuf *out)
{
	sb_puts(out, arg);
	if (t->kind == TARGET_DEVICE)
		sb_char(out, ':');
	if (out->v && out->v[out->len - 1] != '/')
		sb_char(out, '/');
}

static int du_offline(struct cmd_ctx *ctx, const struct target *t, const char *arg, du_row_fn row, struct du_printer *p, struct du_result *result)
{
	struct loc top;
	struct fs *fs;
	int ret = target_resolve(ctx, t, 0, &fs, &top);

	if (ret)
		return ret;
	ret = du_walk(fs, top, row, p, result, &ctx->err);
	target_close(ctx, fs);
	return ret ? cmd_fail(ctx, "cannot check space of '%s'", arg) : 0;
}

static int du_mounted(struct cmd_ctx *ctx, const char *arg, du_row_fn row, struct du_printer *p, struct du_result *result)
{
	struct host h;
	struct stat st;
	int ret;

	*result = (struct du_result){ 0 };
	if (stat(arg, &st) || access(arg, R_OK))
		return cmd_error(ctx, "cannot check space of '%s': %s", arg, strerror(errno));
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return 0; /* holds nothing */
	if (!host_on_btrfs(arg))
		return cmd_error(ctx, "cannot check space of '%s': not a btrfs filesystem", arg);
	ret = host_open(ctx, arg, 0, &h);
	if (ret)
		return ret;
	ret = mounted_du(ctx, &h, row, p, result, &ctx->err);
	host_close(&h);
	return ret ? cmd_fail(ctx, "cannot check space of '%s'", arg) : 0;
}

static int du_one(struct cmd_ctx *ctx, const char *arg, const struct du_args *a)
{
	struct strbuf prefix CLEANUP(sb_fini) = STRBUF_INIT;
	struct du_printer p = { .ctx = ctx };
	du_row_fn row = a->summarize ? NULL : print_below;
	struct du_result result;
	struct target t;
	int ret;

	if (target_arg(ctx, arg, &t))
		return cmd_error(ctx, "not enough memory");
	below_prefix(&t, arg, &prefix);
	p.prefix = sb_str(&prefix);
	err_clear(&ctx->err);
	ret = host_means_path(&t, arg) ? du_mounted(ctx, arg, row, &p, &result) : du_offline(ctx, &t, arg, row, &p, &result);
	target_fini(&t);
	if (!ret && result.counts)
		print_row(ctx, &result.space, &result.set_shared, "", arg, strlen(arg));
	return ret || result.failed;
}

static int du_run(struct cmd_ctx *ctx, void *args)
{
	int ret = 0;

	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "filesystem-du");
	} else {
		out_printf(ctx->out, "%10s  %10s  %10s  %s\n", "Total", "Exclusive", "Set shared", "Filename");
	}
	for (int i = 0; i < ctx->argc; i++)
		ret |= du_one(ctx, ctx->argv[i], args);
	if (ctx->json)
		out_json_end(ctx->out);
	return ret;
}

#define OPT_STRUCT struct du_args
static const struct opt du_opts[] = {
	OPT_FLAG('s', "summarize", summarize, "display only a total for each argument"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_filesystem_du = {
	.name = "du", .usage = { "btrfs filesystem du [options] <path> [<path>..]" }, .brief = "Summarize disk usage of each file.",
	.opts = du_opts, CMD_ARGS(struct du_args), .min_args = 1, .max_args = -1, .flags = CMD_JSON | CMD_UNITS | CMD_JOBS, .run = du_run, .complete = "file",
};
