/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The volume on filesystems made by the incumbent's mkfs: every profile, every copy, every loss that it survives. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "crypto/csum.h"
#include "kernel-shared/format/block.h"
#include "kernel-shared/volume/volume.h"
#include "tests/unit/unit.h"

enum { DEVS_MAX = 6 };

struct fixture {
	char dir[64];
	char path[DEVS_MAX][96];
	const char *specs[DEVS_MAX];
	unsigned n;
	struct env env;
	struct volume *vol;
};

static struct err err;

static bool have_mkfs(void)
{
	return !access("/sbin/mkfs.btrfs", X_OK) || !access("/usr/sbin/mkfs.btrfs", X_OK) || !access("/usr/bin/mkfs.btrfs", X_OK);
}

/* n files of 300 MiB with a filesystem made with the given options. False: no mkfs here. */
static bool fixture_make(struct fixture *f, unsigned n, const char *options)
{
	char cmd[1024], dir[64];
	int len;

	memset(f, 0, sizeof(*f));
	env_init(&f->env);
	if (!have_mkfs())
		return false;
	/* Memory, where there is some: these files are synced again and again. */
	snprintf(dir, sizeof(dir), "%s/btrbox-volume-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(dir))
		return false;
	strcpy(f->dir, dir);
	len = snprintf(cmd, sizeof(cmd), "PATH=$PATH:/sbin:/usr/sbin mkfs.btrfs -q -f %s", options);
	for (f->n = 0; f->n < n; f->n++) {
		snprintf(f->path[f->n], sizeof(f->path[0]), "%s/d%u", dir, f->n + 1);
		f->specs[f->n] = f->path[f->n];
		close(creat(f->path[f->n], 0600));
		if (truncate(f->path[f->n], 300 << 20))
			return false;
		len += snprintf(cmd + len, sizeof(cmd) - len, " %s", f->path[f->n]);
	}
	snprintf(cmd + len, sizeof(cmd) - len, " >/dev/null 2>&1");
	return !system(cmd);
}

static void fixture_fini(struct fixture *f)
{
	volume_close(f->vol);
	for (unsigned i = 0; i < f->n; i++)
		unlink(f->path[i]);
	if (f->dir[0])
		rmdir(f->dir);
	env_fini(&f->env);
}

static int fixture_open(struct fixture *f, unsigned flags)
{
	struct volume_args args = VOLUME_ARGS_INIT;

	args.specs = f->specs;
	args.nspecs = f->n;
	args.flags = flags | VOLUME_NOSCAN;
	err_clear(&err);
	return volume_open(&f->env, &args, &f->vol, &err);
}

/* Reads the chunk tree, which is one leaf in a new filesystem. */
static int add_chunks(struct volume *vol)
{
	u8 *leaf = malloc(vol->geo.nodesize);
	int ret = rio_read(vol, le64_get(vol->sb.chunk_root), vol->geo.nodesize, 0, leaf, &err);

	if (!ret && (block_level(leaf) || !block_check_csum(&vol->geo, leaf, NULL)))
		ret = -EUCLEAN;
	for (u32 i = 0; !ret && i < block_nritems(leaf); i++) {
		struct item item = block_item(leaf, i);

		if (item.key.type == BTRFS_DEV_ITEM_KEY)
			ret = volume_add_dev_item(vol, (const void *)item.data, &err);
		else if (item.key.type == BTRFS_CHUNK_ITEM_KEY)
			ret = volume_add_chunk(vol, item.key.offset, (const void *)item.data, &err);
	}
	free(leaf);
	return ret;
}

TEST(one_device_opens_and_every_copy_of_the_chunk_root_is_the_same)
{
	struct fixture f CLEANUP(fixture_fini);
	u8 a[65536], b[65536];

	if (!fixture_make(&f, 1, ""))
		return;
	CHECK_OK(fixture_open(&f, 0), &err);
	CHECK_OK(add_chunks(f.vol), &err);
	CHECK_EQ(f.vol->devices.len, 1);
	CHECK_EQ(rio_copies(f.vol, le64_get(f.vol->sb.chunk_root)), 2);
	CHECK_OK(rio_read(f.vol, le64_get(f.vol->sb.chunk_root), 16384, 1, a, &err), &err);
	CHECK_OK(rio_read(f.vol, le64_get(f.vol->sb.chunk_root), 16384, 2, b, &err), &err);
	CHECK(!memcmp(a, b, 16384));
	CHECK(block_check_csum(&f.vol->geo, a, NULL));
}

/* What the tests below write into the first data chunk. */
enum { REGION = 3 << 20, PIECES = 120 };

static const struct chunk *data_chunk(struct volume *vol)
{
	const struct chunk *c = chunk_next(vol, 0);

	while (c && !(c->type & BTRFS_BLOCK_GROUP_DATA))
		c = chunk_next(vol, c->start + c->length);
	return c;
}

/* Seeded pieces of whole sectors; the model is what must be read. */
static int scribble(struct fixture *f, u8 *model, u64 seed)
{
	u64 start = data_chunk(f->vol)->start;
	int ret = 0;

	env_seed(&f->env, seed);
	for (int i = 0; i < PIECES && !ret; i++) {
		u64 r = env_random_u64(&f->env), len = (r % (i % 5 ? 20 : 120) + 1) * 4096, off = env_random_u64(&f->env) % (REGION / 4096) * 4096;

		if (len > REGION - off)
			len = REGION - off;
		env_random(&f->env, model + off, len);
		ret = rio_write(f->vol, start + off, len, model + off, &err);
	}
	return ret ? ret : volume_flush(f->vol, &err);
}

static bool reads_as(struct fixture *f, const u8 *model, unsigned mirror)
{
	u8 *buf = malloc(REGION);
	bool same = !rio_read(f->vol, data_chunk(f->vol)->start, REGION, mirror, buf, &err) && !memcmp(buf, model, REGION);

	free(buf);
	return same;
}

/* Opens with the devices of the set alone, and reads the chunk tree. */
static int open_subset(struct fixture *f, unsigned set, unsigned flags)
{
	const char *specs[DEVS_MAX];
	unsigned all = f->n, n = 0;
	int ret;

	volume_close(f->vol);
	f->vol = NULL;
	memcpy(specs, f->specs, sizeof(specs));
	for (unsigned i = 0; i < all; i++)
		if (set >> i & 1)
			f->specs[n++] = specs[i];
	f->n = n;
	ret = fixture_open(f, flags);
	f->n = all;
	memcpy(f->specs, specs, sizeof(specs));
	return ret ? ret : add_chunks(f->vol);
}

/* P and Q of all rows of the region, byte by byte from their definition. */
static bool parity_is_right(struct fixture *f, const u8 *model)
{
	const struct chunk *c = data_chunk(f->vol);
	unsigned d = c->data_stripes, n = c->num_stripes;
	u8 *p = malloc(65536), *q = malloc(65536);
	bool right = true;

	for (u64 row = 0; row < REGION / (65536ULL * d) && right; row++) {
		const struct stripe *sp = &c->stripes[(row + d) % n], *sq = &c->stripes[(row + d + 1) % n];

		right = !bdev_read(sp->dev->bdev, sp->physical + row * 65536, p, 65536, &err) &&
			!bdev_read(sq->dev->bdev, sq->physical + row * 65536, q, 65536, &err);
		for (unsigned i = 0; i < 65536 && right; i++) {
			u8 wp = 0, wq = 0;

			for (unsigned k = d; k-- > 0;) {
				u8 v = model[(row * d + k) * 65536 + i];

				wp ^= v;
				wq = (wq << 1 ^ (wq & 0x80 ? 0x1d : 0)) ^ v;
			}
			right = p[i] == wp && (c->profile->parity < 2 || q[i] == wq);
		}
	}
	free(p);
	free(q);
	return right;
}

static void check_profile(const char *profile, unsigned n, unsigned survives)
{
	struct fixture f CLEANUP(fixture_fini);
	u8 *model = calloc(1, REGION);
	char options[64];
	unsigned all = (1u << n) - 1;

	snprintf(options, sizeof(options), "-d %s -m %s", profile, profile);
	if (!fixture_make(&f, n, options)) {
		printf("# skipped: no mkfs.btrfs\n");
		free(model);
		return;
	}
	CHECK_OK(open_subset(&f, all, VOLUME_WRITE), &err);
	CHECK_OK(rio_write(f.vol, data_chunk(f.vol)->start, REGION, model, &err), &err);
	CHECK_OK(scribble(&f, model, n), &err);
	for (unsigned m = 0; m <= rio_copies(f.vol, data_chunk(f.vol)->start); m++)
		CHECK(reads_as(&f, model, m));
	if (data_chunk(f.vol)->profile->parity)
		CHECK(parity_is_right(&f, model));
	for (unsigned set = 1; set < all; set++) {
		if (n - __builtin_popcount(set) > survives)
			continue;
		CHECK_OK(open_subset(&f, set, VOLUME_DEGRADED), &err);
		CHECK(f.vol->degraded);
		CHECK_OK(volume_check_missing(f.vol, false, &err), &err);
		CHECK(reads_as(&f, model, 0));
	}
	free(model);
}

TEST(single) { check_profile("single", 1, 0); }
TEST(dup) { check_profile("dup", 1, 0); }
TEST(raid0) { check_profile("raid0", 3, 0); }
TEST(raid1) { check_profile("raid1", 2, 1); }
TEST(raid1c3) { check_profile("raid1c3", 3, 2); }
TEST(raid1c4) { check_profile("raid1c4", 4, 3); }
TEST(raid10) { check_profile("raid10", 4, 1); }
TEST(raid5_of_two) { check_profile("raid5", 2, 1); }
TEST(raid5_of_three) { check_profile("raid5", 3, 1); }
TEST(raid5_of_five) { check_profile("raid5", 5, 1); }
TEST(raid6_of_three) { check_profile("raid6", 3, 2); }
TEST(raid6_of_four) { check_profile("raid6", 4, 2); }
TEST(raid6_of_six) { check_profile("raid6", 6, 2); }

TEST(degraded_writes_are_read_without_the_lost_devices)
{
	const char *names[] = { "raid1", "raid10", "raid5", "raid6" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		struct fixture f CLEANUP(fixture_fini);
		u8 *model = calloc(1, REGION);
		char options[64];
		unsigned set = i == 3 ? 0x9 : 0xd;

		snprintf(options, sizeof(options), "-d %s -m raid1c3", names[i]);
		if (!fixture_make(&f, 4, options)) {
			free(model);
			return;
		}
		CHECK_OK(open_subset(&f, 0xf, VOLUME_WRITE), &err);
		CHECK_OK(rio_write(f.vol, data_chunk(f.vol)->start, REGION, model, &err), &err);
		CHECK_OK(scribble(&f, model, 5), &err);
		CHECK_OK(open_subset(&f, set, VOLUME_WRITE | VOLUME_DEGRADED), &err);
		CHECK_OK(volume_check_missing(f.vol, true, &err), &err);
		CHECK_OK(scribble(&f, model, 6), &err);
		CHECK(reads_as(&f, model, 0));
		CHECK_OK(open_subset(&f, set, VOLUME_DEGRADED), &err);
		CHECK(reads_as(&f, model, 0));
		free(model);
	}
}

TEST(more_losses_than_survived_are_named)
{
	struct fixture f CLEANUP(fixture_fini);

	if (!fixture_make(&f, 3, "-d raid5 -m raid1c3"))
		return;
	CHECK_OK(open_subset(&f, 4, VOLUME_DEGRADED), &err);
	CHECK_OK(volume_check_missing(f.vol, false, &err), &err);
	CHECK_EQ(volume_check_missing(f.vol, true, &err), -ENODEV);
	CHECK(strstr(err_text(&err), "RAID5"));
	CHECK_OK(open_subset(&f, 4, 0), &err);
	CHECK_EQ(volume_check_missing(f.vol, false, &err), -ENODEV);
	CHECK_OK(open_subset(&f, 6, 0), &err);
	CHECK_OK(volume_check_missing(f.vol, false, &err), &err);
	CHECK_EQ(volume_check_missing(f.vol, true, &err), -ENODEV);
}

TEST(batches_read_what_single_reads_do)
{
	const char *names[] = { "raid0", "raid10", "raid5", "raid6" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		struct fixture f CLEANUP(fixture_fini);
		u8 *model = calloc(1, REGION), *buf = calloc(1, REGION);
		struct rio_req reqs[REGION / 16384 + 1];
		char options[64];

		snprintf(options, sizeof(options), "-d %s -m raid1", names[i]);
		if (!fixture_make(&f, 4, options)) {
			free(model);
			free(buf);
			return;
		}
		f.env.jobs = 3;
		CHECK_OK(env_start_pool(&f.env, &err), &err);
		CHECK_OK(open_subset(&f, 0xf, VOLUME_WRITE), &err);
		CHECK_OK(rio_write(f.vol, data_chunk(f.vol)->start, REGION, model, &err), &err);
		CHECK_OK(scribble(&f, model, i), &err);
		for (unsigned set = 0xf; set >= 0xd; set -= 2) {
			if (i && set != 0xf)
				CHECK_OK(open_subset(&f, set, VOLUME_DEGRADED), &err);
			for (u64 k = 0; k < REGION / 16384; k++) {
				u64 at = k * 77 % (REGION / 16384) * 16384;

				reqs[k] = (struct rio_req){ data_chunk(f.vol)->start + at, 16384, 1, buf + at };
			}
			reqs[REGION / 16384] = (struct rio_req){ 1ULL << 60, 4096, 0, model };
			memset(buf, 0, REGION);
			CHECK_OK(rio_read_batch(f.vol, reqs, ARRAY_SIZE(reqs), &err), &err);
			for (u64 k = 0; k < REGION / 16384; k++)
				CHECK_EQ(reqs[k].ret, 0);
			CHECK_EQ(reqs[REGION / 16384].ret, -ENOENT);
			CHECK(!memcmp(buf, model, REGION));
		}
		free(model);
		free(buf);
	}
}

TEST(superblocks_go_to_every_device_and_read_back)
{
	struct fixture f CLEANUP(fixture_fini);
	struct disk_super sb;

	if (!fixture_make(&f, 2, "-m raid1 -d raid1"))
		return;
	CHECK_OK(open_subset(&f, 3, VOLUME_WRITE), &err);
	f.vol->sb.generation = le64_of(le64_get(f.vol->sb.generation) + 1);
	strcpy(f.vol->sb.label, "new label");
	CHECK_OK(volume_write_supers(f.vol, &err), &err);
	CHECK_OK(open_subset(&f, 2, VOLUME_DEGRADED), &err);
	CHECK_STR(f.vol->sb.label, "new label");
	CHECK_EQ(f.vol->main->devid, 2);
	CHECK_EQ(f.vol->main->sb_valid, 3);
	for (int copy = 0; copy < 2; copy++) {
		CHECK_OK(volume_read_super(f.vol->main->bdev, copy, &sb, &err), &err);
		CHECK_STR(sb.label, "new label");
		CHECK_EQ(le64_get(sb.bytenr), btrfs_super_offset[copy]);
		CHECK_EQ(le64_get(sb.dev_item.devid), 2);
	}
	CHECK_EQ(volume_read_super(f.vol->main->bdev, 2, &sb, &err), -EINVAL);
}

TEST(a_device_that_missed_a_commit_is_read_last_and_not_written)
{
	struct fixture f CLEANUP(fixture_fini);

	if (!fixture_make(&f, 2, "-m raid1 -d raid1"))
		return;
	CHECK_OK(open_subset(&f, 1, VOLUME_WRITE | VOLUME_DEGRADED), &err);
	f.vol->sb.generation = le64_of(le64_get(f.vol->sb.generation) + 1);
	CHECK_OK(volume_write_supers(f.vol, &err), &err);
	CHECK_EQ(open_subset(&f, 3, VOLUME_WRITE), -ESTALE);
	CHECK(strstr(err_text(&err), "/d2 is older than"));
	CHECK_OK(open_subset(&f, 3, 0), &err);
	CHECK_EQ(f.vol->main->devid, 1);
	CHECK(volume_device(f.vol, 2, NULL)->stale);
}

TEST(a_copy_beside_the_original_is_refused_by_name)
{
	struct fixture f CLEANUP(fixture_fini);
	char cmd[256];

	if (!fixture_make(&f, 1, ""))
		return;
	snprintf(f.path[1], sizeof(f.path[1]), "%s/copy", f.dir);
	f.specs[1] = f.path[1];
	snprintf(cmd, sizeof(cmd), "cp --sparse=always %s %s", f.path[0], f.path[1]);
	f.n = 2;
	CHECK_EQ(system(cmd), 0);
	CHECK_EQ(fixture_open(&f, 0), -EEXIST);
	CHECK(strstr(err_text(&err), f.path[0]) && strstr(err_text(&err), f.path[1]));
	f.specs[1] = f.specs[0];
	CHECK_EQ(fixture_open(&f, 0), -EEXIST);
	CHECK(strstr(err_text(&err), "same device"));
}

static int count_range(void *arg, u64 logical, u64 len)
{
	*(u64 *)arg += len;
	return 0;
}

/* Every byte that maps forward to a device place is found again from there. */
static int contains(void *arg, u64 logical, u64 len)
{
	u64 want = *(u64 *)arg;

	return want >= logical && want < logical + len;
}

TEST(reverse_mapping_inverts_the_forward_one)
{
	const char *names[] = { "raid0", "raid10", "raid5", "raid6", "raid1" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		struct fixture f CLEANUP(fixture_fini);
		char options[64];
		const struct chunk *c;

		snprintf(options, sizeof(options), "-d %s -m raid1", names[i]);
		if (!fixture_make(&f, 4, options))
			return;
		CHECK_OK(open_subset(&f, 0xf, 0), &err);
		c = data_chunk(f.vol);
		for (u64 off = 0; off < 8 << 20; off += 12345)
			for (unsigned m = 1; m <= c->profile->copies; m++) {
				u64 logical = c->start + off;
				struct phys p;

				CHECK_OK(rio_map(f.vol, logical, 1, m, &p), &err);
				CHECK_EQ(rio_reverse(f.vol, p.dev, p.physical, 1, contains, &logical), 1);
			}
		{
			u64 bytes = 0, unit = i < 2 || i == 4 ? 65536 : c->data_stripes * 65536;

			CHECK_OK(rio_reverse(f.vol, c->stripes[0].dev, c->stripes[0].physical + 65536, 65536, count_range, &bytes), &err);
			CHECK_EQ(bytes, unit);
		}
	}
}

TEST(neighbours_complete_a_set_for_reading_only)
{
	struct fixture f CLEANUP(fixture_fini);
	const char *two[2];
	char cmd[256];

	if (!fixture_make(&f, 3, "-d raid5 -m raid1"))
		return;
	f.n = 1;
	two[0] = f.specs[0];
	f.specs[0] = f.path[1];
	CHECK_OK(fixture_open(&f, VOLUME_NEIGHBOURS), &err);
	CHECK_EQ(f.vol->devices.len, 3);
	CHECK(!f.vol->degraded);
	volume_close(f.vol);
	f.vol = NULL;
	CHECK_OK(fixture_open(&f, VOLUME_NEIGHBOURS | VOLUME_WRITE), &err);
	CHECK_OK(add_chunks(f.vol), &err);
	CHECK(f.vol->degraded);
	volume_close(f.vol);
	f.vol = NULL;
	/* A copy of a member beside it: which one is meant cannot be known, unless it is named. */
	snprintf(f.path[3], sizeof(f.path[3]), "%s/copy", f.dir);
	snprintf(cmd, sizeof(cmd), "cp --sparse=always %s %s", f.path[2], f.path[3]);
	CHECK_EQ(system(cmd), 0);
	CHECK_EQ(fixture_open(&f, VOLUME_NEIGHBOURS), -EEXIST);
	CHECK(strstr(err_text(&err), f.path[2]) && strstr(err_text(&err), f.path[3]));
	f.specs[1] = f.path[3];
	f.n = 2;
	CHECK_OK(fixture_open(&f, VOLUME_NEIGHBOURS), &err);
	CHECK_EQ(f.vol->devices.len, 3);
	CHECK_STR(volume_device(f.vol, 3, NULL)->path, f.path[3]);
	f.specs[0] = two[0];
	f.n = 4;
}

TEST(devices_of_different_filesystems_are_refused)
{
	struct fixture f CLEANUP(fixture_fini), g CLEANUP(fixture_fini);

	if (!fixture_make(&f, 1, "") || !fixture_make(&g, 1, ""))
		return;
	f.specs[1] = g.specs[0];
	f.n = 2;
	CHECK_EQ(fixture_open(&f, 0), -EINVAL);
	CHECK(strstr(err_text(&err), "belong to different filesystems"));
	f.n = 1;
}

/* Overwrites bytes of a device file. */
static void poke(const char *path, u64 off, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || pwrite(fd, bytes, len, off) != (ssize_t)len)
		abort();
	close(fd);
}

