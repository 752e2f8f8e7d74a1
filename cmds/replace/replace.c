/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs replace start, status, cancel. Spec: cli 11. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cmds/chunkwork.h"
#include "cmds/mounted/background.h"
#include "cmds/mounted/work.h"
#include "cmds/newdev/newdev.h"
#include "cmds/replace/offline.h"
#include "common/mem.h"
#include "kernel-shared/kapi/replace.h"
#include "kernel-shared/kapi/sysfs.h"

struct start_args { bool foreground, force, avoid, nodiscard, enqueue; };
struct source { const char *path; u64 devid, size; };

/* --- start --- */

static int find_source(struct cmd_ctx *ctx, const struct host *h, const char *arg, struct source *s)
{
	struct kdev_info dev;
	struct stat st;

	if (!parse_u64(arg, &s->devid, NULL)) {
		if (kdev_info(h->fd, s->devid, &dev))
			return cmd_error(ctx, "'%s' is not a valid devid for filesystem '%s'", arg, h->path);
		s->size = dev.total_bytes;
		return 0;
	}
	if (stat(arg, &st) || !S_ISBLK(st.st_mode))
		return cmd_error(ctx, "source device must be a block device or a devid");
	s->path = arg;
	if (kdevice_size(arg, &s->size))
		return cmd_error(ctx, "cannot find out the size of %s: %s", arg, strerror(errno));
	/* what the filesystem uses of it is what counts */
	for (u64 id = 0; id <= h->info.max_devid; id++)
		if (!kdev_info(h->fd, id, &dev) && !strcmp(dev.path, arg))
			s->size = dev.total_bytes;
	return 0;
}

