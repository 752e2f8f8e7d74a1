/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the running processor (and its operating system) can do. All false where the question makes no sense. */
#ifndef CRYPTO_CPU_H
#define CRYPTO_CPU_H

#include "common/base.h"

bool cpu_has_crc32(void);             /* an instruction for CRC-32C: x86 SSE4.2, ARMv8 CRC */
bool cpu_has_pclmul(void);            /* x86: 64-bit carry-less multiplication */
bool cpu_has_vpclmul_avx2(void);      /* two at a time */
bool cpu_has_vpclmul_avx512(void);    /* four at a time */

#endif
