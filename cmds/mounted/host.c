/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "common/io.h"
#include "common/mem.h"
#include "kernel-shared/format/super.h"
#include "kernel-shared/kapi/exclop.h"
#include "kernel-shared/kapi/mounts.h"

bool host_on_btrfs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (u32)fs.f_type == BTRFS_SUPER_MAGIC;
}

/* Is the file an image? (A metadata dump in a mounted btrfs must be named with its colon.) */
static bool holds_filesystem(const char *path)
{
	struct disk_super sb;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool found;

	if (fd < 0)
		return false;
	found = io_pread(fd, &sb, sizeof(sb), KiB(64)) == sizeof(sb) && super_has_magic(&sb);
	close(fd);
	return found;
}

bool host_means_path(const struct target *t, const char *arg)
{
	struct stat st;

	if (t->kind != TARGET_DEVICE)
		return t->kind == TARGET_HOST;
	return t->devices.len == 1 && !stat(arg, &st) && S_ISREG(st.st_mode) && host_on_btrfs(arg) && !holds_filesystem(arg);
}

/* Is the argument a path, or (HOST_DEVICE) does it stand for one? *path is heap, or NULL: the argument itself. */
static bool is_host(const struct target *t, const char *arg, unsigned flags, char **path)
{
	if (host_means_path(t, arg))
		return true;
	return t->kind == TARGET_DEVICE && t->devices.len == 1 && flags & HOST_DEVICE && !kmount_of_device(arg, path);
}

static int open_path(struct cmd_ctx *ctx, const char *path, unsigned flags, struct host *h)
{
	int mode = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

	if (stat(path, &h->st))
		return cmd_error(ctx, "cannot access '%s': %s", h->path, strerror(errno));
	if (flags & HOST_DIR && !S_ISDIR(h->st.st_mode))
		return cmd_error(ctx, "not a directory: %s", h->path);
	if (!host_on_btrfs(path))
		return cmd_error(ctx, "not a btrfs filesystem: %s", h->path);
	if (!S_ISDIR(h->st.st_mode) && !S_ISREG(h->st.st_mode))
		return cmd_error(ctx, "not a directory or regular file: %s", h->path);
	if (flags & HOST_WRITE && S_ISREG(h->st.st_mode))
		mode = O_RDWR | O_CLOEXEC;
	h->fd = open(path, mode);
	if (h->fd < 0)
		return cmd_error(ctx, "cannot access '%s': %s", h->path, strerror(errno));
	if (kfs_info(h->fd, &h->info)) {
		cmd_error(ctx, "cannot get information about the filesystem of %s: %s", h->path, strerror(errno));
		close(h->fd);
		return 1;
	}
	return 0;
}

int host_refuse_offline_options(struct cmd_ctx *ctx, const char *arg)
{
	if (ctx->cmd->flags & CMD_WRITES && ctx->undo)
		return cmd_error(ctx, "--undo works on unmounted filesystems only: %s", arg);
	if (ctx->cmd->flags & CMD_WRITES && ctx->dry_run && !(ctx->cmd->flags & CMD_DRY_RUN))
		return cmd_error(ctx, "--dry-run of %s works on unmounted filesystems only: %s", ctx->words, arg);
	return 0;
}

int host_open(struct cmd_ctx *ctx, const char *arg, unsigned flags, struct host *out)
{
	char *path CLEANUP(mem_freep) = NULL;
	struct target t;
	int ret;

	*out = (struct host){ .fd = -1, .path = arg };
	if (ctx->session)
		return flags & HOST_ONLY ? cmd_error(ctx, "%s works on mounted filesystems only", ctx->words) : HOST_OFFLINE;
	if (target_parse(arg, &t))
		return cmd_error(ctx, "not enough memory");
	if (is_host(&t, arg, flags, &path))
		ret = host_refuse_offline_options(ctx, arg) ?: open_path(ctx, path ? path : arg, flags, out);
	else if (!(flags & HOST_ONLY))
		ret = HOST_OFFLINE;
	else if (t.kind == TARGET_DEVICE && flags & HOST_DIR && !access(arg, F_OK))
		ret = cmd_error(ctx, "not a directory: %s", arg);
	else
		ret = cmd_error(ctx, "%s works on mounted filesystems only: %s is not mounted", ctx->words, arg);
	target_fini(&t);
	return ret;
}

void host_close(struct host *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

int host_split(const char *path, char **dir, char **name)
{
	size_t len = strlen(path), start;

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (start = len; start && path[start - 1] != '/'; start--)
		;
	*name = mem_strndup(path + start, len - start);
	while (start > 1 && path[start - 1] == '/')
		start--;
	*dir = start ? mem_strndup(path, start) : mem_strdup(".");
	if (*name && *dir)
		return 0;
	free(*name);
	free(*dir);
	return -ENOMEM;
}

int host_exclusive(struct cmd_ctx *ctx, const struct host *h, const char *what, bool enqueue)
{
	char name[KEXCLOP_NAME];
	bool waiting = false;
	int ret;

	for (;;) {
		ret = kexclop_current(h->info.fsid, name);
		if (ret)
			return cmd_error(ctx, "unable to check for exclusive operations: %s", strerror(-ret));
		if (!strcmp(name, "none") || (!strcmp(name, "balance paused") && !strcmp(what, "device add")))
			break;
		if (!enqueue)
			return cmd_error(ctx, "unable to start %s, another exclusive operation '%s' in progress", what, name);
		if (!waiting) {
			out_printf(ctx->out, "Waiting for another exclusive operation '%s' to finish ...", name);
			out_flush(ctx->out);
			waiting = true;
		}
		ret = kexclop_wait_change(h->info.fsid);
		if (!ret)
			ret = env_check_interrupt(ctx->env, &ctx->err);
		if (ret)
			return cmd_error(ctx, "unable to wait for another exclusive operation: %s", strerror(-ret));
	}
	if (waiting)
		out_puts(ctx->out, " done\n");
	return 0;
}

void host_countdown(struct cmd_ctx *ctx, unsigned seconds)
{
	for (; seconds; seconds--) {
		out_printf(ctx->out, "%2u", seconds);
		out_flush(ctx->out);
		sleep(1);
		if (env_check_interrupt(ctx->env, NULL))
			break;
	}
	out_puts(ctx->out, "\n");
}