static int check_target(struct cmd_ctx *ctx, const struct start_args *a, const struct source *s, const char *target)
{
	struct stat st;
	u64 size;

	if (stat(target, &st))
		return cmd_error(ctx, "checking status of %s: %s", target, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return cmd_error(ctx, "%s is not a block device", target);
	if (kdevice_size(target, &size))
		return cmd_error(ctx, "cannot find out the size of %s: %s", target, strerror(errno));
	if (size < s->size)
		return cmd_error(ctx, "target device smaller than source device (required %llu bytes)", s->size);
	return newdev_prepare(ctx, target, a->force, a->nodiscard);
}

static int check_idle(struct cmd_ctx *ctx, const struct start_args *a, const struct host *h)
{
	struct kreplace_status status;
	int ret = host_exclusive(ctx, h, "device replace", a->enqueue);

	if (ret)
		return ret;
	ret = kreplace_status(h->fd, &status);
	if (ret)
		return cmd_error(ctx, "ioctl(DEV_REPLACE_STATUS) failed on \"%s\": %s", h->path, strerror(-ret));
	return status.state == KREPLACE_RUNS ? cmd_error(ctx, "device replace on '%s' already started", h->path) : 0;
}

struct replace_work { int fd; const struct source *source; const char *target; bool avoid; };

static int work_run(void *arg)
{
	const struct replace_work *w = arg;

	return kreplace_start(w->fd, w->source->path, w->source->devid, w->target, w->avoid);
}

static int work_cancel(void *arg)
{
	int ret = kreplace_cancel(((const struct replace_work *)arg)->fd);

	return ret < 0 ? ret : 0;
}

static u64 work_done(void *arg, u64 *total)
{
	struct kreplace_status now;

	*total = 1000;
	return kreplace_status(((const struct replace_work *)arg)->fd, &now) || now.state != KREPLACE_RUNS ? 0 : now.permille;
}

static int start(struct cmd_ctx *ctx, const struct start_args *a, const struct host *h)
{
	char *target CLEANUP(mem_freep) = realpath(ctx->argv[1], NULL);
	struct source s = { 0 };
	bool interrupted;
	int ret = find_source(ctx, h, ctx->argv[0], &s);

	if (!ret)
		ret = check_target(ctx, a, &s, target ? target : ctx->argv[1]);
	if (!ret)
		ret = check_idle(ctx, a, h);
	if (ret)
		return ret;
	if (!a->foreground) {
		pid_t pid = background_fork(ctx, true);

		if (pid)
			return pid < 0;
	}
	ret = kwork_run(ctx, &(struct kwork){ work_run, work_cancel, work_done, &(struct replace_work){ h->fd, &s, target, a->avoid }, "replacing per mille",
		PROGRESS_ITEMS }, &interrupted);
	if (interrupted) {
		env_msg(ctx->env, MSG_NOTE, "device replace on '%s' canceled", h->path);
		kwork_die(ctx);
	}
	if (ret < 0)
		return cmd_error(ctx, "ioctl(DEV_REPLACE_START) failed on \"%s\": %s", h->path, strerror(-ret));
	return ret ? cmd_error(ctx, "ioctl(DEV_REPLACE_START) on '%s' returns error: %s", h->path, kreplace_reason(ret)) : 0;
}

static int start_run(struct cmd_ctx *ctx, void *args)
{
	const struct start_args *a = args;
	struct host h;
	int ret = chunkwork_is_offline(ctx, ctx->argv[2]);

	if (ret)
		return ret < 0 ? 1 : replace_offline(ctx, a->force, a->avoid, a->nodiscard);
	ret = host_open(ctx, ctx->argv[2], HOST_DIR | HOST_ONLY, &h);
	if (ret)
		return ret;
	ret = start(ctx, a, &h);
	host_close(&h);
	return ret;
}

/* --- status --- */

static const char *time_text(u64 seconds, char buf[64])
{
	time_t t = seconds;
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return "?";
	strftime(buf, 64, "%e.%b %T", &tm);
	return buf;
}

static void status_line(const struct kreplace_status *s, struct strbuf *sb)
{
	char started[64], stopped[64];

	if (s->state != KREPLACE_NEVER && s->state != KREPLACE_RUNS) {
		time_text(s->started, started);
		time_text(s->stopped, stopped);
	}
	switch (s->state) {
	case KREPLACE_NEVER:
		sb_puts(sb, "Never started");
		return;
	case KREPLACE_RUNS:
		sb_printf(sb, "%llu.%llu%% done", s->permille / 10, s->permille % 10);
		break;
	case KREPLACE_FINISHED:
		sb_printf(sb, "Started on %s, finished on %s", started, stopped);
		break;
	case KREPLACE_CANCELLED:
	case KREPLACE_SUSPENDED:
		sb_printf(sb, "Started on %s, %s on %s at %llu.%llu%%", started, s->state == KREPLACE_CANCELLED ? "canceled" : "suspended", stopped, s->permille / 10,
			  s->permille % 10);
		break;
	default:
		sb_printf(sb, "Unknown state %llu", s->state);
	}
	sb_printf(sb, ", %llu write errs, %llu uncorr. read errs", s->write_errors, s->uncorrectable);
}

static void status_json(struct out *o, const struct kreplace_status *s)
{
	static const char *const states[] = { "never-started", "running", "finished", "canceled", "suspended" };

	out_json_begin(o);
	out_obj(o, "replace-status");
	out_json_str(o, "state", s->state < ARRAY_SIZE(states) ? states[s->state] : "unknown");
	if (s->state != KREPLACE_NEVER) {
		out_json_u64(o, "progress-permille", s->permille);
		out_json_u64(o, "started", s->started);
		if (s->state != KREPLACE_RUNS)
			out_json_u64(o, "stopped", s->stopped);
		out_json_u64(o, "write-errors", s->write_errors);
		out_json_u64(o, "uncorrectable-read-errors", s->uncorrectable);
	}
	out_end(o);
	out_json_end(o);
}

/* Each line is written over the one before. */
static int follow(struct cmd_ctx *ctx, const struct host *h, bool once)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;
	struct kreplace_status s;
	size_t shown = 0;

	for (;;) {
		int ret = kreplace_status(h->fd, &s);

		if (ret)
			return cmd_error(ctx, "ioctl(DEV_REPLACE_STATUS) failed on \"%s\": %s", h->path, strerror(-ret));
		if (ctx->json) {
			status_json(ctx->out, &s);
			return 0;
		}
		sb_reset(&sb);
		for (size_t i = 0; i < shown; i++)
			sb_char(&sb, '\b');
		status_line(&s, &sb);
		out_puts(ctx->out, sb_str(&sb));
		for (size_t i = sb.len - shown; i < shown; i++)
			out_puts(ctx->out, " ");
		shown = max_t(size_t, sb.len - shown, shown);
		if (once || s.state != KREPLACE_RUNS || env_check_interrupt(ctx->env, &ctx->err))
			break;
		out_flush(ctx->out);
		sleep(1);
	}
	out_puts(ctx->out, "\n");
	return 0;
}

