/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "common/hash.h"

TEST(an_empty_map_has_nothing)
{
	struct hmap m = HMAP_INIT;
	size_t pos = 0;
	u64 key, value;

	CHECK(!hmap_get(&m, 0));
	CHECK(!hmap_get(&m, 5));
	CHECK(!hmap_del(&m, 0));
	CHECK(!hmap_next(&m, &pos, &key, &value));
	CHECK(!hmap_next(&m, &pos, &key, &value));
	hmap_fini(&m);
}

TEST(zero_is_a_key_like_any_other)
{
	struct hmap m = HMAP_INIT;
	bool fresh;
	u64 *v = hmap_put(&m, 0, &fresh);

	CHECK(v && fresh && *v == 0);
	*v = 77;
	for (u64 i = 1; i < 1000; i++)
		*hmap_put(&m, i, NULL) = i;
	CHECK_EQ(*hmap_get(&m, 0), 77);
	CHECK(hmap_put(&m, 0, &fresh) && !fresh);
	CHECK_EQ(m.len, 1000);
	CHECK(hmap_del(&m, 0));
	CHECK(!hmap_del(&m, 0));
	CHECK(!hmap_get(&m, 0));
	v = hmap_put(&m, 0, &fresh);
	CHECK(fresh && *v == 0);
	hmap_fini(&m);
}

/* Against an array: keys from a small space, so that puts, deletions and collisions all happen often. */
TEST(a_map_behaves_as_an_array_does)
{
	enum { KEYS = 5000 };
	static u64 value[KEYS];
	static bool there[KEYS];
	struct hmap m = HMAP_INIT;
	u64 x = 1, count = 0;

	for (int step = 0; step < 400000; step++) {
		u64 k, key, *v;
		bool fresh;

		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		k = (x >> 33) % KEYS;
		key = k * 4096; /* like addresses of blocks */
		switch (x >> 60 & 3) {
		case 0:
			CHECK_EQ(hmap_del(&m, key), there[k]);
			count -= there[k];
			there[k] = false;
			break;
		case 1:
			v = hmap_get(&m, key);
			CHECK_EQ(!!v, there[k]);
			if (v)
				CHECK_EQ(*v, value[k]);
			break;
		default:
			v = hmap_put(&m, key, &fresh);
			CHECK(v);
			CHECK_EQ(fresh, !there[k]);
			CHECK_EQ(*v, fresh ? 0 : value[k]);
			*v = value[k] = x;
			count += fresh;
			there[k] = true;
		}
		CHECK_EQ(m.len, count);
	}
	hmap_fini(&m);
}

TEST(iteration_meets_every_entry_once)
{
	static u8 seen[3000];
	struct hmap m = HMAP_INIT;
	u64 key, value, n = 0;
	size_t pos = 0;

	for (u64 i = 0; i < 3000; i++)
		*hmap_put(&m, i, NULL) = i * 2;
	while (hmap_next(&m, &pos, &key, &value)) {
		CHECK_EQ(value, key * 2);
		CHECK_EQ(seen[key]++, 0);
		n++;
	}
	CHECK_EQ(n, 3000);
	hmap_fini(&m);
}

TEST(bytes_hash_by_content_and_length)
{
	u8 a[64] = { 0 }, b[65] = { 0 };

	CHECK_EQ(hash_bytes(a, 64), hash_bytes(b, 64));
	CHECK(hash_bytes(b, 64) != hash_bytes(b, 65));
	CHECK(hash_bytes(a, 0) == hash_bytes(NULL, 0));
	b[10] = 1;
	CHECK(hash_bytes(a, 64) != hash_bytes(b, 64));
	CHECK(hash_mix2(1, 2) != hash_mix2(2, 1));
}

UNIT_MAIN
