/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files, memory, slices, records, faults; who may write. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kernel-shared/bdev/bdev.h"
#include "tests/unit/unit.h"

struct fixture { struct env env; char dir[64], path[96]; };
static struct err err;

static bool setup(struct fixture *f, u64 size)
{
	char dir[] = "/tmp/btrbox-bdev-XXXXXX";
	int fd;

	memset(f, 0, sizeof(*f));
	env_init(&f->env);
	if (!mkdtemp(dir))
		return false;
	strcpy(f->dir, dir);
	snprintf(f->path, sizeof(f->path), "%s/file", dir);
	fd = open(f->path, O_RDWR | O_CREAT, 0600);
	return fd >= 0 && !ftruncate(fd, size) && !close(fd);
}

static void teardown(struct fixture *f)
{
	unlink(f->path);
	rmdir(f->dir);
	env_fini(&f->env);
}

TEST(a_file_reads_back_what_was_written)
{
	struct fixture f CLEANUP(teardown);
	struct bdev *b;
	char buf[16];
	u64 start, len;

	CHECK(setup(&f, 1 << 20));
	CHECK_OK(bdev_open_file(&f.env, f.path, BDEV_WRITE, &b, &err), &err);
	CHECK_OK(bdev_write(b, 300001, "seven b", 7, &err), &err);
	CHECK_OK(bdev_flush(b, &err), &err);
	CHECK_OK(bdev_read(b, 300000, buf, 9, &err), &err);
	CHECK(!memcmp(buf, "\0seven b\0", 9));
	CHECK_OK(bdev_next_data(b, 0, &start, &len), &err);
	CHECK(start <= 300001 && start + len >= 300008 && start > 200000);
	CHECK_OK(bdev_discard(b, 262144, 65536, &err), &err);
	CHECK_OK(bdev_read(b, 300000, buf, 9, &err), &err);
	CHECK(!memcmp(buf, "\0\0\0\0\0\0\0\0\0", 9));
	CHECK_EQ(bdev_read(b, (1 << 20) - 5, buf, 6, &err), -EIO);
	CHECK_EQ(bdev_read(b, ~0ULL - 2, buf, 6, &err), -EIO);
	CHECK_EQ(bdev_write(b, (1 << 20) - 5, buf, 6, &err), -ENOSPC);
	CHECK_OK(bdev_resize(b, 2 << 20, &err), &err);
	CHECK_EQ(b->size, 2 << 20);
	CHECK_OK(bdev_write(b, (1 << 20) - 5, buf, 6, &err), &err);
	bdev_close(b);
}

TEST(scattered_reads_equal_plain_ones)
{
	struct fixture f CLEANUP(teardown);
	u8 all[5000], a[100], b2[4000], c[900];
	struct iovec iov[4] = { { a, 100 }, { b2, 4000 }, { NULL, 0 }, { c, 900 } };
	struct bdev *file, *slice;

	CHECK(setup(&f, 1 << 20));
	env_random(&f.env, all, sizeof(all));
	CHECK_OK(bdev_open_file(&f.env, f.path, BDEV_WRITE, &file, &err), &err);
	CHECK_OK(bdev_write(file, 7777, all, sizeof(all), &err), &err);
	CHECK_OK(bdev_slice_new(file, 7000, 0, &slice, &err), &err);
	CHECK_OK(bdev_readv(slice, 777, iov, 4, &err), &err);
	CHECK(!memcmp(a, all, 100) && !memcmp(b2, all + 100, 4000) && !memcmp(c, all + 4100, 900));
	CHECK_EQ(bdev_readv(slice, slice->size - 4000, iov, 4, &err), -EIO);
	bdev_close(slice);
}

TEST(what_is_no_device_is_refused_by_kind)
{
	struct fixture f CLEANUP(teardown);
	struct bdev *b;

	CHECK(setup(&f, 0));
	CHECK_EQ(bdev_open_file(&f.env, f.dir, 0, &b, &err), -EISDIR);
	CHECK(strstr(err_text(&err), "is a directory"));
	CHECK_EQ(bdev_open_file(&f.env, "/dev/null", 0, &b, &err), -ENOTBLK);
	CHECK_EQ(bdev_open_file(&f.env, "/no/such/file", 0, &b, &err), -ENOENT);
	CHECK(strstr(err_text(&err), "/no/such/file"));
	CHECK_EQ(bdev_open_spec(&f.env, "/no/such@p1", 0, &b, &err), -ENOENT);
}

TEST(writing_needs_a_device_opened_for_it)
{
	struct fixture f CLEANUP(teardown);
	struct bdev *b;

	CHECK(setup(&f, 4096));
	CHECK_OK(bdev_open_file(&f.env, f.path, 0, &b, &err), &err);
	CHECK_EQ(bdev_write(b, 0, "x", 1, &err), -EROFS);
	CHECK_EQ(bdev_discard(b, 0, 1, &err), -EROFS);
	CHECK_EQ(bdev_resize(b, 0, &err), -EROFS);
	bdev_close(b);
}

