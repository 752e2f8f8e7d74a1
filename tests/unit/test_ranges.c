/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "common/mem.h"
#include "common/ranges.h"

/* In place of the library's: fails when told to. */
static int allocations_left = -1;

void *mem_alloc(size_t n, size_t size)
{
	if (!allocations_left)
		return NULL;
	allocations_left -= allocations_left > 0;
	return malloc(n * size);
}

static u64 random_state;

static u64 random_below(u64 n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (random_state >> 33) % n;
}

/* The model: one bool for each unit of a small space, scaled so that bounds are not all small. */
enum { SPACE = 30000, SCALE = 4096 };
static bool model[SPACE + 1];

/* The first model range that ends after pos; false if none. */
static bool model_next(u64 pos, u64 *start, u64 *end)
{
	u64 s = pos, e;

	while (s < SPACE && !model[s])
		s++;
	if (s == SPACE)
		return false;
	for (e = s; model[e]; e++)
		;
	while (s && model[s - 1])
		s--;
	*start = s;
	*end = e;
	return true;
}

static bool model_prev(u64 pos, u64 *start, u64 *end)
{
	while (pos && !model[pos - 1])
		pos--;
	return pos && model_next(pos - 1, start, end);
}

static bool model_find(u64 pos, u64 len, u64 align, u64 *start)
{
	for (u64 s = (pos + align - 1) / align * align; s + len <= SPACE; s += align) {
		u64 n = 0;

		while (n < len && model[s + n])
			n++;
		if (n == len) {
			*start = s;
			return true;
		}
	}
	return false;
}

/* Everything the set says of itself against the model. */
static void compare(const struct ranges *r)
{
	u64 pos = 0, start, end, count = 0, bytes = 0, longest = 0;
	struct range e;

	while (model_next(pos, &start, &end)) {
		CHECK(ranges_next(r, pos * SCALE, &e));
		CHECK_EQ(e.start, start * SCALE);
		CHECK_EQ(e.end, end * SCALE);
		count++;
		bytes += e.end - e.start;
		longest = max_t(u64, longest, e.end - e.start);
		pos = end;
	}
	CHECK(!ranges_next(r, pos * SCALE, &e));
	CHECK_EQ(r->count, count);
	CHECK_EQ(r->bytes, bytes);
	CHECK_EQ(ranges_longest(r), longest);
	CHECK_EQ(!r->root, !count);
}

static void ask(const struct ranges *r)
{
	u64 pos = random_below(SPACE), len = 1 + random_below(random_below(4) ? 5 : 60), align = 1 + random_below(5), start, end, want, got;
	bool has = true, touches = false, there;
	struct range e;

	there = model_next(pos, &start, &end);
	CHECK_EQ(ranges_next(r, pos * SCALE, &e), there);
	if (there)
		CHECK(e.start == start * SCALE && e.end == end * SCALE);
	there = model_prev(pos, &start, &end);
	CHECK_EQ(ranges_prev(r, pos * SCALE, &e), there);
	if (there)
		CHECK(e.start == start * SCALE && e.end == end * SCALE);
	for (u64 i = pos; i < pos + len; i++) {
		has &= i < SPACE && model[i];
		touches |= i < SPACE && model[i];
	}
	CHECK_EQ(ranges_has(r, pos * SCALE, (pos + len) * SCALE), has);
	CHECK_EQ(ranges_touches(r, pos * SCALE, (pos + len) * SCALE), touches);
	there = model_find(pos, len, align, &want);
	CHECK_EQ(ranges_find(r, pos * SCALE, len * SCALE, align * SCALE, &got), there);
	if (there)
		CHECK_EQ(got, want * SCALE);
}

/* step: how long the changed pieces may be. adds of ten: additions, the rest are removals. */
static void churn(struct ranges *r, int steps, u64 longest, unsigned adds)
{
	for (int i = 0; i < steps && !unit_failed; i++) {
		u64 start = random_below(SPACE), len = random_below(longest + 1), end = min_t(u64, SPACE, start + len);
		bool add = random_below(10) < adds;

		CHECK_EQ(add ? ranges_add(r, start * SCALE, end * SCALE) : ranges_del(r, start * SCALE, end * SCALE), 0);
		memset(model + start, add, end - start);
		ask(r);
		if (i % 500 == 0)
			compare(r);
	}
	compare(r);
}

TEST(a_set_behaves_as_a_bitmap_does)
{
	struct ranges r = RANGES_INIT;

	random_state = 1;
	memset(model, 0, sizeof(model));
	for (int round = 0; round < 3 && !unit_failed; round++) {
		churn(&r, 20000, 1, 9);   /* many short ranges */
		churn(&r, 4000, 3, 5);
		churn(&r, 4000, 3, 2);    /* fewer and fewer */
		churn(&r, 300, 600, 5);   /* large pieces over many ranges */
		churn(&r, 200, 9000, 2);
	}
	ranges_fini(&r);
	CHECK(!r.root && !r.count && !r.bytes);
}

