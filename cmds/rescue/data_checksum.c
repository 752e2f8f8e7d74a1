/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs rescue fix-data-checksum: which sectors of data do not match their checksum on which copies, whose they are, and what to do about it. Spec: check.md 2.5. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmds/rescue/rescue.h"
#include "kernel-shared/fs/inode.h"
#include "kernel-shared/fs/users.h"

struct sum_args { bool readonly, interactive, has_mirror; u64 mirror; };
struct fixing { struct cmd_ctx *ctx; const struct sum_args *args; struct fs *fs; struct txn *txn; bool found; };

/* --- whose it is --- */

struct print { struct fixing *f; u64 root; };

static int print_path(void *arg, const char *path, size_t len)
{
	struct print *p = arg;

	out_printf(p->f->ctx->out, "  (subvolume %llu)/%.*s\n", p->root, (int)len, path);
	return 0;
}

static int print_user(void *arg, u64 root, u64 ino, u64 offset)
{
	struct fixing *f = arg;
	struct print p = { f, root };
	struct err ignored = ERR_INIT;
	struct root *tree;

	if (!fs_subvol_root(f->fs, root, &tree, &ignored))
		inode_paths(tree, ino, print_path, &p, &ignored);
	return 0;
}

static void print_users(struct fixing *f, u64 logical)
{
	struct err ignored = ERR_INIT;
	struct extent_view ext;
	struct resolver r;

	if (extent_find(f->fs, logical, &ext, &ignored) || !ext.is_data)
		return;
	resolver_init(&r, f->fs);
	extent_users(&r, &ext, logical - ext.bytenr, print_user, f, &ignored);
	resolver_fini(&r);
}

/* --- what is to be done --- */

static unsigned ask_mirror(struct fixing *f, const struct data_sector *s)
{
	char line[64];

	for (;;) {
		unsigned long n;
		char *end;

		out_puts(f->ctx->out, "<<I>>gnore/");
		for (unsigned i = 1; i <= s->copies; i++)
			out_printf(f->ctx->out, "<%u>", i);
		out_puts(f->ctx->out, ":");
		out_flush(f->ctx->out);
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		line[strcspn(line, "\n")] = 0;
		if (!*line || !strncasecmp(line, "ignore", strlen(line)))
			return 0;
		n = strtoul(line, &end, 10);
		if (*end || end == line)
			cmd_warn(f->ctx, "invalid action, please retry");
		else if (!n || n > s->copies)
			cmd_warn(f->ctx, "invalid mirror number %lu, must be in range [1, %u], please retry", n, s->copies);
		else
			return n;
	}
}

static int on_bad(void *arg, const struct data_sector *s, struct err *err)
{
	struct fixing *f = arg;
	struct out *o = f->ctx->out;
	unsigned mirror = 0;
	const char *sep = "";
	int ret;

	f->found = true;
	out_printf(o, "logical=%llu corrtuped mirrors=", s->logical);
	for (unsigned i = 0; i < s->copies; i++)
		if (s->bad >> i & 1) {
			out_printf(o, "%s%u", sep, i + 1);
			sep = ",";
		}
	out_puts(o, " affected files:\n");
	print_users(f, s->logical);
	if (f->args->has_mirror)
		mirror = (f->args->mirror - 1) % s->copies + 1;
	else if (f->args->interactive)
		mirror = ask_mirror(f, s);
	if (!mirror)
		return 0;
	ret = data_sum_take(f->fs, f->txn, s->logical, mirror, err);
	if (!ret)
		out_printf(o, "Csum item for logical %llu updated using data from mirror %u\n", s->logical, mirror);
	return ret;
}

static int verify(struct cmd_ctx *ctx, struct fs *fs, struct txn *txn, void *arg)
{
	struct fixing f = { .ctx = ctx, .args = arg, .fs = fs, .txn = txn };

	if (!fs->csum_tree)
		return cmd_error(ctx, "failed to get csum root");
	if (data_sums_verify(fs, on_bad, &f, &ctx->err))
		return cmd_fail(ctx, "failed to verify data checksums");
	if (!f.found)
		out_puts(ctx->out, "no data checksum mismatch found\n");
	return 0;
}

static int only_look(struct cmd_ctx *ctx, void *args)
{
	struct target t;
	struct fs *fs;
	int ret;

	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = rescue_unmounted(ctx, &t, false);
	if (!ret)
		ret = target_open(ctx, &t, 0, &fs);
	if (!ret) {
		ret = verify(ctx, fs, NULL, args);
		target_close(ctx, fs);
	}
	target_fini(&t);
	return ret;
}

static int sum_run(struct cmd_ctx *ctx, void *args)
{
	const struct sum_args *a = args;

	if (a->has_mirror && !a->mirror)
		return cmd_error(ctx, "invalid mirror number 0, must be >= 1");
	return a->has_mirror || (a->interactive && !a->readonly) ? rescue_change(ctx, ctx->argv[0], verify, args) : only_look(ctx, args);
}

#define OPT_STRUCT struct sum_args
static const struct opt sum_opts[] = {
	OPT_FLAG('r', "readonly", readonly, "readonly mode, only report errors without repair"),
	OPT_FLAG('i', "interactive", interactive, "interactive mode, ignore the error by default."),
	OPT_U64('m', "mirror", mirror, "MIRROR", "update csum item using specified mirror"),
	OPT_END
};
#undef OPT_STRUCT
static const char *const sum_details[] = { "WARNING: a checksum made from data that is wrong makes wrong data count as right.", NULL };
const struct cmd cmd_rescue_fix_data_checksum = { .name = "fix-data-checksum", .usage = { "btrfs rescue fix-data-checksum [options] <device>" },
	.brief = "Fix data checksum mismatches.", .details = sum_details, .opts = sum_opts, CMD_ARGS(struct sum_args), .min_args = 1, .max_args = 1,
	.flags = CMD_WRITES, .run = sum_run, .complete = "device" };
