/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/report.h"
#include "cmds/mounted/usage.h"

#include <ctype.h>
#include <time.h>

int report_open(struct cmd_ctx *ctx, const char *arg, struct fs **fs, struct loc *loc)
{
	struct target t;
	int ret;

	if (target_arg(ctx, arg, &t))
		return cmd_error(ctx, "not enough memory");
	ret = loc || t.kind == TARGET_INSIDE ? target_resolve(ctx, &t, 0, fs, loc ? loc : &(struct loc){ 0 }) : target_open(ctx, &t, 0, fs);
	target_fini(&t);
	return ret;
}

static int read_usage(struct cmd_ctx *ctx, const char *arg, int (*mounted)(struct cmd_ctx *, const struct host *, struct fs_usage *), struct fs_usage *out)
{
	struct host host;
	struct fs *fs;
	int ret = host_open(ctx, arg, HOST_DIR, &host);

	if (!ret) {
		ret = mounted(ctx, &host, out);
		host_close(&host);
		return ret;
	}
	if (ret == HOST_OFFLINE)
		ret = report_open(ctx, arg, &fs, NULL);
	if (ret)
		return ret;
	ret = fs_usage_read(fs, out, &ctx->err);
	target_close(ctx, fs);
	return ret ? cmd_fail(ctx, "cannot read how the space of %s is used", arg) : 0;
}

int report_usage(struct cmd_ctx *ctx, const char *arg, struct fs_usage *out) { return read_usage(ctx, arg, mounted_usage, out); }
int report_spaces(struct cmd_ctx *ctx, const char *arg, struct fs_usage *out) { return read_usage(ctx, arg, mounted_spaces, out); }

/* "    Data: single, raid1" */
static void warn_type(struct cmd_ctx *ctx, const struct fs_usage *u, u64 type)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	for (size_t i = 0; i < u->spaces.len; i++)
		if (u->spaces.v[i].flags & type)
			sb_printf(&sb, "%s%s", sb.len ? ", " : "", profile_of(u->spaces.v[i].flags)->option);
	cmd_warn(ctx, "   %s: %s", bg_type_name(type), sb_str(&sb));
}

void report_multiple_profiles(struct cmd_ctx *ctx, const struct fs_usage *u)
{
	static const u64 types[] = { BTRFS_BLOCK_GROUP_DATA, BTRFS_BLOCK_GROUP_METADATA, BTRFS_BLOCK_GROUP_SYSTEM };
	u64 multiple = fs_usage_multiple(u);

	if (!multiple)
		return;
	cmd_warn(ctx, "Multiple block group profiles detected, see 'man btrfs(5)'");
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (multiple & types[i])
			warn_type(ctx, u, types[i]);
}

const char *report_time(s64 sec, bool zone, char *buf)
{
	time_t t = sec;
	struct tm tm;

	if (!sec || !localtime_r(&t, &tm))
		return "-";
	strftime(buf, 64, zone ? "%Y-%m-%d %H:%M:%S %z" : "%Y-%m-%d %H:%M:%S", &tm);
	return buf;
}

const char *report_uuid(const u8 uuid[16], char *buf)
{
	return uuid_is_null(uuid) ? "-" : uuid_format(uuid, buf);
}