TEST(a_failure_leaves_the_set_as_it_was)
{
	struct ranges r = RANGES_INIT;
	int failures = 0;

	random_state = 2;
	memset(model, 0, sizeof(model));
	for (int i = 0; i < 30000; i++) {
		u64 start = random_below(SPACE), end = min_t(u64, SPACE, start + 1), ret;
		bool add = i % 4 != 0;

		allocations_left = i % 3;
		ret = add ? ranges_add(&r, start * SCALE, end * SCALE) : ranges_del(&r, start * SCALE, end * SCALE);
		if (!ret)
			model[start] = add;
		failures += ret != 0;
		if (ret || i % 1000 == 0)
			compare(&r);
		if (unit_failed)
			break;
	}
	allocations_left = -1;
	CHECK(failures > 100);
	ranges_fini(&r);
}

TEST(ascending_and_descending_fills)
{
	for (int descending = 0; descending < 2; descending++) {
		struct ranges r = RANGES_INIT;
		struct range e;
		u64 n = 50000, seen = 0;

		for (u64 i = 0; i < n; i++) {
			u64 at = (descending ? n - 1 - i : i) * 10;

			CHECK_EQ(ranges_add(&r, at, at + 3 + at % 5), 0);
		}
		CHECK_EQ(r.count, n);
		for (u64 pos = 0; ranges_next(&r, pos, &e); pos = e.end)
			CHECK_EQ(e.start, 10 * seen++);
		CHECK_EQ(seen, n);
		for (u64 i = 0; i < n; i++) {
			u64 at = (descending ? n - 1 - i : i) * 10;

			CHECK_EQ(ranges_del(&r, at, at + 10), 0);
		}
		CHECK(!r.root && !r.bytes && !r.count);
	}
}

TEST(filling_the_gaps_leaves_one_range)
{
	struct ranges r = RANGES_INIT;

	for (u64 i = 0; i < 20000; i += 2)
		ranges_add(&r, i, i + 1);
	for (u64 i = 1; i < 20000; i += 2)
		ranges_add(&r, (i * 7919) % 20000 | 1, ((i * 7919) % 20000 | 1) + 1);
	CHECK_EQ(r.count, 1);
	CHECK_EQ(r.bytes, 20000);
	CHECK_EQ(ranges_longest(&r), 20000);
	ranges_fini(&r);
}

TEST(one_addition_swallows_all)
{
	struct ranges r = RANGES_INIT;
	struct range e;

	for (u64 i = 0; i < 100000; i++)
		ranges_add(&r, 10 + i * 4, 12 + i * 4);
	CHECK_EQ(ranges_add(&r, 11, 10 + 99999 * 4), 0);
	CHECK_EQ(r.count, 1);
	CHECK(ranges_next(&r, 0, &e) && e.start == 10 && e.end == 12 + 99999 * 4);
	CHECK_EQ(ranges_del(&r, 0, ~0ULL), 0);
	CHECK(!r.root);
}

TEST(the_ends_of_the_number_line)
{
	struct ranges r = RANGES_INIT;
	struct range e;
	u64 at;

	CHECK_EQ(ranges_add(&r, 5, 5), 0);
	CHECK_EQ(ranges_add(&r, 6, 5), 0);
	CHECK(!r.root);
	CHECK(!ranges_prev(&r, 10, &e) && !ranges_next(&r, 0, &e) && !ranges_find(&r, 0, 1, 1, &at));
	CHECK_EQ(ranges_longest(&r), 0);
	CHECK_EQ(ranges_add(&r, 0, ~0ULL), 0);
	CHECK_EQ(r.bytes, ~0ULL);
	CHECK(ranges_has(&r, 0, ~0ULL));
	CHECK(ranges_find(&r, 0, ~0ULL, 1, &at) && at == 0);
	CHECK(!ranges_find(&r, 1, ~0ULL, 1, &at));
	CHECK(!ranges_find(&r, ~0ULL - 5, 1, 1ULL << 63, &at)); /* rounding up would overflow */
	CHECK(ranges_find(&r, 17, 100, 1ULL << 63, &at) && at == 1ULL << 63);
	CHECK(!ranges_prev(&r, 0, &e));
	CHECK(ranges_prev(&r, 1, &e) && e.start == 0);
	CHECK_EQ(ranges_del(&r, 1, ~0ULL - 1), 0);
	CHECK_EQ(r.count, 2);
	CHECK_EQ(r.bytes, 2);
	CHECK(ranges_has(&r, 7, 7) && !ranges_touches(&r, 0, 0));
	ranges_fini(&r);
}

TEST(short_ranges_are_passed_by)
{
	struct ranges r = RANGES_INIT;
	u64 at = 0, n = 200000;

	/* A search that looked at each range would need 4 * 10^10 steps here. */
	for (u64 i = 0; i < n; i++)
		ranges_add(&r, i * 10, i * 10 + 5);
	ranges_add(&r, n * 10, n * 10 + 6);
	for (u64 i = 0; i < n; i++)
		CHECK(ranges_find(&r, i, 6, 1, &at) && at == n * 10);
	ranges_fini(&r);
}

UNIT_MAIN
