/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole reads and writes of file descriptors: short transfers and EINTR are dealt with. All return 0 or -errno unless said. */
#ifndef COMMON_IO_H
#define COMMON_IO_H

#include "common/base.h"

/* Bytes read, less than len only at the end of the file; or -errno. */
ssize_t io_pread(int fd, void *buf, size_t len, u64 off);
ssize_t io_read(int fd, void *buf, size_t len);
int io_pwrite(int fd, const void *buf, size_t len, u64 off);
int io_write(int fd, const void *buf, size_t len);
struct iovec;
int io_writev(int fd, struct iovec *iov, int n); /* iov is used up */
/* A whole file with a NUL behind (not counted in *len), at most max bytes (-EFBIG beyond). Free *out. */
int io_read_file(const char *path, size_t max, char **out, size_t *len);
/* The first line of a file (sysfs), its newline removed, into buf; -EFBIG when it is longer than len - 1. */
int io_read_line(const char *path, char *buf, size_t len);
/* A nameless temporary file in dir (NULL: $TMPDIR, else /tmp), gone when closed: its descriptor, or -errno. */
int io_tempfile(const char *dir);

#endif
