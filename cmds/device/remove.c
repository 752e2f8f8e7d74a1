/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs device remove (delete). Spec: cli 10.2. */
#include <errno.h>
#include <sys/stat.h>
#include "cmds/chunkwork.h"
#include "cmds/device/offline.h"
#include "cmds/mounted/work.h"
#include "kernel-shared/kapi/device.h"

struct remove_args { bool enqueue, force; };

static bool is_block(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode);
}

struct remove_work { int fd; const char *name; u64 devid, begun; };

static int work_run(void *arg)
{
	const struct remove_work *w = arg;

	return kdevice_remove(w->fd, w->name, w->devid);
}

static int work_cancel(void *arg)
{
	return kdevice_remove(((const struct remove_work *)arg)->fd, "cancel", 0);
}

/* What has left the device. */
static u64 work_done(void *arg, u64 *total)
{
	struct remove_work *w = arg;
	struct kdev_info dev;

	if (!w->devid || kdev_info(w->fd, w->devid, &dev))
		return 0;
	w->begun = max_t(u64, w->begun, dev.bytes_used);
	*total = w->begun;
	return w->begun - dev.bytes_used;
}

static int remove_one(struct cmd_ctx *ctx, const struct host *h, const char *name)
{
	bool word = !strcmp(name, "missing") || !strcmp(name, "cancel"), interrupted;
	struct remove_work w = { .fd = h->fd };
	int ret;

	if (word || parse_u64(name, &w.devid, NULL))
		w.name = name;
	if (!word && w.name && !is_block(name))
		return cmd_error(ctx, "not a block device: %s", name);
	ret = kwork_run(ctx, &(struct kwork){ work_run, work_cancel, work_done, &w, "moving data away", PROGRESS_BYTES }, &interrupted);
	if (ret && w.name)
		cmd_error(ctx, "error removing device '%s': %s", name, ret > 0 ? kdevice_reason(ret) : strerror(-ret));
	else if (ret)
		cmd_error(ctx, "error removing devid %llu: %s", w.devid, ret > 0 ? kdevice_reason(ret) : strerror(-ret));
	if (interrupted)
		kwork_die(ctx);
	return ret != 0;
}

static int remove_all(struct cmd_ctx *ctx, const struct remove_args *a, const struct host *h, int n)
{
	int ret;

	for (int i = 0; i < n; i++)
		if (!strcmp(ctx->argv[i], "cancel") && n > 1)
			return cmd_error(ctx, "cancel requested but another device specified: %s", ctx->argv[!i]);
	if (!strcmp(ctx->argv[0], "cancel")) {
		out_puts(ctx->out, "Request to cancel running device deletion\n");
		return remove_one(ctx, h, ctx->argv[0]);
	}
	ret = host_exclusive(ctx, h, "device remove", a->enqueue);
	if (ret)
		return ret;
	if (n > 1 && !a->force) {
		env_msg(ctx->env, MSG_NOTE, "WARNING:\n\n\tMore than one device is to be removed. They are removed one after the other,\n"
			"\tand each may move much data to those that are removed next.\n"
			"\tThe operation will continue in 10 seconds.\n\tUse Ctrl-C to stop, or --force to skip the delay.\n");
		host_countdown(ctx, 10);
		if (env_check_interrupt(ctx->env, &ctx->err))
			return 1;
	}
	for (int i = 0; i < n; i++)
		ret |= remove_one(ctx, h, ctx->argv[i]);
	return ret;
}

static int remove_run(struct cmd_ctx *ctx, void *args)
{
	int last = ctx->argc - 1, ret = chunkwork_is_offline(ctx, ctx->argv[last]);
	struct host h;

	if (ret)
		return ret < 0 ? 1 : device_remove_offline(ctx);
	ret = host_open(ctx, ctx->argv[last], HOST_DIR | HOST_ONLY, &h);
	if (ret)
		return ret;
	ret = remove_all(ctx, args, &h, last);
	host_close(&h);
	return ret;
}

#define OPT_STRUCT struct remove_args
static const struct opt remove_opts[] = {
	OPT_FLAG(0, "enqueue", enqueue, "wait if there's another exclusive operation running, otherwise continue"),
	OPT_FLAG(0, "force", force, "skip the safety timeout for removing multiple devices"),
	OPT_END
};
#undef OPT_STRUCT

static const char *const remove_details[] = {
	"If 'missing' is specified for <device>, the first device that is",
	"described by the filesystem metadata, but not present at the mount",
	"time will be removed. If 'cancel' is given as the only device, a",
	"running removal is asked to stop.",
	NULL
};
const struct cmd cmd_device_remove = {
	.name = "remove", .usage = { "btrfs device remove <device>|<devid> [<device>|<devid>...] <path>" }, .brief = "Remove a device from a filesystem",
	.details = remove_details, .opts = remove_opts, CMD_ARGS(struct remove_args), .min_args = 2, .max_args = -1, .flags = CMD_WRITES | CMD_PROGRESS | CMD_JOBS, .run = remove_run, .complete = "device",
};
const struct cmd cmd_device_delete = { .name = "delete", .same = &cmd_device_remove, .brief = "Alias of \"btrfs device remove\"" };
