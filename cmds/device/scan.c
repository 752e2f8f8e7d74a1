/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs device scan, ready: what the kernel knows of devices. Spec: cli 10.3. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/cmd.h"
#include "common/mem.h"
#include "kernel-shared/kapi/device.h"
#include "kernel-shared/volume/volume.h"

struct scan_args { bool all, forget; };

static int not_block(struct cmd_ctx *ctx, const char *path)
{
	struct stat st;

	return stat(path, &st) || !S_ISBLK(st.st_mode) ? cmd_error(ctx, "not a block device: %s", path) : 0;
}

static int forget(struct cmd_ctx *ctx)
{
	int ret, status = 0;

	if (!ctx->argc) {
		ret = kdevice_forget(NULL);
		return ret ? cmd_error(ctx, "cannot unregister devices: %s", strerror(-ret)) : 0;
	}
	for (int i = 0; i < ctx->argc; i++) {
		if (not_block(ctx, ctx->argv[i]))
			return 1;
		ret = kdevice_forget(ctx->argv[i]);
		if (ret)
			status = cmd_error(ctx, "cannot unregister device '%s': %s", ctx->argv[i], strerror(-ret));
	}
	return status;
}

static int scan_all(struct cmd_ctx *ctx)
{
	struct found_devices found = VEC_INIT;
	int ret, status = 0;

	cmd_say(ctx, 1, "Scanning for Btrfs filesystems\n");
	if (volume_scan(ctx->env, &found, &ctx->err))
		return cmd_fail(ctx, "cannot scan for devices");
	for (size_t i = 0; i < found.len; i++) {
		ret = kdevice_scan(found.v[i].path);
		if (ret)
			status = cmd_error(ctx, "device scan failed on '%s': %s", found.v[i].path, strerror(-ret));
		else
			cmd_say(ctx, 2, "registered: %s\n", found.v[i].path);
	}
	found_devices_fini(&found);
	return status;
}

/* The path that the kernel shall know it by: links followed, but mapped devices by their names, which /dev/dm-N is not. Heap. */
static char *kernel_path(const char *arg)
{
	char *path = realpath(arg, NULL), name[512];

	if (!path || strncmp(path, "/dev/dm-", 8))
		return path;
	volume_device_path(path + 5, name, sizeof(name));
	free(path);
	return mem_strdup(name);
}

static int scan_run(struct cmd_ctx *ctx, void *args)
{
	const struct scan_args *a = args;
	int status = 0, ret;

	if (a->forget && a->all)
		return cmd_usage(ctx);
	if (a->forget)
		return forget(ctx);
	if (a->all || !ctx->argc)
		return scan_all(ctx);
	for (int i = 0; i < ctx->argc; i++) {
		char *path CLEANUP(mem_freep) = kernel_path(ctx->argv[i]);

		if (not_block(ctx, ctx->argv[i]))
			return 1;
		cmd_say(ctx, 1, "Scanning for btrfs filesystems on '%s'\n", path ? path : ctx->argv[i]);
		ret = kdevice_scan(path ? path : ctx->argv[i]);
		if (ret)
			status = cmd_error(ctx, "device scan failed on '%s': %s", path ? path : ctx->argv[i], strerror(-ret));
	}
	return status;
}

static int ready_run(struct cmd_ctx *ctx, void *args)
{
	const char *path = ctx->argv[0];
	int ret;

	if (not_block(ctx, path))
		return 1;
	ret = kdevice_ready(path);
	return ret < 0 ? cmd_error(ctx, "unable to determine if device '%s' is ready for mount: %s", path, strerror(-ret)) : ret;
}

#define OPT_STRUCT struct scan_args
static const struct opt scan_opts[] = {
	OPT_FLAG('d', "all-devices", all, "enumerate and register all devices, use as a fallback if blkid is not available"),
	OPT_FLAG('u', "forget", forget, "unregister a given device or all stale devices if no path is given, the device must be unmounted"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_device_scan = {
	.name = "scan", .usage = { "btrfs device scan [-d|--all-devices] <device> [<device>...]", "btrfs device scan -u|--forget [<device>...]" },
	.brief = "Scan or forget (unregister) devices of btrfs filesystems", .opts = scan_opts, CMD_ARGS(struct scan_args), .min_args = 0, .max_args = -1,
	.flags = CMD_VERBOSE | CMD_QUIET, .run = scan_run, .complete = "device",
};
const struct cmd cmd_device_ready = {
	.name = "ready", .usage = { "btrfs device ready <device>" }, .brief = "Check and wait until a group of devices of a filesystem is ready for mount",
	.min_args = 1, .max_args = 1, .run = ready_run, .complete = "device",
};
