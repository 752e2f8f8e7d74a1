/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs rescue create-control-device. Spec: check.md 2.6. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "cmds/cmd.h"

enum { CONTROL_MAJOR = 10, CONTROL_MINOR = 234 };

static int control_run(struct cmd_ctx *ctx, void *args)
{
	if (mknod("/dev/btrfs-control", S_IFCHR | 0600, makedev(CONTROL_MAJOR, CONTROL_MINOR)))
		return cmd_error(ctx, "could not create /dev/btrfs-control: %s", strerror(errno));
	return 0;
}

const struct cmd cmd_rescue_create_control_device = { .name = "create-control-device", .usage = { "btrfs rescue create-control-device" },
	.brief = "Create /dev/btrfs-control (see 'CONTROL DEVICE' in btrfs(5))", .flags = CMD_COUNT_SELF, .run = control_run };
