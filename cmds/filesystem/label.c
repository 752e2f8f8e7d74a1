/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem label: prints or sets it. Spec: cli 8.7. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/change.h"
#include "cmds/mounted/host.h"
#include "cmds/report.h"
#include "common/mem.h"
#include "kernel-shared/kapi/mounts.h"

enum { LABEL_FAILED = 255 };

/* A file in a mounted filesystem does not stand for it: it was meant as an image. */
static int open_mount(struct cmd_ctx *ctx, const char *arg, unsigned flags, struct host *h)
{
	int ret = host_open(ctx, arg, flags, h);

	if (ret || !S_ISREG(h->st.st_mode))
		return ret;
	host_close(h);
	return cmd_error(ctx, "no valid btrfs found on %s", arg);
}

/* Of a mounted filesystem, or of an unmounted one. */
static int read_label(struct cmd_ctx *ctx, const char *arg, char label[BTRFS_LABEL_SIZE + 1])
{
	struct host h;
	struct fs *fs;
	int ret = open_mount(ctx, arg, HOST_DEVICE, &h);

	if (!ret) {
		ret = klabel_get(h.fd, label);
		host_close(&h);
		return ret ? cmd_error(ctx, "unable to get label of %s: %s", arg, strerror(-ret)) : 0;
	}
	if (ret == HOST_OFFLINE)
		ret = report_open(ctx, arg, &fs, NULL);
	if (ret)
		return ret;
	memcpy(label, fs->sb->label, BTRFS_LABEL_SIZE);
	target_close(ctx, fs);
	return 0;
}

static int write_offline(struct cmd_ctx *ctx, const char *arg, const char *label)
{
	struct change c;
	struct target t;
	int ret;

	if (target_arg(ctx, arg, &t))
		return cmd_error(ctx, "not enough memory");
	ret = change_begin(ctx, &t, &c);
	target_fini(&t);
	if (ret)
		return ret;
	ret = op_label(c.txn, label, &ctx->err);
	if (ret)
		ret = cmd_fail(ctx, "unable to set label of %s", arg);
	return change_end(ctx, &c, ret);
}

static int write_label(struct cmd_ctx *ctx, const char *arg, const char *label)
{
	char *dir CLEANUP(mem_freep) = NULL;
	struct host h;
	int ret;

	if (strlen(label) >= BTRFS_LABEL_SIZE)
		return cmd_error(ctx, "label %s is too long (max %d)", label, BTRFS_LABEL_SIZE - 1);
	ret = open_mount(ctx, arg, 0, &h);
	if (ret == HOST_OFFLINE && !ctx->session && !kmount_of_device(arg, &dir))
		return cmd_error(ctx, "device %s is mounted, use mount point", arg);
	if (ret == HOST_OFFLINE)
		return write_offline(ctx, arg, label);
	if (ret)
		return ret;
	ret = klabel_set(h.fd, label);
	host_close(&h);
	return ret ? cmd_error(ctx, "unable to set label of %s: %s", arg, strerror(-ret)) : 0;
}

static int label_run(struct cmd_ctx *ctx, void *args)
{
	char label[BTRFS_LABEL_SIZE + 1] = "";
	struct target t;
	int missing;

	if (target_arg(ctx, ctx->argv[0], &t))
		return LABEL_FAILED;
	missing = t.kind == TARGET_HOST && access(ctx->argv[0], F_OK);
	target_fini(&t);
	if (missing) {
		cmd_error(ctx, "unable to access %s: %s", ctx->argv[0], strerror(errno));
		return LABEL_FAILED;
	}
	if (ctx->argc == 2)
		return write_label(ctx, ctx->argv[0], ctx->argv[1]) ? LABEL_FAILED : 0;
	if (read_label(ctx, ctx->argv[0], label))
		return LABEL_FAILED;
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_json_str(ctx->out, "filesystem-label", label);
		out_json_end(ctx->out);
	} else {
		out_printf(ctx->out, "%s\n", label);
	}
	return 0;
}

const struct cmd cmd_filesystem_label = {
	.name = "label", .usage = { "btrfs filesystem label [<device>|<mount_point>] [<newlabel>]" }, .brief = "Get or change the label of a filesystem",
	.min_args = 1, .max_args = 2, .flags = CMD_JSON | CMD_WRITES, .run = label_run, .complete = "device none",
};
