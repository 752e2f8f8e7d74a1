/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Overlays: what is written is read back, the lower layer never changes, and what changed can be listed. */
#include <pthread.h>
#include "kernel-shared/bdev/bdev.h"
#include "tests/unit/unit.h"

enum { SIZE = 3 << 20 };

struct fixture { struct env env; struct bdev *lower, *b; u8 *base, *model; u64 size; };
static struct err err;

static bool setup(struct fixture *f, u64 memory)
{
	memset(f, 0, sizeof(*f));
	env_init(&f->env);
	env_seed(&f->env, 7);
	f->env.memory = memory;
	f->base = malloc(SIZE);
	f->model = calloc(1, SIZE * 2);
	env_random(&f->env, f->base, SIZE);
	memcpy(f->model, f->base, SIZE);
	f->size = SIZE;
	if (bdev_mem_new(&f->env, "base", SIZE, &f->lower) || bdev_write(f->lower, 0, f->base, SIZE, &err))
		return false;
	return !bdev_overlay_new(f->lower, &f->b, &err);
}

static void teardown(struct fixture *f)
{
	bdev_close(f->b);
	free(f->base);
	free(f->model);
	env_fini(&f->env);
}

static int scribble(struct fixture *f, int rounds)
{
	u8 *buf = malloc(70000);
	int ret = 0;

	for (int i = 0; i < rounds && !ret; i++) {
		u64 r = env_random_u64(&f->env), len = r % (i % 4 ? 5000 : 70000) + 1, off = env_random_u64(&f->env) % f->size;

		if (len > f->size - off)
			len = f->size - off;
		env_random(&f->env, buf, len);
		memcpy(f->model + off, buf, len);
		ret = bdev_write(f->b, off, buf, len, &err);
	}
	free(buf);
	return ret;
}

/* Reads of odd ranges equal the model. */
static bool equal(struct fixture *f)
{
	u8 *buf = malloc(SIZE * 2);
	bool same = !bdev_read(f->b, 0, buf, f->size, &err) && !memcmp(buf, f->model, f->size);

	for (int i = 0; i < 200 && same; i++) {
		u64 off = env_random_u64(&f->env) % f->size, len = env_random_u64(&f->env) % (f->size - off) + 1;

		same = !bdev_read(f->b, off, buf, len, &err) && !memcmp(buf, f->model + off, len);
	}
	free(buf);
	return same;
}

TEST(reads_show_the_writes_and_the_lower_layer_none)
{
	struct fixture f CLEANUP(teardown);
	u8 *buf = malloc(SIZE);

	CHECK(setup(&f, 0));
	CHECK_OK(scribble(&f, 300), &err);
	CHECK(equal(&f));
	CHECK_OK(bdev_read(f.lower, 0, buf, SIZE, &err), &err);
	CHECK(!memcmp(buf, f.base, SIZE));
	free(buf);
}

TEST(past_the_memory_bound_pages_go_to_a_file)
{
	struct fixture f CLEANUP(teardown);

	CHECK(setup(&f, 1));
	CHECK_OK(scribble(&f, 500), &err);
	CHECK(equal(&f));
}

TEST(more_than_stays_resident_is_read_back)
{
	enum { BIG = 80 << 20, PIECE = 1 << 20 };
	struct bdev *b = NULL;
	struct env env;
	u8 *buf = malloc(PIECE);

	env_init(&env);
	env.memory = 1;
	CHECK(!bdev_mem_new(&env, "big", BIG, &b));
	CHECK_OK(bdev_overlay_new(b, &b, &err), &err);
	for (u64 off = 0; off < BIG; off += PIECE) {
		memset(buf, off >> 20, PIECE);
		CHECK_OK(bdev_write(b, off, buf, PIECE, &err), &err);
	}
	for (u64 off = 0; off < BIG; off += PIECE) {
		CHECK_OK(bdev_read(b, off, buf, PIECE, &err), &err);
		CHECK(buf[0] == off >> 20 && buf[PIECE - 1] == off >> 20);
	}
	bdev_close(b);
	free(buf);
	env_fini(&env);
}

