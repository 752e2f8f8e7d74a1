/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume show. Spec: cli 7.5. */
#include <stdio.h>
#include <stdlib.h>
#include "cmds/mounted/quota.h"
#include "cmds/mounted/subvols.h"
#include "cmds/report.h"
#include "common/mem.h"
#include "kernel-shared/fs/qgroup.h"

struct show_args { u64 rootid; bool has_rootid; const char *uuid; };

/* Everything that is shown. */
struct shown {
	const struct subvol_info *info;
	struct strbuf path;
	VEC(char *) snapshots;    /* their paths */
	bool has_qgroup;
	struct qgroup qgroup;     /* id, usage and limits alone */
};

static void shown_fini(struct shown *s)
{
	for (size_t i = 0; i < s->snapshots.len; i++)
		free(s->snapshots.v[i]);
	vec_fini(&s->snapshots);
	sb_fini(&s->path);
}

/* Whose parent this one is. */
static int find_snapshots(struct cmd_ctx *ctx, struct subvols *subvols, struct shown *s)
{
	const struct subvol_list *all = &subvols->all;
	int ret = 0;

	if (uuid_is_null(s->info->item.uuid))
		return 0;
	for (size_t i = 0; !ret && i < all->len; i++) {
		struct strbuf path = STRBUF_INIT;

		if (all->v[i].deleted || memcmp(all->v[i].item.parent_uuid, s->info->item.uuid, BTRFS_UUID_SIZE))
			continue;
		ret = subvols_path(subvols, all->v[i].id, &path, &ctx->err);
		if (ret == -ENOENT)
			ret = 0;
		else if (!ret && (!sb_str(&path)[0] || vec_push(&s->snapshots, path.v)))
			ret = err_nomem(&ctx->err);
		else if (!ret)
			continue;
		sb_fini(&path);
	}
	return ret;
}

static int find_qgroup(struct cmd_ctx *ctx, struct subvols *subvols, struct shown *s)
{
	struct qgroups all;
	struct qgroup *g;
	int ret = subvols->fs ? qgroups_read(subvols->fs, false, &all, &ctx->err) : mounted_qgroups(subvols->host.fd, &all, &ctx->err);

	if (ret)
		return ret == -ENOENT || ret == -EPERM ? 0 : ret;
	g = qgroup_find(&all, s->info->id);
	if (g) {
		s->has_qgroup = true;
		s->qgroup = (struct qgroup){ .id = g->id, .rfer = g->rfer, .excl = g->excl, .limits = g->limits, .max_rfer = g->max_rfer,
			.max_excl = g->max_excl };
	}
	qgroups_fini(&all);
	return 0;
}

static int gather(struct cmd_ctx *ctx, struct subvols *subvols, u64 id, struct shown *s)
{
	int ret;

	memset(s, 0, sizeof(*s));
	s->info = subvols_find(subvols, id, &ret, &ctx->err);
	if (!s->info)
		return ret ? ret : -ENOENT;
	ret = subvols_path(subvols, id, &s->path, &ctx->err);
	if (!ret)
		ret = find_snapshots(ctx, subvols, s);
	if (!ret)
		ret = find_qgroup(ctx, subvols, s);
	if (ret)
		shown_fini(s);
	return ret;
}

static const char *shown_name(const struct shown *s) { return s->info->name ? s->info->name : "<FS_TREE>"; }
static s64 seconds(const struct disk_timespec *t) { return (s64)le64_get(t->sec); }

static void print_limit(struct cmd_ctx *ctx, const char *label, bool set, u64 value)
{
	char a[SIZE_TEXT_MAX];

	out_printf(ctx->out, "\t  %s\t%s\n", label, set && value ? report_size(ctx, value, a) : "-");
}

static void print_qgroup(struct cmd_ctx *ctx, const struct shown *s)
{
	const struct qgroup *g = &s->qgroup;

	if (!s->has_qgroup) {
		out_puts(ctx->out, "\tQuota group:\t\tn/a\n");
		return;
	}
	out_printf(ctx->out, "\tQuota group:\t\t%u/%llu\n", qgroup_level(g->id), qgroup_subid(g->id));
	print_limit(ctx, "Limit referenced:", g->limits & BTRFS_QGROUP_LIMIT_MAX_RFER, g->max_rfer);
	print_limit(ctx, "Limit exclusive:", g->limits & BTRFS_QGROUP_LIMIT_MAX_EXCL, g->max_excl);
	print_limit(ctx, "Usage referenced:", true, g->rfer);
	print_limit(ctx, "Usage exclusive:", true, g->excl);
}

