/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who uses a device or an image: mounts, swap, device mapper and the like above it, loop devices over it, other writers. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "common/io.h"
#include "common/mem.h"
#include "common/strbuf.h"
#include "kernel-shared/bdev/file.h"

enum { USE_DEPTH = 8, MOUNTINFO_MAX = 64 << 20, SYS_PATH = 1024 };

struct use {
	char *mounts;      /* /proc/self/mountinfo, NULL until needed */
	struct strbuf who; /* the answer, outermost user last */
};

/* Paths of sysfs and procfs; one that does not fit becomes one that does not exist. */
static void PRINTF(2, 3) sys_path(char path[SYS_PATH], const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, SYS_PATH, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= SYS_PATH)
		path[0] = 0;
}

static bool parse_dev(const char *text, dev_t *dev)
{
	unsigned maj, min;

	if (sscanf(text, "%u:%u", &maj, &min) != 2)
		return false;
	*dev = makedev(maj, min);
	return true;
}

static bool path_is_dev(const char *path, dev_t dev)
{
	struct stat st;

	return !strncmp(path, "/dev/", 5) && !stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == dev;
}

/* Undoes the octal escapes of the mount table in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 3;
		} else {
			*to++ = *s;
		}
	*to = 0;
}

/* One line: "id parent maj:min root mountpoint options [optional...] - fstype source superoptions". */
static bool mount_line_matches(char *line, dev_t dev, struct strbuf *point)
{
	char *save, *dash = strstr(line, " - "), *field, *source;
	dev_t mounted;

	if (!dash)
		return false;
	*dash = 0;
	if (!strtok_r(dash + 3, " ", &save))
		return false;
	source = strtok_r(NULL, " ", &save);
	if (!strtok_r(line, " ", &save) || !strtok_r(NULL, " ", &save))
		return false;
	field = strtok_r(NULL, " ", &save);
	if (!field || !parse_dev(field, &mounted))
		return false;
	if (source)
		unescape(source);
	if (mounted != dev && !(source && path_is_dev(source, dev)))
		return false;
	strtok_r(NULL, " ", &save);
	field = strtok_r(NULL, " ", &save);
	if (field) {
		unescape(field);
		sb_puts(point, field);
	}
	return true;
}

/* 1 and the mount point, 0, -errno. */
static int dev_mounted(struct use *u, dev_t dev, struct strbuf *point)
{
	char *copy, *line, *save;
	size_t len;
	int ret = 0;

	if (!u->mounts) {
		ret = io_read_file("/proc/self/mountinfo", MOUNTINFO_MAX, &u->mounts, &len);
		if (ret)
			return ret;
	}
	copy = mem_strdup(u->mounts);
	if (!copy)
		return -ENOMEM;
	for (line = strtok_r(copy, "\n", &save); line && !ret; line = strtok_r(NULL, "\n", &save))
		ret = mount_line_matches(line, dev, point);
	free(copy);
	return ret;
}

/* Calls fn for every entry of a directory but the dotted ones, until it returns non-zero. A directory that is not there has none. */
static int each_entry(const char *dir, int (*fn)(struct use *u, const char *dir, const char *name, void *arg), struct use *u, void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int ret = 0;

	while (d && !ret && (e = readdir(d)))
		if (e->d_name[0] != '.')
			ret = fn(u, dir, e->d_name, arg);
	if (d)
		closedir(d);
	return ret;
}

static bool entry_dev(const char *dir, const char *name, dev_t *dev)
{
	char path[SYS_PATH], line[32];

	sys_path(path, "%s/%s/dev", dir, name);
	return !io_read_line(path, line, sizeof(line)) && parse_dev(line, dev);
}

struct member { dev_t dev; bool found; struct strbuf *point; };

static int btrfs_member(struct use *u, const char *dir, const char *name, void *arg)
{
	struct member *m = arg;
	dev_t dev;

	if (entry_dev(dir, name, &dev) && dev == m->dev)
		m->found = true;
	return 0;
}

static int btrfs_member_point(struct use *u, const char *dir, const char *name, void *arg)
{
	struct member *m = arg;
	dev_t dev;

	return entry_dev(dir, name, &dev) ? dev_mounted(u, dev, m->point) : 0;
}

