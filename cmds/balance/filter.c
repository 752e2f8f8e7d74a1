/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/balance/filter.h"

#include <errno.h>
#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/format/profile.h"

/* --- parsing --- */

static int profile_bit(struct cmd_ctx *ctx, const char *name, u64 *bit)
{
	const struct profile *p = profile_by_option(name);

	if (!p)
		return cmd_error(ctx, "unknown profile: %s", name);
	*bit = p->flag ?: BTRFS_AVAIL_ALLOC_BIT_SINGLE;
	return 0;
}

static int parse_profiles(struct cmd_ctx *ctx, char *value, struct kbalance_filter *f)
{
	char *save = NULL;
	u64 bit = 0;

	for (char *name = strtok_r(value, "|", &save); name; name = strtok_r(NULL, "|", &save)) {
		if (profile_bit(ctx, name, &bit))
			return cmd_error(ctx, "invalid profiles argument");
		f->profiles |= bit;
	}
	return f->profiles ? 0 : cmd_error(ctx, "invalid profiles argument");
}

static int parse_convert(struct cmd_ctx *ctx, char *value, struct kbalance_filter *f)
{
	return profile_bit(ctx, value, &f->target) ? cmd_error(ctx, "invalid convert argument") : 0;
}

/* A..B, either side may be empty. least: how far B must lie above A. Says why it is none. */
static int bounds(struct cmd_ctx *ctx, const char *value, unsigned least, u64 *lo, u64 *hi)
{
	if (parse_range(value, lo, hi, NULL))
		return -1;
	if (least && *lo == *hi) {
		cmd_error(ctx, "range %llu..%llu not allowed", *lo, *hi);
		return -1;
	}
	if (*lo > *hi) {
		cmd_error(ctx, "range %llu..%llu doesn't make sense", *lo, *hi);
		return -1;
	}
	return 0;
}

/* The same where the kernel takes 32 bits. */
static int bounds32(struct cmd_ctx *ctx, const char *value, u32 *lo, u32 *hi)
{
	u64 a, b;

	if (bounds(ctx, value, 0, &a, &b))
		return -1;
	*lo = min_t(u64, a, ~0U);
	*hi = min_t(u64, b, ~0U);
	return a > ~0U ? -1 : 0;
}

static int parse_usage(struct cmd_ctx *ctx, char *value, struct kbalance_filter *f)
{
	if (!strcmp(value, "..") || (parse_u64(value, &f->usage, NULL) && bounds32(ctx, value, &f->usage_min, &f->usage_max)))
		return cmd_error(ctx, "invalid usage argument: %s", value);
	if (strstr(value, "..")) {
		f->flags |= BTRFS_BALANCE_ARGS_USAGE_RANGE;
		if (f->usage_max == ~0U)
			f->usage_max = 100;
		if (f->usage_max > 100 || f->usage_min > f->usage_max)
			return cmd_error(ctx, "invalid usage argument: %s", value);
		return 0;
	}
	f->flags |= BTRFS_BALANCE_ARGS_USAGE;
	return f->usage > 100 ? cmd_error(ctx, "invalid usage argument: %s", value) : 0;
}

static int parse_devid(struct cmd_ctx *ctx, char *value, struct kbalance_filter *f)
{
	return parse_u64(value, &f->devid, NULL) || !f->devid ? cmd_error(ctx, "invalid devid argument: %s", value) : 0;
}

static int parse_drange(struct cmd_ctx *ctx, char *value, struct kbalance_filter *f)
{
	return bounds(ctx, value, 1, &f->pstart, &f->pend) ? cmd_error(ctx, "invalid drange argument") : 0;
}

static int parse_vrange(struct cmd_ctx *ctx, char *value, struct kbalance_filter *f)
{
	return bounds(ctx, value, 1, &f->vstart, &f->vend) ? cmd_error(ctx, "invalid vrange argument") : 0;
}

static int parse_limit(struct cmd_ctx *ctx, char *value, struct kbalance_filter *f)
{
	if (!parse_u64(value, &f->limit, NULL)) {
		f->flags |= BTRFS_BALANCE_ARGS_LIMIT;
		return 0;
	}
	if (!strcmp(value, "..") || bounds32(ctx, value, &f->limit_min, &f->limit_max))
		return cmd_error(ctx, "Invalid limit argument: %s", value);
	f->flags |= BTRFS_BALANCE_ARGS_LIMIT_RANGE;
	return 0;
}

