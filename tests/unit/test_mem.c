/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "common/mem.h"
#include "common/vec.h"

/* Hidden from the compiler, which would otherwise warn about what these tests are about. */
static volatile size_t huge = SIZE_MAX;

TEST(sizes_that_overflow_are_refused)
{
	CHECK(!mem_calloc(huge / 2, 4));
	CHECK(!mem_alloc(huge / 2, 4));
	CHECK(!mem_strndup("x", huge));
}

TEST(empty_blocks_are_blocks)
{
	void *blocks[] = { mem_zalloc(0), mem_calloc(0, 8), mem_calloc(8, 0), mem_alloc(0, 8), mem_alloc_io(0), mem_dup(NULL, 0) };

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		CHECK(blocks[i]);
		free(blocks[i]);
	}
}

TEST(copies_are_equal_and_ended)
{
	char *s = mem_strdup("abc"), *t = mem_strndup("abcdef", 4), *u = mem_dup("\1\2\3", 3), *e = mem_strndup(NULL, 0);

	CHECK_STR(s, "abc");
	CHECK_STR(t, "abcd");
	CHECK(!memcmp(u, "\1\2\3", 3));
	CHECK_STR(e, "");
	free(s);
	free(t);
	free(u);
	mem_freep(&e);
}

TEST(io_memory_is_aligned)
{
	static const size_t sizes[] = { 1, 4096, 16384, 1 << 20, 5000001 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *p = mem_alloc_io(sizes[i]);

		CHECK(p);
		CHECK_EQ((size_t)p % 4096, 0);
		memset(p, 1, sizes[i]);
		free(p);
	}
}

TEST(zeroed_memory_is_zero)
{
	u8 *p = mem_zalloc(1000), *q = mem_calloc(10, 100);

	for (int i = 0; i < 1000; i++)
		CHECK(!p[i] && !q[i]);
	free(p);
	free(q);
}

TEST(arena_blocks_are_aligned_and_apart)
{
	enum { N = 5000 };
	static u8 *block[N];
	static size_t size[N];
	struct arena a;
	size_t asked = 0;

	arena_init(&a);
	for (unsigned i = 0; i < N; i++) {
		size[i] = i % 100 == 99 ? 40000 + i * 100 : i % 97;
		block[i] = arena_alloc(&a, size[i]);
		CHECK(block[i]);
		CHECK_EQ((size_t)block[i] % 16, 0);
		memset(block[i], i & 255, size[i]);
		asked += size[i];
	}
	for (unsigned i = 0; i < N; i++)
		for (size_t k = 0; k < size[i]; k++)
			CHECK_EQ(block[i][k], i & 255);
	CHECK(a.total >= asked);
	CHECK(a.total < asked + asked / 4 + (2 << 20));
	arena_reset(&a);
	CHECK(a.total > 0);
	CHECK(a.total <= (1 << 20) + 4096);
	CHECK(!memcmp(arena_dup(&a, "hello", 6), "hello", 6));
	arena_fini(&a);
	CHECK_EQ(a.total, 0);
}

TEST(an_arena_refuses_what_overflows)
{
	struct arena a;

	arena_init(&a);
	CHECK(!arena_alloc(&a, huge));
	CHECK(!arena_alloc(&a, huge - 15));
	CHECK(arena_alloc(&a, 0));
	arena_reset(&a);
	arena_fini(&a);
	arena_reset(&a);
	arena_fini(&a);
}

TEST(vectors_grow_sort_and_remove)
{
	VEC(u32) v = VEC_INIT;

	for (u32 i = 0; i < 1000; i++)
		CHECK_EQ(vec_push(&v, 999 - i), 0);
	CHECK_EQ(v.len, 1000);
	vec_remove(&v, 0);
	CHECK_EQ(v.len, 999);
	CHECK_EQ(v.v[0], 998);
	CHECK_EQ(v.v[998], 0);
	CHECK_EQ(vec_reserve(&v, 5000), 0);
	CHECK(v.cap >= 5000);
	CHECK_EQ(vec_reserve(&v, huge / 2), (u64)-ENOMEM);
	CHECK_EQ(v.len, 999);
	CHECK_EQ(v.v[1], 997);
	vec_fini(&v);
	CHECK(!v.v);
}

UNIT_MAIN
