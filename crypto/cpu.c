/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the running processor can do: see cpu.h. */
#include "crypto/cpu.h"

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

bool cpu_has_crc32(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("sse4.2");
#elif defined(__aarch64__) && defined(__linux__)
	return getauxval(AT_HWCAP) & HWCAP_CRC32;
#else
	return false;
#endif
}

bool cpu_has_pclmul(void)
{
#if defined(__x86_64__)
	return cpu_has_crc32() && __builtin_cpu_supports("pclmul");
#else
	return false;
#endif
}

bool cpu_has_vpclmul_avx2(void)
{
#if defined(__x86_64__)
	return cpu_has_pclmul() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("vpclmulqdq");
#else
	return false;
#endif
}

bool cpu_has_vpclmul_avx512(void)
{
#if defined(__x86_64__)
	return cpu_has_vpclmul_avx2() && __builtin_cpu_supports("avx512f");
#else
	return false;
#endif
}
