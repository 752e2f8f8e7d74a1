/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking for btrfs on the system's block devices, and among the files beside a named one. */
#include <blkid/blkid.h>
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/io.h"
#include "common/mem.h"
#include "common/units.h"
#include "kernel-shared/volume/scan.h"
#if HAVE_UDEV
#include <libudev.h>
#endif

enum { NEIGHBOURS_MAX = 4096, PARTITIONS_MAX = 16 << 20 };

void found_devices_fini(struct found_devices *f)
{
	for (size_t i = 0; i < f->len; i++)
		free(f->v[i].path);
	vec_fini(f);
}

/* Cheap: most of what is looked at is something else. */
static bool looks_like_btrfs(const char *path)
{
	u8 magic[8] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool is = fd >= 0 && io_pread(fd, magic, sizeof(magic), btrfs_super_offset[0] + offsetof(struct disk_super, magic)) == sizeof(magic) &&
		  get_le64(magic) == BTRFS_MAGIC;

	if (fd >= 0)
		close(fd);
	return is;
}

static bool found_already(const struct found_devices *f, const struct bdev *b)
{
	for (size_t i = 0; i < f->len; i++)
		if (f->v[i].id[0] == b->id[0] && f->v[i].id[1] == b->id[1])
			return true;
	return false;
}

/* Adds path if it holds btrfs. What cannot be opened or is broken is not there. */
static int look_at(struct env *env, const char *path, struct found_devices *out, struct err *err)
{
	struct found_device f;
	struct bdev *b;
	int ret = 0;

	if (!looks_like_btrfs(path) || bdev_open_file(env, path, 0, &b, NULL))
		return 0;
	if (!found_already(out, b) && !volume_read_super(b, -1, &f.sb, NULL)) {
		f.path = mem_strdup(path);
		f.size = b->size;
		f.id[0] = b->id[0];
		f.id[1] = b->id[1];
		if (!f.path || vec_push(out, f)) {
			free(f.path);
			ret = err_nomem(err);
		}
	}
	bdev_close(b);
	return ret;
}

/* A device below another (a path of a multipath device, a member of a mirror) shows what that one shows. */
static bool has_holders(const char *name)
{
	struct dirent *e;
	char path[300];
	bool has = false;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/class/block/%.200s/holders", name);
	d = opendir(path);
	while (d && !has && (e = readdir(d)))
		has = e->d_name[0] != '.';
	if (d)
		closedir(d);
	return has;
}

/* A path of a multipath device that is not set up yet: udev knows it for one. */
static bool is_multipath_path(const char *name)
{
#if HAVE_UDEV
	struct udev *udev = udev_new();
	struct udev_device *d = udev ? udev_device_new_from_subsystem_sysname(udev, "block", name) : NULL;
	const char *value = d ? udev_device_get_property_value(d, "DM_MULTIPATH_DEVICE_PATH") : NULL;
	bool is = value && !strcmp(value, "1");

	udev_device_unref(d);
	udev_unref(udev);
	return is;
#else
	(void)name;
	return false;
#endif
}

void volume_device_path(const char *name, char *out, size_t size)
{
	char path[300], mapped[256];
	struct stat st;

	snprintf(path, sizeof(path), "/sys/class/block/%.200s/dm/name", name);
	if (!io_read_line(path, mapped, sizeof(mapped))) {
		snprintf(out, size, "/dev/mapper/%s", mapped);
		if (!stat(out, &st))
			return;
	}
	snprintf(out, size, "/dev/%.250s", name);
	/* The kernel writes '/' in names as '!'. */
	for (char *c = out + 5; *c; c++)
		if (*c == '!')
			*c = '/';
}

int volume_scan(struct env *env, struct found_devices *out, struct err *err)
{
	char *text, *line, *save, name[256], path[512];
	unsigned long long blocks;
	size_t len;
	int ret = io_read_file("/proc/partitions", PARTITIONS_MAX, &text, &len);

	if (ret)
		return err_errno(err, ret, "cannot list block devices (/proc/partitions)");
	for (line = strtok_r(text, "\n", &save); line && !ret; line = strtok_r(NULL, "\n", &save)) {
		/* major minor blocks name; an extended partition has one block, an optical drive would spin up */
		if (sscanf(line, "%*u %*u %llu %255s", &blocks, name) != 2 || blocks < 72)
			continue;
		if (!strncmp(name, "sr", 2) || !strncmp(name, "fd", 2) || has_holders(name) || is_multipath_path(name))
			continue;
		volume_device_path(name, path, sizeof(path));
		ret = look_at(env, path, out, err);
	}
	free(text);
	return ret;
}

