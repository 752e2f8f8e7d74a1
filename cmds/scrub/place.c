/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/scrub/place.h"

#include <errno.h>
#include <stdio.h>
#include "kernel-shared/kapi/sysfs.h"

static const char *limit_file(u64 devid, char buf[64])
{
	snprintf(buf, 64, "devinfo/%llu/scrub_speed_max", devid);
	return buf;
}

int place_limit_get(const struct scrub_place *p, u64 devid, u64 *limit)
{
	char name[64];

	*limit = 0;
	return ksysfs_u64(p->h.info.fsid, limit_file(devid, name), limit);
}

int place_limit_set(const struct scrub_place *p, u64 devid, u64 limit)
{
	char name[64], text[32];

	snprintf(text, sizeof(text), "%llu", limit);
	return ksysfs_write(p->h.info.fsid, limit_file(devid, name), text);
}

bool place_busy(const struct scrub_place *p)
{
	struct kscrub_progress progress;

	for (size_t i = 0; i < p->devices.len; i++)
		if (!kscrub_progress(p->h.fd, p->devices.v[i].info.devid, &progress))
			return true;
	return false;
}

static bool same_block(const char *path, const struct stat *st)
{
	struct stat other;

	return !stat(path, &other) && S_ISBLK(other.st_mode) && other.st_rdev == st->st_rdev;
}

/* only: the device that was named, NULL: all */
static int list_devices(struct cmd_ctx *ctx, const struct stat *only, struct scrub_place *p)
{
	for (u64 id = 0; id <= p->h.info.max_devid; id++) {
		struct scrub_device d;
		int ret = kdev_info(p->h.fd, id, &d.info);

		if (ret == -ENODEV || (!ret && !d.info.path[0]) || (!ret && only && !same_block(d.info.path, only)))
			continue;
		if (ret)
			return cmd_error(ctx, "getting device info for %s failed: %s", p->h.path, strerror(-ret));
		place_limit_get(p, id, &d.limit);
		if (vec_push(&p->devices, d))
			return cmd_error(ctx, "not enough memory");
	}
	return p->devices.len ? 0 : cmd_error(ctx, "no devices found for %s", p->h.path);
}

int place_open_any(struct cmd_ctx *ctx, const char *arg, struct scrub_place *out)
{
	struct stat st;
	bool device = !stat(arg, &st) && S_ISBLK(st.st_mode);
	int ret;

	*out = (struct scrub_place){ .h.fd = -1 };
	ret = host_open(ctx, arg, device ? HOST_DEVICE : HOST_DIR, &out->h);
	if (ret == HOST_OFFLINE)
		return ret;
	if (!ret)
		ret = list_devices(ctx, device ? &st : NULL, out);
	if (ret)
		place_close(out);
	return ret;
}

int place_open(struct cmd_ctx *ctx, const char *arg, struct scrub_place *out)
{
	int ret = place_open_any(ctx, arg, out);

	return ret == HOST_OFFLINE ? cmd_error(ctx, "'%s' is not a mounted btrfs device (a scrub of an unmounted filesystem is over when its command ends)", arg) : ret;
}

void place_close(struct scrub_place *p)
{
	host_close(&p->h);
	vec_fini(&p->devices);
}
