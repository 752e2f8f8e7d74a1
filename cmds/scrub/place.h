/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a scrub command is about: a mounted filesystem, all of its devices or the one that was named. */
#ifndef CMDS_SCRUB_PLACE_H
#define CMDS_SCRUB_PLACE_H

#include "cmds/mounted/host.h"
#include "cmds/scrub/record.h"

struct scrub_device { struct kdev_info info; u64 limit; /* bytes a second, 0: none */ };
struct scrub_place {
	struct host h;
	VEC(struct scrub_device) devices; /* by id; missing ones are not among them */
};
/* A path or a device of a mounted filesystem. Errors are printed; the exit code or 0. */
int place_open(struct cmd_ctx *ctx, const char *arg, struct scrub_place *out);
/* The same, but HOST_OFFLINE, with nothing said, for an unmounted filesystem. */
int place_open_any(struct cmd_ctx *ctx, const char *arg, struct scrub_place *out);
void place_close(struct scrub_place *p);
/* The limit of a device, bytes a second, 0: none. -ENOENT: the kernel knows no limits. */
int place_limit_get(const struct scrub_place *p, u64 devid, u64 *limit);
int place_limit_set(const struct scrub_place *p, u64 devid, u64 limit);
/* Does one run in the kernel on any of the devices? */
bool place_busy(const struct scrub_place *p);

#endif
