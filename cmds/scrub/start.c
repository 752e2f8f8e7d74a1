/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs scrub start, resume. A thread a device waits in the kernel; one more keeps the record and answers those who ask. Spec: cli 12.1. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>
#include "cmds/mounted/background.h"
#include "cmds/scrub/offline.h"
#include "cmds/scrub/place.h"
#include "cmds/scrub/report.h"

struct start_args { bool foreground, per_device, quiet, readonly, raw, force; u64 limit, class, data; bool has_limit, has_class, has_data; };

struct runner {
	struct scrub_place *place;
	const struct scrub_device *device;
	struct scrub_record before, *now;   /* what earlier runs did; the record that is kept */
	bool readonly, skip;
	int ret;
	struct kscrub_progress p;
	pthread_t thread;
	atomic_bool done;
};
enum { TICK_MS = 500, SAVE_TICKS = 10, ALREADY = 1, NOTHING_TO_RESUME = 2, UNCORRECTABLE = 3 };

struct scrub {
	struct cmd_ctx *ctx;
	const struct start_args *a;
	struct scrub_place place;
	struct scrub_records records;       /* of all devices of the filesystem, also those not scrubbed now */
	VEC(struct runner) runners;
	bool resume, recording;
	u64 begun;
};

/* --- one device --- */

static void *runner_main(void *arg)
{
	struct runner *r = arg;

	r->ret = kscrub_run(r->place->h.fd, r->device->info.devid, r->now->t_resumed ? r->before.p.v[KSCRUB_LAST_PHYSICAL] : 0, r->readonly, &r->p);
	atomic_store(&r->done, true);
	return NULL;
}

/* What this run has done on top of the earlier ones. */
static void runner_note(struct scrub *s, struct runner *r)
{
	for (unsigned c = 0; c < KSCRUB_COUNTERS; c++)
		r->now->p.v[c] = r->p.v[c] + (c == KSCRUB_LAST_PHYSICAL ? 0 : r->before.p.v[c]);
	r->now->duration = r->before.duration + (u64)time(NULL) - s->begun;
}

/* --- all of them --- */

static bool all_done(const struct scrub *s)
{
	for (size_t i = 0; i < s->runners.len; i++)
		if (!s->runners.v[i].skip && !atomic_load(&s->runners.v[i].done))
			return false;
	return true;
}

static void look(struct scrub *s)
{
	for (size_t i = 0; i < s->runners.len; i++) {
		struct runner *r = &s->runners.v[i];

		if (!r->skip && !atomic_load(&r->done) && !kscrub_progress(s->place.h.fd, r->device->info.devid, &r->p))
			runner_note(s, r);
	}
}

static void save(struct scrub *s)
{
	int ret = s->recording ? records_save(s->place.h.info.fsid, &s->records) : 0;

	if (!ret)
		return;
	cmd_warn(s->ctx, "cannot create scrub data file, recording of progress is disabled: %s", strerror(-ret));
	s->recording = false;
}

static void watch(struct scrub *s)
{
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;
	int listener = records_listen(s->place.h.info.fsid);
	bool cancelled = false;

	if (listener < 0)
		cmd_warn(s->ctx, "failed to open the progress status socket at /var/lib/btrfs: %s. Progress cannot be queried", strerror(-listener));
	for (unsigned tick = 0; !all_done(s); tick++) {
		sb_reset(&text);
		records_text(s->place.h.info.fsid, &s->records, &text);
		/* short scrubs do not wait for the next tick */
		records_serve(listener, tick < 10 ? 20 : TICK_MS, sb_str(&text), text.len);
		look(s);
		if (tick % SAVE_TICKS == 0)
			save(s);
		if (!cancelled && env_check_interrupt(s->ctx->env, NULL)) {
			kscrub_cancel(s->place.h.fd);
			cancelled = true;
		}
	}
	records_unlisten(s->place.h.info.fsid, listener);
}

