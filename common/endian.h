/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Little-endian integers as they lie on disk: structs of bytes, so that they need no alignment and cannot be
 * mistaken for host integers. */
#ifndef COMMON_ENDIAN_H
#define COMMON_ENDIAN_H

#include "common/base.h"

typedef struct { u8 b[2]; } le16;
typedef struct { u8 b[4]; } le32;
typedef struct { u8 b[8]; } le64;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LE_SWAP16(v) (v)
#define LE_SWAP32(v) (v)
#define LE_SWAP64(v) (v)
#else
#define LE_SWAP16(v) __builtin_bswap16(v)
#define LE_SWAP32(v) __builtin_bswap32(v)
#define LE_SWAP64(v) __builtin_bswap64(v)
#endif

static inline u16 le16_get(le16 x) { u16 v; memcpy(&v, x.b, sizeof(v)); return LE_SWAP16(v); }
static inline u32 le32_get(le32 x) { u32 v; memcpy(&v, x.b, sizeof(v)); return LE_SWAP32(v); }
static inline u64 le64_get(le64 x) { u64 v; memcpy(&v, x.b, sizeof(v)); return LE_SWAP64(v); }
static inline le16 le16_of(u16 v) { le16 x; v = LE_SWAP16(v); memcpy(x.b, &v, sizeof(v)); return x; }
static inline le32 le32_of(u32 v) { le32 x; v = LE_SWAP32(v); memcpy(x.b, &v, sizeof(v)); return x; }
static inline le64 le64_of(u64 v) { le64 x; v = LE_SWAP64(v); memcpy(x.b, &v, sizeof(v)); return x; }

/* The same from an untyped position. */
static inline u16 get_le16(const void *p) { le16 x; memcpy(&x, p, sizeof(x)); return le16_get(x); }
static inline u32 get_le32(const void *p) { le32 x; memcpy(&x, p, sizeof(x)); return le32_get(x); }
static inline u64 get_le64(const void *p) { le64 x; memcpy(&x, p, sizeof(x)); return le64_get(x); }
static inline void put_le16(void *p, u16 v) { le16 x = le16_of(v); memcpy(p, &x, sizeof(x)); }
static inline void put_le32(void *p, u32 v) { le32 x = le32_of(v); memcpy(p, &x, sizeof(x)); }
static inline void put_le64(void *p, u64 v) { le64 x = le64_of(v); memcpy(p, &x, sizeof(x)); }

/* Big-endian, as sorted records hold what they are sorted by. */
static inline u64 get_be64(const void *p) { return __builtin_bswap64(get_le64(p)); }
static inline void put_be64(void *p, u64 v) { put_le64(p, __builtin_bswap64(v)); }

#endif