int scan_neighbours(struct env *env, const char *path, struct found_devices *out, struct err *err)
{
	char *copy = mem_strdup(path), file[4352];
	const char *dir = copy ? dirname(copy) : NULL;
	DIR *d = dir ? opendir(dir) : NULL;
	int ret = copy ? 0 : err_nomem(err);
	unsigned looked = 0;
	struct dirent *e;
	struct stat st;

	while (d && !ret && looked < NEIGHBOURS_MAX && (e = readdir(d))) {
		if ((e->d_type != DT_REG && e->d_type != DT_UNKNOWN) || (size_t)snprintf(file, sizeof(file), "%s/%s", dir, e->d_name) >= sizeof(file))
			continue;
		if (lstat(file, &st) || !S_ISREG(st.st_mode) || st.st_size < 72 << 10)
			continue;
		looked++;
		ret = look_at(env, file, out, err);
	}
	if (d)
		closedir(d);
	free(copy);
	return ret;
}

static bool matches_tag(const struct disk_super *sb, const char *tag, const u8 uuid[16])
{
	if (!strncmp(tag, "UUID=", 5))
		return !memcmp(sb->fsid, uuid, BTRFS_FSID_SIZE);
	return strnlen(sb->label, sizeof(sb->label)) == strlen(tag + 6) && !strncmp(sb->label, tag + 6, sizeof(sb->label));
}

/* What the scan could not read (no permission) is still known to udev or to libblkid's cache: opening it will say what is wrong. */
static int tag_by_blkid(const char *tag, struct paths *out, struct err *err)
{
	char *name = blkid_evaluate_tag(tag, NULL, NULL);

	if (!name)
		return err_set(err, -ENOENT, "no device with %s was found", tag);
	if (!vec_push(out, name))
		return 0;
	free(name);
	return err_nomem(err);
}

/* A filesystem that grew out of a seed has its seed's label: then it is meant. */
static bool is_worse(const struct disk_super *a, const struct disk_super *b)
{
	return le64_get(a->flags) & BTRFS_SUPER_FLAG_SEEDING && !(le64_get(b->flags) & BTRFS_SUPER_FLAG_SEEDING);
}

static int add_tagged(const struct found_devices *found, const struct found_device *best, const char *tag, const u8 uuid[16], struct paths *out, struct err *err)
{
	for (size_t i = 0; i < found->len; i++) {
		const struct found_device *f = &found->v[i];
		char *path;

		if (!matches_tag(&f->sb, tag, uuid) || is_worse(&f->sb, &best->sb))
			continue;
		if (memcmp(f->sb.fsid, best->sb.fsid, BTRFS_FSID_SIZE))
			return err_set(err, -EEXIST, "%s is ambiguous: %s and %s are different filesystems", tag, best->path, f->path);
		path = mem_strdup(f->path);
		if (!path || vec_push(out, path)) {
			free(path);
			return err_nomem(err);
		}
	}
	return 0;
}

int scan_tag(struct env *env, const char *tag, struct paths *out, struct err *err)
{
	struct found_devices found = VEC_INIT;
	const struct found_device *best = NULL;
	u8 uuid[16];
	int ret;

	if (!strncmp(tag, "UUID=", 5) && parse_uuid(tag + 5, uuid))
		return err_set(err, -EINVAL, "%s: no valid UUID", tag);
	if (!tag[strcspn(tag, "=") + 1])
		return err_set(err, -EINVAL, "%s names nothing", tag);
	ret = volume_scan(env, &found, err);
	for (size_t i = 0; i < found.len; i++)
		if (matches_tag(&found.v[i].sb, tag, uuid) && (!best || is_worse(&best->sb, &found.v[i].sb)))
			best = &found.v[i];
	if (!ret && best)
		ret = add_tagged(&found, best, tag, uuid, out, err);
	found_devices_fini(&found);
	return ret || out->len ? ret : tag_by_blkid(tag, out, err);
}