static void print_text(struct cmd_ctx *ctx, struct shown *s)
{
	const struct subvol_item *item = &s->info->item;
	char uuid[UUID_TEXT_MAX], time[64];
	struct out *o = ctx->out;

	/* who may not look above a subvolume knows its name alone */
	out_printf(o, "%s\n", s->path.len ? sb_str(&s->path) : s->info->id == BTRFS_FS_TREE_OBJECTID ? "/" : shown_name(s));
	out_printf(o, "\tName: \t\t\t%s\n", shown_name(s));
	out_printf(o, "\tUUID: \t\t\t%s\n", report_uuid(item->uuid, uuid));
	out_printf(o, "\tParent UUID: \t\t%s\n", report_uuid(item->parent_uuid, uuid));
	out_printf(o, "\tReceived UUID: \t\t%s\n", report_uuid(item->received_uuid, uuid));
	out_printf(o, "\tCreation time: \t\t%s\n", report_time(seconds(&item->otime), true, time));
	out_printf(o, "\tSubvolume ID: \t\t%llu\n", s->info->id);
	out_printf(o, "\tGeneration: \t\t%llu\n", le64_get(item->generation));
	out_printf(o, "\tGen at creation: \t%llu\n", le64_get(item->otransid));
	out_printf(o, "\tParent ID: \t\t%llu\n", s->info->parent);
	out_printf(o, "\tTop level ID: \t\t%llu\n", s->info->parent);
	out_printf(o, "\tFlags: \t\t\t%s\n", le64_get(item->flags) & BTRFS_ROOT_SUBVOL_RDONLY ? "readonly" : "-");
	out_printf(o, "\tSend transid: \t\t%llu\n", le64_get(item->stransid));
	out_printf(o, "\tSend time: \t\t%s\n", report_time(seconds(&item->stime), true, time));
	out_printf(o, "\tReceive transid: \t%llu\n", le64_get(item->rtransid));
	out_printf(o, "\tReceive time: \t\t%s\n", report_time(seconds(&item->rtime), true, time));
	out_puts(o, "\tSnapshot(s):\n");
	for (size_t i = 0; i < s->snapshots.len; i++)
		out_printf(o, "\t\t\t\t%s\n", s->snapshots.v[i]);
	print_qgroup(ctx, s);
}

static void json_limit(struct out *o, const char *key, bool set, u64 value)
{
	if (set)
		out_json_u64(o, key, value);
	else
		out_json_null(o, key);
}

static void json_qgroup(struct out *o, const struct qgroup *g)
{
	char id[64];

	snprintf(id, sizeof(id), "%u/%llu", qgroup_level(g->id), qgroup_subid(g->id));
	out_obj(o, "qgroup");
	out_json_str(o, "qgroupid", id);
	out_obj(o, "limit");
	json_limit(o, "referenced", g->limits & BTRFS_QGROUP_LIMIT_MAX_RFER, g->max_rfer);
	json_limit(o, "exclusive", g->limits & BTRFS_QGROUP_LIMIT_MAX_EXCL, g->max_excl);
	out_end(o);
	out_obj(o, "usage");
	out_json_u64(o, "referenced", g->rfer);
	out_json_u64(o, "exclusive", g->excl);
	out_end(o);
	out_end(o);
}