TEST(the_newest_valid_superblock_wins_and_one_can_be_chosen)
{
	struct fixture f CLEANUP(fixture_fini);
	struct volume_args args = VOLUME_ARGS_INIT;
	struct disk_super sb;

	if (!fixture_make(&f, 1, ""))
		return;
	CHECK_OK(fixture_open(&f, 0), &err);
	sb = f.vol->sb;
	CHECK_EQ(f.vol->main->sb_valid, 3);
	volume_close(f.vol);
	f.vol = NULL;
	/* Copy 1 becomes newer. */
	sb.generation = le64_of(le64_get(sb.generation) + 5);
	sb.bytenr = le64_of(btrfs_super_offset[1]);
	super_set_csum(&sb);
	poke(f.path[0], btrfs_super_offset[1], &sb, sizeof(sb));
	CHECK_OK(fixture_open(&f, 0), &err);
	CHECK_EQ(le64_get(f.vol->sb.generation), le64_get(sb.generation));
	volume_close(f.vol);
	f.vol = NULL;
	args.specs = f.specs;
	args.nspecs = 1;
	args.super_copy = 0;
	CHECK_OK(volume_open(&f.env, &args, &f.vol, &err), &err);
	CHECK_EQ(le64_get(f.vol->sb.generation), le64_get(sb.generation) - 5);
	volume_close(f.vol);
	f.vol = NULL;
	args.super_copy = 7;
	CHECK_EQ(volume_open(&f.env, &args, &f.vol, &err), -EINVAL);
	args.super_copy = -1;
	args.super_bytenr = 65537;
	CHECK(volume_open(&f.env, &args, &f.vol, &err) < 0);
	/* One of another filesystem that was here before does not count, however new. */
	sb.dev_item.uuid[3] ^= 1;
	sb.generation = le64_of(1000);
	super_set_csum(&sb);
	poke(f.path[0], btrfs_super_offset[1], &sb, sizeof(sb));
	CHECK_OK(fixture_open(&f, 0), &err);
	CHECK(le64_get(f.vol->sb.generation) < 1000);
	CHECK_EQ(f.vol->main->sb_valid, 1);
	volume_close(f.vol);
	f.vol = NULL;
	/* Without copy 0 it is all there is. */
	poke(f.path[0], 65536 + 200, "damage", 6);
	CHECK_OK(fixture_open(&f, 0), &err);
	CHECK_EQ(le64_get(f.vol->sb.generation), 1000);
	volume_close(f.vol);
	f.vol = NULL;
	poke(f.path[0], btrfs_super_offset[1] + 200, "damage", 6);
	CHECK_EQ(fixture_open(&f, 0), -EUCLEAN);
	CHECK_OK(fixture_open(&f, VOLUME_LENIENT), &err);
	volume_close(f.vol);
	f.vol = NULL;
	poke(f.path[0], 65536 + 64, "!BHRfS_M", 8);
	poke(f.path[0], btrfs_super_offset[1] + 64, "nothing.", 8);
	CHECK_EQ(fixture_open(&f, 0), -EUCLEAN);
	CHECK(strstr(err_text(&err), "interrupted"));
	poke(f.path[0], 65536 + 64, "nothing.", 8);
	CHECK_EQ(fixture_open(&f, 0), -EINVAL);
	CHECK(strstr(err_text(&err), "No valid Btrfs found"));
}

