/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of a new filesystem: who uses them, what is on them, whether they are large enough. Spec: cli 18.3. */
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cmds/mkfs/mkfs.h"
#include "common/io.h"
#include "common/mem.h"

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
static bool probe_report(struct mkfs *k, const char *path, blkid_probe pr)
{
	const char *type = probe_value(pr, "TYPE"), *table = probe_value(pr, "PTTYPE"), *label = probe_value(pr, "LABEL");

	if (type && label)
		cmd_error(k->ctx, "%s appears to contain an existing filesystem (type=%s, label=%s)", path, type, label);
	else if (type)
		cmd_error(k->ctx, "%s appears to contain an existing filesystem (type=%s)", path, type);
	else if (table)
		cmd_error(k->ctx, "%s appears to contain a partition table (%s)", path, table);
	return type || table;
}

static int refuse_content(struct mkfs *k, struct make_device *d)
{
	int fd = memfd_create("probe", MFD_CLOEXEC), ret = 0;
	blkid_probe pr = blkid_new_probe();

	if (fd < 0 || !pr || ftruncate(fd, d->bdev->size) || probe_copy(d->bdev, fd, &k->ctx->err) || blkid_probe_set_device(pr, fd, 0, 0)) {
		ret = cmd_error(k->ctx, "cannot find out what %s contains: %s", d->path, k->ctx->err.code ? err_text(&k->ctx->err) : strerror(errno));
	} else {
		blkid_probe_enable_partitions(pr, 1);
		blkid_probe_enable_superblocks(pr, 1);
		blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
		while (!ret && !blkid_do_probe(pr))
			if (probe_report(k, d->path, pr))
				ret = cmd_error(k->ctx, "use the -f option to force overwrite of %s", d->path);
	}
	blkid_free_probe(pr);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* ---- opening ---- */

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

static int check_use(struct mkfs *k, const char *path)
{
	bool plain = !strchr(path, '@');
	char *who = NULL;
	int ret;

	if (access(path, F_OK)) {
		if (k->args->rootdir || !plain)
			return 0;
		cmd_error(k->ctx, "mount check: cannot open %s: %s", path, strerror(errno));
		return cmd_error(k->ctx, "cannot check mount status of %s: %s", path, strerror(errno));
	}
	ret = bdev_in_use(path, &who, &k->ctx->err);
	free(who);
	if (is_swap(path))
		return cmd_error(k->ctx, "%s is a swap device", path);
	if (ret > 0)
		return cmd_error(k->ctx, "%s is mounted", path);
	if (ret < 0)
		return cmd_error(k->ctx, "cannot check mount status of %s: %s", path, strerror(-ret));
	return 0;
}

static int open_device(struct mkfs *k, struct make_device *d)
{
	struct stat st;
	bool there = !stat(d->path, &st);
	int ret = check_use(k, d->path);

	if (ret)
		return ret;
	for (struct make_device *o = k->p.devices; o < d; o++)
		if (!strcmp(o->path, d->path))
			return cmd_error(k->ctx, "%s was given twice", d->path);
	k->created |= !there && k->args->rootdir && !strchr(d->path, '@');
	if (bdev_open_spec(k->ctx->env, d->path, BDEV_WRITE | (k->args->rootdir ? BDEV_CREATE : 0), &d->bdev, &k->ctx->err)) {
		k->created = false;
		return cmd_fail(k->ctx, "unable to open %s", d->path);
	}
	return k->args->force || k->created ? 0 : refuse_content(k, d);
}

static int size_device(struct mkfs *k, struct make_device *d, u64 min)
{
	u64 want = k->args->bytes;

	d->bytes = round_down_p2(k->args->has_bytes ? want : d->bdev->size, k->p.sectorsize);
	if (k->args->has_bytes && !k->args->rootdir && d->bdev->size < want)
		return cmd_error(k->ctx, "%s is smaller than requested size, expected %llu, found %llu", d->path, want, d->bdev->size);
	if (k->p.fit != MAKE_FIXED)
		return 0;
	if (d->bytes < min) {
		cmd_error(k->ctx, "'%s' is too small to make a usable filesystem", d->path);
		return cmd_error(k->ctx, "minimum size for each btrfs device is %llu", min);
	}
	return 0;
}

/* A regular file that is filled may grow; one that did not exist becomes as large as needed. */
static enum make_fit fit_of(struct mkfs *k)
{
	const struct bdev *b = k->p.devices[0].bdev;

	if (!k->args->rootdir || b->block || b->lower)
		return MAKE_FIXED;
	return k->args->shrink || (!b->size && !k->args->has_bytes) ? MAKE_FIT : MAKE_GROW;
}

int mkfs_open_devices(struct mkfs *k)
{
	u64 min = make_min_size(&k->p);
	int ret = 0;

	if (k->args->has_bytes && round_down_p2(k->args->bytes, k->p.sectorsize) < min && !k->args->rootdir) {
		cmd_error(k->ctx, "size %llu is too small to make a usable filesystem", k->args->bytes);
		return cmd_error(k->ctx, "minimum size for a btrfs filesystem is %llu", min);
	}
	for (unsigned i = 0; i < k->p.ndevs && !ret; i++)
		ret = open_device(k, &k->p.devices[i]);
	if (ret)
		return ret;
	k->ssd = k->p.devices[0].bdev->block && !k->p.devices[0].bdev->rotational;
	k->p.fit = fit_of(k);
	for (unsigned i = 0; i < k->p.ndevs && !ret; i++)
		ret = size_device(k, &k->p.devices[i], min);
	return ret;
}

void mkfs_close_devices(struct mkfs *k)
{
	for (unsigned i = 0; i < k->p.ndevs; i++) {
		bdev_close(k->p.devices[i].bdev);
		k->p.devices[i].bdev = NULL;
	}
	if (k->created)
		unlink(k->p.devices[0].path);
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

int mkfs_trim(struct mkfs *k)
{
	for (unsigned i = 0; i < k->p.ndevs && !k->args->nodiscard; i++) {
		struct make_device *d = &k->p.devices[i];

		if (!d->bdev->block || d->bdev->lower || !can_discard(d->path))
			continue;
		cmd_say(k->ctx, 1, "Performing full device TRIM %s (%s) ...\n", d->path, units_human(d->bytes));
		out_flush(k->ctx->out);
		for (u64 off = 0; off < d->bytes; off += GiB(1))
			if (env_check_interrupt(k->ctx->env, &k->ctx->err) ||
			    bdev_discard(d->bdev, off, min_t(u64, GiB(1), d->bytes - off), &k->ctx->err))
				return cmd_fail(k->ctx, "cannot discard %s", d->path);
	}
	return 0;
}
