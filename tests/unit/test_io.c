/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "common/io.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static int temp_file(char path[32])
{
	strcpy(path, "/tmp/unit-io-XXXXXX");
	return mkstemp(path);
}

TEST(what_is_written_is_read)
{
	char path[32], buf[100] = "";
	int fd = temp_file(path);

	CHECK(fd >= 0);
	unlink(path);
	CHECK_EQ(io_pwrite(fd, "hello", 5, 10), 0);
	CHECK_EQ(io_pread(fd, buf, 5, 10), 5);
	CHECK(!memcmp(buf, "hello", 5));
	CHECK_EQ(io_pread(fd, buf, 100, 8), 7);  /* short at the end */
	CHECK_EQ(io_pread(fd, buf, 100, 15), 0);
	CHECK_EQ(io_pread(fd, buf, 100, ~0ULL), (u64)-EINVAL);
	CHECK_EQ(io_pwrite(fd, "x", 1, ~0ULL), (u64)-EINVAL);
	CHECK_EQ(io_write(fd, "start", 5), 0);
	lseek(fd, 0, SEEK_SET);
	CHECK_EQ(io_read(fd, buf, 100), 15);
	CHECK(!memcmp(buf, "start\0\0\0\0\0hello", 15));
	close(fd);
}

TEST(errors_are_negative_errno)
{
	char c, *text;
	size_t len;

	CHECK_EQ(io_read(-1, &c, 1), (u64)-EBADF);
	CHECK_EQ(io_pread(-1, &c, 1, 0), (u64)-EBADF);
	CHECK_EQ(io_write(-1, &c, 1), (u64)-EBADF);
	CHECK_EQ(io_pwrite(-1, &c, 1, 0), (u64)-EBADF);
	CHECK_EQ(io_read_file("/nonexistent/x", 10, &text, &len), (u64)-ENOENT);
	CHECK_EQ(io_read_line("/nonexistent/x", &c, 1), (u64)-ENOENT);
	CHECK_EQ(io_read_file("/", 10, &text, &len), (u64)-EISDIR);
}

static void *drip(void *arg)
{
	for (int i = 0; i < 50; i++) {
		usleep(100);
		if (write(*(int *)arg, "0123456789", 10) != 10)
			break;
	}
	close(*(int *)arg);
	return NULL;
}

TEST(a_pipe_that_drips_is_read_whole)
{
	char buf[1000];
	pthread_t thread;
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	pthread_create(&thread, NULL, drip, &fds[1]);
	CHECK_EQ(io_read(fds[0], buf, sizeof(buf)), 500);
	pthread_join(thread, NULL);
	close(fds[0]);
}

TEST(a_file_is_read_up_to_its_bound)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 100000 };
	static char data[100000];
	char path[32], *text;
	size_t len;

	memset(data, 'd', sizeof(data));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = temp_file(path);

		CHECK_EQ(io_write(fd, data, sizes[i]), 0);
		close(fd);
		CHECK_EQ(io_read_file(path, sizes[i], &text, &len), 0);
		CHECK_EQ(len, sizes[i]);
		CHECK_EQ(strlen(text), sizes[i]);
		free(text);
		CHECK_EQ(io_read_file(path, SIZE_MAX, &text, &len), 0);
		CHECK_EQ(len, sizes[i]);
		free(text);
		if (sizes[i])
			CHECK_EQ(io_read_file(path, sizes[i] - 1, &text, &len), (u64)-EFBIG);
		unlink(path);
	}
}

TEST(a_line_ends_at_its_newline)
{
	char path[32], buf[8];
	int fd = temp_file(path);

	CHECK_EQ(io_write(fd, "1234567\nmore", 12), 0);
	close(fd);
	CHECK_EQ(io_read_line(path, buf, sizeof(buf)), 0);
	CHECK_STR(buf, "1234567");
	CHECK_EQ(io_read_line(path, buf, 7), (u64)-EFBIG);
	CHECK_EQ(truncate(path, 3), 0);
	CHECK_EQ(io_read_line(path, buf, sizeof(buf)), 0);
	CHECK_STR(buf, "123");
	unlink(path);
}

UNIT_MAIN