TEST(mutated_superblocks_open_or_are_refused_with_a_reason)
{
	struct fixture f CLEANUP(fixture_fini);
	struct disk_super good, sb;
	unsigned opened = 0, refused = 0;

	if (!fixture_make(&f, 1, ""))
		return;
	CHECK_OK(fixture_open(&f, 0), &err);
	good = f.vol->main->sb;
	poke(f.path[0], btrfs_super_offset[1], (char[4096]){ 0 }, 4096);
	for (unsigned i = 0; i < 1500; i++) {
		u64 r = env_random_u64(&f.env);
		u8 *bytes = (u8 *)&sb;

		volume_close(f.vol);
		f.vol = NULL;
		sb = good;
		for (unsigned k = 0; k <= r % 3; k++) /* mostly the fields, sometimes the system array */
			bytes[32 + env_random_u64(&f.env) % (k ? 1100 : 200)] = env_random_u64(&f.env);
		memcpy(&sb.magic, &good.magic, 8);
		if (le16_get(sb.csum_type) >= CSUM_TYPES)
			sb.csum_type = good.csum_type;
		super_set_csum(&sb);
		poke(f.path[0], 65536, &sb, sizeof(sb));
		if (fixture_open(&f, i % 2 ? VOLUME_LENIENT : 0)) {
			CHECK(err.len > 0);
			refused++;
			continue;
		}
		opened++;
		CHECK(is_p2(f.vol->geo.nodesize) && f.vol->geo.nodesize <= 65536);
		(void)add_chunks(f.vol);
	}
	CHECK(opened > 50 && refused > 50);
}