static int launch(struct scrub *s)
{
	size_t running = 0;
	int ret = 0;

	for (size_t i = 0; i < s->runners.len; i++) {
		struct runner *r = &s->runners.v[i];

		if (r->skip)
			continue;
		ret = pthread_create(&r->thread, NULL, runner_main, r);
		if (ret) {
			r->ret = -ret;
			atomic_store(&r->done, true);
			r->skip = true;
			continue;
		}
		running++;
	}
	return running ? 0 : -ret;
}

static void finish(struct scrub *s)
{
	for (size_t i = 0; i < s->runners.len; i++) {
		struct runner *r = &s->runners.v[i];

		if (r->skip)
			continue;
		pthread_join(r->thread, NULL);
		runner_note(s, r);
		r->now->cancelled = r->ret; /* the incumbent calls that aborted, whatever ended it */
		r->now->finished = !r->ret;
	}
	save(s);
}

/* --- before --- */

static int prepare_one(struct scrub *s, const struct scrub_device *d)
{
	struct runner r = { .place = &s->place, .device = d, .readonly = s->a->readonly };
	struct scrub_record fresh = { .devid = d->info.devid }, *now = record_find(&s->records, d->info.devid);

	if (!now) {
		if (vec_push(&s->records, fresh))
			return -ENOMEM;
		now = &s->records.v[s->records.len - 1];
	}
	if (s->resume && now->t_start && !now->finished) {
		r.before = *now;
		now->t_resumed = s->begun;
	} else if (s->resume) {
		r.skip = true;
	} else {
		*now = fresh;
		now->t_start = s->begun;
	}
	if (!r.skip)
		now->finished = now->cancelled = false;
	return vec_push(&s->runners, r) ? -ENOMEM : 0;
}

/* Better known before anything is said or written. */
static int may_scrub(const struct scrub *s)
{
	struct kscrub_progress none;

	return s->place.devices.len && kscrub_progress(s->place.h.fd, s->place.devices.v[0].info.devid, &none) == -EPERM ?
		cmd_error(s->ctx, "scrubbing %s failed: %s", s->place.h.path, strerror(EPERM)) : 0;
}

static int prepare(struct scrub *s)
{
	bool live, odd, any = false;
	char uuid[UUID_TEXT_MAX];
	int ret;

	if (may_scrub(s))
		return 1;
	ret = records_load(s->place.h.info.fsid, &s->records, &live, &odd);
	if (odd)
		cmd_warn(s->ctx, "the scrub status file holds what is not understood; that is passed over");
	if (ret)
		cmd_warn(s->ctx, "cannot read the scrub status file: %s", strerror(-ret));
	if ((live && !s->a->force) || place_busy(&s->place)) {
		cmd_error(s->ctx, "Scrub is already running.\nTo cancel use 'btrfs scrub cancel %s'.\nTo see the status use 'btrfs scrub status [-d] %s'", s->place.h.path,
			  s->place.h.path);
		return ALREADY;
	}
	s->begun = time(NULL);
	for (size_t i = 0; i < s->place.devices.len; i++)
		if (prepare_one(s, &s->place.devices.v[i]))
			return cmd_error(s->ctx, "not enough memory");
	/* records do not move any more */
	for (size_t i = 0; i < s->runners.len; i++) {
		s->runners.v[i].now = record_find(&s->records, s->runners.v[i].device->info.devid);
		any |= !s->runners.v[i].skip;
	}
	if (any)
		return 0;
	if (!s->a->quiet)
		out_printf(s->ctx->out, "scrub: nothing to resume for %s, fsid %s\n", s->place.h.path, uuid_format(s->place.h.info.fsid, uuid));
	return NOTHING_TO_RESUME;
}

static int set_limits(struct scrub *s)
{
	for (size_t i = 0; s->a->has_limit && i < s->place.devices.len; i++) {
		u64 devid = s->place.devices.v[i].info.devid;
		int ret = place_limit_set(&s->place, devid, s->a->limit);

		if (ret)
			return cmd_error(s->ctx, "cannot set the scrub limit of devid %llu: %s", devid, ret == -ENOENT ? "this kernel knows no limits (they came with 5.14)" :
					 strerror(-ret));
	}
	return 0;
}

