/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem show: filesystems and their devices, by their superblocks alone. Spec: cli 8.3. */
#include <sys/stat.h>
#include "cmds/report.h"
#include "common/mem.h"
#include "kernel-shared/volume/volume.h"

struct show_args { bool all, mounted; };

/* One filesystem: devices [first, first + n) of a list sorted by fsid. */
struct shown { const struct found_device *devices; size_t n; bool missing; };

static const struct disk_super *newest_super(const struct shown *s)
{
	const struct disk_super *sb = &s->devices[0].sb;

	for (size_t i = 1; i < s->n; i++)
		if (le64_get(s->devices[i].sb.generation) > le64_get(sb->generation))
			sb = &s->devices[i].sb;
	return sb;
}

static void print_text(struct cmd_ctx *ctx, const struct shown *s)
{
	const struct disk_super *sb = newest_super(s);
	char label[BTRFS_LABEL_SIZE + 1] = "", uuid[UUID_TEXT_MAX], a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX];

	memcpy(label, sb->label, BTRFS_LABEL_SIZE);
	if (label[0])
		out_printf(ctx->out, "Label: '%s' ", label);
	else
		out_puts(ctx->out, "Label: none ");
	out_printf(ctx->out, " uuid: %s\n\tTotal devices %llu FS bytes used %s\n", uuid_format(sb->fsid, uuid), le64_get(sb->num_devices),
		   report_size(ctx, le64_get(sb->bytes_used), a));
	for (size_t i = 0; i < s->n; i++) {
		const struct disk_dev_item *item = &s->devices[i].sb.dev_item;

		out_printf(ctx->out, "\tdevid %4llu size %s used %s path %s\n", le64_get(item->devid), report_size(ctx, le64_get(item->total_bytes), a),
			   report_size(ctx, le64_get(item->bytes_used), b), s->devices[i].path);
	}
	if (s->missing)
		out_puts(ctx->out, "\t*** Some devices missing\n");
}

static void print_json(struct out *o, const struct shown *s)
{
	const struct disk_super *sb = newest_super(s);
	char label[BTRFS_LABEL_SIZE + 1] = "";

	memcpy(label, sb->label, BTRFS_LABEL_SIZE);
	out_obj(o, NULL);
	out_json_str(o, "label", label);
	out_json_uuid(o, "uuid", sb->fsid);
	out_json_u64(o, "total-devices", le64_get(sb->num_devices));
	out_json_u64(o, "bytes-used", le64_get(sb->bytes_used));
	out_json_bool(o, "missing", s->missing);
	out_arr(o, "devices");
	for (size_t i = 0; i < s->n; i++) {
		const struct disk_dev_item *item = &s->devices[i].sb.dev_item;

		out_obj(o, NULL);
		out_json_u64(o, "devid", le64_get(item->devid));
		out_json_u64(o, "size", le64_get(item->total_bytes));
		out_json_u64(o, "used", le64_get(item->bytes_used));
		out_json_str(o, "path", s->devices[i].path);
		out_end(o);
	}
	out_end(o);
	out_end(o);
}

static int found_cmp(const void *pa, const void *pb)
{
	const struct found_device *a = pa, *b = pb;
	int c = memcmp(a->sb.fsid, b->sb.fsid, BTRFS_FSID_SIZE);
	u64 x = le64_get(a->sb.dev_item.devid), y = le64_get(b->sb.dev_item.devid);

	return c ? c : x < y ? -1 : x > y;
}

/* Fewer distinct devices than the superblock counts. */
static bool lacks_devices(const struct shown *s)
{
	u64 distinct = 0, last = 0;

	for (size_t i = 0; i < s->n; i++) {
		u64 devid = le64_get(s->devices[i].sb.dev_item.devid);

		distinct += !i || devid != last;
		last = devid;
	}
	return distinct < le64_get(newest_super(s)->num_devices);
}

static bool any_in_use(const struct shown *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (bdev_in_use(s->devices[i].path, NULL, NULL) > 0)
			return true;
	return false;
}

/* Sorts and prints those that pass the filters; returns how many that were. */
static unsigned print_all(struct cmd_ctx *ctx, struct found_devices *found, bool mounted, bool (*want)(const struct disk_super *sb, const char *arg),
			  const char *arg)
{
	unsigned printed = 0;

	vec_sort(found, found_cmp);
	for (size_t i = 0, n; i < found->len; i += n) {
		struct shown s = { .devices = &found->v[i] };

		for (n = 1; i + n < found->len && !memcmp(found->v[i + n].sb.fsid, found->v[i].sb.fsid, BTRFS_FSID_SIZE); n++)
			;
		s.n = n;
		s.missing = lacks_devices(&s);
		if ((want && !want(newest_super(&s), arg)) || (mounted && !any_in_use(&s)))
			continue;
		if (ctx->json) {
			print_json(ctx->out, &s);
		} else {
			if (printed)
				out_puts(ctx->out, "\n");
			print_text(ctx, &s);
		}
		printed++;
	}
	return printed;
}

static bool has_uuid(const struct disk_super *sb, const char *arg)
{
	u8 uuid[16];

	return !parse_uuid(arg, uuid) && !memcmp(uuid, sb->fsid, sizeof(uuid));
}

static bool has_label(const struct disk_super *sb, const char *arg)
{
	return sb->label[0] && strlen(arg) < BTRFS_LABEL_SIZE && !strncmp(sb->label, arg, BTRFS_LABEL_SIZE);
}

/* The devices that a device or image leads to. */
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
	for (size_t i = 0; !ret && i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];
		struct found_device f = { .sb = d->sb };

		if (!d->bdev)
			continue;
		f.size = d->bdev->size;
		f.path = mem_strdup(d->path);
		if (!f.path || vec_push(found, f)) {
			free(f.path);
			ret = err_nomem(&ctx->err);
		}
	}
	volume_close(vol);
	return ret;
}

static int show_one(struct cmd_ctx *ctx, const char *arg, bool mounted)
{
	struct found_devices found = VEC_INIT;
	struct target t;
	unsigned n = 0;
	u8 uuid[16];
	int ret;

	if (target_parse(arg, &t))
		return cmd_error(ctx, "not enough memory");
	if (t.kind == TARGET_HOST) {
		ret = volume_scan(ctx->env, &found, &ctx->err);
		if (!ret)
			n = print_all(ctx, &found, mounted, parse_uuid(arg, uuid) ? has_label : has_uuid, arg);
		if (ret || !n)
			ret = cmd_error(ctx, "not a valid btrfs filesystem: %s", arg);
	} else {
		ret = find_by_device(ctx, &t, &found);
		if (ret == -EINVAL)
			ret = cmd_error(ctx, "no btrfs on %s", arg);
		else if (ret)
			ret = cmd_fail(ctx, "not a valid btrfs filesystem: %s", arg);
		else
			print_all(ctx, &found, mounted, NULL, NULL);
	}
	found_devices_fini(&found);
	target_fini(&t);
	return ret;
}

static int show_run(struct cmd_ctx *ctx, void *args)
{
	const struct show_args *a = args;
	struct found_devices found = VEC_INIT;
	int ret;

	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "filesystem-show");
	}
	if (ctx->argc) {
		ret = show_one(ctx, ctx->argv[0], a->mounted);
	} else {
		ret = volume_scan(ctx->env, &found, &ctx->err);
		if (ret)
			ret = cmd_fail(ctx, "cannot look for filesystems");
		else
			print_all(ctx, &found, a->mounted && !a->all, NULL, NULL);
		found_devices_fini(&found);
	}
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
