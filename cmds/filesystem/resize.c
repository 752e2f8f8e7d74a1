/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem resize. Spec: cli 8.9. */
#include <errno.h>
#include <sys/stat.h>
#include "cmds/filesystem/resize.h"
#include "cmds/mounted/work.h"

enum { TEXT_MAX = 255 }; /* what kernels have always taken */

int resize_parse(struct cmd_ctx *ctx, const char *text, struct resize_request *r)
{
	const char *colon = strchr(text, ':'), *size = colon ? colon + 1 : text;

	*r = (struct resize_request){ .devid = 1 };
	if (!*text || strlen(text) >= TEXT_MAX)
		return cmd_error(ctx, "resize value too long (%s)", text);
	if (colon) {
		char id[32];
		size_t len = colon - text;

		if (len >= sizeof(id))
			return cmd_error(ctx, "failed to parse devid %s: %s", text, strerror(ERANGE));
		memcpy(id, text, len);
		id[len] = 0;
		if (parse_u64(id, &r->devid, NULL))
			return cmd_error(ctx, "failed to parse devid %s: %s", id, strerror(EINVAL));
		r->has_devid = true;
	}
	r->max = !strcmp(size, "max");
	if (r->max)
		return 0;
	r->sign = *size == '+' || *size == '-' ? *size : 0;
	if (parse_size(size + !!r->sign, &r->size, NULL) || !r->size)
		return cmd_error(ctx, "failed to parse size %s", size + !!r->sign);
	return 0;
}

/* Without a devid it is 1, or the lowest there is. */
static int find_device(struct cmd_ctx *ctx, const struct host *h, struct resize_request *r, struct kdev_info *dev)
{
	int ret = kdev_info(h->fd, r->devid, dev);

	for (u64 id = 0; ret == -ENODEV && !r->has_devid && id <= h->info.max_devid; id++) {
		ret = kdev_info(h->fd, id, dev);
		if (!ret) {
			cmd_warn(ctx, "no devid specified means devid 1 which does not exist, using\n\t lowest devid %llu as a fallback", id);
			r->devid = id;
		}
	}
	if (ret == -ENODEV)
		return cmd_error(ctx, "cannot find devid: %llu", r->devid);
	return ret ? cmd_error(ctx, "unable to get information about devid %llu: %s", r->devid, strerror(-ret)) : 0;
}

/* Says what will be done, or why it cannot be. */
static int announce(struct cmd_ctx *ctx, const struct host *h, const struct resize_request *r, const struct kdev_info *dev)
{
	char from[SIZE_TEXT_MAX], to[SIZE_TEXT_MAX];
	u64 size = r->size;

	units_format(dev->total_bytes, UNITS_HUMAN, from);
	if (r->max) {
		cmd_say(ctx, 1, "Resize device id %llu (%s) from %s to max\n", r->devid, dev->path, from);
		return 0;
	}
	if (r->sign == '-') {
		if (r->size > dev->total_bytes)
			return cmd_error(ctx, "current size is %s which is smaller than %s", from, units_format(r->size, UNITS_HUMAN, to));
		size = dev->total_bytes - r->size;
	} else if (r->sign == '+' && add_overflows(dev->total_bytes, r->size, &size)) {
		return cmd_error(ctx, "increasing %s is out of range", units_format(r->size, UNITS_HUMAN, to));
	}
	size = round_down_p2(size, h->info.sectorsize);
	units_format(size, UNITS_HUMAN, to);
	if (size < MiB(256))
		cmd_warn(ctx, "the new size %llu (%s) is < 256MiB, this may be rejected by kernel", size, to);
	cmd_say(ctx, 1, "Resize device id %llu (%s) from %s to %s\n", r->devid, dev->path, from, to);
	return 0;
}