TEST(the_second_writer_is_refused_and_a_reader_is_not)
{
	struct fixture f CLEANUP(teardown);
	struct bdev *b, *second;

	CHECK(setup(&f, 1 << 20));
	CHECK_OK(bdev_open_file(&f.env, f.path, BDEV_WRITE, &b, &err), &err);
	CHECK_EQ(bdev_open_file(&f.env, f.path, BDEV_WRITE, &second, &err), -EBUSY);
	CHECK_OK(bdev_open_file(&f.env, f.path, 0, &second, &err), &err);
	bdev_close(second);
	bdev_close(b);
	CHECK_OK(bdev_open_file(&f.env, f.path, BDEV_WRITE, &b, &err), &err);
	bdev_close(b);
}

TEST(a_file_that_another_process_writes_is_refused_by_name)
{
	struct fixture f CLEANUP(teardown);
	int ready[2], done[2], status;
	struct bdev *b;
	char c, pid[32];
	pid_t child;

	CHECK(setup(&f, 4096));
	CHECK(!pipe(ready) && !pipe(done));
	child = fork();
	if (!child) {
		int fd = open(f.path, O_RDWR);

		c = fd >= 0;
		_exit(write(ready[1], &c, 1) != 1 || read(done[0], &c, 1) != 1);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	CHECK_EQ(bdev_open_file(&f.env, f.path, BDEV_WRITE, &b, &err), -EBUSY);
	snprintf(pid, sizeof(pid), "process %d", (int)child);
	CHECK(strstr(err_text(&err), pid));
	CHECK_EQ(write(done[1], &c, 1), 1);
	waitpid(child, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_OK(bdev_open_file(&f.env, f.path, BDEV_WRITE, &b, &err), &err);
	bdev_close(b);
}

TEST(two_parts_of_one_image_can_be_written_at_once)
{
	struct fixture f CLEANUP(teardown);
	char a[128], b[128];
	struct bdev *x, *y, *z;
	u8 c;

	CHECK(setup(&f, 8 << 20));
	snprintf(a, sizeof(a), "%s@1MiB", f.path);
	snprintf(b, sizeof(b), "%s@2m", f.path);
	CHECK_OK(bdev_open_spec(&f.env, b, BDEV_WRITE, &y, &err), &err);
	CHECK_EQ(y->size, 6 << 20);
	CHECK_STR(y->name, b);
	CHECK_OK(bdev_open_spec(&f.env, a, 0, &x, &err), &err);
	CHECK_OK(bdev_write(y, 5, "q", 1, &err), &err);
	CHECK_OK(bdev_read(x, (1 << 20) + 5, &c, 1, &err), &err);
	CHECK_EQ(c, 'q');
	CHECK(x->id[0] == y->id[0] && x->id[1] != y->id[1]);
	CHECK_EQ(bdev_open_spec(&f.env, a, BDEV_WRITE, &z, &err), -EBUSY);
	bdev_close(x);
	bdev_close(y);
	snprintf(a, sizeof(a), "%s@9M", f.path);
	CHECK_EQ(bdev_open_spec(&f.env, a, 0, &x, &err), -EINVAL);
	snprintf(a, sizeof(a), "%s@p1", f.path);
	CHECK_EQ(bdev_open_spec(&f.env, a, 0, &x, &err), -ENOENT);
	snprintf(a, sizeof(a), "%s@bogus", f.path);
	CHECK(bdev_open_spec(&f.env, a, 0, &x, &err) < 0);
}

TEST(partitions_are_found_by_number)
{
	struct fixture f CLEANUP(teardown);
	/* An MBR with two primary partitions: 2048 + 1024 sectors, 4096 + 2048 sectors. */
	u8 mbr[512] = { 0 };
	u8 entries[2][16] = { { 0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0 }, { 0, 0, 0, 0, 0x83, 0, 0, 0, 0, 16, 0, 0, 0, 8, 0, 0 } };
	char spec[128];
	struct bdev *b, *c;

	CHECK(setup(&f, 4 << 20));
	memcpy(mbr + 446, entries, 32);
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
	CHECK_OK(bdev_open_file(&f.env, f.path, BDEV_WRITE, &b, &err), &err);
	CHECK_OK(bdev_write(b, 0, mbr, 512, &err), &err);
	CHECK_OK(bdev_write(b, 4096 * 512, "second", 6, &err), &err);
	bdev_close(b);
	snprintf(spec, sizeof(spec), "%s@p2", f.path);
	CHECK_OK(bdev_open_spec(&f.env, spec, BDEV_WRITE, &b, &err), &err);
	CHECK_EQ(b->size, 2048 * 512);
	CHECK_OK(bdev_read(b, 0, mbr, 6, &err), &err);
	CHECK(!memcmp(mbr, "second", 6));
	snprintf(spec, sizeof(spec), "%s@p1", f.path);
	CHECK_OK(bdev_open_spec(&f.env, spec, BDEV_WRITE, &c, &err), &err);
	bdev_close(b);
	bdev_close(c);
	snprintf(spec, sizeof(spec), "%s@p3", f.path);
	CHECK_EQ(bdev_open_spec(&f.env, spec, 0, &b, &err), -ENOENT);
}

TEST(a_file_named_like_a_slice_is_itself)
{
	struct fixture f CLEANUP(teardown);
	struct bdev *b;

	CHECK(setup(&f, 4096));
	snprintf(f.path + strlen(f.path), 8, "@1M");
	close(open(f.path, O_RDWR | O_CREAT, 0600));
	CHECK_OK(bdev_open_spec(&f.env, f.path, 0, &b, &err), &err);
	CHECK_EQ(b->size, 0);
	bdev_close(b);
	unlink(f.path);
	f.path[strlen(f.path) - 3] = 0;
}

TEST(memory_is_sparse_and_zero)
{
	struct env env;
	struct bdev *b;
	u64 start, len;
	char buf[8];

	env_init(&env);
	CHECK_OK(bdev_mem_new(&env, "mem", 1ULL << 60, &b), &err);
	CHECK_OK(bdev_write(b, 1ULL << 59, "abc", 3, &err), &err);
	CHECK_OK(bdev_next_data(b, 0, &start, &len), &err);
	CHECK_EQ(start, 1ULL << 59);
	CHECK_EQ(len, 4096);
	CHECK_OK(bdev_read(b, (1ULL << 59) - 2, buf, 6, &err), &err);
	CHECK(!memcmp(buf, "\0\0abc\0", 6));
	CHECK_OK(bdev_resize(b, (1ULL << 59) + 1, &err), &err);
	CHECK_OK(bdev_resize(b, 1ULL << 60, &err), &err);
	CHECK_OK(bdev_read(b, 1ULL << 59, buf, 3, &err), &err);
	CHECK(!memcmp(buf, "a\0\0", 3));
	bdev_close(b);
}

TEST(records_replay_to_the_same_bytes)
{
	struct env env;
	struct record_log *log;
	struct bdev *b, *copy;
	u8 x[40000], y[40000], buf[3000];

	env_init(&env);
	env_seed(&env, 1);
	CHECK_OK(record_log_new(&log), &err);
	CHECK_OK(bdev_mem_new(&env, "a", sizeof(x), &b), &err);
	CHECK_OK(bdev_mem_new(&env, "b", sizeof(x), &copy), &err);
	CHECK_OK(bdev_record_new(b, log, 3, &b), &err);
	for (int i = 0; i < 60; i++) {
		u64 off = env_random_u64(&env) % (sizeof(x) - sizeof(buf));

		env_random(&env, buf, sizeof(buf));
		CHECK_OK(bdev_write(b, off, buf, i * 7 + 1, &err), &err);
		if (i % 10 == 9)
			CHECK_OK(bdev_flush(b, &err), &err);
	}
	CHECK_OK(record_log_mark(log, 99), &err);
	CHECK_EQ(record_log_count(log), 67);
	for (size_t i = 0; i < record_log_count(log); i++) {
		const struct record_event *e = record_log_get(log, i);

		if (e->kind == RECORD_WRITE) {
			CHECK_EQ(e->device, 3);
			CHECK_OK(bdev_write(copy, e->off, e->data, e->len, &err), &err);
		}
	}
	CHECK_EQ(record_log_get(log, 66)->off, 99);
	CHECK_OK(bdev_read(b, 0, x, sizeof(x), &err), &err);
	CHECK_OK(bdev_read(copy, 0, y, sizeof(y), &err), &err);
	CHECK(!memcmp(x, y, sizeof(x)));
	bdev_close(b);
	bdev_close(copy);
	record_log_free(log);
}

TEST(faults_come_when_planned)
{
	struct fault_plan plan = { .what = FAULT_WRITE, .after = 3, .once = true };
	struct env env;
	struct bdev *b;

	env_init(&env);
	CHECK_OK(bdev_mem_new(&env, "m", 4096, &b), &err);
	CHECK_OK(bdev_fault_new(b, &plan, &b), &err);
	for (int i = 0; i < 6; i++) {
		char c;

		CHECK_EQ(bdev_write(b, i, "x", 1, &err), i == 3 ? -EIO : 0);
		CHECK_OK(bdev_read(b, i, &c, 1, &err), &err);
		CHECK_EQ(c, i == 3 ? 0 : 'x');
	}
	plan = (struct fault_plan){ .what = FAULT_READ | FAULT_FLUSH, .after = 1 };
	CHECK_OK(bdev_flush(b, &err), &err);
	CHECK_EQ(bdev_flush(b, &err), -EIO);
	CHECK_EQ(bdev_flush(b, &err), -EIO);
	CHECK_EQ(plan.count, 3);
	bdev_close(b);
}

UNIT_MAIN
