/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The four checksums of btrfs: see csum.h. */
#include "crypto/csum.h"
#include "common/endian.h"

#include <gcrypt.h>
#include <pthread.h>
#include <strings.h>
#include <xxhash.h>

const struct csum_type csum_types[CSUM_TYPES] = {
	[CSUM_CRC32C] = { "crc32c", 4 },
	[CSUM_XXHASH] = { "xxhash64", 8 },
	[CSUM_SHA256] = { "sha256", 32 },
	[CSUM_BLAKE2] = { "blake2b", 32 },
};

int csum_type_by_name(const char *name)
{
	static const struct { const char *name; int type; } spellings[] = {
		{ "crc32c", CSUM_CRC32C }, { "xxhash", CSUM_XXHASH }, { "xxhash64", CSUM_XXHASH },
		{ "sha256", CSUM_SHA256 }, { "blake2", CSUM_BLAKE2 }, { "blake2b", CSUM_BLAKE2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(spellings); i++)
		if (!strcasecmp(name, spellings[i].name))
			return spellings[i].type;
	return -EINVAL;
}

static void gcrypt_init(void)
{
	gcry_check_version(NULL);
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0); /* nothing here is secret */
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

static void gcrypt_ready(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, gcrypt_init);
}

static void digest(int algo, const void *data, size_t len, u8 *out)
{
	gcrypt_ready();
	gcry_md_hash_buffer(algo, out, data, len);
}

void csum_compute(unsigned type, const void *data, size_t len, u8 *out)
{
	switch (type) {
	case CSUM_CRC32C:
		put_le32(out, crc32c(data, len));
		break;
	case CSUM_XXHASH:
		put_le64(out, XXH64(data, len, 0));
		break;
	case CSUM_SHA256:
		digest(GCRY_MD_SHA256, data, len, out);
		break;
	case CSUM_BLAKE2:
		digest(GCRY_MD_BLAKE2B_256, data, len, out);
		break;
	}
}

void sha512_compute(const void *data, size_t len, u8 *out)
{
	digest(GCRY_MD_SHA512, data, len, out);
}

void csum_compute_blocks(unsigned type, const void *data, size_t len, size_t n, u8 *out)
{
	const u8 *p = data;

	for (size_t i = 0; i < n; i++, p += len, out += csum_types[type].size)
		csum_compute(type, p, len, out);
}

struct sha256 *sha256_new(void)
{
	gcry_md_hd_t md;

	gcrypt_ready();
	return gcry_md_open(&md, GCRY_MD_SHA256, 0) ? NULL : (struct sha256 *)md;
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
	gcry_md_write((gcry_md_hd_t)s, data, len);
}

void sha256_end(struct sha256 *s, u8 out[32])
{
	memcpy(out, gcry_md_read((gcry_md_hd_t)s, GCRY_MD_SHA256), 32);
	sha256_free(s);
}

void sha256_free(struct sha256 *s)
{
	gcry_md_close((gcry_md_hd_t)s);
}

const char *crypto_provider(void)
{
	return "libgcrypt";
}
