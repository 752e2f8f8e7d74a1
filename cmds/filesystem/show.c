/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem show: filesystems and their devices; of mounted ones the kernel tells, of others the superblocks. Spec: cli 8.3. */
#include <errno.h>
#include <sys/stat.h>
#include "cmds/filesystem/shown.h"
#include "cmds/mounted/host.h"
#include "cmds/session.h"
#include "common/mem.h"
#include "kernel-shared/kapi/mounts.h"
#include "kernel-shared/volume/volume.h"

struct show_args { bool all, mounted; };
VEC_TYPE(fsids, struct fsid { u8 id[16]; });

/* What is looked for, and what has been found. */
struct showing {
	struct cmd_ctx *ctx;
	const char *arg;      /* a uuid or a label; NULL: all */
	struct fsids seen;    /* mounted filesystems */
	unsigned printed;
};

static bool is_wanted(const struct showing *sh, const struct shown *s)
{
	u8 uuid[16];

	if (!sh->arg)
		return true;
	if (!parse_uuid(sh->arg, uuid))
		return !memcmp(uuid, s->fsid, sizeof(uuid));
	return s->label[0] && !strcmp(s->label, sh->arg);
}

static void print_wanted(struct showing *sh, const struct shown *s)
{
	if (!is_wanted(sh, s))
		return;
	if (sh->printed++ && !sh->ctx->json)
		out_puts(sh->ctx->out, "\n");
	shown_print(sh->ctx, s);
}

static bool is_seen(const struct showing *sh, const u8 fsid[16])
{
	for (size_t i = 0; i < sh->seen.len; i++)
		if (!memcmp(sh->seen.v[i].id, fsid, 16))
			return true;
	return false;
}

/* In the order of the mount table, each once. */
static int show_mounted(struct showing *sh)
{
	struct kmounts mounts;
	int ret = kmounts_read(&mounts);

	if (ret)
		return cmd_error(sh->ctx, "cannot read the mount table: %s", strerror(-ret));
	for (size_t i = 0; !ret && i < mounts.len; i++) {
		struct shown s;
		struct fsid id;

		if (shown_mounted(mounts.v[i].dir, &s))
			continue; /* gone, or covered by another mount */
		memcpy(id.id, s.fsid, sizeof(id.id));
		if (!is_seen(sh, s.fsid)) {
			print_wanted(sh, &s);
			if (vec_push(&sh->seen, id))
				ret = cmd_error(sh->ctx, "not enough memory");
		}
		shown_fini(&s);
	}
	kmounts_fini(&mounts);
	return ret;
}

static int found_cmp(const void *pa, const void *pb)
{
	const struct found_device *a = pa, *b = pb;
	int c = memcmp(a->sb.fsid, b->sb.fsid, BTRFS_FSID_SIZE);
	u64 x = le64_get(a->sb.dev_item.devid), y = le64_get(b->sb.dev_item.devid);

	return c ? c : x < y ? -1 : x > y;
}

/* What devices say, but for filesystems that have been shown as mounted. */
static int show_found(struct showing *sh, struct found_devices *found)
{
	struct shown s;

	vec_sort(found, found_cmp);
	for (size_t i = 0, n; i < found->len; i += n) {
		for (n = 1; i + n < found->len && !memcmp(found->v[i + n].sb.fsid, found->v[i].sb.fsid, BTRFS_FSID_SIZE); n++)
			;
		if (is_seen(sh, found->v[i].sb.fsid))
			continue;
		if (shown_found(&found->v[i], n, &s))
			return cmd_error(sh->ctx, "not enough memory");
		print_wanted(sh, &s);
		shown_fini(&s);
	}
	return 0;
}

static int show_scanned(struct showing *sh)
{
	struct found_devices found = VEC_INIT;
	int ret = volume_scan(sh->ctx->env, &found, &sh->ctx->err);

	ret = ret ? cmd_fail(sh->ctx, "cannot look for filesystems") : show_found(sh, &found);
	found_devices_fini(&found);
	return ret;
}

static int add_found(struct cmd_ctx *ctx, struct found_devices *found, struct found_device f, const char *path)
{
	f.path = mem_strdup(path);
	if (f.path && !vec_push(found, f))
		return 0;
	free(f.path);
	return err_nomem(&ctx->err);
}

