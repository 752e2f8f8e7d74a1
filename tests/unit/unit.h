/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame of the unit tests. Each tests/unit/test_X.c is a program:
 *
 *     TEST(crc_of_nothing_is_zero) { CHECK_EQ(crc32c("", 0), 0u); }
 *     UNIT_MAIN
 *
 * Prints one TAP line a test; exits 1 when one failed. With arguments, runs only the tests so named. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base.h"

struct unit_test { const char *name; void (*fn)(void); struct unit_test *next; };
static struct unit_test *unit_first, **unit_last = &unit_first;
static int unit_failed;

#define TEST(id) \
	static void unit_##id(void); \
	static struct unit_test unit_test_##id = { #id, unit_##id, NULL }; \
	__attribute__((constructor)) static void unit_add_##id(void) { *unit_last = &unit_test_##id; unit_last = &unit_test_##id.next; } \
	static void unit_##id(void)

#define CHECK(cond) do { if (!(cond)) { unit_failed = 1; printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #cond); return; } } while (0)
#define CHECK_EQ(a, b) do { unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b); \
	if (a_ != b_) { unit_failed = 1; printf("# %s:%d: %s is %llu (0x%llx), %s is %llu (0x%llx)\n", __FILE__, __LINE__, #a, a_, a_, #b, b_, b_); return; } } while (0)
#define CHECK_STR(a, b) do { const char *a_ = (a), *b_ = (b); \
	if (strcmp(a_, b_)) { unit_failed = 1; printf("# %s:%d: \"%s\" is not \"%s\"\n", __FILE__, __LINE__, a_, b_); return; } } while (0)
#define CHECK_OK(call, err) do { int r_ = (call); if (r_) { unit_failed = 1; printf("# %s:%d: %s: %d %s\n", __FILE__, __LINE__, #call, r_, err_text(err)); return; } } while (0)

#define UNIT_MAIN \
	int main(int argc, char **argv) \
	{ \
		int failures = 0, n = 0; \
		for (struct unit_test *t = unit_first; t; t = t->next) { \
			int wanted = argc < 2; \
			for (int i = 1; i < argc; i++) wanted |= !strcmp(argv[i], t->name); \
			if (!wanted) continue; \
			unit_failed = 0; \
			t->fn(); \
			printf("%sok %d %s\n", unit_failed ? "not " : "", ++n, t->name); \
			failures += unit_failed; \
			fflush(stdout); \
		} \
		printf("1..%d\n", n); \
		return failures != 0; \
	}

#endif