static int parse_stripes(struct cmd_ctx *ctx, char *value, struct kbalance_filter *f)
{
	return bounds32(ctx, value, &f->stripes_min, &f->stripes_max) ? cmd_error(ctx, "invalid stripes argument") : 0;
}

static const struct filter_row {
	const char *name;
	u64 flag;              /* 0: the parser sets it */
	int (*parse)(struct cmd_ctx *ctx, char *value, struct kbalance_filter *f); /* NULL: no value */
} rows[] = {
	{ "profiles", BTRFS_BALANCE_ARGS_PROFILES, parse_profiles },
	{ "usage", 0, parse_usage },
	{ "devid", BTRFS_BALANCE_ARGS_DEVID, parse_devid },
	{ "drange", BTRFS_BALANCE_ARGS_DRANGE, parse_drange },
	{ "vrange", BTRFS_BALANCE_ARGS_VRANGE, parse_vrange },
	{ "convert", BTRFS_BALANCE_ARGS_CONVERT, parse_convert },
	{ "soft", BTRFS_BALANCE_ARGS_SOFT, NULL },
	{ "limit", 0, parse_limit },
	{ "stripes", BTRFS_BALANCE_ARGS_STRIPES_RANGE, parse_stripes },
};

static int parse_one(struct cmd_ctx *ctx, char *word, struct kbalance_filter *f)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].name, word))
			continue;
		if (rows[i].parse && (!value || !*value))
			return cmd_error(ctx, "the %s filter requires an argument", word);
		f->flags |= rows[i].flag;
		return rows[i].parse ? rows[i].parse(ctx, value, f) : 0;
	}
	return cmd_error(ctx, "unrecognized balance option: %s", word);
}

int filter_parse(struct cmd_ctx *ctx, const char *text, struct kbalance_filter *f)
{
	char *copy CLEANUP(mem_freep) = mem_strdup(text), *save = NULL;
	int ret = 0;

	if (!copy)
		return cmd_error(ctx, "not enough memory");
	for (char *word = strtok_r(copy, ",", &save); word && !ret; word = strtok_r(NULL, ",", &save))
		ret = parse_one(ctx, word, f);
	if (!ret && f->flags & BTRFS_BALANCE_ARGS_DRANGE && !(f->flags & BTRFS_BALANCE_ARGS_DEVID))
		ret = cmd_error(ctx, "drange filter must be used with devid filter");
	if (!ret && f->flags & BTRFS_BALANCE_ARGS_SOFT && !(f->flags & BTRFS_BALANCE_ARGS_CONVERT))
		ret = cmd_error(ctx, "'soft' option can be used only when converting profiles");
	return ret;
}

/* --- showing --- */

/* A side that is open is left out. */
static void put_range(struct strbuf *sb, const char *name, u32 lo, u32 hi)
{
	sb_printf(sb, ", %s=", name);
	if (lo)
		sb_u64(sb, lo);
	sb_puts(sb, "..");
	if (hi != ~0U)
		sb_u64(sb, hi);
}

/* "balancing, usage=5" */
static const char *filter_text(const struct kbalance_filter *f, struct strbuf *sb)
{
	if (f->flags & BTRFS_BALANCE_ARGS_CONVERT)
		sb_printf(sb, ", converting, target=%llu, soft is %s", f->target, f->flags & BTRFS_BALANCE_ARGS_SOFT ? "on" : "off");
	else
		sb_puts(sb, ", balancing");
	if (f->flags & BTRFS_BALANCE_ARGS_PROFILES)
		sb_printf(sb, ", profiles=%llu", f->profiles);
	if (f->flags & BTRFS_BALANCE_ARGS_USAGE)
		sb_printf(sb, ", usage=%llu", f->usage);
	if (f->flags & BTRFS_BALANCE_ARGS_USAGE_RANGE)
		put_range(sb, "usage", f->usage_min, f->usage_max);
	if (f->flags & BTRFS_BALANCE_ARGS_DEVID)
		sb_printf(sb, ", devid=%llu", f->devid);
	if (f->flags & BTRFS_BALANCE_ARGS_DRANGE)
		sb_printf(sb, ", drange=%llu..%llu", f->pstart, f->pend);
	if (f->flags & BTRFS_BALANCE_ARGS_VRANGE)
		sb_printf(sb, ", vrange=%llu..%llu", f->vstart, f->vend);
	if (f->flags & BTRFS_BALANCE_ARGS_LIMIT)
		sb_printf(sb, ", limit=%llu", f->limit);
	if (f->flags & BTRFS_BALANCE_ARGS_LIMIT_RANGE)
		put_range(sb, "limit", f->limit_min, f->limit_max);
	if (f->flags & BTRFS_BALANCE_ARGS_STRIPES_RANGE)
		put_range(sb, "stripes", f->stripes_min, f->stripes_max);
	return sb_str(sb) + 2;
}

