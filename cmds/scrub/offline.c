/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs scrub start of an unmounted filesystem: the engine reads and mends. Options, report and exit codes are those of the mounted one (cli 12.1). */
#include "cmds/scrub/offline.h"

#include <time.h>
#include "cmds/change.h"
#include "cmds/report.h"
#include "cmds/scrub/report.h"
#include "common/mem.h"
#include "kernel-shared/chunks/chunks.h"

_Static_assert((int)SCRUB_COUNTERS == (int)KSCRUB_COUNTERS && (int)SCRUB_CORRECTED == (int)KSCRUB_CORRECTED, "the engine counts what the kernel counts");

enum { NOTHING_TO_RESUME = 2, UNCORRECTABLE = 3, TOLD_MAX = 100 };

struct offline {
	struct cmd_ctx *ctx;
	const struct offline_scrub *o;
	struct fs *fs;
	struct scrub_stats *stats;
	u64 begun, duration, told;
	bool cancelled;
};

/* --- what is found --- */

static void tell_bad(void *arg, const struct scrub_bad *b)
{
	static const char *const faults[] = { [SCRUB_FAULT_READ] = "cannot be read", [SCRUB_FAULT_CSUM] = "has a wrong checksum",
		[SCRUB_FAULT_NODE] = "is not the tree block that belongs there", [SCRUB_FAULT_PARITY] = "does not follow from its data",
		[SCRUB_FAULT_OLD] = "is older than the other copies", [SCRUB_FAULT_SUPER] = "is bad or old" };
	struct offline *s = arg;
	const char *end = b->good ? s->o->readonly ? "can be mended" : "mended" : "uncorrectable";

	if (s->o->quiet || s->told++ >= TOLD_MAX)
		return;
	if (b->fault == SCRUB_FAULT_SUPER)
		cmd_warn(s->ctx, "superblock at %llu of %s (devid %llu) is bad or old, %s", b->physical, b->dev->path, b->dev->devid, end);
	else
		cmd_warn(s->ctx, "%s at logical %llu, %u bytes at %llu of %s (devid %llu), %s: %s", b->fault == SCRUB_FAULT_NODE ? "tree block" :
			 b->fault == SCRUB_FAULT_PARITY ? "parity of the row" : "data", b->logical, b->len, b->physical, b->dev->path, b->dev->devid, faults[b->fault], end);
}

/* --- the report --- */

static struct scrub_record record_of(const struct offline *s, size_t i)
{
	struct scrub_record r = { .devid = s->fs->vol->devices.v[i]->devid, .t_start = s->begun, .duration = s->duration, .cancelled = s->cancelled,
		.finished = !s->cancelled };

	memcpy(r.p.v, s->stats[i].v, sizeof(r.p.v));
	return r;
}

static struct scrub_view view_of(const struct offline *s, u64 to_scrub)
{
	return (struct scrub_view){ .raw = s->o->raw, .to_scrub = to_scrub, .limit = s->o->limit };
}

static void show_device(struct offline *s, size_t i)
{
	const struct device *d = s->fs->vol->devices.v[i];
	struct scrub_record r = record_of(s, i);
	struct scrub_view v = view_of(s, d->bytes_used);
	struct out *o = s->ctx->out;

	if (o->json) {
		out_obj(o, NULL);
		out_json_str(o, "device", d->path);
		out_json_u64(o, "devid", d->devid);
		scrub_json(o, &r, &v);
		out_end(o);
		return;
	}
	out_printf(o, "\nScrub device %s (id %llu) %s\n", d->path, d->devid, s->cancelled ? "canceled" : "done");
	scrub_report(s->ctx, &r, &v);
}

static void each_device(struct offline *s)
{
	for (size_t i = 0; i < s->fs->vol->devices.len; i++)
		if (s->fs->vol->devices.v[i]->bdev)
			show_device(s, i);
}

static struct scrub_record sum_of(const struct offline *s, u64 *to_scrub)
{
	struct scrub_records all = VEC_INIT;
	struct scrub_record sum;

	*to_scrub = 0;
	for (size_t i = 0; i < s->fs->vol->devices.len; i++) {
		*to_scrub += s->fs->vol->devices.v[i]->bytes_used;
		(void)!vec_push(&all, record_of(s, i));
	}
	records_sum(&all, &sum);
	vec_fini(&all);
	return sum;
}

static void show(struct offline *s)
{
	u64 to_scrub;
	struct scrub_record sum = sum_of(s, &to_scrub);
	struct scrub_view v = view_of(s, to_scrub);
	struct out *o = s->ctx->out;
	char uuid[UUID_TEXT_MAX];

	uuid_format(s->fs->sb->fsid, uuid);
	if (s->ctx->json) {
		out_json_begin(o);
		out_obj(o, "scrub");
		out_json_str(o, "uuid", uuid);
		scrub_json(o, &sum, &v);
		out_arr(o, "devices");
		each_device(s);
		out_end(o);
		out_end(o);
		out_json_end(o);
	} else if (s->o->per_device) {
		each_device(s);
	} else {
		out_printf(o, "scrub %s for %s\n", s->cancelled ? "canceled" : "done", uuid);
		scrub_report(s->ctx, &sum, &v);
	}
}