TEST(the_third_superblock_copy_is_written_where_it_fits)
{
	struct fixture f CLEANUP(fixture_fini);
	const u64 size = 300ULL << 30;
	struct disk_super sb;

	if (!fixture_make(&f, 1, ""))
		return;
	CHECK_EQ(truncate(f.path[0], size), 0);
	CHECK_OK(fixture_open(&f, VOLUME_WRITE), &err);
	CHECK_OK(volume_write_supers(f.vol, &err), &err);
	CHECK_EQ(volume_read_super(f.vol->main->bdev, 2, &sb, &err), -EINVAL); /* beyond the device as the filesystem knows it */
	f.vol->main->total_bytes = size;
	CHECK_OK(volume_write_supers(f.vol, &err), &err);
	CHECK_OK(volume_read_super(f.vol->main->bdev, 2, &sb, &err), &err);
	CHECK_EQ(le64_get(sb.dev_item.total_bytes), size);
}

/* Appends supers to a zone, generation by generation. */
static void fill_log(const char *path, struct disk_super sb, u64 at, u64 generation, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		sb.generation = le64_of(generation + i);
		super_set_csum(&sb);
		poke(path, at + i * 4096ULL, &sb, sizeof(sb));
	}
}

TEST(a_zoned_superblock_log_gives_its_newest_entry)
{
	struct fixture f CLEANUP(fixture_fini);
	struct disk_super sb;

	if (!fixture_make(&f, 1, ""))
		return;
	CHECK_OK(fixture_open(&f, 0), &err);
	/* The system chunk's 8 MiB are the zone size. */
	CHECK_EQ(f.vol->chunks.v[0]->length, 8 << 20);
	sb = f.vol->sb;
	sb.incompat_flags = le64_of(le64_get(sb.incompat_flags) | BTRFS_FEATURE_INCOMPAT_ZONED);
	volume_close(f.vol);
	f.vol = NULL;
	fill_log(f.path[0], sb, 0, 100, 40); /* goes over the ordinary place at 64 KiB */
	CHECK_OK(fixture_open(&f, 0), &err);
	CHECK_EQ(le64_get(f.vol->sb.generation), 139);
	volume_close(f.vol);
	f.vol = NULL;
	fill_log(f.path[0], sb, 8 << 20, 140, 1);
	CHECK_OK(fixture_open(&f, 0), &err);
	CHECK_EQ(le64_get(f.vol->sb.generation), 140);
	volume_close(f.vol);
	f.vol = NULL;
	/* The first zone has been reset, and nothing written to it yet. */
	for (unsigned i = 0; i < 40; i++)
		poke(f.path[0], i * 4096ULL, (char[4096]){ 0 }, 4096);
	poke(f.path[0], btrfs_super_offset[1], (char[4096]){ 0 }, 4096);
	CHECK_OK(fixture_open(&f, 0), &err);
	CHECK_EQ(le64_get(f.vol->sb.generation), 140);
	volume_close(f.vol);
	f.vol = NULL;
	/* A full zone. */
	fill_log(f.path[0], sb, 0, 2000, 2048);
	CHECK_OK(fixture_open(&f, 0), &err);
	CHECK_EQ(le64_get(f.vol->sb.generation), 4047);
}

