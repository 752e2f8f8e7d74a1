/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is typed for a device: PATH, PATH@OFFSET, PATH@pN. */
#include <blkid/blkid.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/units.h"
#include "kernel-shared/bdev/file.h"
#include "kernel-shared/bdev/layer.h"

/* "1M", "1MiB", "1048576B": parse_size knows one suffix letter. */
static int parse_offset(const char *text, u64 *off, struct err *err)
{
	char buf[32];
	size_t len = strlen(text);

	if (!len || len >= sizeof(buf))
		return err_set(err, -EINVAL, "\"%s\" is no offset", text);
	memcpy(buf, text, len + 1);
	if (len > 3 && (!strcmp(buf + len - 2, "iB") || !strcmp(buf + len - 2, "ib")))
		buf[len - 2] = 0;
	return parse_size(buf, off, err);
}

/* The place of partition number in the partition table of path. */
static int find_partition(const char *path, int number, u64 *off, u64 *len, struct err *err)
{
	blkid_probe pr = blkid_new_probe_from_filename(path);
	blkid_partlist list;
	blkid_partition part;
	int ret = 0;

	if (!pr)
		return err_errno(err, errno ? -errno : -EIO, "cannot look for partitions in %s", path);
	blkid_probe_enable_partitions(pr, 1);
	list = blkid_probe_get_partitions(pr);
	part = list ? blkid_partlist_get_partition_by_partno(list, number) : NULL;
	if (part) {
		*off = (u64)blkid_partition_get_start(part) * 512;
		*len = (u64)blkid_partition_get_size(part) * 512;
	} else if (list) {
		ret = err_set(err, -ENOENT, "%s has no partition %d", path, number);
	} else {
		ret = err_set(err, -ENOENT, "%s has no partition table", path);
	}
	if (!ret && !*len)
		ret = err_set(err, -EINVAL, "partition %d of %s is empty", number, path);
	blkid_free_probe(pr);
	return ret;
}

static bool is_partition(const char *tail, int *number)
{
	char *end;
	long n;

	if (tail[0] != 'p' || tail[1] < '0' || tail[1] > '9')
		return false;
	n = strtol(tail + 1, &end, 10);
	*number = n;
	return !*end && n > 0 && n < 1 << 20;
}

static int open_slice(struct env *env, const char *spec, const char *path, const char *tail, unsigned flags, struct bdev **out, struct err *err)
{
	struct bdev *whole, *slice;
	u64 off, len = 0;
	int number, ret;
	char *name;

	ret = is_partition(tail, &number) ? find_partition(path, number, &off, &len, err) : parse_offset(tail, &off, err);
	if (ret)
		return err_wrap(err, ret, "cannot open %s", spec);
	ret = file_open_range(env, path, flags & ~(BDEV_CREATE | BDEV_TRUNCATE), off, len, &whole, err);
	if (ret)
		return ret;
	name = mem_strdup(spec);
	ret = name ? bdev_slice_new(whole, off, len, &slice, err) : err_nomem(err);
	if (ret) {
		free(name);
		bdev_close(whole);
		return ret;
	}
	slice->name = name;
	*out = slice;
	return 0;
}

int bdev_open_spec(struct env *env, const char *spec, unsigned flags, struct bdev **out, struct err *err)
{
	const char *at = strrchr(spec, '@');
	struct stat st;
	char *path;
	int ret;

	if (!at || at == spec || !stat(spec, &st))
		return bdev_open_file(env, spec, flags, out, err);
	path = mem_strndup(spec, at - spec);
	if (!path)
		return err_nomem(err);
	/* Without the file before the '@' the whole is the name of a file that is not there. */
	if (stat(path, &st))
		ret = bdev_open_file(env, spec, flags, out, err);
	else
		ret = open_slice(env, spec, path, at + 1, flags, out, err);
	free(path);
	return ret;
}