/* The devices that a device or image leads to. A metadata dump stands for the device that its superblock is of. */
static int find_by_device(struct cmd_ctx *ctx, const struct target *t, struct found_devices *found)
{
	struct volume_args args = VOLUME_ARGS_INIT;
	struct volume *vol;
	int ret;

	args.specs = (const char *const *)t->devices.v;
	args.nspecs = t->devices.len;
	args.flags = VOLUME_DEGRADED | VOLUME_LENIENT | VOLUME_NEIGHBOURS;
	ret = volume_open(ctx->env, &args, &vol, &ctx->err);
	if (ret)
		return ret;
	if (vol->source)
		ret = add_found(ctx, found, (struct found_device){ .sb = vol->sb, .size = le64_get(vol->sb.dev_item.total_bytes) }, t->devices.v[0]);
	for (size_t i = 0; !ret && i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];

		if (d->bdev)
			ret = add_found(ctx, found, (struct found_device){ .sb = d->sb, .size = d->bdev->size }, d->path);
	}
	volume_close(vol);
	return ret;
}

static int show_device(struct showing *sh, const struct target *t, const char *arg)
{
	struct found_devices found = VEC_INIT;
	int ret = find_by_device(sh->ctx, t, &found);

	if (ret == -EINVAL)
		ret = cmd_error(sh->ctx, "no btrfs on %s", arg);
	else if (ret)
		ret = cmd_fail(sh->ctx, "not a valid btrfs filesystem: %s", arg);
	else
		ret = show_found(sh, &found);
	found_devices_fini(&found);
	return ret;
}

/* The filesystem that is mounted at path. */
static int show_path(struct showing *sh, const char *path)
{
	struct shown s;
	int ret = shown_mounted(path, &s);

	if (ret)
		return cmd_error(sh->ctx, "not a valid btrfs filesystem: %s", path);
	print_wanted(sh, &s);
	shown_fini(&s);
	return 0;
}

/* By uuid or label. */
static int show_named(struct showing *sh, const struct show_args *a, const char *arg)
{
	int ret = 0;

	sh->arg = arg;
	if (!a->all)
		ret = show_mounted(sh);
	if (!ret && !sh->printed && !a->mounted)
		ret = show_scanned(sh);
	return ret || sh->printed ? ret : cmd_error(sh->ctx, "not a valid btrfs filesystem: %s", arg);
}

static int show_one(struct showing *sh, const struct show_args *a, const char *arg)
{
	char *dir CLEANUP(mem_freep) = NULL;
	struct target t;
	struct stat st;
	int ret;

	if (target_parse(arg, &t))
		return cmd_error(sh->ctx, "not enough memory");
	if (!host_means_path(&t, arg))
		ret = !a->all && t.devices.len == 1 && !kmount_of_device(t.devices.v[0], &dir) ? show_path(sh, dir) : show_device(sh, &t, arg);
	else if (!stat(arg, &st) && S_ISDIR(st.st_mode) && host_on_btrfs(arg) && !a->all)
		ret = show_path(sh, arg);
	else
		ret = show_named(sh, a, arg);
	target_fini(&t);
	return ret;
}

static int show_run(struct cmd_ctx *ctx, void *args)
{
	const struct show_args *a = args;
	struct showing sh = { .ctx = ctx };
	int ret = 0;

	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "filesystem-show");
	}
	if (ctx->session) {
		ret = show_device(&sh, &ctx->session->target, ctx->argc ? ctx->argv[0] : "/");
	} else if (ctx->argc) {
		ret = show_one(&sh, a, ctx->argv[0]);
	} else {
		if (a->mounted || !a->all)
			ret = show_mounted(&sh);
		if (!ret && !a->mounted)
			ret = show_scanned(&sh);
	}
	vec_fini(&sh.seen);
	if (ctx->json)
		out_json_end(ctx->out);
	return ret;
}

#define OPT_STRUCT struct show_args
static const struct opt show_opts[] = {
	OPT_FLAG('d', "all-devices", all, "show only disks under /dev containing btrfs filesystem"),
	OPT_FLAG('m', "mounted", mounted, "show only mounted btrfs"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_filesystem_show = {
	.name = "show", .usage = { "btrfs filesystem show [options] [<path>|<uuid>|<device>|label]" }, .brief = "Show the structure of a filesystem",
	.opts = show_opts, CMD_ARGS(struct show_args), .min_args = 0, .max_args = 1, .flags = CMD_JSON | CMD_UNITS, .run = show_run,
	.complete = "device",
};