/* As they were before. */
static void restore_limits(struct scrub *s)
{
	for (size_t i = 0; s->a->has_limit && i < s->place.devices.len; i++)
		place_limit_set(&s->place, s->place.devices.v[i].info.devid, s->place.devices.v[i].limit);
}

static void announce(struct scrub *s)
{
	char size[SIZE_TEXT_MAX];

	for (size_t i = 0; i < s->runners.len && !s->a->quiet; i++) {
		const struct runner *r = &s->runners.v[i];
		u64 limit = s->a->has_limit ? s->a->limit : r->device->limit;

		if (r->skip)
			continue;
		out_printf(s->ctx->out, "Starting scrub on devid %llu", r->device->info.devid);
		if (limit)
			out_printf(s->ctx->out, " (limit %s/s)", units_format(limit, UNITS_HUMAN, size));
		out_puts(s->ctx->out, "\n");
	}
	out_flush(s->ctx->out);
}

/* --- after --- */

static u64 limit_of(const struct scrub *s, const struct scrub_device *d)
{
	return s->a->has_limit ? s->a->limit : d->limit;
}

static void show(struct scrub *s)
{
	struct scrub_records those = VEC_INIT;
	struct scrub_view v = { .raw = s->a->raw };
	struct scrub_record sum;
	char uuid[UUID_TEXT_MAX];

	for (size_t i = 0; i < s->runners.len; i++) {
		const struct runner *r = &s->runners.v[i];

		v.to_scrub = r->device->info.bytes_used;
		v.limit = limit_of(s, r->device);
		if (s->a->per_device && !r->skip) {
			out_printf(s->ctx->out, "\nScrub device %s (id %llu) %s\n", r->device->info.path, r->device->info.devid, r->ret == -ECANCELED ? "canceled" : "done");
			scrub_report(s->ctx, r->now, &v);
		}
		(void)!vec_push(&those, *r->now);
	}
	if (s->a->per_device) {
		vec_fini(&those);
		return;
	}
	records_sum(&those, &sum);
	v.to_scrub = 0;
	for (size_t i = 0; i < s->place.devices.len; i++) {
		v.to_scrub += s->place.devices.v[i].info.bytes_used;
		v.some_limits |= limit_of(s, &s->place.devices.v[i]) != v.limit;
	}
	out_printf(s->ctx->out, "scrub %s for %s\n", sum.cancelled ? "canceled" : "done", uuid_format(s->place.h.info.fsid, uuid));
	scrub_report(s->ctx, &sum, &v);
	vec_fini(&those);
}

static int verdict(struct scrub *s)
{
	u64 uncorrectable = 0, corrected = 0;
	int status = 0;

	for (size_t i = 0; i < s->runners.len; i++) {
		const struct runner *r = &s->runners.v[i];

		if (r->ret == -ECANCELED)
			status = 1;
		else if (r->ret)
			status = cmd_error(s->ctx, "scrubbing %s failed for device id %llu: ret=%d, errno=%d (%s)", s->place.h.path, r->device->info.devid, -1, -r->ret,
					   strerror(-r->ret));
		uncorrectable += r->p.v[KSCRUB_UNCORRECTABLE];
		corrected += r->p.v[KSCRUB_CORRECTED];
	}
	if (uncorrectable) {
		cmd_error(s->ctx, "there are %llu uncorrectable errors", uncorrectable);
		return UNCORRECTABLE;
	}
	if (corrected)
		cmd_warn(s->ctx, "errors detected during scrubbing, %llu corrected", corrected);
	return status;
}

/* --- the whole --- */

static int work(struct scrub *s)
{
	int ret = set_limits(s);

	if (!ret) {
		announce(s);
		ret = launch(s);
		if (ret)
			ret = cmd_error(s->ctx, "cannot start a thread: %s", strerror(-ret));
	}
	if (!ret) {
		watch(s);
		finish(s);
		if (s->a->foreground && !s->a->quiet)
			show(s);
		ret = verdict(s);
	}
	restore_limits(s);
	return ret;
}

