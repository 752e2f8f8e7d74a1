/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chunk map on made-up chunks: lookups, the mapping of every profile against its definition, what is refused, what is missing. */
#include "kernel-shared/volume/volume.h"
#include "tests/unit/unit.h"

enum { DEVS = 8 };

struct fixture { struct env env; struct volume *vol; struct disk_chunk *dc; };
static struct err err;

static void dev_uuid(u64 devid, u8 uuid[16])
{
	memset(uuid, (int)devid, 16);
}

static int add_device(struct fixture *f, u64 devid)
{
	struct disk_dev_item item = { .devid = le64_of(devid), .total_bytes = le64_of(1ULL << 50) };
	struct device *d;
	struct bdev *b;
	int ret = bdev_mem_new(&f->env, "mem", 1ULL << 50, &b);

	dev_uuid(devid, item.uuid);
	if (!ret)
		ret = volume_add_device(f->vol, b, "mem", &item, &d, &err);
	if (ret)
		bdev_close(b);
	return ret;
}

static bool setup(struct fixture *f, unsigned devices)
{
	static struct disk_super sb;

	memset(f, 0, sizeof(*f));
	env_init(&f->env);
	env_seed(&f->env, 1);
	sb.nodesize = le32_of(16384);
	sb.sectorsize = le32_of(4096);
	f->dc = calloc(1, sizeof(*f->dc) + 16 * sizeof(struct disk_stripe));
	if (volume_new(&f->env, &sb, &f->vol, &err))
		return false;
	for (unsigned i = 1; i <= devices; i++)
		if (add_device(f, i))
			return false;
	return true;
}

static void teardown(struct fixture *f)
{
	volume_close(f->vol);
	free(f->dc);
	env_fini(&f->env);
}

/* A chunk of n stripes, stripe i on device i + 1 at 1 GiB * (i + 1), or both on device 1 for DUP. */
static struct disk_chunk *chunk_item(struct fixture *f, u64 profile, unsigned n, u64 length)
{
	struct disk_chunk *c = f->dc;

	*c = (struct disk_chunk){ .length = le64_of(length), .stripe_len = le64_of(65536), .type = le64_of(BTRFS_BLOCK_GROUP_DATA | profile),
		.num_stripes = le16_of(n), .sub_stripes = le16_of(profile == BTRFS_BLOCK_GROUP_RAID10 ? 2 : 1) };
	for (unsigned i = 0; i < n; i++) {
		u64 devid = profile == BTRFS_BLOCK_GROUP_DUP ? 1 : i + 1;

		c->stripes[i].devid = le64_of(devid);
		c->stripes[i].offset = le64_of(GiB(i + 1));
		dev_uuid(devid, c->stripes[i].dev_uuid);
	}
	return c;
}

TEST(lookups_find_the_chunk_or_the_gap)
{
	struct fixture f CLEANUP(teardown);
	static u64 starts[500], lens[500];
	u64 at = MiB(1);

	CHECK(setup(&f, 1));
	for (unsigned i = 0; i < 500; i++) {
		u64 r = env_random_u64(&f.env);

		at += r % 3 * 65536;
		starts[i] = at;
		lens[i] = (r >> 8) % 50 * 65536 + 65536;
		at += lens[i];
	}
	for (unsigned i = 0; i < 500; i++) { /* in no order */
		unsigned k = i * 307 % 500;

		CHECK_OK(volume_add_chunk(f.vol, starts[k], chunk_item(&f, 0, 1, lens[k]), &err), &err);
	}
	for (unsigned i = 0; i < 20000; i++) {
		u64 where = env_random_u64(&f.env) % (at + MiB(1));
		const struct chunk *c = chunk_lookup(f.vol, where), *next = chunk_next(f.vol, where);
		unsigned k = 0;

		while (k < 500 && starts[k] + lens[k] <= where)
			k++;
		CHECK(next == (k < 500 ? f.vol->chunks.v[k] : NULL));
		CHECK(c == (k < 500 && starts[k] <= where ? next : NULL));
	}
	CHECK(!chunk_lookup(f.vol, ~0ULL) && !chunk_next(f.vol, ~0ULL));
}

/* Spec 5.2, written down once more. */
static void expect(u64 profile, unsigned n, u64 off, unsigned mirror, unsigned *k, u64 *at)
{
	u64 nr = off / 65536, o = off % 65536, d;

	switch (profile) {
	case BTRFS_BLOCK_GROUP_RAID0:
		*k = nr % n;
		*at = nr / n * 65536 + o;
		break;
	case BTRFS_BLOCK_GROUP_RAID10:
		*k = nr % (n / 2) * 2 + mirror - 1;
		*at = nr / (n / 2) * 65536 + o;
		break;
	case BTRFS_BLOCK_GROUP_RAID5:
	case BTRFS_BLOCK_GROUP_RAID6:
		d = n - (profile == BTRFS_BLOCK_GROUP_RAID5 ? 1 : 2);
		*k = (nr / d + nr % d) % n;
		*at = nr / d * 65536 + o;
		break;
	default:
		*k = mirror - 1;
		*at = off;
	}
}

