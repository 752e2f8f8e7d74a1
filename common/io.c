/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole reads and writes: see io.h. */
#include "common/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t io_pread(int fd, void *buf, size_t len, u64 off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)buf + done, len - done, off + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += n;
	}
	return done;
}

ssize_t io_read(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += n;
	}
	return done;
}

int io_pwrite(int fd, const void *buf, size_t len, u64 off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, (const char *)buf + done, len - done, off + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO; /* no progress and no reason */
		done += n;
	}
	return 0;
}

int io_write(int fd, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, (const char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		done += n;
	}
	return 0;
}

int io_writev(int fd, struct iovec *iov, int n)
{
	while (n) {
		ssize_t done;

		if (!iov->iov_len) {
			iov++;
			n--;
			continue;
		}
		done = writev(fd, iov, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (!done)
			return -EIO;
		while (n && (size_t)done >= iov->iov_len) {
			done -= iov->iov_len;
			iov++;
			n--;
		}
		if (n) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= done;
		}
	}
	return 0;
}

/* Grows by reading, not by the size that stat claims: sysfs and procfs claim any. */
static int read_all(int fd, size_t max, char **out, size_t *len)
{
	size_t cap = 0, done = 0;
	char *buf = NULL;

	for (;;) {
		size_t grown = cap ? cap * 2 : 4096;
		char *p;
		ssize_t n;

		if (grown > max)
			grown = max + 1; /* one more, to see whether there is more */
		p = realloc(buf, grown + 1);
		if (!p) {
			free(buf);
			return -ENOMEM;
		}
		buf = p;
		cap = grown;
		n = io_read(fd, buf + done, cap - done);
		if (n < 0) {
			free(buf);
			return n;
		}
		done += n;
		if (done > max) {
			free(buf);
			return -EFBIG;
		}
		if (done < cap)
			break;
	}
	buf[done] = '\0';
	*out = buf;
	*len = done;
	return 0;
}

int io_read_file(const char *path, size_t max, char **out, size_t *len)
{
	int fd, ret;

	if (max > SIZE_MAX / 4)
		max = SIZE_MAX / 4;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = read_all(fd, max, out, len);
	close(fd);
	return ret;
}

int io_read_line(const char *path, char *buf, size_t len)
{
	ssize_t n;
	char *end;
	int fd;

	if (!len)
		return -EINVAL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = io_read(fd, buf, len);
	close(fd);
	if (n < 0)
		return n;
	end = memchr(buf, '\n', n);
	if (!end && (size_t)n == len)
		return -EFBIG;
	if (!end)
		end = buf + n;
	*end = '\0';
	return 0;
}

int io_tempfile(const char *dir)
{
	char path[4096];
	int fd;

	if (!dir)
		dir = getenv("TMPDIR");
	if (!dir || !*dir)
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	/* Not every filesystem has nameless files. */
	if ((size_t)snprintf(path, sizeof(path), "%s/btrbox-XXXXXX", dir) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}
