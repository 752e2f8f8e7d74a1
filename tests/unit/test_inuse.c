/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has a device: mounts, other members of a mounted filesystem, device mapper. Needs root and loop devices; skips without. */
#include <fcntl.h>
#include <unistd.h>
#include "kernel-shared/bdev/bdev.h"
#include "tests/unit/unit.h"

struct fixture {
	struct env env;
	char dir[64], mnt[80], file[2][80], loop[2][64];
	bool mapped;
};

static struct err err;

static bool run(const char *command)
{
	char cmd[1024];

	snprintf(cmd, sizeof(cmd), "PATH=$PATH:/sbin:/usr/sbin; { %s; } >/dev/null 2>&1", command);
	return !system(cmd);
}

/* Two files behind loop devices. False: not possible here. */
static bool setup(struct fixture *f)
{
	char dir[] = "/tmp/btrbox-inuse-XXXXXX", cmd[256];

	memset(f, 0, sizeof(*f));
	env_init(&f->env);
	if (geteuid() || !run("command -v mkfs.btrfs && command -v losetup && test -e /dev/loop-control") || !mkdtemp(dir)) {
		printf("# skipped: needs root, mkfs.btrfs and loop devices\n");
		return false;
	}
	strcpy(f->dir, dir);
	snprintf(f->mnt, sizeof(f->mnt), "%s/mnt dir", dir);
	snprintf(cmd, sizeof(cmd), "mkdir '%s'", f->mnt);
	for (int i = 0; run(cmd) && i < 2; i++) {
		FILE *p;

		snprintf(f->file[i], sizeof(f->file[i]), "%s/f%d", dir, i);
		close(open(f->file[i], O_RDWR | O_CREAT, 0600));
		if (truncate(f->file[i], 300 << 20))
			return false;
		snprintf(cmd, sizeof(cmd), "PATH=$PATH:/sbin:/usr/sbin losetup -f --show %s", f->file[i]);
		p = popen(cmd, "r");
		if (!p || !fgets(f->loop[i], sizeof(f->loop[i]), p))
			f->loop[i][0] = 0;
		if (p)
			pclose(p);
		f->loop[i][strcspn(f->loop[i], "\n")] = 0;
		if (!f->loop[i][0]) {
			printf("# skipped: no loop device\n");
			return false;
		}
		strcpy(cmd, "true");
	}
	return true;
}

static void teardown(struct fixture *f)
{
	char cmd[512];

	if (f->mapped)
		run("dmsetup remove btrbox-inuse-test");
	snprintf(cmd, sizeof(cmd), "umount '%s'; losetup -d %s; losetup -d %s; rm -rf '%s'", f->mnt, f->loop[0], f->loop[1], f->dir);
	if (f->dir[0])
		run(cmd);
	env_fini(&f->env);
}

static int in_use(const char *path, char *text, size_t size)
{
	char *who = NULL;
	int ret = bdev_in_use(path, &who, &err);

	snprintf(text, size, "%s", who ? who : "");
	free(who);
	return ret;
}

TEST(all_members_of_a_mounted_filesystem_are_in_use_also_the_files_behind_them)
{
	struct fixture f CLEANUP(teardown);
	char cmd[512], who[512];
	struct bdev *b;

	if (!setup(&f))
		return;
	snprintf(cmd, sizeof(cmd), "mkfs.btrfs -q -f -m raid1 -d raid1 %s %s && mount -o device=%s %s '%s'", f.loop[0], f.loop[1], f.loop[1], f.loop[0], f.mnt);
	CHECK_EQ(in_use(f.file[0], who, sizeof(who)), 0);
	CHECK(run(cmd));
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(in_use(f.loop[i], who, sizeof(who)), 1);
		CHECK(strstr(who, "mounted at") && strstr(who, f.mnt));
		CHECK_EQ(in_use(f.file[i], who, sizeof(who)), 1);
		CHECK(strstr(who, f.loop[i]) && strstr(who, f.mnt));
		CHECK_EQ(bdev_open_file(&f.env, f.file[i], BDEV_WRITE, &b, &err), -EBUSY);
		CHECK(strstr(err_text(&err), f.mnt));
		CHECK_EQ(bdev_open_file(&f.env, f.loop[i], BDEV_WRITE, &b, &err), -EBUSY);
		CHECK_OK(bdev_open_file(&f.env, f.loop[i], BDEV_READ, &b, &err), &err);
		bdev_close(b);
		CHECK_OK(bdev_open_file(&f.env, f.file[i], BDEV_WRITE | BDEV_FORCE, &b, &err), &err);
		bdev_close(b);
	}
	snprintf(cmd, sizeof(cmd), "umount '%s'", f.mnt);
	CHECK(run(cmd));
	CHECK_EQ(in_use(f.loop[1], who, sizeof(who)), 0);
	CHECK_OK(bdev_open_file(&f.env, f.loop[1], BDEV_WRITE, &b, &err), &err);
	CHECK(b->block && b->size == 300 << 20);
	bdev_close(b);
}