static int detach_and_work(struct scrub *s)
{
	char uuid[UUID_TEXT_MAX];
	pid_t pid = background_fork(s->ctx, true);

	if (pid < 0)
		return 1;
	if (!pid)
		return work(s);
	if (!s->a->quiet)
		out_printf(s->ctx->out, "scrub %s on %s, fsid %s (pid=%d)\n", s->resume ? "resumed" : "started", s->place.h.path, uuid_format(s->place.h.info.fsid, uuid), pid);
	return 0;
}

static int run(struct cmd_ctx *ctx, const struct start_args *a, bool resume)
{
	struct scrub s = { .ctx = ctx, .a = a, .resume = resume, .recording = true };
	int ret = place_open_any(ctx, ctx->argv[0], &s.place);

	if (ret == HOST_OFFLINE)
		return scrub_offline(ctx, &(struct offline_scrub){ a->per_device, a->quiet, a->readonly, a->raw, resume, a->limit });
	if (ret)
		return ret;
	if ((a->has_class || a->has_data) && kioprio_set(a->has_class ? a->class : 3, a->has_data ? a->data : 0))
		cmd_warn(ctx, "setting ioprio failed: %s (ignored)", strerror(errno));
	ret = prepare(&s);
	if (!ret)
		ret = a->foreground ? work(&s) : detach_and_work(&s);
	place_close(&s.place);
	vec_fini(&s.records);
	vec_fini(&s.runners);
	return ret;
}

static int start_run(struct cmd_ctx *ctx, void *args)
{
	((struct start_args *)args)->quiet |= !cmd_level(ctx);
	return run(ctx, args, false);
}

static int resume_run(struct cmd_ctx *ctx, void *args)
{
	((struct start_args *)args)->quiet |= !cmd_level(ctx);
	return run(ctx, args, true);
}

#define OPT_STRUCT struct start_args
#define COMMON_OPTIONS \
	OPT_FLAG('B', NULL, foreground, "do not background"), \
	OPT_FLAG('d', NULL, per_device, "stats per device (-B only)"), \
	OPT_FLAG('r', NULL, readonly, "read only mode"), \
	OPT_FLAG('R', NULL, raw, "raw print mode, print full data instead of summary"), \
	OPT_U64('c', NULL, class, "IOPRIO_CLASS", "set ioprio class (see ionice(1) manpage)"), \
	OPT_U64('n', NULL, data, "IOPRIO_DATA", "set ioprio class data (see ionice(1) manpage)"), \
	OPT_FLAG('q', NULL, quiet, "be quiet")
static const struct opt start_opts[] = {
	COMMON_OPTIONS,
	OPT_FLAG('f', NULL, force, "force starting new scrub even if a scrub is already running; this is useful when scrub stats record file is damaged"),
	OPT_SIZE(0, "limit", limit, "SIZE", "set the throughput limit for each device (0 for unlimited), restored afterwards"),
	OPT_END
};
static const struct opt resume_opts[] = { COMMON_OPTIONS, OPT_END };
#undef OPT_STRUCT

const struct cmd cmd_scrub_start = {
	.name = "start", .usage = { "btrfs scrub start [options] <path>|<device>" },
	.brief = "Start a new scrub on the filesystem or a device.", .opts = start_opts, CMD_ARGS(struct start_args), .min_args = 1, .max_args = 1,
	.flags = CMD_WRITES | CMD_PROGRESS | CMD_JOBS | CMD_JSON, .run = start_run, .complete = "device",
};
const struct cmd cmd_scrub_resume = {
	.name = "resume", .usage = { "btrfs scrub resume [options] <path>|<device>" }, .brief = "Resume previously canceled or interrupted scrub",
	.opts = resume_opts, CMD_ARGS(struct start_args), .min_args = 1, .max_args = 1, .run = resume_run, .complete = "device",
};