TEST(a_failing_device_is_read_around)
{
	struct fixture f CLEANUP(fixture_fini);
	u8 *model = calloc(1, REGION);

	if (!fixture_make(&f, 3, "-d raid5 -m raid1c3")) {
		free(model);
		return;
	}
	CHECK_OK(open_subset(&f, 7, VOLUME_WRITE), &err);
	CHECK_OK(rio_write(f.vol, data_chunk(f.vol)->start, REGION, model, &err), &err);
	CHECK_OK(scribble(&f, model, 3), &err);
	/* Cut short: reads of its part fail as if the disk were dying. */
	CHECK_EQ(truncate(f.path[1], 2 << 20), 0);
	CHECK_OK(open_subset(&f, 7, VOLUME_LENIENT), &err);
	CHECK(!f.vol->degraded);
	CHECK(reads_as(&f, model, 0));
	CHECK(!reads_as(&f, model, 1));
	CHECK(strstr(err_text(&err), f.path[1]));
	free(model);
}

struct verifier { const u8 *model; u64 start; unsigned bad; };

/* Knows what should be there. */
static int verify(void *arg, u64 start, u32 len, const void *data)
{
	struct verifier *v = arg;
	bool good = start + len > v->start + REGION || !memcmp(data, v->model + (start - v->start), len);

	v->bad += !good;
	return good ? 0 : -EIO;
}