static void print_json(struct out *o, struct shown *s)
{
	const struct subvol_item *item = &s->info->item;

	out_json_begin(o);
	out_obj(o, "subvolume-show");
	out_json_str(o, "name", shown_name(s));
	out_json_str(o, "path", sb_str(&s->path));
	out_json_uuid(o, "uuid", item->uuid);
	out_json_uuid(o, "parent_uuid", item->parent_uuid);
	out_json_uuid(o, "received_uuid", item->received_uuid);
	out_json_time(o, "otime", seconds(&item->otime));
	out_json_u64(o, "id", s->info->id);
	out_json_u64(o, "generation", le64_get(item->generation));
	out_json_u64(o, "cgeneration", le64_get(item->otransid));
	out_json_u64(o, "parent", s->info->parent);
	out_json_u64(o, "top_level", s->info->parent);
	out_arr(o, "flags");
	if (le64_get(item->flags) & BTRFS_ROOT_SUBVOL_RDONLY)
		out_json_str(o, NULL, "readonly");
	out_end(o);
	out_json_u64(o, "stransid", le64_get(item->stransid));
	out_json_time(o, "stime", seconds(&item->stime));
	out_json_u64(o, "rtransid", le64_get(item->rtransid));
	out_json_time(o, "rtime", seconds(&item->rtime));
	out_arr(o, "snapshots");
	for (size_t i = 0; i < s->snapshots.len; i++)
		out_json_str(o, NULL, s->snapshots.v[i]);
	out_end(o);
	if (s->has_qgroup)
		json_qgroup(o, &s->qgroup);
	out_json_end(o);
}

static void warn_received(struct cmd_ctx *ctx, const struct shown *s)
{
	if (uuid_is_null(s->info->item.received_uuid) || le64_get(s->info->item.flags) & BTRFS_ROOT_SUBVOL_RDONLY)
		return;
	cmd_warn(ctx, "the subvolume is read-write and has received_uuid set,\n"
		 "\t don't use it for incremental send. Please see section\n"
		 "\t 'SUBVOLUME FLAGS' in manual page btrfs-subvolume for\n"
		 "\t further information.");
}

static int no_uuid(struct cmd_ctx *ctx, const char *uuid, const char *arg)
{
	char *real CLEANUP(mem_freep) = realpath(arg, NULL);

	return cmd_error(ctx, "can't find uuid '%s' on '%s'", uuid, real ? real : arg);
}

/* The id that path and options name. */
static int choose(struct cmd_ctx *ctx, struct subvols *subvols, const struct show_args *a, u64 *id)
{
	u8 uuid[16];

	if (a->uuid) {
		if (parse_uuid(a->uuid, uuid) || subvols_by_uuid(subvols, uuid, id, &ctx->err))
			return no_uuid(ctx, a->uuid, ctx->argv[0]);
	} else if (a->has_rootid && a->rootid) { /* 0: that of the path */
		*id = a->rootid;
	} else if (!a->has_rootid && !subvols->top) {
		return cmd_error(ctx, "Not a Btrfs subvolume: %s", strerror(EINVAL));
	} else {
		*id = subvols->id;
	}
	return 0;
}

static int show_run(struct cmd_ctx *ctx, void *args)
{
	const struct show_args *a = args;
	struct subvols subvols;
	struct shown s;
	u64 id;
	int ret;

	if (a->uuid && a->has_rootid) {
		cmd_error(ctx, "options --rootid and --uuid cannot be used at the same time");
		return cmd_usage(ctx);
	}
	ret = subvols_open(ctx, ctx->argv[0], &subvols);
	if (ret)
		return ret;
	ret = choose(ctx, &subvols, a, &id);
	if (!ret) {
		ret = gather(ctx, &subvols, id, &s);
		if (ret == -ENOENT)
			ret = cmd_error(ctx, "Subvolume not found: %s", strerror(ENOENT));
		else if (ret)
			ret = cmd_fail(ctx, "Could not get subvolume information");
		else {
			if (ctx->json)
				print_json(ctx->out, &s);
			else
				print_text(ctx, &s);
			warn_received(ctx, &s);
			shown_fini(&s);
		}
	}
	subvols_close(ctx, &subvols);
	return ret;
}

#define OPT_STRUCT struct show_args
static const struct opt show_opts[] = {
	OPT_U64('r', "rootid", rootid, "ID", "root id of the subvolume"),
	OPT_STRING('u', "uuid", uuid, "UUID", "UUID of the subvolume"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_subvolume_show = {
	.name = "show", .usage = { "btrfs subvolume show [options] <path>" },
	.brief = "Show more information about the subvolume (UUIDs, generations, times, snapshots)",
	.opts = show_opts, CMD_ARGS(struct show_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON | CMD_UNITS | CMD_UNITS_DF, .run = show_run,
	.complete = "subvol",
};
