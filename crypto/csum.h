/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The four checksums of btrfs behind one table, and CRC-32C in the forms that names, references and streams need.
 * The fastest CRC-32C for the running CPU is chosen once, at first use. Thread-safe. Spec: on-disk-format 2.4, 2.5. */
#ifndef CRYPTO_CSUM_H
#define CRYPTO_CSUM_H

#include "common/base.h"

enum { CSUM_CRC32C = 0, CSUM_XXHASH = 1, CSUM_SHA256 = 2, CSUM_BLAKE2 = 3, CSUM_TYPES = 4, CSUM_SIZE_MAX = 32 };

struct csum_type {
	const char *name;        /* crc32c, xxhash64, sha256, blake2b */
	u8 size;                 /* stored bytes */
};
extern const struct csum_type csum_types[CSUM_TYPES];

/* By any accepted spelling (cli 4.3), -EINVAL if unknown. */
int csum_type_by_name(const char *name);
/* csum_types[type].size bytes into out, in stored order. type must be valid. */
void csum_compute(unsigned type, const void *data, size_t len, u8 *out);
/* n checksums, one for each block of len bytes, packed. */
void csum_compute_blocks(unsigned type, const void *data, size_t len, size_t n, u8 *out);

/* SHA-256 of bytes that come in pieces. new: NULL without memory. end gives the digest and frees; free alone gives up (NULL is fine). */
struct sha256;
struct sha256 *sha256_new(void) MUST_CHECK;
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, u8 out[32]);
void sha256_free(struct sha256 *s);

/* SHA-512, 64 bytes. */
void sha512_compute(const void *data, size_t len, u8 *out);

/* The register update without initial or final inversion. */
u32 crc32c_raw(u32 seed, const void *data, size_t len);
/* Ordinary CRC-32C: initial and final inversion. */
static inline u32 crc32c(const void *data, size_t len) { return ~crc32c_raw(~0u, data, len); }
/* Register after zeros: raw(seed, len zero bytes), in O(log len). */
u32 crc32c_zeros(u32 seed, u64 len);

/* Variants, for tests and benchmarks: NULL-terminated; usable says whether this CPU has it. */
struct crc32c_impl { const char *name; bool (*usable)(void); u32 (*fn)(u32 seed, const void *data, size_t len); };
extern const struct crc32c_impl crc32c_impls[];
const char *crc32c_impl_name(void); /* the one in use */

/* "builtin" or the library's name, for the feature line of `btrfs version`. */
const char *crypto_provider(void);

#endif
