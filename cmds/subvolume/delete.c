/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume delete. Spec: cli 7.2. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/subvolume/deletion.h"
#include "common/mem.h"
#include "kernel-shared/kapi/mounts.h"
#include "kernel-shared/kapi/subvol.h"

/* Filesystems that --commit-after waits for. */
struct seen { u8 fsid[16]; int fd; };
struct deletion {
	struct cmd_ctx *ctx;
	const struct delete_args *args;
	struct changes changes;
	VEC(struct seen) seen;
};

/* -c and -C: the last one wins. */
static int set_after(void *args, const char *value, struct err *err)
{
	struct delete_args *a = args;

	a->after = true;
	a->each = false;
	return 0;
}

static int set_each(void *args, const char *value, struct err *err)
{
	struct delete_args *a = args;

	a->each = true;
	a->after = false;
	return 0;
}

static int commit(struct cmd_ctx *ctx, int fd, const char *what)
{
	u64 transid;
	int ret = ksync_start(fd, &transid);

	if (!ret)
		ret = ksync_wait(fd, transid);
	return ret ? cmd_error(ctx, "unable to wait for commit after deleting %s: %s", what, strerror(-ret)) : 0;
}

static int remember(struct deletion *d, const struct host *h)
{
	char uuid[UUID_TEXT_MAX];
	struct seen seen;

	for (size_t i = 0; i < d->seen.len; i++)
		if (!memcmp(d->seen.v[i].fsid, h->info.fsid, sizeof(h->info.fsid)))
			return 0;
	memcpy(seen.fsid, h->info.fsid, sizeof(seen.fsid));
	seen.fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 0);
	if (seen.fd < 0 || vec_push(&d->seen, seen))
		return cmd_error(d->ctx, "not enough memory");
	cmd_say(d->ctx, 2, "  new fs is found for '%s', fsid: %s\n", h->path, uuid_format(h->info.fsid, uuid));
	return 0;
}

/* May this user delete by the mount's leave? Then a refusal has other reasons than those of the hint. */
static bool user_may_delete(const char *path)
{
	char *options CLEANUP(mem_freep) = NULL;

	return geteuid() && !kmount_options(path, &options) && strstr(options, "user_subvol_rm_allowed");
}

static int failed(struct deletion *d, int ret, const char *path)
{
	cmd_error(d->ctx, "Could not destroy subvolume/snapshot: %s", strerror(-ret));
	if (ret == -EPERM && !user_may_delete(path))
		cmd_warn(d->ctx, "deletion failed with EPERM, you don't have permissions or send may be in progress or the subvolume is set as default");
	return 1;
}

/* The subvolume whose entry NAME of directory dir is, with its canonical path. */
static int delete_entry(struct deletion *d, const char *path, u64 id, const struct host *h, bool last)
{
	char *dir CLEANUP(mem_freep) = NULL, *name CLEANUP(mem_freep) = NULL;
	int fd, ret;

	if (host_split(path, &dir, &name))
		return cmd_error(d->ctx, "not enough memory");
	if (!host_on_btrfs(dir)) /* a mount point */
		return cmd_error(d->ctx, "not a btrfs filesystem: %s", dir);
	deletion_say(d->ctx, d->args, id, path, last);
	if (d->ctx->dry_run)
		return 0;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		ret = cmd_error(d->ctx, "Could not open: %s", strerror(errno));
	} else {
		ret = ksubvol_delete(fd, name);
		if (ret)
			ret = failed(d, ret, path);
		else if (d->args->each)
			ret = commit(d->ctx, fd, path);
		else if (d->args->after)
			ret = remember(d, h);
		close(fd);
	}
	return ret;
}

/* The kernel refuses to delete it; this says so by name. */
static bool is_default(const struct host *h, u64 id)
{
	u64 def;

	return !ksubvol_default(h->fd, &def, NULL) && def == id;
}

static int delete_nested(struct deletion *d, const char *path, struct subvols *s)
{
	struct nested_list nested;
	int ret = deletion_nested(s, &nested, &d->ctx->err);

	if (ret)
		ret = cmd_fail(d->ctx, "cannot list the subvolumes below %s", path);
	for (size_t i = 0; !ret && i < nested.len; i++) {
		struct strbuf full CLEANUP(sb_fini) = STRBUF_INIT;

		sb_printf(&full, "%s/%s", path, nested.v[i].below);
		ret = delete_entry(d, sb_str(&full), nested.v[i].id, &s->host, false);
	}
	nested_fini(&nested);
	return ret;
}

