/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words every file uses: integer types, arithmetic that cannot overflow silently, attributes. */
#ifndef COMMON_BASE_H
#define COMMON_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <sys/types.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64; /* long long on every target, so %llu is always right */
typedef signed int s32;
typedef signed long long s64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define max_t(type, a, b) ((type)(a) > (type)(b) ? (type)(a) : (type)(b))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define PACKED __attribute__((packed))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define MUST_CHECK __attribute__((warn_unused_result))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define KiB(n) ((u64)(n) << 10)
#define MiB(n) ((u64)(n) << 20)
#define GiB(n) ((u64)(n) << 30)

/* Multiples of a, which must be a power of two for the _p2 forms. */
static inline u64 round_down_p2(u64 x, u64 a) { return x & ~(a - 1); }
static inline u64 round_up_p2(u64 x, u64 a) { return (x + a - 1) & ~(a - 1); }
static inline u64 div_round_up(u64 x, u64 a) { return x / a + (x % a != 0); }
static inline bool is_p2(u64 x) { return x && !(x & (x - 1)); }
static inline bool is_aligned_p2(u64 x, u64 a) { return !(x & (a - 1)); }

/* True when the sum or product does not fit; *out is then unspecified. For every size that comes from outside. */
#define add_overflows(a, b, out) __builtin_add_overflow(a, b, out)
#define mul_overflows(a, b, out) __builtin_mul_overflow(a, b, out)

#endif