TEST(a_partial_row_write_does_not_cement_damage_beside_it)
{
	const char *names[] = { "raid5", "raid6" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		struct fixture f CLEANUP(fixture_fini);
		u8 *model = calloc(1, REGION), fresh[8192];
		struct verifier v = { model, 0, 0 };
		char options[64];
		struct phys p;

		snprintf(options, sizeof(options), "-d %s -m raid1c3", names[i]);
		if (!fixture_make(&f, 4, options)) {
			free(model);
			return;
		}
		CHECK_OK(open_subset(&f, 0xf, VOLUME_WRITE), &err);
		v.start = data_chunk(f.vol)->start;
		CHECK_OK(rio_write(f.vol, v.start, REGION, model, &err), &err);
		CHECK_OK(scribble(&f, model, 8), &err);
		/* Column 1 of row 0 rots at the offsets that a write to column 0 touches. */
		CHECK_OK(rio_map(f.vol, v.start + 65536 + 4096, 4096, 1, &p), &err);
		poke(p.dev->path, p.physical, options, sizeof(options));
		f.vol->verify = verify;
		f.vol->verify_arg = &v;
		env_random(&f.env, fresh, sizeof(fresh));
		memcpy(model + 4096, fresh, sizeof(fresh));
		CHECK_OK(rio_write(f.vol, v.start + 4096, sizeof(fresh), fresh, &err), &err);
		CHECK_EQ(v.bad, 1);
		CHECK(reads_as(&f, model, 0));
		CHECK(reads_as(&f, model, 2));
		CHECK(parity_is_right(&f, model));
		/* Beyond what the parity makes good nothing is written. */
		for (unsigned col = 1; col < 2 + i; col++) {
			CHECK_OK(rio_map(f.vol, v.start + 65536 * col + 4096, 4096, 1, &p), &err);
			poke(p.dev->path, p.physical, options, sizeof(options));
		}
		p.dev = data_chunk(f.vol)->stripes[data_chunk(f.vol)->data_stripes].dev;
		poke(p.dev->path, data_chunk(f.vol)->stripes[data_chunk(f.vol)->data_stripes].physical + 4096, options, sizeof(options));
		CHECK_EQ(rio_write(f.vol, v.start + 4096, sizeof(fresh), fresh, &err), i ? 0 : -EIO);
		free(model);
	}
}