/* The mount table names one device of a btrfs; the kernel lists the others here. */
static int btrfs_mounted(struct use *u, const char *dir, const char *name, void *arg)
{
	struct member *m = arg;
	char path[SYS_PATH];

	sys_path(path, "%s/%s/devices", dir, name);
	each_entry(path, btrfs_member, u, m);
	if (!m->found)
		return 0;
	if (each_entry(path, btrfs_member_point, u, m) <= 0)
		sb_printf(m->point, "(elsewhere, filesystem %s)", name);
	return 1;
}

static int swap_uses(const struct stat *st)
{
	char *swaps, *line, *save;
	struct stat s;
	size_t len;
	int ret = 0;

	if (io_read_file("/proc/swaps", MOUNTINFO_MAX, &swaps, &len))
		return 0;
	for (line = strtok_r(swaps, "\n", &save); line && !ret; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, " \t")] = 0;
		unescape(line);
		if (line[0] == '/' && !stat(line, &s))
			ret = S_ISBLK(st->st_mode) ? S_ISBLK(s.st_mode) && s.st_rdev == st->st_rdev :
				s.st_dev == st->st_dev && s.st_ino == st->st_ino;
	}
	free(swaps);
	return ret;
}

static int dev_in_use(struct use *u, dev_t dev, unsigned depth);
static int loops_over(struct use *u, const struct stat *st, unsigned depth);

static int holder_uses(struct use *u, const char *dir, const char *name, void *arg)
{
	char path[SYS_PATH], mapped[256];
	unsigned depth = *(unsigned *)arg;
	dev_t dev;

	sys_path(path, "/sys/block/%s/dm/name", name);
	if (io_read_line(path, mapped, sizeof(mapped)))
		sb_printf(&u->who, "held by /dev/%s", name);
	else
		sb_printf(&u->who, "held by /dev/mapper/%s", mapped);
	if (depth < USE_DEPTH && entry_dev(dir, name, &dev)) {
		size_t len = u->who.len;

		sb_lit(&u->who, ", which is ");
		if (dev_in_use(u, dev, depth + 1) <= 0)
			u->who.len = len;
	}
	return 1;
}

static int partition_uses(struct use *u, const char *dir, const char *name, void *arg)
{
	char path[SYS_PATH];
	unsigned depth = *(unsigned *)arg;
	size_t len = u->who.len;
	dev_t dev;
	int ret;

	sys_path(path, "%s/%s/partition", dir, name);
	if (access(path, F_OK) || depth >= USE_DEPTH || !entry_dev(dir, name, &dev))
		return 0;
	sb_printf(&u->who, "its partition /dev/%s is ", name);
	ret = dev_in_use(u, dev, depth + 1);
	if (ret <= 0)
		u->who.len = len;
	return ret;
}

static int dev_in_use(struct use *u, dev_t dev, unsigned depth)
{
	struct strbuf point CLEANUP(sb_fini) = STRBUF_INIT;
	struct member member = { dev, false, &point };
	struct stat st = { .st_mode = S_IFBLK, .st_rdev = dev };
	char dir[SYS_PATH], path[SYS_PATH];
	int ret = dev_mounted(u, dev, &point);

	if (!ret)
		ret = each_entry("/sys/fs/btrfs", btrfs_mounted, u, &member);
	if (ret > 0)
		sb_printf(&u->who, "mounted at %s", sb_str(&point));
	if (ret)
		return ret;
	if (swap_uses(&st)) {
		sb_lit(&u->who, "in use as swap");
		return 1;
	}
	sys_path(dir, "/sys/dev/block/%u:%u", major(dev), minor(dev));
	sys_path(path, "%s/holders", dir);
	ret = each_entry(path, holder_uses, u, &depth);
	if (!ret)
		ret = each_entry(dir, partition_uses, u, &depth);
	return ret ? ret : loops_over(u, &st, depth);
}

struct backing { const struct stat *st; unsigned depth; };

