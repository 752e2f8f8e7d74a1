/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/filesystem/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "cmds/mounted/usage.h"
#include "common/mem.h"
#include "kernel-shared/volume/volume.h"

void shown_fini(struct shown *s)
{
	for (size_t i = 0; i < s->devices.len; i++)
		free(s->devices.v[i].path);
	vec_fini(&s->devices);
}

static int add_device(struct shown *s, u64 devid, u64 size, u64 used, const char *path, bool missing)
{
	struct shown_device d = { devid, size, used, mem_strdup(path), missing };

	if (d.path && !vec_push(&s->devices, d)) {
		s->missing |= missing;
		return 0;
	}
	free(d.path);
	return -ENOMEM;
}

static int add_mounted(const struct host *h, struct shown *s)
{
	int ret = 0;

	for (u64 id = 0; !ret && id <= h->info.max_devid; id++) {
		struct device_usage d;

		ret = mounted_device(h, id, &d);
		if (ret == -ENODEV) {
			ret = 0;
			continue;
		}
		if (ret)
			break;
		ret = d.missing ? add_device(s, id, 0, 0, d.path, true) : add_device(s, id, d.size, d.allocated, d.path, false);
		free(d.path);
	}
	return ret;
}

int shown_mounted(const char *dir, struct shown *out)
{
	struct host h = { .fd = open(dir, O_RDONLY | O_CLOEXEC), .path = dir };
	struct kspace *spaces = NULL;
	unsigned n = 0;
	int ret;

	if (h.fd < 0)
		return -errno;
	*out = (struct shown){ .mounted = true };
	ret = kfs_info(h.fd, &h.info) ?: klabel_get(h.fd, out->label) ?: kspace_info(h.fd, &spaces, &n);
	memcpy(out->fsid, h.info.fsid, sizeof(out->fsid));
	out->num_devices = h.info.num_devices;
	for (unsigned i = 0; i < n; i++)
		if (!(spaces[i].flags & KSPACE_GLOBAL_RSV))
			out->bytes_used += spaces[i].used;
	free(spaces);
	if (!ret)
		ret = add_mounted(&h, out);
	close(h.fd);
	if (ret)
		shown_fini(out);
	return ret;
}

int shown_found(const struct found_device *devices, size_t n, struct shown *out)
{
	const struct disk_super *newest = &devices[0].sb;
	u64 distinct = 0, last = 0;

	for (size_t i = 1; i < n; i++)
		if (le64_get(devices[i].sb.generation) > le64_get(newest->generation))
			newest = &devices[i].sb;
	*out = (struct shown){ .num_devices = le64_get(newest->num_devices), .bytes_used = le64_get(newest->bytes_used) };
	memcpy(out->fsid, newest->fsid, sizeof(out->fsid));
	memcpy(out->label, newest->label, BTRFS_LABEL_SIZE);
	for (size_t i = 0; i < n; i++) {
		const struct disk_dev_item *item = &devices[i].sb.dev_item;
		u64 devid = le64_get(item->devid);

		if (add_device(out, devid, le64_get(item->total_bytes), le64_get(item->bytes_used), devices[i].path, false)) {
			shown_fini(out);
			return -ENOMEM;
		}
		distinct += !i || devid != last;
		last = devid;
	}
	out->missing = distinct < out->num_devices;
	return 0;
}

static void print_text(struct cmd_ctx *ctx, const struct shown *s)
{
	char uuid[UUID_TEXT_MAX], a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX];

	if (s->label[0])
		out_printf(ctx->out, "Label: '%s' ", s->label);
	else
		out_puts(ctx->out, "Label: none ");
	out_printf(ctx->out, " uuid: %s\n\tTotal devices %llu FS bytes used %s\n", uuid_format(s->fsid, uuid), s->num_devices,
		   report_size(ctx, s->bytes_used, a));
	for (size_t i = 0; i < s->devices.len; i++) {
		const struct shown_device *d = &s->devices.v[i];

		if (d->missing)
			out_printf(ctx->out, "\tdevid %4llu size 0 used 0 path %s MISSING\n", d->devid, d->path);
		else
			out_printf(ctx->out, "\tdevid %4llu size %s used %s path %s\n", d->devid, report_size(ctx, d->size, a), report_size(ctx, d->used, b),
				   d->path);
	}
	if (s->missing && !s->mounted)
		out_puts(ctx->out, "\t*** Some devices missing\n");
}

static void print_json(struct out *o, const struct shown *s)
{
	out_obj(o, NULL);
	out_json_str(o, "label", s->label);
	out_json_uuid(o, "uuid", s->fsid);
	out_json_u64(o, "total-devices", s->num_devices);
	out_json_u64(o, "bytes-used", s->bytes_used);
	out_json_bool(o, "missing", s->missing);
	out_json_bool(o, "mounted", s->mounted);
	out_arr(o, "devices");
	for (size_t i = 0; i < s->devices.len; i++) {
		const struct shown_device *d = &s->devices.v[i];

		out_obj(o, NULL);
		out_json_u64(o, "devid", d->devid);
		out_json_u64(o, "size", d->size);
		out_json_u64(o, "used", d->used);
		out_json_str(o, "path", d->path);
		out_json_bool(o, "missing", d->missing);
		out_end(o);
	}
	out_end(o);
	out_end(o);
}

void shown_print(struct cmd_ctx *ctx, const struct shown *s)
{
	if (ctx->json)
		print_json(ctx->out, s);
	else
		print_text(ctx, s);
}
