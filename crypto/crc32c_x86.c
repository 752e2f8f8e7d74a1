/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC-32C by carry-less multiplication, 16 bytes (PCLMULQDQ), 32 or 64 bytes (VPCLMULQDQ) a vector.
 *
 * The data is one long polynomial, and only its remainder counts. So a 128-bit lane A may be moved D bits towards the end,
 * where it is added to what lies there, if it is multiplied by x^D mod P first ("folding"). Its halves are multiplied by
 * constants of their own, since the low half (the earlier bytes) stands for 64 bits more:
 *
 *     A * x^D  =  low * x^(D + 64)  +  high * x^D
 *
 * In the reflected representation a product comes out multiplied by one x too many, and a constant of 32 bits lies in the
 * upper half of its 64-bit word. Hence the table: x^(D + 63) and x^(D - 1) mod P, shifted left by 32. */
#include "crypto/crc32c.h"

#ifdef __x86_64__
#include <immintrin.h>

#define FOLD(d, low, high) static const u64 fold_##d[2] = { low##ULL << 32, high##ULL << 32 }
FOLD(128, 0x3743f7bd, 0x3171d430);
FOLD(256, 0x33ccbbbc, 0xa2158b34);
FOLD(384, 0xa46ef4aa, 0x6051243f);
FOLD(512, 0x1c19243b, 0x75bba45b);
FOLD(768, 0xc92f998d, 0x3365346a);
FOLD(1024, 0x6577b245, 0x7417153f);
FOLD(1536, 0x7ccbbbf2, 0x31c94608);
FOLD(2048, 0xe9a5d8be, 0x1426a815);

/* The remainder of the last lane, from the instruction, which computes just that. */
__attribute__((target("sse4.2"))) static inline u32 reduce(__m128i lane)
{
	u64 crc = _mm_crc32_u64(0, _mm_cvtsi128_si64(lane));

	return _mm_crc32_u64(crc, _mm_extract_epi64(lane, 1));
}

#define LOAD128(k) _mm_loadu_si128((const __m128i *)(k))

/* ---- one lane ---- */

#define NAME crc32c_pclmul
#define TARGET __attribute__((target("sse4.2,pclmul")))
#define VECTOR __m128i
#define LOAD(p) LOAD128(p)
#define SEED(crc) _mm_cvtsi32_si128(crc)
#define CONSTANT(k) LOAD128(k)
#define XOR(a, b) _mm_xor_si128(a, b)
#define XOR3(a, b, c) _mm_xor_si128(_mm_xor_si128(a, b), c)
#define MULTIPLY(a, k, halves) _mm_clmulepi64_si128(a, k, halves)
#define FOLD1 fold_128
#define FOLD2 fold_256
#define FOLD3 fold_384
#define FOLD4 fold_512
#define LAST_LANE(v) (v)
#include "crypto/crc32c_fold.h"

/* ---- two lanes ---- */

#define AVX2 __attribute__((target("sse4.2,avx2,pclmul,vpclmulqdq")))

AVX2 static inline __m128i last_of_two(__m256i v)
{
	__m128i a = _mm256_castsi256_si128(v), k = LOAD128(fold_128);
	__m128i low = _mm_clmulepi64_si128(a, k, 0x00), high = _mm_clmulepi64_si128(a, k, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), _mm256_extracti128_si256(v, 1));
}

#define NAME crc32c_vpclmul_avx2
#define TARGET AVX2
#define VECTOR __m256i
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define SEED(crc) _mm256_zextsi128_si256(_mm_cvtsi32_si128(crc))
#define CONSTANT(k) _mm256_broadcastsi128_si256(LOAD128(k))
#define XOR(a, b) _mm256_xor_si256(a, b)
#define XOR3(a, b, c) _mm256_xor_si256(_mm256_xor_si256(a, b), c)
#define MULTIPLY(a, k, halves) _mm256_clmulepi64_epi128(a, k, halves)
#define FOLD1 fold_256
#define FOLD2 fold_512
#define FOLD3 fold_768
#define FOLD4 fold_1024
#define LAST_LANE(v) last_of_two(v)
#include "crypto/crc32c_fold.h"

/* ---- four lanes ---- */

#define AVX512 __attribute__((target("sse4.2,avx512f,pclmul,vpclmulqdq")))

/* Moves the first three lanes onto the fourth. */
AVX512 static inline __m128i last_of_four(__m512i v)
{
	__m512i k = _mm512_set_epi64(0, 0, fold_128[1], fold_128[0], fold_256[1], fold_256[0], fold_384[1], fold_384[0]);
	__m512i moved = _mm512_xor_si512(_mm512_clmulepi64_epi128(v, k, 0x00), _mm512_clmulepi64_epi128(v, k, 0x11));
	__m256i half = _mm256_xor_si256(_mm512_castsi512_si256(moved), _mm512_extracti64x4_epi64(moved, 1));

	return _mm_xor_si128(_mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)),
			     _mm512_extracti32x4_epi32(v, 3));
}

#define NAME crc32c_vpclmul_avx512
#define TARGET AVX512
#define VECTOR __m512i
#define LOAD(p) _mm512_loadu_si512(p)
#define SEED(crc) _mm512_zextsi128_si512(_mm_cvtsi32_si128(crc))
#define CONSTANT(k) _mm512_broadcast_i32x4(LOAD128(k))
#define XOR(a, b) _mm512_xor_si512(a, b)
#define XOR3(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0x96)
#define MULTIPLY(a, k, halves) _mm512_clmulepi64_epi128(a, k, halves)
#define FOLD1 fold_512
#define FOLD2 fold_1024
#define FOLD3 fold_1536
#define FOLD4 fold_2048
#define LAST_LANE(v) last_of_four(v)
#include "crypto/crc32c_fold.h"

#endif
