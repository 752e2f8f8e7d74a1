/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The variants of CRC-32C, one file per kind of processor; crc32c.c chooses. Inside crypto/ only; others use csum.h.
 *
 * Polynomials over GF(2) are kept reflected, as the checksum is defined: in a 32-bit word bit 31 is x^0 and bit 0 is x^31. */
#ifndef CRYPTO_CRC32C_H
#define CRYPTO_CRC32C_H

#include "crypto/csum.h"

#define CRC32C_POLY 0x82f63b78u

u32 crc32c_table(u32 seed, const void *data, size_t len);

#endif