struct status_args { bool once; };
static int status_run(struct cmd_ctx *ctx, void *args)
{
	struct host h;
	int ret = host_open(ctx, ctx->argv[0], HOST_DIR | HOST_ONLY, &h);

	if (ret)
		return ret;
	ret = follow(ctx, &h, ((const struct status_args *)args)->once);
	host_close(&h);
	return ret;
}

/* --- cancel --- */

static int cancel_run(struct cmd_ctx *ctx, void *args)
{
	struct host h;
	int ret = host_open(ctx, ctx->argv[0], HOST_DIR | HOST_ONLY, &h);

	if (ret)
		return ret;
	ret = kreplace_cancel(h.fd);
	host_close(&h);
	if (ret < 0)
		return cmd_error(ctx, "ioctl(DEV_REPLACE_CANCEL) failed on \"%s\": %s", h.path, strerror(-ret));
	if (ret)
		out_printf(ctx->out, "INFO: ioctl(DEV_REPLACE_CANCEL)\"%s\": %s\n", h.path, kreplace_reason(ret));
	return ret == KREPLACE_NOT_STARTED ? 2 : 0;
}

#define OPT_STRUCT struct start_args
static const struct opt start_opts[] = {
	OPT_FLAG('r', NULL, avoid, "only read from <srcdev> if no other zero-defect mirror exists"),
	OPT_FLAG('f', NULL, force, "force using and overwriting <targetdev> even if it looks like it contains a valid filesystem"),
	OPT_FLAG('B', NULL, foreground, "do not background"),
	OPT_FLAG('K', "nodiscard", nodiscard, "do not perform TRIM on target device"),
	OPT_FLAG(0, "enqueue", enqueue, "wait if there's another exclusive operation running, otherwise continue"),
	OPT_END
};
#undef OPT_STRUCT
#define OPT_STRUCT struct status_args
static const struct opt status_opts[] = { OPT_FLAG('1', NULL, once, "print once instead of print continuously until the replace operation finishes (or is canceled)"), OPT_END };
#undef OPT_STRUCT

const struct cmd cmd_replace_start = {
	.name = "start", .usage = { "btrfs replace start [options] <srcdev>|<devid> <targetdev> <mount_point>" }, .brief = "Replace device of a btrfs filesystem.",
	.opts = start_opts, CMD_ARGS(struct start_args), .min_args = 3, .max_args = 3, .flags = CMD_WRITES | CMD_PROGRESS | CMD_JOBS, .run = start_run, .complete = "device device fs",
};
const struct cmd cmd_replace_status = {
	.name = "status", .usage = { "btrfs replace status [-1] <mount_point>" }, .brief = "Print status and progress information of a running device replace operation",
	.opts = status_opts, CMD_ARGS(struct status_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = status_run, .complete = "fs",
};
const struct cmd cmd_replace_cancel = {
	.name = "cancel", .usage = { "btrfs replace cancel <mount_point>" }, .brief = "Cancel a running device replace operation.",
	.min_args = 1, .max_args = 1, .run = cancel_run, .complete = "fs",
};
