/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Merkle tree is made from the left: each level keeps the one block that is being filled, and gives its digest to the level above when it is full. The
 * level of the root comes first in the tree. */
#include "kernel-shared/fs/verity.h"
#include "common/mem.h"
#include "crypto/csum.h"

enum { READ_SIZE = 1 << 20, HASH_MAX = 64, LEVELS_MAX = 16, SALT_PADDED = 128 };

struct level { u64 at, blocks; u8 *block; u32 used; };
struct builder {
	const struct verity_params *p;
	struct verity_io *io;
	struct err *err;
	u32 hash, prefix;            /* bytes of a digest; of the padded salt */
	u8 *buf;                     /* the salt and READ_SIZE bytes behind it */
	u8 *salted;                  /* the salt and one block */
	struct level levels[LEVELS_MAX];
	unsigned nlevels;
	u8 *root;
};

static u32 hash_size(const struct verity_params *p) { return p->algorithm == VERITY_SHA512 ? 64 : 32; }

/* Lays out the levels, lowest first; returns how many. */
static unsigned lay_out(const struct verity_params *p, u64 size, struct level levels[LEVELS_MAX], u64 *total)
{
	u32 per_block = p->block_size / hash_size(p);
	unsigned n = 0;

	*total = 0;
	for (u64 blocks = div_round_up(size, p->block_size); blocks > 1; n++) {
		blocks = div_round_up(blocks, per_block);
		levels[n] = (struct level){ .blocks = blocks };
	}
	for (unsigned i = n; i--; *total += levels[i].blocks * p->block_size)
		levels[i].at = *total;
	return n;
}

u64 verity_tree_size(const struct verity_params *p, u64 size)
{
	struct level levels[LEVELS_MAX];
	u64 total;

	lay_out(p, size, levels, &total);
	return total;
}

static void hash_salted(struct builder *b, const u8 *block, u8 *out)
{
	const u8 *from = block;

	if (b->prefix) {
		memcpy(b->salted + b->prefix, block, b->p->block_size);
		from = b->salted;
	}
	if (b->p->algorithm == VERITY_SHA512)
		sha512_compute(from, b->prefix + b->p->block_size, out);
	else
		csum_compute(CSUM_SHA256, from, b->prefix + b->p->block_size, out);
}

static int level_add(struct builder *b, unsigned i, const u8 *digest);

static int level_put(struct builder *b, unsigned i)
{
	struct level *l = &b->levels[i];
	u8 digest[HASH_MAX];
	int ret;

	memset(l->block + l->used, 0, b->p->block_size - l->used);
	ret = b->io->put(b->io, l->at, l->block, b->p->block_size, b->err);
	l->at += b->p->block_size;
	l->used = 0;
	if (ret)
		return ret;
	hash_salted(b, l->block, digest);
	return level_add(b, i + 1, digest);
}

static int level_add(struct builder *b, unsigned i, const u8 *digest)
{
	struct level *l = &b->levels[i];

	if (i == b->nlevels) {
		memcpy(b->root, digest, b->hash);
		return 0;
	}
	memcpy(l->block + l->used, digest, b->hash);
	l->used += b->hash;
	return l->used + b->hash > b->p->block_size ? level_put(b, i) : 0;
}

static int add_data(struct builder *b, u64 size)
{
	u32 block = b->p->block_size;
	u8 digest[HASH_MAX];
	int ret = 0;

	for (u64 pos = 0; pos < size && !ret; pos += READ_SIZE) {
		u32 len = min_t(u64, READ_SIZE, size - pos);

		ret = b->io->read(b->io, pos, b->buf, len, b->err);
		if (!ret)
			memset(b->buf + len, 0, round_up_p2(len, block) - len);
		for (u32 off = 0; off < len && !ret; off += block) {
			hash_salted(b, b->buf + off, digest);
			ret = level_add(b, 0, digest);
		}
	}
	for (unsigned i = 0; i < b->nlevels && !ret; i++)
		if (b->levels[i].used)
			ret = level_put(b, i);
	return ret;
}

static int check(const struct verity_params *p, struct err *err)
{
	if (p->algorithm != VERITY_SHA256 && p->algorithm != VERITY_SHA512)
		return err_set(err, -EINVAL, "fs-verity knows no hash algorithm %u", p->algorithm);
	if (p->block_size < VERITY_BLOCK_MIN || p->block_size > VERITY_BLOCK_MAX || p->block_size & (p->block_size - 1))
		return err_set(err, -EINVAL, "fs-verity has no blocks of %u bytes", p->block_size);
	if (p->salt_len > VERITY_SALT_MAX)
		return err_set(err, -EINVAL, "the salt of fs-verity has %u bytes (max %u)", p->salt_len, VERITY_SALT_MAX);
	if (p->sig_len > VERITY_DESC_MAX - VERITY_DESC_SIZE)
		return err_set(err, -EMSGSIZE, "the signature for fs-verity has %u bytes (max %u)", p->sig_len, VERITY_DESC_MAX - VERITY_DESC_SIZE);
	return 0;
}

int verity_build(const struct verity_params *p, u64 size, struct verity_io *io, struct verity_descriptor *out, struct err *err)
{
	struct builder b = { .p = p, .io = io, .err = err, .root = out->root_hash };
	u8 *room CLEANUP(mem_freep) = NULL;
	u64 total;
	int ret = check(p, err);

	if (ret)
		return ret;
	*out = (struct verity_descriptor){ .version = 1, .hash_algorithm = p->algorithm, .log_blocksize = __builtin_ctz(p->block_size),
		.salt_size = p->salt_len, .sig_size = le32_of(p->sig_len), .data_size = le64_of(size) };
	b.hash = hash_size(p);
	b.nlevels = lay_out(p, size, b.levels, &total);
	/* The salt is padded to what the algorithm takes at once. */
	b.prefix = p->salt_len ? 2 * b.hash : 0;
	room = mem_zalloc(READ_SIZE + SALT_PADDED + (size_t)(1 + b.nlevels) * p->block_size);
	if (!room)
		return err_nomem(err);
	b.buf = room;
	b.salted = room + READ_SIZE;
	for (unsigned i = 0; i < b.nlevels; i++)
		b.levels[i].block = b.salted + SALT_PADDED + (1 + i) * (size_t)p->block_size;
	if (p->salt_len) {
		memcpy(out->salt, p->salt, p->salt_len);
		memcpy(b.salted, p->salt, p->salt_len);
	}
	return size ? add_data(&b, size) : 0;
}
