/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changes in superblocks and tree blocks on their way to other devices. Sizes only shrink, so blocks are changed one by one. Spec: metadump 4.3, 4.4, 4.6. */
#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/dump/restore.h"

/* The chunk as it will be, on the superblock's own device; its new size. */
static u32 rewrite_chunk(const struct place *at, const struct disk_dev_item *dev, struct disk_chunk *c)
{
	unsigned n = at->second ? 2 : 1;

	c->type = le64_of(at->type);
	c->num_stripes = le16_of(n);
	c->sub_stripes = le16_of(0);
	for (unsigned i = 0; i < n; i++) {
		c->stripes[i].devid = dev->devid;
		c->stripes[i].offset = le64_of(i ? at->second : at->physical);
		memcpy(c->stripes[i].dev_uuid, dev->uuid, sizeof(dev->uuid));
	}
	return sizeof(*c) + n * sizeof(c->stripes[0]);
}

static bool fits_chunk(const struct item *item)
{
	const struct disk_chunk *c = (const void *)item->data;

	return item->size >= sizeof(*c) + sizeof(c->stripes[0]) &&
	       item->size >= sizeof(*c) + le16_get(c->num_stripes) * sizeof(c->stripes[0]) && le16_get(c->num_stripes);
}

/* Builds the leaf again with its smaller items, in a copy: data moves up. */
static void rewrite_chunk_leaf(const struct plan *p, const struct dump_file *f, u8 *block)
{
	u32 n = block_nritems(block), end = geo_leafdata(&f->geo), head = sizeof(struct disk_header);
	u8 *old CLEANUP(mem_freep) = mem_dup(block, f->geo.nodesize);
	struct disk_item *items = (void *)(block + head);

	if (!old)
		return;
	memset(block + head + n * sizeof(*items), 0, f->geo.nodesize - head - n * sizeof(*items));
	for (u32 i = 0; i < n; i++) {
		struct item item = block_item(old, i);
		const struct place *at = item.key.type == BTRFS_CHUNK_ITEM_KEY && fits_chunk(&item) ? plan_find(p, item.key.offset) : NULL;
		u32 size = item.size;

		if (at && at->start == item.key.offset)
			size = rewrite_chunk(at, &f->sb.dev_item, (struct disk_chunk *)item.data);
		end -= size;
		memcpy(block + head + end, item.data, size);
		items[i].offset = le32_of(end);
		items[i].size = le32_of(size);
	}
	block_set_csum(&f->geo, block);
}

static void rewrite_block_groups(const struct plan *p, const struct dump_file *f, u8 *block)
{
	bool changed = false;

	for (u32 i = 0; i < block_nritems(block); i++) {
		struct item item = block_item(block, i);
		struct disk_block_group_item *bg = (void *)item.data;
		const struct place *at = item.key.type == BTRFS_BLOCK_GROUP_ITEM_KEY && item.size >= sizeof(*bg) ? plan_find(p, item.key.objectid) : NULL;

		if (!at || at->start != item.key.objectid || le64_get(bg->flags) == at->type)
			continue;
		bg->flags = le64_of(at->type);
		changed = true;
	}
	if (changed)
		block_set_csum(&f->geo, block);
}

static void note(struct validator *v, const struct violation *violation) { }

void rewrite_block(const struct plan *p, const struct dump_file *f, u64 bytenr, u8 *block)
{
	struct validator v = { .geo = &f->geo, .on_violation = note };
	u64 owner;

	if (!dump_is_block(f, bytenr, block) || block_level(block))
		return;
	owner = block_owner(block);
	if (owner != BTRFS_CHUNK_TREE_OBJECTID && owner != BTRFS_EXTENT_TREE_OBJECTID && owner != BTRFS_BLOCK_GROUP_TREE_OBJECTID)
		return;
	/* A block that is broken stays so: who knows what is what in it. */
	if (!block_check_csum(&f->geo, block, NULL) || block_validate(&v, block))
		return;
	if (owner == BTRFS_CHUNK_TREE_OBJECTID)
		rewrite_chunk_leaf(p, f, block);
	else
		rewrite_block_groups(p, f, block);
}

static void rewrite_sys_array(const struct plan *p, struct disk_super *sb)
{
	const struct disk_super old = *sb;
	const struct disk_chunk *chunk;
	struct key key;
	u32 pos = 0, to = 0, size;

	memset(sb->sys_chunk_array, 0, sizeof(sb->sys_chunk_array));
	while (super_sys_chunk_next(&old, &pos, &key, &chunk, &size, NULL) > 0) {
		const struct place *at = plan_find(p, key.offset);
		struct disk_key disk = key_disk(key);
		u8 *out = sb->sys_chunk_array + to;

		memcpy(out, &disk, sizeof(disk));
		memcpy(out + sizeof(disk), chunk, size);
		if (at && at->start == key.offset)
			size = rewrite_chunk(at, &sb->dev_item, (struct disk_chunk *)(out + sizeof(disk)));
		to += sizeof(disk) + size;
		memset(sb->sys_chunk_array + to, 0, sizeof(sb->sys_chunk_array) - to);
	}
	sb->sys_chunk_array_size = le32_of(to);
}

void rewrite_super(const struct plan *p, const struct dump_file *f, struct disk_super *sb)
{
	if (!f->has_data)
		sb->flags = le64_of(le64_get(sb->flags) | BTRFS_SUPER_FLAG_METADUMP_V2);
	sb->num_devices = le64_of(1);
	if (p->several)
		rewrite_sys_array(p, sb);
	if (p->moved)
		sb->cache_generation = le64_of(0);
	super_set_csum(sb);
}

void flatten_super(struct disk_super *sb)
{
	struct disk_key key = key_disk(KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, 0));
	struct disk_chunk chunk = { .length = le64_of(-1ULL), .owner = le64_of(BTRFS_EXTENT_TREE_OBJECTID), .stripe_len = le64_of(BTRFS_STRIPE_LEN),
		.type = le64_of(BTRFS_BLOCK_GROUP_SYSTEM), .io_align = sb->sectorsize, .io_width = sb->sectorsize, .sector_size = sb->sectorsize,
		.num_stripes = le16_of(1), .sub_stripes = le16_of(0) };
	struct disk_stripe stripe = { .devid = sb->dev_item.devid };
	u8 *out = sb->sys_chunk_array;

	memcpy(stripe.dev_uuid, sb->dev_item.uuid, sizeof(stripe.dev_uuid));
	memset(out, 0, sizeof(sb->sys_chunk_array));
	memcpy(out, &key, sizeof(key));
	memcpy(out + sizeof(key), &chunk, sizeof(chunk));
	memcpy(out + sizeof(key) + sizeof(chunk), &stripe, sizeof(stripe));
	sb->sys_chunk_array_size = le32_of(sizeof(key) + sizeof(chunk) + sizeof(stripe));
	sb->flags = le64_of(le64_get(sb->flags) | BTRFS_SUPER_FLAG_METADUMP);
	super_set_csum(sb);
}
