/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Undo: the identical bytes come back, nothing is overwritten before its old bytes are safe, and a device that somebody else has
 * changed meanwhile is left alone. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/io.h"
#include "kernel-shared/bdev/bdev.h"
#include "kernel-shared/bdev/undo_format.h"
#include "tests/unit/unit.h"

enum { SIZE = 8 << 20 };

struct fixture {
	char dir[64], dev[2][96], log[96];
	const char *devs[2];
	char *before[2];
	struct env env;
	struct undo_log *undo;
	struct bdev *b[2];
};

static struct err err;

/* Two files with holes and data. */
static bool setup(struct fixture *f)
{
	char dir[64];

	memset(f, 0, sizeof(*f));
	env_init(&f->env);
	/* Memory, where there is some: the log is synced again and again. */
	snprintf(dir, sizeof(dir), "%s/btrbox-undo-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(dir))
		return false;
	strcpy(f->dir, dir);
	snprintf(f->log, sizeof(f->log), "%s/log", dir);
	for (int i = 0; i < 2; i++) {
		int fd;

		snprintf(f->dev[i], sizeof(f->dev[i]), "%s/dev%d", dir, i);
		f->devs[i] = f->dev[i];
		fd = open(f->dev[i], O_RDWR | O_CREAT, 0600);
		f->before[i] = calloc(1, SIZE);
		for (int k = 0; k < SIZE; k += 3 << 16)
			memset(f->before[i] + k, k >> 16 | 1, 100000);
		for (int k = 0; k < SIZE; k += 3 << 16)
			if (io_pwrite(fd, f->before[i] + k, k + 100000 > SIZE ? SIZE - k : 100000, k))
				return false;
		if (ftruncate(fd, SIZE))
			return false;
		close(fd);
	}
	return true;
}

static void teardown(struct fixture *f)
{
	for (int i = 0; i < 2; i++) {
		bdev_close(f->b[i]);
		unlink(f->dev[i]);
		free(f->before[i]);
	}
	unlink(f->log);
	rmdir(f->dir);
	env_fini(&f->env);
}

static int open_devices(struct fixture *f)
{
	int ret = undo_log_create(&f->env, f->log, &f->undo, &err);

	for (int i = 0; i < 2 && !ret; i++) {
		ret = bdev_open_file(&f->env, f->dev[i], BDEV_WRITE, &f->b[i], &err);
		if (!ret)
			ret = bdev_undo_new(f->b[i], f->undo, &f->b[i], &err);
	}
	return ret;
}

static int close_devices(struct fixture *f)
{
	int ret = undo_log_close(f->undo, &err);

	for (int i = 0; i < 2; i++) {
		bdev_close(f->b[i]);
		f->b[i] = NULL;
	}
	return ret;
}

static bool same_as_before(struct fixture *f)
{
	bool same = true;

	for (int i = 0; i < 2; i++) {
		char *now;
		size_t len;

		if (io_read_file(f->dev[i], SIZE * 4, &now, &len))
			return false;
		same &= len == SIZE && !memcmp(now, f->before[i], SIZE);
		free(now);
	}
	return same;
}

/* Seeded writes of all sizes, with flushes and, if wanted, changes of size. */
static int scribble(struct fixture *f, u64 seed, bool resize)
{
	u8 *buf = malloc(1 << 20);
	int ret = 0;

	env_seed(&f->env, seed);
	for (int k = 0; k < 300 && !ret; k++) {
		struct bdev *b = f->b[env_random_u64(&f->env) % 2];
		u64 r = env_random_u64(&f->env), len = r % 8 ? r % 9000 + 1 : r % (1 << 20) + 1, off = env_random_u64(&f->env) % (SIZE / 2);

		if (resize && k % 50 == 49)
			ret = bdev_resize(b, SIZE / 2 + (1 << 20) + r % SIZE, &err);
		env_random(&f->env, buf, len);
		if (!ret)
			ret = bdev_write(b, off, buf, len, &err);
		if (!ret && r % 17 == 0)
			ret = bdev_flush(b, &err);
	}
	free(buf);
	return ret;
}

TEST(the_identical_bytes_come_back)
{
	for (u64 seed = 1; seed <= 6; seed++) {
		struct fixture f CLEANUP(teardown);

		CHECK(setup(&f));
		CHECK_OK(open_devices(&f), &err);
		CHECK_OK(scribble(&f, seed, seed % 2), &err);
		CHECK_OK(close_devices(&f), &err);
		CHECK(!same_as_before(&f));
		CHECK_OK(undo_apply(&f.env, f.log, f.devs, 2, &err), &err);
		CHECK(same_as_before(&f));
		CHECK_EQ(undo_apply(&f.env, f.log, f.devs, 2, &err), -ESTALE);
	}
}

/* Where data and holes lie, as one number. */
static u64 layout(const char *path)
{
	int fd = open(path, O_RDONLY);
	off_t at = 0;
	u64 sum = 0;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		sum = sum * 31 + at;
		at = lseek(fd, at, SEEK_HOLE);
		sum = sum * 31 + at;
	}
	close(fd);
	return sum;
}

