/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bottom of a stack: a regular file or a block device. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "common/hash.h"
#include "common/io.h"
#include "kernel-shared/bdev/file.h"
#include "kernel-shared/bdev/layer.h"

struct file {
	struct bdev b;
	int fd;
};

static inline int file_fd(struct bdev *b)
{
	return container_of(b, struct file, b)->fd;
}

static int file_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	ssize_t n = io_pread(file_fd(b), buf, len, off);

	if (n < 0)
		return err_errno(err, n, "cannot read %zu bytes at %llu of %s", len, off, b->name);
	if ((size_t)n < len)
		return err_set(err, -EIO, "%s is short: wanted %zu bytes at %llu, got %zd", b->name, len, off, n);
	return 0;
}

static int file_readv(struct bdev *b, u64 off, const struct iovec *iov, unsigned n, struct err *err)
{
	size_t want = 0;
	ssize_t got;

	for (unsigned i = 0; i < n; i++)
		want += iov[i].iov_len;
	got = preadv(file_fd(b), iov, n, off);
	if (got == (ssize_t)want)
		return 0;
	/* Interrupted, short or failed: piece by piece, which retries and says what is wrong where. */
	for (unsigned i = 0; i < n; i++) {
		int ret = file_read(b, off, iov[i].iov_base, iov[i].iov_len, err);

		if (ret)
			return ret;
		off += iov[i].iov_len;
	}
	return 0;
}

static int file_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err)
{
	int ret = io_pwrite(file_fd(b), buf, len, off);

	return ret ? err_errno(err, ret, "cannot write %zu bytes at %llu of %s", len, off, b->name) : 0;
}

static int file_flush(struct bdev *b, struct err *err)
{
	return fdatasync(file_fd(b)) ? err_errno(err, -errno, "cannot flush %s", b->name) : 0;
}

static int file_discard(struct bdev *b, u64 off, u64 len, struct err *err)
{
	int ret;

	if (b->block) {
		u64 range[2] = { off, len };

		ret = ioctl(file_fd(b), BLKDISCARD, range);
	} else {
		ret = fallocate(file_fd(b), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
	}
	/* A hint: what cannot discard keeps its bytes, which is as good. */
	if (ret && errno != EOPNOTSUPP && errno != ENOTTY && errno != EINVAL && errno != ENOSYS)
		return err_errno(err, -errno, "cannot discard %llu bytes at %llu of %s", len, off, b->name);
	return 0;
}

static int file_resize(struct bdev *b, u64 size, struct err *err)
{
	if (b->block)
		return err_set(err, -EOPNOTSUPP, "%s is a block device: it cannot change its size", b->name);
	return ftruncate(file_fd(b), size) ? err_errno(err, -errno, "cannot set the size of %s to %llu", b->name, size) : 0;
}

static int file_next_data(struct bdev *b, u64 off, u64 *start, u64 *len)
{
	off_t data, hole;

	if (b->block)
		return 0;
	data = lseek(file_fd(b), off, SEEK_DATA);
	if (data < 0) {
		if (errno == ENXIO)
			*len = 0;
		return errno == ENXIO || errno == EINVAL || errno == EOPNOTSUPP ? 0 : -errno;
	}
	hole = lseek(file_fd(b), data, SEEK_HOLE);
	if (hole < 0)
		return -errno;
	*start = data;
	*len = (u64)data < b->size ? min_t(u64, hole, b->size) - data : 0;
	return 0;
}

static void file_close(struct bdev *b)
{
	struct file *f = container_of(b, struct file, b);

	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

static const struct bdev_ops file_ops = {
	.read = file_read, .readv = file_readv, .write = file_write, .flush = file_flush, .discard = file_discard,
	.resize = file_resize, .close = file_close, .next_data = file_next_data,
};

static int check_kind(const char *path, const struct stat *st, struct err *err)
{
	if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
		return 0;
	if (S_ISDIR(st->st_mode))
		return err_set(err, -EISDIR, "%s is a directory", path);
	return err_set(err, -ENOTBLK, "%s is neither a regular file nor a block device", path);
}

static bool sysfs_u64(dev_t dev, const char *what, u64 *out)
{
	char path[96], line[32];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), what);
	if (io_read_line(path, line, sizeof(line)))
		return false;
	*out = strtoull(line, NULL, 10);
	return true;
}

/* A loop device is the file behind it: the same thing twice must look the same. */
static void loop_identity(dev_t dev, u64 id[2])
{
	char path[96], backing[4096];
	struct stat st;
	u64 off = 0;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/loop/backing_file", major(dev), minor(dev));
	if (io_read_line(path, backing, sizeof(backing)) || stat(backing, &st) || !S_ISREG(st.st_mode))
		return;
	sysfs_u64(dev, "loop/offset", &off);
	id[0] = st.st_dev;
	id[1] = off ? hash_mix2(st.st_ino, off + 1) : st.st_ino;
}

