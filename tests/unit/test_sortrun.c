/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "common/env.h"
#include "common/hash.h"
#include "common/pool.h"
#include "common/sortrec.h"
#include "common/sortrun.h"

#include <sys/stat.h>
#include <unistd.h>

static size_t record_size;

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, record_size);
}

/* What records look like: all random; zeros and small numbers, as big-endian keys have them, many equal; all the same;
 * ascending; descending. */
enum kind { RANDOM, KEYS, SAME, ASCENDING, DESCENDING, KINDS };

static void make_record(u8 *p, size_t size, enum kind kind, u64 i, u64 n)
{
	for (size_t k = 0; k < size; k += 8) {
		u64 v = hash_mix2(i, k), len = min_t(u64, size - k, 8);

		if (kind == KEYS)
			v = k == 0 ? v % 50 * 16384 : k == 8 ? v % 7 : v % 300;
		else if (kind == SAME)
			v = k;
		else if (kind != RANDOM)
			v = k ? 0 : kind == ASCENDING ? i : n - i;
		for (size_t b = 0; b < len; b++)
			p[k + b] = v >> 8 * (len - 1 - b);
	}
}

TEST(records_in_memory_sort_as_qsort_sorts_them)
{
	static const size_t sizes[] = { 1, 3, 7, 8, 9, 12, 15, 16, 17, 24, 32, 33, 40, 48, 64, 100 };
	static const size_t counts[] = { 0, 1, 2, 3, 19, 20, 21, 22, 100, 1000, 20000 };

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
		for (size_t c = 0; c < ARRAY_SIZE(counts); c++)
			for (enum kind kind = 0; kind < KINDS; kind++) {
				size_t n = counts[c], size = record_size = sizes[s];
				u8 *a = malloc(n * size + 1), *b = malloc(n * size + 1), *tmp = malloc(n * size + 1);

				for (size_t i = 0; i < n; i++)
					make_record(a + i * size, size, kind, i, n);
				memcpy(b, a, n * size);
				sortrec(a, tmp, n, size);
				qsort(b, n, size, compare);
				CHECK(!memcmp(a, b, n * size));
				free(a);
				free(b);
				free(tmp);
			}
}

TEST(digits_at_every_bit_decide)
{
	/* One record for each bit, and the zero: whatever bits differ first must be found. */
	enum { SIZE = 20, N = SIZE * 8 + 1 };
	static u8 a[N * SIZE], b[N * SIZE], tmp[N * SIZE];

	record_size = SIZE;
	for (int bit = 0; bit < SIZE * 8; bit++)
		a[(bit * 37 % (SIZE * 8) + 1) * SIZE + bit / 8] = 0x80 >> bit % 8;
	memcpy(b, a, sizeof(a));
	sortrec(a, tmp, N, SIZE);
	qsort(b, N, SIZE, compare);
	CHECK(!memcmp(a, b, sizeof(a)));
}

TEST(bounds_are_counts)
{
	static const u8 records[] = { 1, 3, 3, 3, 5, 9 };

	for (unsigned key = 0; key < 12; key++) {
		size_t less = 0, up_to = 0;
		u8 k = key;

		for (size_t i = 0; i < sizeof(records); i++) {
			less += records[i] < key;
			up_to += records[i] <= key;
		}
		CHECK_EQ(sortrec_bound(records, sizeof(records), 1, &k, false), less);
		CHECK_EQ(sortrec_bound(records, sizeof(records), 1, &k, true), up_to);
	}
	CHECK_EQ(sortrec_bound(NULL, 0, 1, "", true), 0);
}

struct feed {
	struct sortrun *s;
	size_t size;
	enum kind kind;
	u64 n;
};

static int feed_one(void *arg, u64 i, unsigned worker)
{
	struct feed *f = arg;
	u8 record[256];

	make_record(record, f->size, f->kind, i, f->n);
	return sortrun_add(f->s, record, worker);
}

/* Sorts n records by way of a sortrun and compares with qsort. */
static void check_sort(size_t size, enum kind kind, u64 n, unsigned jobs, u64 memory, bool threads)
{
	struct err err = ERR_INIT;
	struct feed f = { .size = size, .kind = kind, .n = n };
	const void *record;
	struct env env;
	u8 *want;
	u64 i;

	env_init(&env);
	env.jobs = jobs;
	if (threads)
		CHECK_OK(env_start_pool(&env, &err), &err);
	f.s = sortrun_new(&env, size, size / 2, memory);
	CHECK(f.s);
	CHECK_EQ(pool_for(env.pool, n, feed_one, &f), 0);
	CHECK_EQ(sortrun_count(f.s), n);
	CHECK_OK(sortrun_finish(f.s, &err), &err);
	want = malloc(n * size + 1);
	for (i = 0; i < n; i++)
		make_record(want + i * size, size, kind, i, n);
	record_size = size;
	qsort(want, n, size, compare);
	for (i = 0; (record = sortrun_next(f.s, &err)); i++) {
		CHECK(i < n);
		CHECK(!memcmp(record, want + i * size, size));
	}
	CHECK_EQ(err.code, 0);
	CHECK_EQ(i, n);
	CHECK(!sortrun_next(f.s, &err)); /* and stays at its end */
	sortrun_free(f.s);
	free(want);
	env_fini(&env);
}

