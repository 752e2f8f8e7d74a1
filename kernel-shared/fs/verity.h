/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fs-verity: the descriptor of a file and the Merkle tree of its bytes, as the kernel builds them. Spec: on-disk-format 3.26. */
#ifndef FS_VERITY_H
#define FS_VERITY_H

#include "common/endian.h"
#include "common/err.h"

enum { VERITY_SHA256 = 1, VERITY_SHA512 = 2, VERITY_DESC_SIZE = 256, VERITY_DESC_MAX = 16384, VERITY_BLOCK_MIN = 1024, VERITY_BLOCK_MAX = 65536,
	VERITY_SALT_MAX = 32 };

/* The start of an on-disk descriptor; the signature follows. */
struct verity_descriptor {
	u8 version, hash_algorithm, log_blocksize, salt_size;
	le32 sig_size;
	le64 data_size;
	u8 root_hash[64], salt[VERITY_SALT_MAX], reserved[144];
} PACKED;
_Static_assert(sizeof(struct verity_descriptor) == VERITY_DESC_SIZE, "descriptor");

/* What a file is sealed with. Salt and signature are borrowed. */
struct verity_params { u8 algorithm; u32 block_size; const void *salt, *sig; u32 salt_len, sig_len; };
#define VERITY_PARAMS_DEFAULT { .algorithm = VERITY_SHA256, .block_size = 4096 }

/* Where the bytes come from and the tree goes. */
struct verity_io {
	/* len bytes at off, zeros behind the end. */
	int (*read)(struct verity_io *io, u64 off, void *buf, u32 len, struct err *err);
	/* A block of the tree at an offset of it. Each comes once, those of a level in order. */
	int (*put)(struct verity_io *io, u64 off, const void *block, u32 len, struct err *err);
};
/* Bytes of the tree. */
u64 verity_tree_size(const struct verity_params *p, u64 size);
/* Memory: one block a level and 1 MiB, whatever the size. -EINVAL: no such algorithm, block or salt size; -EMSGSIZE: the signature. */
int verity_build(const struct verity_params *p, u64 size, struct verity_io *io, struct verity_descriptor *out, struct err *err);

#endif