TEST(a_device_below_another_is_in_use_by_name)
{
	struct fixture f CLEANUP(teardown);
	char cmd[512], who[512];
	struct bdev *b;

	if (!setup(&f))
		return;
	snprintf(cmd, sizeof(cmd), "dmsetup create btrbox-inuse-test --table '0 8192 linear %s 0'", f.loop[0]);
	f.mapped = run(cmd);
	if (!f.mapped) {
		printf("# skipped: no device mapper\n");
		return;
	}
	CHECK_EQ(in_use(f.loop[0], who, sizeof(who)), 1);
	CHECK(strstr(who, "btrbox-inuse-test"));
	CHECK_EQ(in_use(f.file[0], who, sizeof(who)), 1);
	CHECK_EQ(bdev_open_file(&f.env, f.loop[0], BDEV_WRITE, &b, &err), -EBUSY);
}

TEST(a_loop_device_and_its_file_are_the_same_thing)
{
	struct fixture f CLEANUP(teardown);
	struct bdev *a, *b;

	if (!setup(&f))
		return;
	CHECK_OK(bdev_open_file(&f.env, f.loop[0], BDEV_READ, &a, &err), &err);
	CHECK_OK(bdev_open_file(&f.env, f.file[0], BDEV_READ, &b, &err), &err);
	CHECK(a->id[0] == b->id[0] && a->id[1] == b->id[1]);
	bdev_close(a);
	bdev_close(b);
}

TEST(undo_works_on_block_devices)
{
	struct fixture f CLEANUP(teardown);
	struct undo_log *log;
	const char *devs[1];
	char path[128];
	u8 a[9000], b9[9000];
	struct bdev *b;

	if (!setup(&f))
		return;
	snprintf(path, sizeof(path), "%s/undo", f.dir);
	env_random(&f.env, a, sizeof(a));
	CHECK_OK(bdev_open_file(&f.env, f.loop[0], BDEV_WRITE, &b, &err), &err);
	CHECK_OK(bdev_write(b, 70000, a, sizeof(a), &err), &err);
	CHECK_OK(undo_log_create(&f.env, path, &log, &err), &err);
	CHECK_OK(bdev_undo_new(b, log, &b, &err), &err);
	CHECK_OK(bdev_write(b, 60000, path, sizeof(path), &err), &err);
	CHECK_OK(bdev_write(b, 71000, path, sizeof(path), &err), &err);
	CHECK_OK(bdev_write(b, 5 << 20, path, sizeof(path), &err), &err);
	CHECK_OK(undo_log_close(log, &err), &err);
	bdev_close(b);
	devs[0] = f.loop[0];
	CHECK_OK(undo_apply(&f.env, path, devs, 1, &err), &err);
	CHECK_OK(bdev_open_file(&f.env, f.loop[0], BDEV_READ, &b, &err), &err);
	CHECK_OK(bdev_read(b, 70000, b9, sizeof(b9), &err), &err);
	CHECK(!memcmp(a, b9, sizeof(a)));
	CHECK_OK(bdev_read(b, 5 << 20, b9, sizeof(path), &err), &err);
	CHECK(!b9[0] && !b9[5]);
	bdev_close(b);
}

UNIT_MAIN