TEST(a_moving_chunk_is_read_where_it_was_and_written_to_both)
{
	struct fixture f CLEANUP(fixture_fini);
	u8 *model = calloc(1, REGION), *buf = malloc(REGION);
	struct disk_chunk *to = calloc(1, sizeof(*to) + 2 * sizeof(struct disk_stripe));
	const struct chunk *c;
	u64 start;

	if (!fixture_make(&f, 2, "-d single -m raid1")) {
		free(model);
		free(buf);
		free(to);
		return;
	}
	CHECK_OK(open_subset(&f, 3, VOLUME_WRITE), &err);
	c = data_chunk(f.vol);
	start = c->start;
	CHECK_OK(rio_write(f.vol, start, REGION, model, &err), &err);
	CHECK_OK(scribble(&f, model, 1), &err);
	*to = (struct disk_chunk){ .length = le64_of(c->length), .stripe_len = le64_of(65536), .num_stripes = le16_of(2), .sub_stripes = le16_of(1),
		.type = le64_of(BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_RAID1) };
	for (int i = 0; i < 2; i++) {
		to->stripes[i].devid = le64_of(f.vol->devices.v[i]->devid);
		to->stripes[i].offset = le64_of(200 << 20);
		memcpy(to->stripes[i].dev_uuid, f.vol->devices.v[i]->uuid, 16);
	}
	for (int moved = 0; moved < 2; moved++) {
		CHECK_OK(volume_move_chunk(f.vol, start, to, &err), &err);
		CHECK_EQ(volume_move_chunk(f.vol, start, to, &err), -EBUSY);
		CHECK_OK(rio_read(f.vol, start, REGION, 0, buf, &err), &err);
		CHECK_OK(rio_write_next(f.vol, start, REGION, buf, &err), &err);
		CHECK_OK(scribble(&f, model, 2 + moved), &err);
		CHECK_EQ(rio_copies(f.vol, start), 1);
		CHECK(reads_as(&f, model, 0));
		volume_settle_chunks(f.vol, moved);
		CHECK_EQ(rio_copies(f.vol, start), 1 + moved);
		CHECK(reads_as(&f, model, 0));
	}
	CHECK(reads_as(&f, model, 2));
	CHECK_EQ(rio_write_next(f.vol, start, 4096, buf, &err), -EINVAL);
	CHECK_EQ(volume_remove_chunk(f.vol, start + 1), -ENOENT);
	CHECK_OK(volume_remove_chunk(f.vol, start), &err);
	CHECK_EQ(rio_copies(f.vol, start), 0);
	free(model);
	free(buf);
	free(to);
}

UNIT_MAIN