static int file_describe(struct file *f, const char *path, struct err *err)
{
	struct bdev *b = &f->b;
	struct stat st;
	u64 flag;
	int ret;

	if (fstat(f->fd, &st))
		return err_errno(err, -errno, "cannot look at %s", path);
	ret = check_kind(path, &st, err);
	if (ret)
		return ret;
	b->block = S_ISBLK(st.st_mode);
	b->rotational = true;
	b->size = st.st_size;
	b->id[0] = st.st_dev;
	b->id[1] = st.st_ino;
	if (!b->block)
		return 0;
	if (ioctl(f->fd, BLKGETSIZE64, &b->size))
		return err_errno(err, -errno, "cannot get the size of %s", path);
	/* While it is mounted, the kernel writes past the pages that an earlier reader has left in the device's cache. */
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
	if (sysfs_u64(st.st_rdev, "queue/rotational", &flag) || sysfs_u64(st.st_rdev, "../queue/rotational", &flag))
		b->rotational = flag;
	b->id[0] = st.st_rdev;
	b->id[1] = 0;
	loop_identity(st.st_rdev, b->id);
	return 0;
}

/* Other writers that lock are met here; those that do not, in file_writers(). */
static int file_lock(struct file *f, const char *path, u64 off, u64 len, struct err *err)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = off, .l_len = len };
	char comm[64] = "", proc[64];

	if (!fcntl(f->fd, F_OFD_SETLK, &fl))
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL ? 0 :
			err_errno(err, -errno, "cannot lock %s", path);
	fl.l_pid = 0;
	if (!fcntl(f->fd, F_OFD_GETLK, &fl) && fl.l_type != F_UNLCK && fl.l_pid > 0) {
		snprintf(proc, sizeof(proc), "/proc/%d/comm", (int)fl.l_pid);
		if (io_read_line(proc, comm, sizeof(comm)))
			snprintf(comm, sizeof(comm), "another program");
		return err_set(err, -EBUSY, "%s is locked by %s (process %d)", path, comm, (int)fl.l_pid);
	}
	return err_set(err, -EBUSY, "%s is in use: another program has locked it for writing", path);
}

static int check_free(const char *path, bool block, struct err *err)
{
	char *who = NULL;
	int ret = bdev_in_use(path, &who, err), fd;

	if (!ret && !block) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			ret = file_writers(path, fd, &who);
			close(fd);
		}
	}
	if (ret > 0)
		ret = err_set(err, -EBUSY, "%s is in use: %s", path, who ? who : "by another program");
	else if (ret < 0)
		ret = err_wrap(err, ret, "cannot find out whether %s is mounted", path);
	free(who);
	return ret;
}

static int file_open_fd(const char *path, unsigned flags, struct err *err)
{
	int mode = (flags & BDEV_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC, fd, ret;
	struct stat st;

	if (stat(path, &st)) {
		if (errno != ENOENT || !(flags & BDEV_CREATE))
			return err_errno(err, -errno, "cannot open %s", path);
		mode |= O_CREAT;
	} else {
		ret = check_kind(path, &st, err);
		if (ret)
			return ret;
		if (flags & BDEV_WRITE && !(flags & BDEV_FORCE)) {
			ret = check_free(path, S_ISBLK(st.st_mode), err);
			if (ret)
				return ret;
			if (S_ISBLK(st.st_mode))
				mode |= O_EXCL;
		}
	}
	fd = open(path, mode, 0666);
	if (fd >= 0)
		return fd;
	if (errno == EBUSY)
		return err_set(err, -EBUSY, "%s is in use: another program has opened it exclusively", path);
	return err_errno(err, -errno, "cannot open %s%s", path, flags & BDEV_WRITE ? " for writing" : "");
}

int file_open_range(struct env *env, const char *path, unsigned flags, u64 off, u64 len, struct bdev **out, struct err *err)
{
	struct file *f = mem_zalloc(sizeof(*f));
	int ret = -ENOMEM;

	if (!f)
		return err_nomem(err);
	f->b = (struct bdev){ .ops = &file_ops, .env = env, .writable = flags & BDEV_WRITE };
	f->fd = -1;
	f->b.name = mem_strdup(path);
	if (!f->b.name) {
		err_nomem(err);
		goto fail;
	}
	ret = f->fd = file_open_fd(path, flags, err);
	if (ret < 0)
		goto fail;
	ret = file_describe(f, path, err);
	if (!ret && f->b.writable && !f->b.block)
		ret = file_lock(f, path, off, len, err);
	if (!ret && flags & BDEV_TRUNCATE && f->b.writable && !f->b.block && f->b.size)
		ret = bdev_resize(&f->b, 0, err);
	if (ret)
		goto fail;
	*out = &f->b;
	return 0;
fail:
	bdev_close(&f->b);
	return ret;
}

int bdev_open_file(struct env *env, const char *path, unsigned flags, struct bdev **out, struct err *err)
{
	return file_open_range(env, path, flags, 0, 0, out, err);
}
