/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bottom-up loader: one open block per level; a full one is placed, emitted, and its first key goes up. */
#include "kernel-shared/tree/bulk.h"

#include "common/mem.h"
#include "kernel-shared/tree/edit.h"

struct level { u8 *block; struct key first; };

struct bulk {
	struct bulk_args args;
	struct level levels[BTRFS_MAX_LEVEL];
	u8 top;               /* highest level that has a block */
	struct key last;      /* added last; valid once there is an item */
	bool any;
};

void bulk_count_init(struct bulk_count *c, u32 nodesize)
{
	*c = (struct bulk_count){ .nodesize = nodesize };
}

void bulk_count_item(struct bulk_count *c, u32 size)
{
	u32 need = size + sizeof(struct disk_item);

	c->items++;
	if (!c->leaves || need > c->free) {
		c->leaves++;
		c->free = c->nodesize - sizeof(struct disk_header);
	}
	c->free -= need;
}

u64 bulk_count_blocks(const struct bulk_count *c, u8 *levels)
{
	u64 per_node = (c->nodesize - sizeof(struct disk_header)) / sizeof(struct disk_key_ptr), row = c->leaves ? c->leaves : 1, total = row;
	u8 level = 0;

	for (; row > 1; level++) {
		row = div_round_up(row, per_node);
		total += row;
	}
	if (levels)
		*levels = level;
	return total;
}

int bulk_new(const struct bulk_args *args, struct bulk **out)
{
	struct bulk *b = mem_zalloc(sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->args = *args;
	*out = b;
	return 0;
}

void bulk_free(struct bulk *b)
{
	if (!b)
		return;
	for (int i = 0; i < BTRFS_MAX_LEVEL; i++)
		free(b->levels[i].block);
	free(b);
}

/* An empty block at this level, whose address is not known yet. */
static int level_open(struct bulk *b, u8 level, struct err *err)
{
	struct level *l = &b->levels[level];
	struct disk_header *h;

	if (!l->block)
		l->block = mem_alloc_io(b->args.geo->nodesize);
	if (!l->block)
		return err_nomem(err);
	memset(l->block, 0, b->args.geo->nodesize);
	h = (struct disk_header *)l->block;
	memcpy(h->fsid, b->args.fsid, sizeof(h->fsid));
	memcpy(h->chunk_tree_uuid, b->args.chunk_uuid, sizeof(h->chunk_tree_uuid));
	h->flags = le64_of((u64)BTRFS_MIXED_BACKREF_REV << 56 | BTRFS_HEADER_FLAG_WRITTEN);
	h->generation = le64_of(b->args.transid);
	h->owner = le64_of(b->args.id);
	h->level = level;
	return 0;
}

/* Places, checks and emits the level's block. */
static int level_close(struct bulk *b, u8 level, u64 *bytenr, struct err *err)
{
	struct level *l = &b->levels[level];
	struct geometry geo = *b->args.geo;
	struct validator v = { .geo = &geo, .tree = b->args.id, .err = err };
	int ret = b->args.sink->place(b->args.sink, level, bytenr, err);

	if (ret)
		return ret;
	((struct disk_header *)l->block)->bytenr = le64_of(*bytenr);
	geo.generation = b->args.transid;
	if (block_validate(&v, l->block))
		return err_wrap(err, -EUCLEAN, "block %llu would be written with an error in it", *bytenr);
	block_set_csum(&geo, l->block);
	return b->args.sink->emit(b->args.sink, level, *bytenr, &l->first, l->block, err);
}

/* Adds a pointer at this level, opening or changing its block. */
static int ptr_add(struct bulk *b, u8 level, const struct key *first, u64 bytenr, struct err *err)
{
	struct level *l = &b->levels[level];
	u64 full;
	int ret;

	if (level >= BTRFS_MAX_LEVEL)
		return err_set(err, -EOVERFLOW, "tree %lld would have more than %d levels", (s64)b->args.id, BTRFS_MAX_LEVEL);
	if (level > b->top) {
		b->top = level;
		ret = level_open(b, level, err);
		if (ret)
			return ret;
	} else if (block_nritems(l->block) == geo_max_ptrs(b->args.geo)) {
		ret = level_close(b, level, &full, err);
		if (!ret)
			ret = ptr_add(b, level + 1, &l->first, full, err);
		if (!ret)
			ret = level_open(b, level, err);
		if (ret)
			return ret;
	}
	if (!block_nritems(l->block))
		l->first = *first;
	node_open_ptr(l->block, block_nritems(l->block), first, bytenr, b->args.transid);
	return 0;
}

static int leaf_next(struct bulk *b, struct err *err)
{
	u64 bytenr;
	int ret = level_close(b, 0, &bytenr, err);

	if (!ret)
		ret = ptr_add(b, 1, &b->levels[0].first, bytenr, err);
	return ret ? ret : level_open(b, 0, err);
}

int bulk_add_empty(struct bulk *b, const struct key *key, u32 size, u8 **data, struct err *err)
{
	struct level *l = &b->levels[0];
	int ret = 0;

	if (size > geo_max_item(b->args.geo))
		return err_set(err, -EOVERFLOW, "item (%llu %u %llu) of %u bytes does not fit into a leaf", key->objectid, key->type, key->offset, size);
	if (b->any && key_cmp(key, &b->last) <= 0)
		return err_set(err, -EINVAL, "item (%llu %u %llu) of tree %lld is out of order", key->objectid, key->type, key->offset, (s64)b->args.id);
	if (!b->any)
		ret = level_open(b, 0, err);
	else if (leaf_free(b->args.geo, l->block) < size + sizeof(struct disk_item))
		ret = leaf_next(b, err);
	if (ret)
		return ret;
	b->any = true;
	b->last = *key;
	if (!block_nritems(l->block))
		l->first = *key;
	*data = leaf_open(b->args.geo, l->block, block_nritems(l->block), key, size);
	return 0;
}

int bulk_add(struct bulk *b, const struct key *key, const void *data, u32 size, struct err *err)
{
	u8 *to = NULL;
	int ret = bulk_add_empty(b, key, size, &to, err);

	if (!ret && size)
		memcpy(to, data, size);
	return ret;
}

int bulk_finish(struct bulk *b, u64 *bytenr, u8 *level, struct err *err)
{
	int ret = b->any ? 0 : level_open(b, 0, err);

	for (*level = 0; !ret; (*level)++) {
		ret = level_close(b, *level, bytenr, err);
		if (ret || *level == b->top)
			break;
		ret = ptr_add(b, *level + 1, &b->levels[*level].first, *bytenr, err);
	}
	return ret;
}
