/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC-32C by the processor's instruction for it. The instruction takes three cycles but a new one can begin in each: so three
 * stretches of equal length are run through three registers at once, and put together in the end: a register in front of
 * L more bytes counts as what L zero bytes would make of it. */
#include "crypto/crc32c.h"
#include "common/endian.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#define TARGET __attribute__((target("sse4.2")))
#define STEP8(crc, v) ((u32)_mm_crc32_u64(crc, v))
#define STEP4(crc, v) _mm_crc32_u32(crc, v)
#define STEP2(crc, v) _mm_crc32_u16(crc, v)
#define STEP1(crc, v) _mm_crc32_u8(crc, v)
#elif defined(__aarch64__) && defined(__linux__) && defined(__clang__)
#define TARGET __attribute__((target("crc")))
#define STEP8(crc, v) __builtin_arm_crc32cd(crc, v)
#define STEP4(crc, v) __builtin_arm_crc32cw(crc, v)
#define STEP2(crc, v) __builtin_arm_crc32ch(crc, v)
#define STEP1(crc, v) __builtin_arm_crc32cb(crc, v)
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#define TARGET __attribute__((target("+crc")))
#define STEP8(crc, v) __crc32cd(crc, v)
#define STEP4(crc, v) __crc32cw(crc, v)
#define STEP2(crc, v) __crc32ch(crc, v)
#define STEP1(crc, v) __crc32cb(crc, v)
#endif

#ifdef STEP8

/* The lengths of the stretches: 3 * 1344 covers nearly all of a sector, with or without the header of a tree block. */
enum { LONG = 1344, SHORT = 128 };

/* What LONG or SHORT zero bytes make of the first, second, third, fourth byte of the register. */
static const u32 shift_long[4][256] = {
	CRC32C_TABLE(0x397d84a1, 0x72fb0942, 0xe5f61284, 0xce0053f9, 0x99ecd103, 0x3635d4f7, 0x6c6ba9ee, 0xd8d753dc),
	CRC32C_TABLE(0xb442d149, 0x6d69d463, 0xdad3a8c6, 0xb04b277d, 0x657a380b, 0xcaf47016, 0x900496dd, 0x25e55b4b),
	CRC32C_TABLE(0x4bcab696, 0x97956d2c, 0x2ac6aca9, 0x558d5952, 0xab1ab2a4, 0x53d913b9, 0xa7b22772, 0x4a883815),
	CRC32C_TABLE(0x9510702a, 0x2fcc96a5, 0x5f992d4a, 0xbf325a94, 0x7b88c3d9, 0xf71187b2, 0xebcf7995, 0xd27285db),
};
static const u32 shift_short[4][256] = {
	CRC32C_TABLE(0x6992cea2, 0xd3259d44, 0xa3a74c79, 0x42a2ee03, 0x8545dc06, 0x0f67cefd, 0x1ecf9dfa, 0x3d9f3bf4),
	CRC32C_TABLE(0x7b3e77e8, 0xf67cefd0, 0xe915a951, 0xd7c72453, 0xaa623e57, 0x51280a5f, 0xa25014be, 0x414c5f8d),
	CRC32C_TABLE(0x8298bf1a, 0x00dd08c5, 0x01ba118a, 0x03742314, 0x06e84628, 0x0dd08c50, 0x1ba118a0, 0x37423140),
	CRC32C_TABLE(0x6e846280, 0xdd08c500, 0xbffdfcf1, 0x7a178f13, 0xf42f1e26, 0xedb24abd, 0xde88e38b, 0xb8fdb1e7),
};

static u32 shift(const u32 table[4][256], u32 crc)
{
	return table[0][crc & 255] ^ table[1][crc >> 8 & 255] ^ table[2][crc >> 16 & 255] ^ table[3][crc >> 24];
}

/* Three stretches of len bytes at once. */
TARGET static inline u32 three(u32 a, const u8 *p, size_t len, const u32 table[4][256])
{
	u32 b = 0, c = 0;

	for (const u8 *end = p + len; p < end; p += 8) {
		a = STEP8(a, get_le64(p));
		b = STEP8(b, get_le64(p + len));
		c = STEP8(c, get_le64(p + 2 * len));
	}
	return shift(table, shift(table, a) ^ b) ^ c;
}

TARGET u32 crc32c_instruction(u32 crc, const void *data, size_t len)
{
	const u8 *p = data;

	for (; len >= 3 * LONG; p += 3 * LONG, len -= 3 * LONG)
		crc = three(crc, p, LONG, shift_long);
	for (; len >= 3 * SHORT; p += 3 * SHORT, len -= 3 * SHORT)
		crc = three(crc, p, SHORT, shift_short);
	for (; len >= 8; p += 8, len -= 8)
		crc = STEP8(crc, get_le64(p));
	if (len & 4) {
		crc = STEP4(crc, get_le32(p));
		p += 4;
	}
	if (len & 2) {
		crc = STEP2(crc, get_le16(p));
		p += 2;
	}
	if (len & 1)
		crc = STEP1(crc, *p);
	return crc;
}

#endif
