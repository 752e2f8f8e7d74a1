/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parity: every variant against the definition, byte by byte, and every combination of losses. */
#include <time.h>
#include "common/env.h"
#include "kernel-shared/volume/parity.h"
#include "kernel-shared/volume/volume.h"
#include "tests/unit/unit.h"

enum { N = 16, LEN = 64 * 5 + 7 };

struct columns { u8 data[N][LEN], p[LEN], q[LEN], lost[2][LEN]; u8 *d[N]; };

static void setup(struct columns *c, u64 seed)
{
	struct env env;

	env_init(&env);
	env_seed(&env, seed);
	env_random(&env, c->data, sizeof(c->data));
	for (unsigned i = 0; i < N; i++)
		c->d[i] = c->data[i];
	env_fini(&env);
}

static u8 mul(u8 a, u8 b)
{
	u8 r = 0;

	for (; b; b >>= 1, a = a << 1 ^ (a & 0x80 ? 0x1d : 0))
		r ^= b & 1 ? a : 0;
	return r;
}

/* P and Q as the format defines them: sums of the columns, and of the columns times powers of 2. */
static void reference(struct columns *c, unsigned n)
{
	for (unsigned i = 0; i < LEN; i++) {
		u8 g = 1;

		c->p[i] = c->q[i] = 0;
		for (unsigned k = 0; k < n; k++, g = mul(g, 2)) {
			c->p[i] ^= c->data[k][i];
			c->q[i] ^= mul(g, c->data[k][i]);
		}
	}
}

TEST(the_examples_of_the_format)
{
	u8 a = 1, b = 2, c = 3, p, q, *d[3] = { &a, &b, &c };

	raid_gen_pq(3, 1, d, &p, &q);
	CHECK_EQ(p, 0);
	CHECK_EQ(q, 9);
	a = b = 0x80;
	raid_gen_pq(2, 1, d, &p, &q);
	CHECK_EQ(q, 0x9d);
}

TEST(every_variant_generates_what_the_definition_says)
{
	struct columns c;
	u8 p[LEN], q[LEN];

	for (unsigned v = 0; v < parity_impls_count; v++)
		for (unsigned n = 1; n <= N && parity_impls[v].usable(); n++) {
			setup(&c, n);
			reference(&c, n);
			parity_impls[v].gen(n, LEN, c.d, p, q);
			CHECK(!memcmp(p, c.p, LEN) && !memcmp(q, c.q, LEN));
			memset(p, 0, LEN);
			parity_impls[v].gen(n, LEN, c.d, p, NULL);
			CHECK(!memcmp(p, c.p, LEN));
		}
}

static void lose(struct columns *c, unsigned which, unsigned x)
{
	memcpy(c->lost[which], c->data[x], LEN);
	memset(c->data[x], 0xee, LEN);
}

static bool restored(struct columns *c, unsigned which, unsigned x)
{
	return !memcmp(c->lost[which], c->data[x], LEN) && c->d[x] == c->data[x];
}

TEST(every_variant_recovers_every_single_loss)
{
	struct columns c;

	for (unsigned v = 0; v < parity_impls_count; v++)
		for (unsigned n = 1; n <= N && parity_impls[v].usable(); n++) {
			setup(&c, n);
			reference(&c, n);
			for (unsigned x = 0; x < n; x++) {
				lose(&c, 0, x);
				parity_recover_p(&parity_impls[v], n, LEN, c.d, c.p, x);
				CHECK(restored(&c, 0, x));
				lose(&c, 0, x);
				parity_recover_q(&parity_impls[v], n, LEN, c.d, c.q, x);
				CHECK(restored(&c, 0, x));
			}
		}
}

TEST(every_variant_recovers_every_double_loss)
{
	struct columns c;

	for (unsigned v = 0; v < parity_impls_count; v++)
		for (unsigned n = 2; n <= N && parity_impls[v].usable(); n++) {
			setup(&c, n);
			reference(&c, n);
			for (unsigned x = 0; x < n; x++)
				for (unsigned y = x + 1; y < n; y++) {
					lose(&c, 0, x);
					lose(&c, 1, y);
					parity_recover_pq(&parity_impls[v], n, LEN, c.d, c.p, c.q, x, y);
					CHECK(restored(&c, 0, x) && restored(&c, 1, y));
				}
		}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Not a test that can fail on a busy machine: prints what one core does, for eight columns of 64 KiB. */
TEST(speed)
{
	enum { COLUMNS = 8, STRIPE = 65536, ROUNDS = 300 };
	u8 *memory = calloc(COLUMNS + 2, STRIPE), *d[COLUMNS];

	for (unsigned i = 0; i < COLUMNS; i++)
		d[i] = memory + i * STRIPE;
	for (unsigned v = 0; v < parity_impls_count; v++) {
		const struct parity_impl *impl = &parity_impls[v];
		double t0 = now(), t1, t2, bytes = (double)COLUMNS * STRIPE * ROUNDS;

		if (!impl->usable())
			continue;
		for (unsigned i = 0; i < ROUNDS; i++)
			impl->gen(COLUMNS, STRIPE, d, memory + COLUMNS * STRIPE, memory + (COLUMNS + 1) * STRIPE);
		t1 = now();
		for (unsigned i = 0; i < ROUNDS; i++)
			parity_recover_pq(impl, COLUMNS, STRIPE, d, memory + COLUMNS * STRIPE, memory + (COLUMNS + 1) * STRIPE, 2, 5);
		t2 = now();
		printf("# %s: generates %.1f GB/s, recovers two %.1f GB/s\n", impl->name, bytes / (t1 - t0) / 1e9, bytes / (t2 - t1) / 1e9);
	}
	free(memory);
}

UNIT_MAIN
