/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/mounts.h"
#include "common/io.h"
#include "common/mem.h"
#include "kernel-shared/kapi/space.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void kmounts_fini(struct kmounts *m)
{
	for (size_t i = 0; i < m->len; i++) {
		free(m->v[i].device);
		free(m->v[i].dir);
		free(m->v[i].options);
	}
	vec_fini(m);
}

int kmounts_read(struct kmounts *out)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *e;
	int ret = 0;

	*out = (struct kmounts)VEC_INIT;
	if (!f)
		return -errno;
	while (!ret && (e = getmntent(f))) {
		struct kmount m;

		if (strcmp(e->mnt_type, "btrfs"))
			continue;
		m = (struct kmount){ mem_strdup(e->mnt_fsname), mem_strdup(e->mnt_dir), mem_strdup(e->mnt_opts) };
		if (!m.device || !m.dir || !m.options || vec_push(out, m)) {
			free(m.device);
			free(m.dir);
			free(m.options);
			ret = -ENOMEM;
		}
	}
	endmntent(f);
	if (ret)
		kmounts_fini(out);
	return ret;
}

/* A loop device's file. */
static bool backs(const char *device, const struct stat *image)
{
	char name[64], file[4096];
	struct stat st;

	if (!S_ISREG(image->st_mode) || stat(device, &st) || !S_ISBLK(st.st_mode))
		return false;
	snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/loop/backing_file", major(st.st_rdev), minor(st.st_rdev));
	if (io_read_line(name, file, sizeof(file)) || stat(file, &st))
		return false;
	return st.st_dev == image->st_dev && st.st_ino == image->st_ino;
}

static bool same_device(const char *path, const struct stat *want)
{
	struct stat st;

	if (S_ISBLK(want->st_mode))
		return !stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == want->st_rdev;
	return backs(path, want);
}

/* Is it any of the filesystem's devices? */
static bool has_member(const char *dir, const struct stat *want)
{
	int fd = open(dir, O_RDONLY | O_CLOEXEC);
	struct kfs_info info;
	struct kdev_info dev;
	bool found = false;

	if (fd < 0)
		return false;
	if (!kfs_info(fd, &info))
		for (u64 id = 0; !found && id <= info.max_devid; id++)
			found = !kdev_info(fd, id, &dev) && same_device(dev.path, want);
	close(fd);
	return found;
}

int kmount_of_device(const char *device, char **dir)
{
	struct kmounts mounts;
	struct stat st;
	int ret;

	if (stat(device, &st))
		return -errno;
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return -ENOENT;
	ret = kmounts_read(&mounts);
	if (ret)
		return ret;
	ret = -ENOENT;
	for (size_t i = 0; ret == -ENOENT && i < mounts.len; i++) {
		if (!same_device(mounts.v[i].device, &st) && !has_member(mounts.v[i].dir, &st))
			continue;
		*dir = mem_strdup(mounts.v[i].dir);
		ret = *dir ? 0 : -ENOMEM;
	}
	kmounts_fini(&mounts);
	return ret;
}

static bool shows_fsid(const char *dir, const u8 fsid[16])
{
	int fd = open(dir, O_RDONLY | O_CLOEXEC);
	struct kfs_info info;
	bool same = fd >= 0 && !kfs_info(fd, &info) && !memcmp(info.fsid, fsid, sizeof(info.fsid));

	if (fd >= 0)
		close(fd);
	return same;
}

/* The kernel's last options are subvolid=ID,subvol=PATH, the directory that the mount shows. */
static bool shows_subvol(const struct kmount *m, u64 id, const char *path)
{
	const char *options = strstr(m->options, "subvolid=");
	char *end;

	return options && strtoull(options + strlen("subvolid="), &end, 10) == id && !strncmp(end, ",subvol=/", strlen(",subvol=/")) &&
	       !strcmp(end + strlen(",subvol=/"), path);
}

int kmount_of_subvol(const u8 fsid[16], u64 id, const char *path, char **dir)
{
	struct kmounts mounts;
	int ret = kmounts_read(&mounts);

	if (ret)
		return ret;
	ret = -ENOENT;
	for (size_t i = 0; ret == -ENOENT && i < mounts.len; i++) {
		if (!shows_subvol(&mounts.v[i], id, path) || !shows_fsid(mounts.v[i].dir, fsid))
			continue;
		*dir = mem_strdup(mounts.v[i].dir);
		ret = *dir ? 0 : -ENOMEM;
	}
	kmounts_fini(&mounts);
	return ret;
}

int kmount_options(const char *path, char **options)
{
	char *full = realpath(path, NULL);
	struct kmounts mounts;
	const struct kmount *best = NULL;
	size_t best_len = 0;
	int ret;

	if (!full)
		return -errno;
	ret = kmounts_read(&mounts);
	if (ret) {
		free(full);
		return ret;
	}
	for (size_t i = 0; i < mounts.len; i++) {
		size_t len = strlen(mounts.v[i].dir);

		len -= len && mounts.v[i].dir[len - 1] == '/'; /* the root itself */
		if (!strncmp(full, mounts.v[i].dir, len) && (!full[len] || full[len] == '/') && (!best || len >= best_len)) {
			best = &mounts.v[i];
			best_len = len;
		}
	}
	*options = best ? mem_strdup(best->options) : NULL;
	ret = best ? *options ? 0 : -ENOMEM : -ENOENT;
	kmounts_fini(&mounts);
	free(full);
	return ret;
}

bool kmounts_below(const char *dir)
{
	char *full = realpath(dir, NULL);
	FILE *f = full ? setmntent("/proc/self/mounts", "re") : NULL;
	size_t len = full ? strlen(full) : 0;
	struct mntent *e;
	bool found = !f;

	len -= len && full[len - 1] == '/'; /* the root itself */
	while (!found && (e = getmntent(f)))
		found = !strncmp(e->mnt_dir, full, len) && e->mnt_dir[len] == '/' && e->mnt_dir[len + 1];
	if (f)
		endmntent(f);
	free(full);
	return found;
}
