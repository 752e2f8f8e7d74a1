/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/scrub/report.h"

#include <stdio.h>
#include <time.h>
#include "cmds/report.h"

static const char *state_of(const struct scrub_record *r, const struct scrub_view *v)
{
	return v->running ? "running" : r->cancelled ? "aborted" : r->finished ? "finished" : "interrupted";
}

static const char *when(u64 seconds, char buf[64])
{
	time_t t = seconds;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buf, 64, "%c", &tm))
		return "?";
	return buf;
}

static const char *span(u64 seconds, char buf[64])
{
	snprintf(buf, 64, "%llu:%02llu:%02llu", seconds / 3600, seconds / 60 % 60, seconds % 60);
	return buf;
}

/* A scrub that took no second took part of one. */
static u64 rate_of(const struct scrub_record *r)
{
	return record_bytes(r) / (r->duration ?: 1);
}

static u64 total_of(const struct scrub_record *r, const struct scrub_view *v)
{
	return r->finished && !v->running ? record_bytes(r) : v->to_scrub;
}

static u64 seconds_left(const struct scrub_record *r, const struct scrub_view *v)
{
	u64 done = record_bytes(r), rate = rate_of(r);

	return rate && v->to_scrub > done ? (v->to_scrub - done) / rate : 0;
}

static void report_running(struct cmd_ctx *ctx, const struct scrub_record *r, const struct scrub_view *v)
{
	u64 left = seconds_left(r, v), now = time(NULL);
	char buf[64];

	out_printf(ctx->out, "Time left:        %s\n", span(left, buf));
	out_printf(ctx->out, "ETA:              %s\n", when(now + left, buf));
}

static void report_rate(struct cmd_ctx *ctx, const struct scrub_record *r, const struct scrub_view *v)
{
	char size[SIZE_TEXT_MAX];

	out_printf(ctx->out, "Rate:             %s/s", report_size(ctx, rate_of(r), size));
	if (v->some_limits)
		out_puts(ctx->out, " (some device limits set)");
	else if (v->limit)
		out_printf(ctx->out, " (limit %s/s)", report_size(ctx, v->limit, size));
	out_puts(ctx->out, "\n");
}

static void report_errors(struct cmd_ctx *ctx, const struct scrub_record *r)
{
	static const struct { const char *name; enum kscrub_counter c; } kinds[] = {
		{ "read", KSCRUB_READ_ERRORS }, { "super", KSCRUB_SUPER_ERRORS }, { "verify", KSCRUB_VERIFY_ERRORS }, { "csum", KSCRUB_CSUM_ERRORS } };

	if (r->p.v[KSCRUB_MALLOC_ERRORS])
		out_puts(ctx->out, "*** WARNING: memory allocation failed while scrubbing. results may be inaccurate\n");
	out_puts(ctx->out, "Error summary:   ");
	if (!scrub_errors(r)) {
		out_puts(ctx->out, " no errors found\n");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (r->p.v[kinds[i].c])
			out_printf(ctx->out, " %s=%llu", kinds[i].name, r->p.v[kinds[i].c]);
	out_printf(ctx->out, "\n  Corrected:      %llu\n  Uncorrectable:  %llu\n  Unverified:     %llu\n", r->p.v[KSCRUB_CORRECTED], r->p.v[KSCRUB_UNCORRECTABLE],
		   r->p.v[KSCRUB_UNVERIFIED]);
}

void scrub_report(struct cmd_ctx *ctx, const struct scrub_record *r, const struct scrub_view *v)
{
	u64 done, total;
	char buf[64], a[SIZE_TEXT_MAX];

	if (!r || !r->t_start) {
		out_puts(ctx->out, "\tno stats available\n");
		return;
	}
	done = record_bytes(r);
	total = total_of(r, v);
	out_printf(ctx->out, "Scrub %s    %s\n", r->t_resumed ? "resumed:" : "started:", when(r->t_resumed ?: r->t_start, buf));
	out_printf(ctx->out, "Status:           %s\n", state_of(r, v));
	out_printf(ctx->out, "Duration:         %s\n", span(r->duration, buf));
	if (v->raw) {
		for (unsigned c = 0; c < KSCRUB_COUNTERS; c++)
			out_printf(ctx->out, "\t%s: %llu\n", scrub_counter_names[c], r->p.v[c]);
		return;
	}
	if (v->running)
		report_running(ctx, r, v);
	out_printf(ctx->out, "Total to scrub:   %s\n", report_size(ctx, total, a));
	if (v->running)
		out_printf(ctx->out, "Bytes scrubbed:   %s  (%.2f%%)\n", report_size(ctx, done, a), total ? 100.0 * done / total : 0.0);
	report_rate(ctx, r, v);
	report_errors(ctx, r);
}

void scrub_json(struct out *o, const struct scrub_record *r, const struct scrub_view *v)
{
	out_json_str(o, "status", r && r->t_start ? state_of(r, v) : "none");
	if (!r || !r->t_start)
		return;
	out_json_u64(o, "started", r->t_start);
	if (r->t_resumed)
		out_json_u64(o, "resumed", r->t_resumed);
	out_json_u64(o, "duration", r->duration);
	out_json_u64(o, "total-to-scrub", total_of(r, v));
	out_json_u64(o, "bytes-scrubbed", record_bytes(r));
	out_json_u64(o, "rate", rate_of(r));
	if (v->running)
		out_json_u64(o, "time-left", seconds_left(r, v));
	if (v->limit && !v->some_limits)
		out_json_u64(o, "limit", v->limit);
	for (unsigned c = 0; c < KSCRUB_COUNTERS; c++)
		out_json_u64(o, scrub_counter_names[c], r->p.v[c]);
}