TEST(small_sorts)
{
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (u64 n = 0; n < 600; n += 1 + n / 3)
			for (unsigned jobs = 1; jobs < 4; jobs++)
				check_sort(24, kind, n, jobs, 0, true);
}

TEST(sorts_that_fit_into_memory)
{
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (unsigned jobs = 1; jobs < 4; jobs++)
			check_sort(32, kind, 60000, jobs, 8 << 20, jobs > 1);
}

TEST(sorts_that_spill)
{
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (unsigned jobs = 1; jobs < 4; jobs++) {
			check_sort(32, kind, 100000, jobs, 1 << 20, true);
			check_sort(13, kind, 150000, jobs, 1 << 20, true);
		}
	check_sort(200, RANDOM, 20000, 2, 1 << 20, true);
}

TEST(more_runs_than_one_pass_can_read)
{
	for (enum kind kind = 0; kind < KINDS; kind++)
		check_sort(16, kind, 400000, 4, 1 << 20, true);
}

TEST(giving_up_in_the_middle)
{
	struct err err = ERR_INIT;
	struct env env;

	env_init(&env);
	env.jobs = 3;
	CHECK_OK(env_start_pool(&env, &err), &err);
	for (int stage = 0; stage < 3; stage++) {
		struct feed f = { .size = 32, .kind = RANDOM, .n = 100000 };

		f.s = sortrun_new(&env, 32, 8, 1 << 20);
		CHECK_EQ(pool_for(env.pool, f.n, feed_one, &f), 0);
		if (stage)
			CHECK_OK(sortrun_finish(f.s, &err), &err);
		for (int i = 0; stage == 2 && i < 20000; i++)
			CHECK(sortrun_next(f.s, &err));
		sortrun_free(f.s);
	}
	env_fini(&env);
	sortrun_free(NULL);
}

TEST(a_missing_directory_is_named)
{
	struct feed f = { .size = 32, .kind = RANDOM, .n = 200000 };
	struct err err = ERR_INIT;
	struct env env;

	env_init(&env);
	env.jobs = 1;
	env.tempdir = "/nonexistent/dir";
	f.s = sortrun_new(&env, 32, 8, 1 << 20);
	CHECK_EQ(pool_for(NULL, f.n, feed_one, &f), (u64)-ENOENT);
	CHECK_EQ(sortrun_finish(f.s, &err), (u64)-ENOENT);
	CHECK_STR(err_text(&err), "cannot sort through a temporary file in /nonexistent/dir: No such file or directory");
	sortrun_free(f.s);
	env_fini(&env);
}

TEST(nothing_is_left_in_the_directory)
{
	char dir[] = "/tmp/unit-sortrun-XXXXXX";
	struct feed f = { .size = 32, .kind = RANDOM, .n = 100000 };
	struct err err = ERR_INIT;
	struct env env;

	CHECK(mkdtemp(dir));
	env_init(&env);
	env.jobs = 1;
	env.tempdir = dir;
	f.s = sortrun_new(&env, 32, 8, 1 << 20);
	CHECK_EQ(pool_for(NULL, f.n, feed_one, &f), 0);
	CHECK_OK(sortrun_finish(f.s, &err), &err);
	CHECK_EQ(rmdir(dir), 0); /* empty, although the file is in use */
	CHECK(sortrun_next(f.s, &err));
	sortrun_free(f.s);
	env_fini(&env);
}

TEST(an_interrupt_ends_the_reading)
{
	struct feed f = { .size = 32, .kind = RANDOM, .n = 100000 };
	volatile int stop = 0;
	struct err err = ERR_INIT;
	struct env env;

	env_init(&env);
	env.jobs = 1;
	env.interrupted = &stop;
	f.s = sortrun_new(&env, 32, 8, 1 << 20);
	CHECK_EQ(pool_for(NULL, f.n, feed_one, &f), 0);
	CHECK_OK(sortrun_finish(f.s, &err), &err);
	CHECK(sortrun_next(f.s, &err));
	stop = 1;
	while (sortrun_next(f.s, &err))
		;
	CHECK_EQ(err.code, (u64)-EINTR);
	sortrun_free(f.s);
	env_fini(&env);
}

UNIT_MAIN