static int verdict(const struct offline *s)
{
	u64 to_scrub;
	struct scrub_record sum = sum_of(s, &to_scrub);

	if (sum.p.v[KSCRUB_UNCORRECTABLE]) {
		cmd_error(s->ctx, "there are %llu uncorrectable errors", sum.p.v[KSCRUB_UNCORRECTABLE]);
		return UNCORRECTABLE;
	}
	if (sum.p.v[KSCRUB_CORRECTED])
		cmd_warn(s->ctx, "errors detected during scrubbing, %llu %s", sum.p.v[KSCRUB_CORRECTED], s->o->readonly ? "can be corrected" : "corrected");
	return s->cancelled;
}

/* --- the work --- */

/* Bytes that will be read, all copies together. */
static u64 work_of(struct fs *fs)
{
	struct fs_usage u = { 0 };
	u64 sum = 0;

	if (fs_usage_read(fs, &u, NULL))
		return 0;
	for (size_t i = 0; i < u.spaces.len; i++)
		sum += u.spaces.v[i].used * profile_of(u.spaces.v[i].flags)->copies;
	fs_usage_fini(&u);
	return sum;
}

static void announce(const struct offline *s)
{
	char size[SIZE_TEXT_MAX];

	for (size_t i = 0; i < s->fs->vol->devices.len && !s->o->quiet && !s->ctx->json; i++) {
		const struct device *d = s->fs->vol->devices.v[i];

		if (!d->bdev)
			continue;
		out_printf(s->ctx->out, "Starting scrub on devid %llu", d->devid);
		if (s->o->limit)
			out_printf(s->ctx->out, " (limit %s/s)", units_format(s->o->limit, UNITS_HUMAN, size));
		out_puts(s->ctx->out, "\n");
	}
	out_flush(s->ctx->out);
}

static int scrub(struct offline *s)
{
	struct scrub_args args = { .readonly = s->o->readonly, .limit = s->o->limit, .bad = tell_bad, .arg = s };
	u64 reached = 0;
	int ret;

	s->stats = mem_calloc(s->fs->vol->devices.len, sizeof(*s->stats));
	if (!s->stats)
		return cmd_error(s->ctx, "not enough memory");
	env_start_pool(s->ctx->env, NULL);
	announce(s);
	s->begun = time(NULL);
	args.progress = progress_new("scrub", PROGRESS_BYTES, work_of(s->fs), s->ctx->progress);
	ret = scrub_run(s->fs, &args, s->stats, &reached, &s->ctx->err);
	progress_free(args.progress);
	s->duration = (u64)time(NULL) - s->begun;
	s->cancelled = ret == -EINTR;
	if (s->told > TOLD_MAX)
		cmd_warn(s->ctx, "%llu more places are not named", s->told - TOLD_MAX);
	if (ret && !s->cancelled) {
		ret = cmd_fail(s->ctx, "scrub failed");
	} else {
		if (s->cancelled)
			cmd_warn(s->ctx, "interrupted: everything below logical address %llu was looked at, what lies above was not", reached);
		if (!s->o->quiet)
			show(s);
		ret = verdict(s);
	}
	free(s->stats);
	return ret;
}

static int scrub_reading(struct offline *s, const struct target *t)
{
	int ret = target_open(s->ctx, t, FS_OPEN_REFUSE_MOUNTED | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_DEGRADED, &s->fs);

	if (ret)
		return ret;
	ret = scrub(s);
	target_close(s->ctx, s->fs);
	return ret;
}

/* Nothing is committed: what is mended is mended, whatever the exit code. Missing devices and such that have missed commits are what scrub is for. */
static int scrub_writing(struct offline *s, const struct target *t)
{
	struct change_device *dev;
	int ret = change_device_open(s->ctx, t, FS_OPEN_DEGRADED | FS_OPEN_STALE, s->ctx->dry_run ? CHANGE_DRY_RUN : 0, s->ctx->undo, &dev);

	if (ret)
		return ret;
	s->fs = dev->fs;
	return change_device_close(s->ctx, dev, scrub(s));
}

static int scrub_inside(struct offline *s, const struct target *t)
{
	struct change c;
	int ret = change_begin(s->ctx, t, &c);

	if (ret)
		return ret;
	s->fs = c.fs;
	return change_end(s->ctx, &c, scrub(s));
}

int scrub_offline(struct cmd_ctx *ctx, const struct offline_scrub *o)
{
	struct offline s = { .ctx = ctx, .o = o };
	struct target t;
	int ret;

	if (o->resume) {
		cmd_error(ctx, "scrub: nothing to resume for %s: a scrub of an unmounted filesystem runs to its end, or begins anew", ctx->argv[0]);
		return NOTHING_TO_RESUME;
	}
	if (target_arg(ctx, ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = o->readonly ? scrub_reading(&s, &t) : ctx->session ? scrub_inside(&s, &t) : scrub_writing(&s, &t);
	target_fini(&t);
	return ret;
}
