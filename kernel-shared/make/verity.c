/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fs-verity: the Merkle tree of a file's bytes (SHA-256, blocks of 4096, no salt), root level first, and its descriptor. Spec: on-disk-format 3.26. */
#include <unistd.h>
#include "common/io.h"
#include "crypto/csum.h"
#include "kernel-shared/make/entries.h"

enum { VERITY_BLOCK = 4096, VERITY_HASH = 32, VERITY_PER_BLOCK = VERITY_BLOCK / VERITY_HASH, VERITY_READ = 1 << 20 };

struct verity_descriptor {
	u8 version, hash_algorithm, log_blocksize, salt_size;
	le32 sig_size;
	le64 data_size;
	u8 root_hash[64], salt[32], reserved[144];
} PACKED;
_Static_assert(sizeof(struct verity_descriptor) == VERITY_DESC_SIZE, "descriptor");

struct levels { u64 blocks[16]; unsigned n; u64 total; };

static struct levels levels_of(u64 size)
{
	struct levels l = { .n = 0 };

	for (u64 blocks = div_round_up(size, VERITY_BLOCK); blocks > 1;) {
		blocks = div_round_up(blocks, VERITY_PER_BLOCK);
		l.blocks[l.n++] = blocks;
		l.total += blocks;
	}
	return l;
}

/* Digests of all data blocks, one after another. */
static int hash_data(int fd, u64 base, u64 size, u8 *out, struct err *err)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(VERITY_READ);

	if (!buf)
		return err_nomem(err);
	for (u64 pos = 0; pos < size; pos += VERITY_READ) {
		u64 len = min_t(u64, VERITY_READ, size - pos), full = round_up_p2(len, VERITY_BLOCK);
		ssize_t n = io_pread(fd, buf, len, base + pos);

		if (n < 0)
			return err_errno(err, n, "cannot read %llu bytes at %llu", len, pos);
		memset(buf + n, 0, full - n);
		csum_compute_blocks(CSUM_SHA256, buf, VERITY_BLOCK, full / VERITY_BLOCK, out);
		out += full / VERITY_BLOCK * VERITY_HASH;
	}
	return 0;
}

/* tree: room for all levels, zeroed. Level 0 lies last. */
static void hash_levels(const struct levels *l, u8 *tree, u8 *root)
{
	u64 at = l->total - l->blocks[0];

	for (unsigned i = 0; i + 1 < l->n; i++) {
		u64 above = at - l->blocks[i + 1];

		csum_compute_blocks(CSUM_SHA256, tree + at * VERITY_BLOCK, VERITY_BLOCK, l->blocks[i], tree + above * VERITY_BLOCK);
		at = above;
	}
	csum_compute(CSUM_SHA256, tree, VERITY_BLOCK, root);
}

int verity_build(int fd, u64 base, u64 size, u8 descriptor[VERITY_DESC_SIZE], u8 **tree, u64 *tree_len, struct err *err)
{
	struct verity_descriptor *d = (struct verity_descriptor *)descriptor;
	struct levels l = levels_of(size);
	int ret;

	*d = (struct verity_descriptor){ .version = 1, .hash_algorithm = 1, .log_blocksize = 12, .data_size = le64_of(size) };
	*tree = NULL;
	*tree_len = l.total * VERITY_BLOCK;
	if (!l.n)
		return size ? hash_data(fd, base, size, d->root_hash, err) : 0;
	*tree = mem_calloc(l.total, VERITY_BLOCK);
	if (!*tree)
		return err_nomem(err);
	ret = hash_data(fd, base, size, *tree + (l.total - l.blocks[0]) * VERITY_BLOCK, err);
	if (!ret)
		hash_levels(&l, *tree, d->root_hash);
	return ret;
}