TEST(holes_come_back_as_holes)
{
	struct fixture f CLEANUP(teardown);
	u64 before;

	CHECK(setup(&f));
	before = layout(f.dev[0]);
	CHECK_OK(open_devices(&f), &err);
	CHECK_OK(scribble(&f, 9, false), &err);
	CHECK_OK(close_devices(&f), &err);
	CHECK_OK(undo_apply(&f.env, f.log, f.devs, 2, &err), &err);
	CHECK_EQ(layout(f.dev[0]), before);
}

TEST(what_was_read_back_is_what_was_written)
{
	struct fixture f CLEANUP(teardown);
	u8 buf[10000];

	CHECK(setup(&f));
	CHECK_OK(open_devices(&f), &err);
	CHECK_OK(bdev_write(f.b[0], 70000, "hello", 5, &err), &err);
	CHECK_OK(bdev_read(f.b[0], 69990, buf, 20, &err), &err);
	CHECK(!memcmp(buf, f.before[0] + 69990, 10));
	CHECK(!memcmp(buf + 10, "hello", 5));
	CHECK(!memcmp(buf + 15, f.before[0] + 70005, 5));
	CHECK(same_as_before(&f)); /* nothing has reached the disk yet */
	CHECK_OK(bdev_flush(f.b[0], &err), &err);
	CHECK(!same_as_before(&f));
	CHECK_OK(close_devices(&f), &err);
}

TEST(a_device_changed_since_is_refused)
{
	struct fixture f CLEANUP(teardown);
	int fd;

	CHECK(setup(&f));
	CHECK_OK(open_devices(&f), &err);
	CHECK_OK(scribble(&f, 3, false), &err);
	CHECK_OK(bdev_write(f.b[1], 65536, f.before[0], 4096, &err), &err);
	CHECK_OK(close_devices(&f), &err);
	fd = open(f.dev[1], O_RDWR);
	CHECK(pwrite(fd, "x", 1, 65600) == 1);
	close(fd);
	CHECK_EQ(undo_apply(&f.env, f.log, f.devs, 2, &err), -ESTALE);
	CHECK_EQ(truncate(f.dev[1], SIZE + 1), 0);
	CHECK_EQ(undo_apply(&f.env, f.log, f.devs, 2, &err), -ESTALE);
}

TEST(a_log_that_was_never_closed_takes_back_what_reached_the_disk)
{
	struct fixture f CLEANUP(teardown);
	char *log;
	size_t len;

	CHECK(setup(&f));
	CHECK_OK(open_devices(&f), &err);
	CHECK_OK(scribble(&f, 4, false), &err);
	CHECK_OK(bdev_write(f.b[0], 60000, f.before[1], 20000, &err), &err);
	CHECK_OK(bdev_flush(f.b[0], &err), &err);
	CHECK_OK(bdev_flush(f.b[1], &err), &err);
	/* The writer dies here; the log is what it was at this moment. */
	CHECK_OK(io_read_file(f.log, 256 << 20, &log, &len), &err);
	CHECK_OK(close_devices(&f), &err);
	{
		int fd = open(f.log, O_RDWR | O_TRUNC);

		CHECK(!io_pwrite(fd, log, len, 0));
		CHECK(!io_pwrite(fd, "torn batch", 10, len));
		close(fd);
	}
	free(log);
	{
		int fd = open(f.dev[0], O_RDWR); /* a change of the witness by somebody else */
		char was;

		CHECK(pread(fd, &was, 1, 65540) == 1);
		CHECK(pwrite(fd, "\xa5", 1, 65540) == 1);
		CHECK_EQ(undo_apply(&f.env, f.log, f.devs, 2, &err), -ESTALE);
		CHECK(pwrite(fd, &was, 1, 65540) == 1);
		close(fd);
	}
	CHECK_OK(undo_apply(&f.env, f.log, f.devs, 2, &err), &err);
	CHECK(same_as_before(&f));
}