static void dump_one(struct cmd_ctx *ctx, const char *type, const struct kbalance_filter *f)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	out_printf(ctx->out, "  %s (flags 0x%llx): %s\n", type, f->flags, filter_text(f, &sb));
}

void filter_dump(struct cmd_ctx *ctx, const struct kbalance *b)
{
	out_printf(ctx->out, "Dumping filters: flags 0x%llx, state 0x%x, force is %s\n", b->flags, b->running | b->pausing << 1 | b->cancelling << 2,
		   b->flags & BTRFS_BALANCE_FORCE ? "on" : "off");
	if (b->flags & BTRFS_BALANCE_DATA)
		dump_one(ctx, "DATA", &b->data);
	if (b->flags & BTRFS_BALANCE_METADATA)
		dump_one(ctx, "METADATA", &b->meta);
	if (b->flags & BTRFS_BALANCE_SYSTEM)
		dump_one(ctx, "SYSTEM", &b->system);
	out_flush(ctx->out);
}

static void json_one(struct out *o, const char *type, const struct kbalance_filter *f)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	out_obj(o, NULL);
	out_json_str(o, "type", type);
	out_json_u64(o, "flags", f->flags);
	out_json_str(o, "filters", filter_text(f, &sb));
	out_end(o);
}

void filter_json(struct out *o, const struct kbalance *b)
{
	out_arr(o, "filters");
	if (b->flags & BTRFS_BALANCE_DATA)
		json_one(o, "DATA", &b->data);
	if (b->flags & BTRFS_BALANCE_METADATA)
		json_one(o, "METADATA", &b->meta);
	if (b->flags & BTRFS_BALANCE_SYSTEM)
		json_one(o, "SYSTEM", &b->system);
	out_end(o);
}

static int balance_done(struct cmd_ctx *ctx, const char *path, const struct kbalance *b, int ret)
{
	if (!ret) {
		cmd_say(ctx, 1, "Done, had to relocate %llu out of %llu chunks\n", b->completed, b->considered);
		return 0;
	}
	if (ret == -ECANCELED && (b->pausing || b->cancelling)) {
		env_msg(ctx->env, MSG_NOTE, b->pausing ? "balance paused by user" : "balance canceled by user");
		return 0;
	}
	cmd_error(ctx, "error during balancing '%s': %s", path, strerror(-ret));
	if (ret != -EINPROGRESS)
		env_msg(ctx->env, MSG_NOTE, "There may be more info in syslog - try dmesg | tail");
	return 1;
}

struct balance_work { int fd; struct kbalance *b; bool resume; };

static int work_run(void *arg)
{
	struct balance_work *w = arg;

	return w->resume ? kbalance_resume(w->fd, w->b) : kbalance_start(w->fd, w->b);
}

static int work_cancel(void *arg)
{
	return kbalance_cancel(((struct balance_work *)arg)->fd);
}

static u64 work_done(void *arg, u64 *total)
{
	struct kbalance now;

	if (kbalance_status(((struct balance_work *)arg)->fd, &now))
		return 0;
	*total = now.expected;
	return min_t(u64, now.considered, now.expected);
}

int balance_run(struct cmd_ctx *ctx, const struct host *h, struct kbalance *b, bool resume)
{
	struct balance_work w = { h->fd, b, resume };
	bool interrupted;
	int ret = kwork_run(ctx, &(struct kwork){ work_run, work_cancel, work_done, &w, "balancing chunks", PROGRESS_ITEMS }, &interrupted);

	if (resume && (ret == -ENOTCONN || ret == -EINPROGRESS))
		return ret;
	b->cancelling |= interrupted;
	ret = balance_done(ctx, h->path, b, ret);
	if (interrupted)
		kwork_die(ctx);
	return ret;
}
