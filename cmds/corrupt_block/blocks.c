/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole blocks and sectors, changed where they lie. */
#include <stdio.h>
#include <stdlib.h>
#include "cmds/corrupt_block/corrupt.h"
#include "common/mem.h"

static u8 *load(struct corrupt *c, u64 bytenr)
{
	u8 *block = mem_alloc(1, c->fs->geo->nodesize);
	struct validator v = { .geo = c->fs->geo, .err = &c->ctx->err };
	int ret = block ? inplace_read(c->fs, bytenr, 0, block, &c->ctx->err) : err_nomem(&c->ctx->err);

	if (!ret && block_bytenr(block) != bytenr)
		ret = err_set(&c->ctx->err, -EUCLEAN, "there is no tree block at %llu", bytenr);
	if (!ret)
		ret = block_validate(&v, block);
	if (!ret)
		return block;
	free(block);
	fail(c, ret, "failed to read %llu", bytenr);
	return NULL;
}

static int store(struct corrupt *c, u64 bytenr, u8 *block)
{
	int ret = inplace_write(c->fs, bytenr, 0, block, true, &c->ctx->err);

	free(block);
	return ret ? fail(c, ret, "failed to write %llu", bytenr) : 0;
}

/* The data of the upper half of the items goes down by half of what is free, so that a hole opens before it. */
static int shift_items(struct corrupt *c, u8 *block)
{
	u32 n = block_nritems(block), head = sizeof(struct disk_header), from = n / 2, by, first, end;
	struct disk_item *items = (void *)(block + head);
	s64 left = block_free_space(c->fs->geo, block);

	if (block_level(block) || n < 2 || left < 2)
		return fail(c, -EINVAL, "cannot shift items of block %llu: it is no leaf with items and free space", block_bytenr(block));
	by = left / 2;
	first = le32_get(items[n - 1].offset);
	end = from ? le32_get(items[from - 1].offset) : geo_leafdata(c->fs->geo);
	memmove(block + head + first - by, block + head + first, end - first);
	for (u32 i = from; i < n; i++)
		items[i].offset = le32_of(le32_get(items[i].offset) - by);
	return 0;
}

int corrupt_metadata_block(struct corrupt *c)
{
	bool shift = !strcmp(c->a->field, "shift_items");
	u8 *block;
	int ret = 0;

	if (!shift && strcmp(c->a->field, "generation"))
		return invalid_field(c);
	block = load(c, c->a->metadata_block);
	if (!block)
		return -EIO;
	if (shift)
		ret = shift_items(c, block);
	else
		set_other(c, ((struct disk_header *)block)->generation.b, 8);
	if (!ret)
		return store(c, c->a->metadata_block, block);
	free(block);
	return ret;
}

int corrupt_swap_keys(struct corrupt *c)
{
	u8 *block = load(c, c->a->logical), *first;
	u32 n, slot, other;
	size_t stride;

	if (!block)
		return -EIO;
	n = block_nritems(block);
	if (n < 2) {
		free(block);
		return fail(c, -EINVAL, "block %llu has fewer than two keys", c->a->logical);
	}
	slot = env_random_u64(c->ctx->env) % n;
	other = (slot + 1 + env_random_u64(c->ctx->env) % (n - 1)) % n;
	stride = block_level(block) ? sizeof(struct disk_key_ptr) : sizeof(struct disk_item);
	first = block + sizeof(struct disk_header);
	fprintf(stderr, "corrupting keys in block %llu slot %u swapping with %u\n", c->a->logical, slot, other);
	memcpy(first + slot * stride, first + other * stride, sizeof(struct disk_key));
	return store(c, c->a->logical, block);
}

int corrupt_sectors(struct corrupt *c)
{
	u32 size = c->fs->geo->sectorsize;
	u64 at = round_down_p2(c->a->logical, size), end = c->a->has_bytes ? c->a->bytes : size;
	u8 *zeros CLEANUP(mem_freep) = mem_zalloc(size);

	if (!zeros)
		return fail(c, -ENOMEM, "not enough memory");
	if (add_overflows(end, c->a->logical, &end) || end >> 63)
		return fail(c, -EINVAL, "%llu bytes from %llu are too many", c->a->bytes, c->a->logical);
	for (; at < end; at += size) {
		const struct chunk *chunk = chunk_lookup(c->fs->vol, at);
		unsigned copies = chunk ? chunk->profile->copies : 0;
		unsigned only = c->a->has_copy ? c->a->copy : 0;

		if (!copies)
			return fail(c, -ENOENT, "no chunk maps logical %llu", at);
		if (only > copies)
			return fail(c, -EINVAL, "logical %llu has no copy %u", at, only);
		for (unsigned m = only ? only : 1; m <= (only ? only : copies); m++) {
			int ret;

			cmd_say(c->ctx, 1, "corrupting %llu copy %u\n", at, m);
			ret = rio_write_mirror(c->fs->vol, at, size, m, zeros, &c->ctx->err);
			if (ret)
				return fail(c, ret, "cannot write");
		}
	}
	return volume_flush(c->fs->vol, &c->ctx->err) ? fail(c, -EIO, "cannot write") : 0;
}