TEST(a_damaged_log_is_refused)
{
	struct fixture f CLEANUP(teardown);
	struct stat st;
	int fd;

	CHECK(setup(&f));
	CHECK_OK(open_devices(&f), &err);
	CHECK_OK(scribble(&f, 5, false), &err);
	CHECK_OK(close_devices(&f), &err);
	fd = open(f.log, O_RDWR);
	fstat(fd, &st);
	for (off_t at = sizeof(struct undo_header); at < st.st_size / 2; at += at < 512 ? 29 : 1500007) {
		char was, bad;

		CHECK(pread(fd, &was, 1, at) == 1);
		bad = was ^ 4;
		CHECK(pwrite(fd, &bad, 1, at) == 1);
		CHECK(undo_apply(&f.env, f.log, f.devs, 2, &err) != 0);
		CHECK(pwrite(fd, &was, 1, at) == 1);
	}
	close(fd);
	CHECK_OK(undo_apply(&f.env, f.log, f.devs, 2, &err), &err);
	CHECK(same_as_before(&f));
}

TEST(an_undo_file_is_never_overwritten_and_must_fit_its_devices)
{
	struct fixture f CLEANUP(teardown);

	CHECK(setup(&f));
	CHECK_OK(open_devices(&f), &err);
	CHECK_OK(close_devices(&f), &err);
	CHECK_EQ(undo_log_create(&f.env, f.log, &f.undo, &err), -EEXIST);
	CHECK_EQ(undo_apply(&f.env, f.log, f.devs, 1, &err), -EINVAL);
	CHECK_EQ(undo_apply(&f.env, f.dev[0], f.devs, 2, &err), -EINVAL);
}

TEST(taking_back_that_was_interrupted_is_finished_by_the_next_try)
{
	struct fixture f CLEANUP(teardown);
	le32 state = le32_of(UNDO_APPLYING);
	int fd;

	CHECK(setup(&f));
	CHECK_OK(open_devices(&f), &err);
	CHECK_OK(scribble(&f, 6, false), &err);
	CHECK_OK(close_devices(&f), &err);
	fd = open(f.log, O_RDWR);
	CHECK(pwrite(fd, &state, 4, offsetof(struct undo_header, state)) == 4);
	close(fd);
	fd = open(f.dev[0], O_RDWR);
	CHECK(pwrite(fd, f.before[0], SIZE / 4, 0) == SIZE / 4);
	close(fd);
	CHECK_OK(undo_apply(&f.env, f.log, f.devs, 2, &err), &err);
	CHECK(same_as_before(&f));
}

struct worker { struct bdev *b; u64 base; bool good; };

/* Writes its own part again and again, reading it back and reading what nobody writes. */
static void *work(void *arg)
{
	struct worker *w = arg;
	u8 *buf = malloc(100000), *back = malloc(100000);

	w->good = true;
	for (int i = 0; i < 200 && w->good; i++) {
		u64 off = w->base + i * 7777 % 800000;

		memset(buf, i + 1, 100000);
		w->good = !bdev_write(w->b, off, buf, 100000, NULL) && !bdev_read(w->b, off, back, 100000, NULL) && !memcmp(buf, back, 100000) &&
			  !bdev_read(w->b, SIZE - 100000, back, 1000, NULL);
	}
	free(buf);
	free(back);
	return NULL;
}

TEST(several_threads_write_their_own_ranges)
{
	struct fixture f CLEANUP(teardown);
	struct worker workers[3];
	pthread_t threads[3];

	CHECK(setup(&f));
	CHECK_OK(open_devices(&f), &err);
	for (int i = 0; i < 3; i++) {
		workers[i] = (struct worker){ f.b[i % 2], i * (2ULL << 20), false };
		CHECK_EQ(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		CHECK(workers[i].good);
	}
	CHECK_OK(close_devices(&f), &err);
	CHECK_OK(undo_apply(&f.env, f.log, f.devs, 2, &err), &err);
	CHECK(same_as_before(&f));
}

UNIT_MAIN