TEST(listed_changes_laid_over_the_base_give_the_new_state)
{
	struct fixture f CLEANUP(teardown);
	u64 pos = 0, start, len, last = 0;

	CHECK(setup(&f, 0));
	CHECK_OK(scribble(&f, 40), &err);
	for (; bdev_overlay_next(f.b, pos, &start, &len); pos = start + len) {
		CHECK(start >= last && len && start + len <= SIZE);
		CHECK(start > last || !last); /* merged: two ranges never touch */
		last = start + len;
		CHECK_OK(bdev_read(f.b, start, f.base + start, len, &err), &err);
	}
	CHECK(!memcmp(f.base, f.model, SIZE));
	CHECK(last != 0);
}

TEST(a_device_cut_short_and_grown_again_shows_zeros)
{
	struct fixture f CLEANUP(teardown);
	u64 sizes[] = { SIZE / 2 + 1000, SIZE + 5000, 8192, SIZE * 2 };

	CHECK(setup(&f, 0));
	CHECK_OK(scribble(&f, 50), &err);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		CHECK_OK(bdev_resize(f.b, sizes[i], &err), &err);
		if (sizes[i] < f.size)
			memset(f.model + sizes[i], 0, SIZE * 2 - sizes[i]);
		f.size = sizes[i];
		CHECK(equal(&f));
		CHECK_OK(scribble(&f, 20), &err);
		CHECK(equal(&f));
	}
}

TEST(data_of_an_overlay_is_its_own_and_the_lower_ones)
{
	struct fixture f CLEANUP(teardown);
	struct bdev *mem, *o;
	u64 start, len;

	CHECK(setup(&f, 0));
	CHECK_OK(bdev_mem_new(&f.env, "m", 1 << 20, &mem), &err);
	CHECK_OK(bdev_write(mem, 500000, "x", 1, &err), &err);
	CHECK_OK(bdev_overlay_new(mem, &o, &err), &err);
	CHECK_OK(bdev_write(o, 100000, "y", 1, &err), &err);
	CHECK_OK(bdev_next_data(o, 0, &start, &len), &err);
	CHECK_EQ(start, 98304);
	CHECK_EQ(len, 4096);
	CHECK_OK(bdev_next_data(o, start + len, &start, &len), &err);
	CHECK_EQ(start, 499712);
	CHECK_OK(bdev_next_data(o, start + len, &start, &len), &err);
	CHECK_EQ(len, 0);
	bdev_close(o);
}

TEST(committing_brings_the_range_asked_for_to_the_lower_layer)
{
	struct fixture f CLEANUP(teardown);
	u8 *buf = malloc(SIZE);

	CHECK(setup(&f, 0));
	CHECK_OK(scribble(&f, 100), &err);
	CHECK_OK(bdev_overlay_commit(f.b, 4096, SIZE / 2 + 8, &err), &err);
	CHECK_OK(bdev_read(f.lower, 0, buf, SIZE, &err), &err);
	CHECK(!memcmp(buf + 4096, f.model + 4096, SIZE / 2 + 8 - 4096));
	CHECK(!memcmp(buf, f.base, 4096));
	CHECK(!memcmp(buf + SIZE / 2 + 8, f.base + SIZE / 2 + 8, SIZE / 2 - 8));
	CHECK_OK(bdev_overlay_commit(f.b, 0, ~0ULL, &err), &err);
	CHECK_OK(bdev_read(f.lower, 0, buf, SIZE, &err), &err);
	CHECK(!memcmp(buf, f.model, SIZE));
	CHECK(equal(&f));
	free(buf);
}

struct reader { struct bdev *b; const u8 *want; bool good; };

static void *read_first_half(void *arg)
{
	struct reader *r = arg;
	u8 buf[5000];

	r->good = true;
	for (u64 i = 0; i < 400; i++) {
		u64 off = i * 7919 % (SIZE / 2 - sizeof(buf));

		r->good &= !bdev_read(r->b, off, buf, sizeof(buf), NULL) && !memcmp(buf, r->want + off, sizeof(buf));
	}
	return NULL;
}

TEST(reading_goes_on_while_other_ranges_are_written)
{
	struct fixture f CLEANUP(teardown);
	struct reader readers[2];
	pthread_t threads[2];

	CHECK(setup(&f, 1 << 20));
	for (int i = 0; i < 2; i++) {
		readers[i] = (struct reader){ f.b, f.base, false };
		CHECK_EQ(pthread_create(&threads[i], NULL, read_first_half, &readers[i]), 0);
	}
	for (u64 off = SIZE / 2; off + 9000 < SIZE; off += 5000)
		CHECK_OK(bdev_write(f.b, off, f.base, 9000, &err), &err);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		CHECK(readers[i].good);
	}
}

UNIT_MAIN
