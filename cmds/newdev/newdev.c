/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/newdev/newdev.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "common/io.h"
#include "common/mem.h"
#include "kernel-shared/make/make.h"

#define PROBE_LEN MiB(2)

/* ---- what is there already ---- */

/* The two ends of a device, where signatures are, as a sparse file of its size: so a partition of a disk image is probed like any other. */
static int probe_copy(struct bdev *b, int fd, struct err *err)
{
	void *buf CLEANUP(mem_freep) = mem_alloc(1, PROBE_LEN);
	u64 len = min_t(u64, PROBE_LEN, b->size), tail = b->size - len;
	int ret;

	if (!buf)
		return err_nomem(err);
	ret = bdev_read(b, 0, buf, len, err);
	if (!ret)
		ret = io_pwrite(fd, buf, len, 0);
	if (!ret && tail)
		ret = bdev_read(b, tail, buf, len, err);
	if (!ret && tail)
		ret = io_pwrite(fd, buf, len, tail);
	return ret;
}

static const char *probe_value(blkid_probe pr, const char *name)
{
	const char *value;

	return blkid_probe_lookup_value(pr, name, &value, NULL) ? NULL : value;
}

/* Says what was found. */
static bool probe_report(struct cmd_ctx *ctx, const char *path, blkid_probe pr)
{
	const char *type = probe_value(pr, "TYPE"), *table = probe_value(pr, "PTTYPE"), *label = probe_value(pr, "LABEL");

	if (type && label)
		cmd_error(ctx, "%s appears to contain an existing filesystem (type=%s, label=%s)", path, type, label);
	else if (type)
		cmd_error(ctx, "%s appears to contain an existing filesystem (type=%s)", path, type);
	else if (table)
		cmd_error(ctx, "%s appears to contain a partition table (%s)", path, table);
	return type || table;
}

int newdev_refuse_content(struct cmd_ctx *ctx, struct bdev *bdev, const char *path)
{
	int fd = memfd_create("probe", MFD_CLOEXEC), ret = 0;
	blkid_probe pr = blkid_new_probe();

	if (fd < 0 || !pr || ftruncate(fd, bdev->size) || probe_copy(bdev, fd, &ctx->err) || blkid_probe_set_device(pr, fd, 0, 0)) {
		ret = cmd_error(ctx, "cannot find out what %s contains: %s", path, ctx->err.code ? err_text(&ctx->err) : strerror(errno));
	} else {
		blkid_probe_enable_partitions(pr, 1);
		blkid_probe_enable_superblocks(pr, 1);
		blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
		while (!ret && !blkid_do_probe(pr))
			if (probe_report(ctx, path, pr))
				ret = cmd_error(ctx, "use the -f option to force overwrite of %s", path);
	}
	blkid_free_probe(pr);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* ---- who uses it ---- */

static bool is_swap(const char *path)
{
	char *text, *line, *save = NULL, *real = realpath(path, NULL);
	bool found = false;
	size_t size;

	if (!real || io_read_file("/proc/swaps", 1 << 20, &text, &size)) {
		free(real);
		return false;
	}
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t len = strlen(real);

		found |= !strncmp(line, real, len) && (line[len] == ' ' || line[len] == '\t');
	}
	free(text);
	free(real);
	return found;
}

int newdev_check_use(struct cmd_ctx *ctx, const char *path)
{
	char *who = NULL;
	int ret;

	if (access(path, F_OK)) {
		cmd_error(ctx, "mount check: cannot open %s: %s", path, strerror(errno));
		return cmd_error(ctx, "cannot check mount status of %s: %s", path, strerror(errno));
	}
	ret = bdev_in_use(path, &who, &ctx->err);
	free(who);
	if (is_swap(path))
		return cmd_error(ctx, "%s is a swap device", path);
	if (ret > 0)
		return cmd_error(ctx, "%s is mounted", path);
	if (ret < 0)
		return cmd_error(ctx, "cannot check mount status of %s: %s", path, strerror(-ret));
	return 0;
}

/* ---- TRIM ---- */

static bool can_discard(const char *path)
{
	static const char *const places[] = { "queue", "../queue" };
	char name[128], text[32];
	struct stat st;

	if (stat(path, &st) || !S_ISBLK(st.st_mode))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/%s/discard_max_bytes", major(st.st_rdev), minor(st.st_rdev), places[i]);
		if (!io_read_line(name, text, sizeof(text)))
			return strcmp(text, "0") != 0;
	}
	return false;
}

int newdev_trim(struct cmd_ctx *ctx, struct bdev *bdev, const char *path, u64 bytes)
{
	if (!bdev->block || bdev->lower || !can_discard(path))
		return 0;
	cmd_say(ctx, 1, "Performing full device TRIM %s (%s) ...\n", path, units_human(bytes));
	out_flush(ctx->out);
	for (u64 off = 0; off < bytes; off += GiB(1))
		if (env_check_interrupt(ctx->env, &ctx->err) || bdev_discard(bdev, off, min_t(u64, GiB(1), bytes - off), &ctx->err))
			return cmd_fail(ctx, "cannot discard %s", path);
	return 0;
}

int newdev_prepare(struct cmd_ctx *ctx, const char *path, bool force, bool nodiscard)
{
	struct bdev *bdev;
	struct stat st;
	int ret;

	if (stat(path, &st))
		return cmd_error(ctx, "cannot access '%s': %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return cmd_error(ctx, "%s is not a block device", path);
	if (!force) {
		if (bdev_open_file(ctx->env, path, BDEV_READ, &bdev, &ctx->err))
			return cmd_fail(ctx, "unable to open %s", path);
		ret = newdev_refuse_content(ctx, bdev, path);
		bdev_close(bdev);
		if (ret)
			return ret;
	}
	ret = newdev_check_use(ctx, path);
	if (ret)
		return ret;
	if (bdev_open_file(ctx->env, path, BDEV_WRITE, &bdev, &ctx->err))
		return cmd_fail(ctx, "unable to open %s", path);
	if (!nodiscard)
		ret = newdev_trim(ctx, bdev, path, bdev->size);
	if (!ret && (make_wipe_device(bdev, bdev->size, &ctx->err) || bdev_flush(bdev, &ctx->err)))
		ret = cmd_fail(ctx, "cannot wipe %s", path);
	bdev_close(bdev);
	return ret;
}
