/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The variants of CRC-32C; crc32c.c chooses. Inside crypto/ only; others use csum.h.
 *
 * Polynomials over GF(2) are kept reflected, as the checksum is defined: in a 32-bit word bit 31 is x^0 and bit 0 is x^31. */
#ifndef CRYPTO_CRC32C_H
#define CRYPTO_CRC32C_H

#include "crypto/csum.h"

#define CRC32C_POLY 0x82f63b78u

/* A table of what a byte does, which is linear in its bits: from what the bits 0x01, 0x02, ... 0x80 do, the other entries follow. */
#define CRC32C_ENTRY(i, a, b, c, d, e, f, g, h) \
	(((i) & 1 ? a : 0) ^ ((i) & 2 ? b : 0) ^ ((i) & 4 ? c : 0) ^ ((i) & 8 ? d : 0) ^ \
	 ((i) & 16 ? e : 0) ^ ((i) & 32 ? f : 0) ^ ((i) & 64 ? g : 0) ^ ((i) & 128 ? h : 0))
#define CRC32C_ENTRIES4(i, ...) \
	CRC32C_ENTRY(i, __VA_ARGS__), CRC32C_ENTRY(i + 1, __VA_ARGS__), CRC32C_ENTRY(i + 2, __VA_ARGS__), CRC32C_ENTRY(i + 3, __VA_ARGS__)
#define CRC32C_ENTRIES16(i, ...) \
	CRC32C_ENTRIES4(i, __VA_ARGS__), CRC32C_ENTRIES4(i + 4, __VA_ARGS__), \
	CRC32C_ENTRIES4(i + 8, __VA_ARGS__), CRC32C_ENTRIES4(i + 12, __VA_ARGS__)
#define CRC32C_ENTRIES64(i, ...) \
	CRC32C_ENTRIES16(i, __VA_ARGS__), CRC32C_ENTRIES16(i + 16, __VA_ARGS__), \
	CRC32C_ENTRIES16(i + 32, __VA_ARGS__), CRC32C_ENTRIES16(i + 48, __VA_ARGS__)
#define CRC32C_TABLE(...) \
	{ CRC32C_ENTRIES64(0, __VA_ARGS__), CRC32C_ENTRIES64(64, __VA_ARGS__), \
	  CRC32C_ENTRIES64(128, __VA_ARGS__), CRC32C_ENTRIES64(192, __VA_ARGS__) }

/* Each where the processor of this build may have it, see cpu.h. */
u32 crc32c_table(u32 crc, const void *data, size_t len);
u32 crc32c_instruction(u32 crc, const void *data, size_t len);
u32 crc32c_pclmul(u32 crc, const void *data, size_t len);
u32 crc32c_vpclmul_avx2(u32 crc, const void *data, size_t len);
u32 crc32c_vpclmul_avx512(u32 crc, const void *data, size_t len);

#endif