static const struct { u64 flag; unsigned n, copies, ways; } shapes[] = {
	{ 0, 1, 1, 1 }, { BTRFS_BLOCK_GROUP_DUP, 2, 2, 2 }, { BTRFS_BLOCK_GROUP_RAID0, 1, 1, 1 }, { BTRFS_BLOCK_GROUP_RAID0, 5, 1, 1 },
	{ BTRFS_BLOCK_GROUP_RAID1, 2, 2, 2 }, { BTRFS_BLOCK_GROUP_RAID1C3, 3, 3, 3 }, { BTRFS_BLOCK_GROUP_RAID1C4, 4, 4, 4 },
	{ BTRFS_BLOCK_GROUP_RAID10, 2, 2, 2 }, { BTRFS_BLOCK_GROUP_RAID10, 6, 2, 2 }, { BTRFS_BLOCK_GROUP_RAID5, 2, 1, 2 },
	{ BTRFS_BLOCK_GROUP_RAID5, 7, 1, 2 }, { BTRFS_BLOCK_GROUP_RAID6, 3, 1, 3 }, { BTRFS_BLOCK_GROUP_RAID6, 8, 1, 8 },
};

static int sum_range(void *arg, u64 logical, u64 len)
{
	((u64 *)arg)[0] += len;
	return 0;
}

TEST(every_profile_maps_as_defined_and_back)
{
	for (unsigned s = 0; s < ARRAY_SIZE(shapes); s++) {
		struct fixture f CLEANUP(teardown);
		u64 length = 65536ULL * 840, total = 0; /* divisible by every number of data stripes */
		const struct chunk *c;

		CHECK(setup(&f, DEVS));
		CHECK_OK(volume_add_chunk(f.vol, MiB(16), chunk_item(&f, shapes[s].flag, shapes[s].n, length), &err), &err);
		c = chunk_lookup(f.vol, MiB(16));
		CHECK_EQ(rio_copies(f.vol, MiB(16) + 5), shapes[s].ways);
		for (u64 off = 0; off < length; off += 30011)
			for (unsigned mirror = 1; mirror <= shapes[s].copies; mirror++) {
				struct phys p;
				unsigned k;
				u64 at;

				expect(shapes[s].flag, shapes[s].n, off, mirror, &k, &at);
				CHECK_OK(rio_map(f.vol, MiB(16) + off, length, mirror, &p), &err);
				CHECK_EQ(p.stripe, k);
				CHECK_EQ(p.physical, c->stripes[k].physical + at);
				CHECK(p.len && p.len <= length - off && (c->data_stripes == 1 || p.len <= 65536 - off % 65536));
			}
		CHECK_EQ(rio_map(f.vol, MiB(16), 1, shapes[s].copies + c->profile->parity + 1, &(struct phys){ .dev = NULL }), -EINVAL);
		for (unsigned i = 0; i < c->profile->parity; i++) { /* row 3 */
			struct phys p;

			CHECK_OK(rio_map(f.vol, MiB(16) + 3 * c->data_stripes * 65536ULL + 65536 * (c->data_stripes - 1) + 99, 1, 2 + i, &p), &err);
			CHECK_EQ(p.stripe, (3 + c->data_stripes + i) % c->num_stripes);
			CHECK_EQ(p.physical, c->stripes[p.stripe].physical + 3 * 65536 + 99);
		}
		CHECK_EQ(rio_map(f.vol, MiB(16) + length, 1, 1, &(struct phys){ .dev = NULL }), -ENOENT);
		/* All bytes of all stripes: each logical byte once a copy; a byte of a row with parity stands for the row. */
		for (unsigned k = 0; k < c->num_stripes; k++) {
			const struct stripe *st = &c->stripes[k];

			if (!c->profile->parity && (shapes[s].flag != BTRFS_BLOCK_GROUP_DUP || !k))
				CHECK_OK(rio_reverse(f.vol, st->dev, 0, ~0ULL, sum_range, &total), &err);
		}
		CHECK_EQ(total, c->profile->parity ? 0 : length * shapes[s].copies);
		if (c->profile->parity) {
			CHECK_OK(rio_reverse(f.vol, c->stripes[0].dev, c->stripes[0].physical, c->stripe_length, sum_range, &total), &err);
			CHECK_EQ(total, length);
		}
	}
}