static int loop_uses(struct use *u, const char *dir, const char *name, void *arg)
{
	const struct backing *b = arg;
	char path[SYS_PATH], backing[4096];
	size_t len = u->who.len;
	struct stat st;
	dev_t dev;
	int ret;

	if (strncmp(name, "loop", 4) || b->depth >= USE_DEPTH)
		return 0;
	sys_path(path, "%s/%s/loop/backing_file", dir, name);
	if (io_read_line(path, backing, sizeof(backing)) || stat(backing, &st) || !entry_dev(dir, name, &dev))
		return 0;
	if (S_ISBLK(b->st->st_mode) ? !S_ISBLK(st.st_mode) || st.st_rdev != b->st->st_rdev :
	    st.st_dev != b->st->st_dev || st.st_ino != b->st->st_ino)
		return 0;
	sb_printf(&u->who, "/dev/%s over it is ", name);
	ret = dev_in_use(u, dev, b->depth + 1);
	if (ret <= 0)
		u->who.len = len;
	return ret;
}

static int loops_over(struct use *u, const struct stat *st, unsigned depth)
{
	struct backing b = { st, depth };

	return each_entry("/sys/block", loop_uses, u, &b);
}

/* The whole of which a slice is a part. */
static int stat_spec(const char *spec, struct stat *st)
{
	const char *at = strrchr(spec, '@');
	char *path;
	int ret;

	if (!stat(spec, st))
		return 0;
	ret = -errno;
	path = at ? mem_strndup(spec, at - spec) : NULL;
	if (path && !stat(path, st))
		ret = 0;
	free(path);
	return ret;
}

int bdev_in_use(const char *path, char **who, struct err *err)
{
	struct use u = { NULL, STRBUF_INIT };
	struct stat st;
	int ret;

	ret = stat_spec(path, &st);
	if (ret)
		return err_errno(err, ret, "cannot look at %s", path);
	if (S_ISBLK(st.st_mode)) {
		ret = dev_in_use(&u, st.st_rdev, 0);
	} else if (swap_uses(&st)) {
		sb_lit(&u.who, "in use as swap");
		ret = 1;
	} else {
		ret = loops_over(&u, &st, 0);
	}
	if (ret < 0)
		err_errno(err, ret, "cannot tell whether %s is mounted", path);
	if (ret > 0 && who)
		*who = mem_strdup(sb_str(&u.who));
	sb_fini(&u.who);
	free(u.mounts);
	return ret;
}

/* Does the process have path open for writing? */
static bool process_writes(const char *pid, const char *path)
{
	char dir[SYS_PATH], name[SYS_PATH], info[SYS_PATH], target[4096], *text, *flags;
	bool found = false;
	size_t len;
	struct dirent *e;
	DIR *d;

	sys_path(dir, "/proc/%s/fd", pid);
	d = opendir(dir);
	while (d && !found && (e = readdir(d))) {
		ssize_t n;

		sys_path(name, "%s/%s", dir, e->d_name);
		n = readlink(name, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = 0;
		if (strcmp(target, path))
			continue;
		sys_path(info, "/proc/%s/fdinfo/%.32s", pid, e->d_name);
		if (io_read_file(info, 1 << 16, &text, &len))
			continue;
		flags = strstr(text, "flags:");
		found = flags && (strtoul(flags + 6, NULL, 8) & O_ACCMODE) != O_RDONLY;
		free(text);
	}
	if (d)
		closedir(d);
	return found;
}

int file_writers(const char *path, int fd, char **who)
{
	char *real, comm[64], name[SYS_PATH];
	struct strbuf text = STRBUF_INIT;
	struct dirent *e;
	int ret = 0;
	DIR *d;

	/* A read lease is granted only while nobody has the file open for writing: a cheap answer in the usual case. Should somebody
	 * open it in the moment that we hold the lease, the notice must be a signal that does nothing. */
	fcntl(fd, F_SETSIG, SIGURG);
	if (!fcntl(fd, F_SETLEASE, F_RDLCK)) {
		fcntl(fd, F_SETLEASE, F_UNLCK);
		return 0;
	}
	real = errno == EAGAIN ? realpath(path, NULL) : NULL;
	d = real ? opendir("/proc") : NULL;
	while (d && !ret && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]) || strtol(e->d_name, NULL, 10) == getpid() || !process_writes(e->d_name, real))
			continue;
		sys_path(name, "/proc/%s/comm", e->d_name);
		if (io_read_line(name, comm, sizeof(comm)))
			snprintf(comm, sizeof(comm), "a program");
		sb_printf(&text, "%s (process %s) has it open for writing", comm, e->d_name);
		*who = mem_strdup(sb_str(&text));
		ret = 1;
	}
	if (d)
		closedir(d);
	sb_fini(&text);
	free(real);
	return ret;
}