static int report(struct cmd_ctx *ctx, const char *path, int ret)
{
	if (!ret)
		return 0;
	if (ret == -EFBIG || ret == -ENOSPC)
		return cmd_error(ctx, "unable to resize '%s': no enough free space", path);
	return ret < 0 ? cmd_error(ctx, "unable to resize '%s': %s", path, strerror(-ret)) :
		cmd_error(ctx, "resizing of '%s' failed: another exclusive operation is in progress", path);
}

struct resize_work { int fd; const char *text; };

static int work_run(void *arg)
{
	const struct resize_work *w = arg;

	return kresize(w->fd, w->text);
}

static int work_cancel(void *arg)
{
	return kresize(((const struct resize_work *)arg)->fd, "cancel");
}

static int resize(struct cmd_ctx *ctx, const struct resize_args *a, const struct host *h, const char *text)
{
	struct strbuf full CLEANUP(sb_fini) = STRBUF_INIT;
	struct kdev_info dev;
	struct resize_request r;
	bool interrupted;
	int ret;

	if (!strcmp(text, "cancel")) {
		cmd_say(ctx, 1, "Request to cancel resize\n");
		return report(ctx, h->path, kresize(h->fd, text));
	}
	ret = resize_parse(ctx, text, &r);
	if (!ret)
		ret = host_exclusive(ctx, h, "resize", a->enqueue);
	if (!ret)
		ret = find_device(ctx, h, &r, &dev);
	if (!ret)
		ret = announce(ctx, h, &r, &dev);
	if (ret)
		return ret;
	out_flush(ctx->out);
	sb_printf(&full, "%llu:%s", r.devid, strchr(text, ':') ? strchr(text, ':') + 1 : text);
	ret = kwork_run(ctx, &(struct kwork){ .run = work_run, .cancel = work_cancel, .arg = &(struct resize_work){ h->fd, sb_str(&full) }, .title = "resizing" },
			&interrupted);
	ret = report(ctx, h->path, ret);
	if (interrupted)
		kwork_die(ctx);
	return ret;
}

static int resize_mounted(struct cmd_ctx *ctx, const struct resize_args *a, const char *path)
{
	struct host h;
	struct stat st;
	int ret = host_open(ctx, path, HOST_DIR | HOST_ONLY, &h);

	if (ret) {
		if (!stat(path, &st) && S_ISREG(st.st_mode))
			cmd_error(ctx, "to resize a file containing a BTRFS image use the --offline flag");
		return ret;
	}
	ret = resize(ctx, a, &h, ctx->argv[0]);
	host_close(&h);
	return ret;
}

/* A whole device needs --offline, as the incumbent has it; a place inside one says it all. */
static int resize_run(struct cmd_ctx *ctx, void *args)
{
	const struct resize_args *a = args;
	const char *path = ctx->argv[1];
	struct target t;
	int ret;

	if (target_arg(ctx, path, &t))
		return cmd_error(ctx, "not enough memory");
	if (a->offline || t.kind == TARGET_INSIDE)
		ret = resize_offline(ctx, a, ctx->argv[0], &t, path);
	else
		ret = resize_mounted(ctx, a, path);
	target_fini(&t);
	return ret;
}

#define OPT_STRUCT struct resize_args
static const struct opt resize_opts[] = {
	OPT_FLAG(0, "enqueue", enqueue, "wait if there's another exclusive operation running, otherwise continue"),
	OPT_FLAG(0, "offline", offline, "resize an unmounted device or image"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_filesystem_resize = {
	.name = "resize", .usage = { "btrfs filesystem resize [options] [devid:][+/-]<newsize>[kKmMgGtTpPeE]|[devid:]max|cancel <path>" },
	.brief = "Resize a filesystem", .opts = resize_opts, CMD_ARGS(struct resize_args), .min_args = 2, .max_args = 2, .flags = CMD_NEGATIVE | CMD_WRITES | CMD_PROGRESS | CMD_JOBS,
	.run = resize_run, .complete = "max|cancel fs",
};