TEST(a_chunk_may_be_named_twice_but_not_overlap)
{
	struct fixture f CLEANUP(teardown);

	CHECK(setup(&f, 2));
	CHECK_OK(volume_add_chunk(f.vol, MiB(8), chunk_item(&f, 0, 1, MiB(4)), &err), &err);
	CHECK_OK(volume_add_chunk(f.vol, MiB(8), chunk_item(&f, 0, 1, MiB(4)), &err), &err);
	CHECK_EQ(f.vol->chunks.len, 1);
	CHECK_EQ(volume_add_chunk(f.vol, MiB(8), chunk_item(&f, 0, 1, MiB(8)), &err), -EUCLEAN);
	CHECK_EQ(volume_add_chunk(f.vol, MiB(10), chunk_item(&f, 0, 1, MiB(1)), &err), -EUCLEAN);
	CHECK_EQ(volume_add_chunk(f.vol, MiB(4), chunk_item(&f, 0, 1, MiB(5)), &err), -EUCLEAN);
	CHECK_EQ(volume_add_chunk(f.vol, 0, chunk_item(&f, 0, 1, MiB(100)), &err), -EUCLEAN);
	CHECK_OK(volume_add_chunk(f.vol, MiB(4), chunk_item(&f, 0, 1, MiB(4)), &err), &err);
	CHECK_OK(volume_add_chunk(f.vol, MiB(12), chunk_item(&f, 0, 1, MiB(4)), &err), &err);
}

TEST(impossible_chunks_are_refused)
{
	struct fixture f CLEANUP(teardown);
	struct disk_chunk *c;

	CHECK(setup(&f, 2));
#define REFUSED(start) CHECK_EQ(volume_add_chunk(f.vol, start, c, &err), -EUCLEAN)
	c = chunk_item(&f, 0, 1, 0);
	REFUSED(MiB(1));
	c = chunk_item(&f, 0, 0, MiB(1));
	REFUSED(MiB(1));
	c = chunk_item(&f, 0, 2, MiB(1));
	REFUSED(MiB(1));
	c = chunk_item(&f, 0, 1, ~0ULL);
	REFUSED(MiB(1));
	c = chunk_item(&f, 0, 1, MiB(1));
	c->stripe_len = le64_of(4096);
	REFUSED(MiB(1));
	c = chunk_item(&f, 0, 1, MiB(1));
	c->stripes[0].offset = le64_of(~0ULL - 5);
	REFUSED(MiB(1));
	for (unsigned n = 0; n < 6; n++) {
		c = chunk_item(&f, BTRFS_BLOCK_GROUP_RAID10, n, MiB(1));
		if (n % 2 || !n)
			REFUSED(MiB(1));
		c = chunk_item(&f, BTRFS_BLOCK_GROUP_RAID1, n, MiB(1));
		if (n != 2)
			REFUSED(MiB(1));
		c = chunk_item(&f, BTRFS_BLOCK_GROUP_RAID5, n, MiB(1));
		if (n < 2)
			REFUSED(MiB(1));
		c = chunk_item(&f, BTRFS_BLOCK_GROUP_RAID6, n, MiB(1));
		if (n < 3)
			REFUSED(MiB(1));
	}
	c = chunk_item(&f, BTRFS_BLOCK_GROUP_RAID10, 4, MiB(1));
	c->sub_stripes = le16_of(0);
	REFUSED(MiB(1));
	c = chunk_item(&f, BTRFS_BLOCK_GROUP_RAID1 | BTRFS_BLOCK_GROUP_RAID0, 2, MiB(1));
	REFUSED(MiB(1));
#undef REFUSED
	CHECK_EQ(f.vol->chunks.len, 0);
}

TEST(missing_devices_are_counted_and_filled_in)
{
	struct fixture f CLEANUP(teardown);

	CHECK(setup(&f, 3));
	CHECK_OK(volume_add_chunk(f.vol, MiB(16), chunk_item(&f, BTRFS_BLOCK_GROUP_RAID10, 6, MiB(48)), &err), &err);
	CHECK(f.vol->degraded);
	CHECK_EQ(f.vol->devices.len, 6);
	CHECK_EQ(chunk_lookup(f.vol, MiB(16))->missing, 3);
	CHECK_EQ(volume_check_missing(f.vol, false, &err), -ENODEV); /* 5 and 6 hold the same */
	CHECK_OK(add_device(&f, 6), &err);
	CHECK_EQ(chunk_lookup(f.vol, MiB(16))->missing, 2);
	CHECK_OK(volume_check_missing(f.vol, false, &err), &err);
	CHECK_EQ(volume_check_missing(f.vol, true, &err), -ENODEV);
	CHECK_OK(add_device(&f, 4), &err);
	CHECK_OK(add_device(&f, 5), &err);
	CHECK(!f.vol->degraded);
	CHECK_OK(volume_check_missing(f.vol, true, &err), &err);
	CHECK_EQ(add_device(&f, 5), -EEXIST);
	CHECK_EQ(volume_remove_device(f.vol, volume_device(f.vol, 5, NULL), &err), -EBUSY);
	CHECK_OK(volume_remove_chunk(f.vol, MiB(16)), &err);
	CHECK_OK(volume_remove_device(f.vol, volume_device(f.vol, 2, NULL), &err), &err);
	CHECK(!volume_device(f.vol, 2, NULL));
	for (u64 id = 3; id <= 6; id++) {
		u8 uuid[16];

		dev_uuid(id, uuid);
		CHECK_EQ(volume_device(f.vol, id, uuid)->devid, id);
		CHECK_EQ(volume_device(f.vol, id, uuid)->index, id - 2);
	}
}

UNIT_MAIN