static int delete_path(struct deletion *d, const char *arg, bool last)
{
	char *path CLEANUP(mem_freep) = NULL;
	struct subvols s = { .host.fd = -1 };
	struct stat st;
	int ret;

	if (stat(arg, &st))
		return cmd_error(d->ctx, "Could not statfs: %s", strerror(errno));
	ret = host_open(d->ctx, arg, HOST_ONLY, &s.host);
	if (ret)
		return ret;
	path = realpath(arg, NULL);
	if (!host_is_subvol(&s.host))
		ret = cmd_error(d->ctx, "Not a Btrfs subvolume: %s", strerror(EINVAL));
	else if (!path || ksubvol_id(s.host.fd, &s.id))
		ret = cmd_error(d->ctx, "Could not get subvolume information: %s", strerror(errno));
	else if (s.id == BTRFS_FS_TREE_OBJECTID)
		ret = deletion_refuse_top(d->ctx, path);
	else if (is_default(&s.host, s.id))
		ret = deletion_refuse_default(d->ctx, s.id, path);
	if (!ret && d->args->recursive)
		ret = delete_nested(d, path, &s);
	if (!ret)
		ret = delete_entry(d, path, s.id, &s.host, last);
	subvols_close(d->ctx, &s);
	return ret;
}

/* With -i: the id, and any path of the filesystem. */
static int delete_id(struct deletion *d, const char *arg, u64 id)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT, full CLEANUP(sb_fini) = STRBUF_INIT;
	struct subvols s;
	int ret = subvols_open(d->ctx, arg, &s);

	if (ret)
		return ret;
	if (!subvols_path(&s, id, &path, NULL))
		sb_printf(&full, "%s/%s", arg, sb_str(&path));
	if (is_default(&s.host, id))
		ret = deletion_refuse_default(d->ctx, id, full.len ? sb_str(&full) : arg);
	else if (id == BTRFS_FS_TREE_OBJECTID)
		ret = deletion_refuse_top(d->ctx, arg);
	if (ret) {
		subvols_close(d->ctx, &s);
		return ret;
	}
	deletion_say(d->ctx, d->args, id, full.len ? sb_str(&full) : NULL, true);
	if (!d->ctx->dry_run) {
		ret = ksubvol_delete_id(s.host.fd, id);
		if (ret)
			ret = failed(d, ret, arg);
		else if (d->args->each || d->args->after)
			ret = commit(d->ctx, s.host.fd, arg);
	}
	subvols_close(d->ctx, &s);
	return ret;
}

/* --commit-after. */
static int finish(struct deletion *d)
{
	char uuid[UUID_TEXT_MAX];
	int ret = 0;

	for (size_t i = 0; i < d->seen.len; i++) {
		uuid_format(d->seen.v[i].fsid, uuid);
		if (commit(d->ctx, d->seen.v[i].fd, uuid))
			ret = 1;
		else
			cmd_say(d->ctx, 2, "final sync is done for fsid: %s\n", uuid);
		close(d->seen.v[i].fd);
	}
	vec_fini(&d->seen);
	return ret;
}

/* A path, or a place in an unmounted filesystem. */
static int delete_arg(struct deletion *d, const char *arg, bool last)
{
	struct target t;
	int ret;

	if (target_arg(d->ctx, arg, &t))
		return cmd_error(d->ctx, "not enough memory");
	if (host_means_path(&t, arg))
		ret = d->args->has_id ? delete_id(d, arg, d->args->id) : delete_path(d, arg, last);
	else
		ret = offline_delete(d->ctx, &d->changes, d->args, &t, arg, last);
	target_fini(&t);
	return ret;
}

static int delete_run(struct cmd_ctx *ctx, void *args)
{
	const struct delete_args *a = args;
	struct deletion d = { .ctx = ctx, .args = a };
	int ret = 0;

	if (a->recursive && a->has_id)
		return cmd_error(ctx, "option --recursive is not supported with --subvolid");
	if (a->has_id && cmd_check_count(ctx, 1, 1))
		return 1;
	cmd_say(ctx, 2, "Transaction commit: %s\n", a->each ? "after each" : a->after ? "at the end" : "none (default)");
	for (int i = 0; i < ctx->argc; i++)
		ret |= delete_arg(&d, ctx->argv[i], i == ctx->argc - 1);
	ret = changes_end(ctx, &d.changes, ret);
	return finish(&d) | ret;
}

#define OPT_STRUCT struct delete_args
static const struct opt delete_opts[] = {
	OPT_CALL('c', "commit-after", set_after, NULL, "wait for transaction commit at the end of the operation"),
	OPT_CALL('C', "commit-each", set_each, NULL, "wait for transaction commit after deleting each subvolume"),
	OPT_U64('i', "subvolid", id, "ID", "subvolume id of the to be removed subvolume"),
	OPT_FLAG('R', "recursive", recursive, "delete subvolumes beneath each subvolume recursively"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_subvolume_delete = {
	.name = "delete", .usage = { "btrfs subvolume delete [options] <subvolume> [<subvolume>...]", "btrfs subvolume delete [options] -i|--subvolid <subvolid> <path>" },
	.brief = "Delete subvolume(s)", .opts = delete_opts, CMD_ARGS(struct delete_args), .min_args = 1, .max_args = -1,
	.flags = CMD_DRY_RUN | CMD_QUIET_VERBOSE | CMD_WRITES, .run = delete_run, .complete = "subvol",
};
