/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks that come and go. A new one can be used at once; its items are written when no path is held. Dev extents of a removed one stay taken until the
 * commit, because the last commit names them. Spec: on-disk-format 5.4, 5.6, 1.6. */
#include "kernel-shared/alloc/internal.h"

#include "common/mem.h"

int devs_load(struct alloc *a, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&a->roots->dev_tree->tree, KEY(1, BTRFS_DEV_EXTENT_KEY, 0), KEY(-1ULL, BTRFS_DEV_EXTENT_KEY, -1ULL));
	struct item item;
	int ret;

	if (a->devs_loaded)
		return 0;
	for (size_t i = 0; i < a->vol->devices.len; i++) {
		const struct device *d = a->vol->devices.v[i];
		struct dev_space s = { .devid = d->devid, .total_bytes = d->total_bytes, .used = RANGES_INIT };

		if (d->bdev && !d->seed && vec_push(&a->devs, s))
			return err_nomem(err);
	}
	while ((ret = tree_next(&it, &item, err)) == 0) {
		const struct disk_dev_extent *e = (const void *)item.data;

		if (item.key.type != BTRFS_DEV_EXTENT_KEY || item.size < sizeof(*e))
			continue;
		for (size_t i = 0; i < a->devs.len; i++)
			if (a->devs.v[i].devid == item.key.objectid
			    && ranges_add(&a->devs.v[i].used, item.key.offset, item.key.offset + le64_get(e->length)))
				return err_nomem(err);
	}
	if (ret != -ENOENT)
		return ret;
	a->devs_loaded = true;
	return 0;
}

struct dev_space *dev_space(struct alloc *a, u64 devid)
{
	for (size_t i = 0; i < a->devs.len; i++)
		if (a->devs.v[i].devid == devid)
			return &a->devs.v[i];
	return NULL;
}

/* Type and profile of a new chunk that is to hold this type. */
static u64 chunk_flags(const struct alloc *a, u64 type)
{
	if (geo_incompat(a->geo, BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS) && !(type & BTRFS_BLOCK_GROUP_SYSTEM))
		return BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_METADATA | a->profile[0];
	return (type & BTRFS_BLOCK_GROUP_TYPE_MASK) | (type & BTRFS_BLOCK_GROUP_PROFILE_MASK ? type & BTRFS_BLOCK_GROUP_PROFILE_MASK : a->profile[type_index(type)]);
}

static u64 writable_bytes(const struct alloc *a)
{
	u64 bytes = 0;

	for (size_t i = 0; i < a->devs.len; i++)
		bytes += a->devs.v[i].total_bytes;
	return bytes;
}

u64 chunks_available(struct alloc *a, u64 type)
{
	u64 flags = chunk_flags(a, type), room = 0;
	const struct profile *p = profile_of(flags);
	struct chunk_plan *plan CLEANUP(mem_freep) = mem_zalloc(sizeof(*plan));

	if (!plan || devs_load(a, NULL) || chunk_plan(a->geo, CHUNK_KERNEL, flags, writable_bytes(a), a->devs.v, a->devs.len, plan, NULL))
		return 0;
	for (size_t i = 0; i < a->devs.len; i++) {
		u64 taken = max_t(u64, a->devs.v[i].used.bytes, BTRFS_BLOCK_RESERVED_1M_FOR_SUPER);

		room += a->devs.v[i].total_bytes > taken ? a->devs.v[i].total_bytes - taken : 0;
	}
	return room / plan->num_stripes * profile_data_stripes(p, plan->num_stripes);
}

/* Behind all others, and behind those that were removed: a group that is going must not be taken for its successor. */
static u64 next_logical(const struct alloc *a)
{
	const struct chunk *last = a->vol->chunks.len ? a->vol->chunks.v[a->vol->chunks.len - 1] : NULL;
	u64 end = max_t(u64, last ? last->start + last->length : MiB(1), a->gone_end);

	return round_up_p2(end, BTRFS_STRIPE_LEN);
}

struct disk_chunk *chunk_item_new(const struct alloc *a, u64 flags, const struct chunk_plan *plan, u32 *size)
{
	struct disk_chunk *c;

	*size = sizeof(*c) + plan->num_stripes * sizeof(struct disk_stripe);
	c = mem_zalloc(*size);
	if (!c)
		return NULL;
	c->length = le64_of(plan->length);
	c->owner = le64_of(BTRFS_EXTENT_TREE_OBJECTID);
	c->stripe_len = le64_of(BTRFS_STRIPE_LEN);
	c->type = le64_of(flags);
	c->io_align = c->io_width = le32_of(BTRFS_STRIPE_LEN);
	c->sector_size = le32_of(a->geo->sectorsize);
	c->num_stripes = le16_of(plan->num_stripes);
	c->sub_stripes = le16_of(plan->sub_stripes);
	for (unsigned i = 0; i < plan->num_stripes; i++) {
		const struct device *d = alloc_device(a, plan->stripes[i].devid);

		c->stripes[i].devid = le64_of(d->devid);
		c->stripes[i].offset = le64_of(plan->stripes[i].physical);
		memcpy(c->stripes[i].dev_uuid, d->uuid, sizeof(d->uuid));
	}
	return c;
}

/* A system chunk is listed in the superblock, too. */
static int array_add(struct alloc *a, u64 start, const struct disk_chunk *c, u32 size, struct err *err)
{
	u32 used = le32_get(a->super->sys_chunk_array_size);
	struct disk_key key = key_disk(KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, start));

	if (used + sizeof(key) + size > BTRFS_SYSTEM_CHUNK_ARRAY_SIZE)
		return err_set(err, -ENOSPC, "the superblock has no room for another system chunk");
	memcpy(a->super->sys_chunk_array + used, &key, sizeof(key));
	memcpy(a->super->sys_chunk_array + used + sizeof(key), c, size);
	a->super->sys_chunk_array_size = le32_of(used + sizeof(key) + size);
	return 0;
}

void chunk_array_remove(struct alloc *a, u64 start)
{
	u32 pos = 0, before = 0, used = le32_get(a->super->sys_chunk_array_size), size;
	const struct disk_chunk *c;
	struct key key;

	for (; super_sys_chunk_next(a->super, &pos, &key, &c, &size, NULL) == 1; before = pos) {
		if (key.offset != start)
			continue;
		memmove(a->super->sys_chunk_array + before, a->super->sys_chunk_array + pos, used - pos);
		memset(a->super->sys_chunk_array + used - (pos - before), 0, pos - before);
		a->super->sys_chunk_array_size = le32_of(used - (pos - before));
		return;
	}
}

void chunk_features(struct alloc *a, u64 flags)
{
	u64 bits = (flags & BTRFS_BLOCK_GROUP_RAID56_MASK ? BTRFS_FEATURE_INCOMPAT_RAID56 : 0)
		| (flags & (BTRFS_BLOCK_GROUP_RAID1C3 | BTRFS_BLOCK_GROUP_RAID1C4) ? BTRFS_FEATURE_INCOMPAT_RAID1C34 : 0);

	a->super->incompat_flags = le64_of(le64_get(a->super->incompat_flags) | bits);
	a->vol->geo.incompat |= bits;
}

static int group_new(struct alloc *a, u64 start, u64 flags, struct block_group **out, struct err *err)
{
	struct block_group *bg = mem_zalloc(sizeof(*bg));
	struct range r = { 0, 0 };

	if (!bg)
		return err_nomem(err);
	bg->start = bg->cursor = start;
	bg->chunk = chunk_lookup(a->vol, start);
	bg->length = bg->chunk->length;
	bg->flags = flags;
	bg->loaded = bg->item_missing = bg->changed = true;
	if (group_add(a, bg)) {
		free(bg);
		return err_nomem(err);
	}
	if (groups_exclude_supers(a) || ranges_add(&bg->free, start, start + bg->length))
		return err_nomem(err);
	while (ranges_next(&bg->excluded, r.end, &r))
		if (ranges_del(&bg->free, r.start, r.end))
			return err_nomem(err);
	*out = bg;
	return 0;
}

static int devices_take(struct alloc *a, const struct chunk_plan *plan, struct err *err)
{
	for (unsigned i = 0; i < plan->num_stripes; i++) {
		u64 start = plan->stripes[i].physical;

		if (ranges_add(&dev_space(a, plan->stripes[i].devid)->used, start, start + plan->stripe_length))
			return err_nomem(err);
		alloc_device(a, plan->stripes[i].devid)->bytes_used += plan->stripe_length;
	}
	return 0;
}

int chunk_create(struct alloc *a, u64 type, struct block_group **out, struct err *err)
{
	struct chunk_plan *plan CLEANUP(mem_freep) = mem_zalloc(sizeof(*plan));
	struct disk_chunk *item CLEANUP(mem_freep) = NULL;
	u64 flags = chunk_flags(a, type), start = next_logical(a);
	u32 size;
	int ret = plan ? devs_load(a, err) : err_nomem(err);

	if (!ret)
		ret = chunk_plan(a->geo, CHUNK_KERNEL, flags, writable_bytes(a), a->devs.v, a->devs.len, plan, err);
	if (ret)
		return ret;
	item = chunk_item_new(a, flags, plan, &size);
	if (!item || vec_reserve(&a->new_chunks, a->new_chunks.len + 1))
		return err_nomem(err);
	if (flags & BTRFS_BLOCK_GROUP_SYSTEM)
		ret = array_add(a, start, item, size, err);
	if (!ret)
		ret = volume_add_chunk(a->vol, start, item, err);
	if (!ret)
		ret = devices_take(a, plan, err);
	if (!ret)
		ret = group_new(a, start, flags, out, err);
	if (ret)
		return ret;
	chunk_features(a, flags);
	a->new_chunks.v[a->new_chunks.len++] = start;
	return 0;
}

int chunk_remove(struct alloc *a, u64 start, struct err *err)
{
	struct block_group *bg = alloc_block_group(a, start);
	struct chunk *copy;

	if (!bg || bg->start != start)
		return err_set(err, -ENOENT, "no block group begins at %llu", start);
	if (bg->used || bg->pinned.count || bg->item_missing)
		return err_set(err, -EBUSY, "block group %llu is in use", start);
	copy = mem_dup(bg->chunk, sizeof(*copy) + bg->chunk->num_stripes * sizeof(copy->stripes[0]));
	if (!copy || devs_load(a, err) || vec_push(&a->gone_chunks, copy)) {
		free(copy);
		return err_nomem(err);
	}
	bg->removed = true;
	a->gone_end = max_t(u64, a->gone_end, start + copy->length);
	if (bg->flags & BTRFS_BLOCK_GROUP_SYSTEM)
		chunk_array_remove(a, start);
	for (unsigned i = 0; i < copy->num_stripes; i++) {
		struct hole h = { copy->stripes[i].dev->devid, copy->stripes[i].physical, copy->stripes[i].physical + copy->stripe_length };

		copy->stripes[i].dev->bytes_used -= copy->stripe_length;
		if (vec_push(&a->holes, h))
			return err_nomem(err);
	}
	return volume_remove_chunk(a->vol, start);
}

void chunks_committed(struct alloc *a)
{
	for (size_t i = 0; i < a->holes.len; i++) {
		struct dev_space *d = dev_space(a, a->holes.v[i].devid);

		if (d)
			ranges_del(&d->used, a->holes.v[i].start, a->holes.v[i].end);
	}
	a->holes.len = 0;
}

int dev_extent_write(struct alloc *a, const struct chunk *c, unsigned i, bool add, struct err *err)
{
	struct disk_dev_extent e = { .chunk_tree = le64_of(BTRFS_CHUNK_TREE_OBJECTID), .chunk_objectid = le64_of(BTRFS_FIRST_CHUNK_TREE_OBJECTID),
		.chunk_offset = le64_of(c->start), .length = le64_of(c->stripe_length) };
	struct key key = KEY(c->stripes[i].dev->devid, BTRFS_DEV_EXTENT_KEY, c->stripes[i].physical);
	struct tree *t = &a->roots->dev_tree->tree;

	return add ? tree_insert(t, &key, &e, sizeof(e), err) : tree_delete(t, &key, err);
}

/* The item of a chunk in memory, heap. NULL: no memory. */
static struct disk_chunk *item_of(const struct alloc *a, const struct chunk *c, u32 *size)
{
	struct chunk_plan *plan CLEANUP(mem_freep) = mem_zalloc(sizeof(*plan));

	if (!plan)
		return NULL;
	plan->length = c->length;
	plan->num_stripes = c->num_stripes;
	plan->sub_stripes = c->sub_stripes;
	for (unsigned i = 0; i < c->num_stripes; i++) {
		plan->stripes[i].devid = c->stripes[i].dev->devid;
		plan->stripes[i].physical = c->stripes[i].physical;
	}
	return chunk_item_new(a, c->type, plan, size);
}

int chunk_item_put(struct alloc *a, const struct chunk *c, struct err *err)
{
	struct key key = KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, c->start);
	u32 size;
	struct disk_chunk *item CLEANUP(mem_freep) = item_of(a, c, &size);

	return item ? tree_put(&a->roots->chunk_tree->tree, &key, item, size, true, err) : err_nomem(err);
}

int chunk_array_add(struct alloc *a, const struct chunk *c, struct err *err)
{
	u32 size;
	struct disk_chunk *item CLEANUP(mem_freep) = item_of(a, c, &size);

	return item ? array_add(a, c->start, item, size, err) : err_nomem(err);
}

static int chunk_write(struct alloc *a, const struct chunk *c, struct err *err)
{
	int ret = chunk_item_put(a, c, err);

	for (unsigned i = 0; !ret && i < c->num_stripes; i++)
		ret = dev_extent_write(a, c, i, true, err);
	return ret ? ret : fst_group_new(a, alloc_block_group(a, c->start), err);
}

static int chunk_delete(struct alloc *a, const struct chunk *c, struct err *err)
{
	struct key key = KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, c->start);
	int ret = tree_delete(&a->roots->chunk_tree->tree, &key, err);

	for (unsigned i = 0; !ret && i < c->num_stripes; i++)
		ret = dev_extent_write(a, c, i, false, err);
	return ret;
}

/* Writing the items of one chunk may make another: the list grows while it is worked on. */
int chunks_write(struct alloc *a, bool *changed, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < a->new_chunks.len; i++) {
		*changed = true;
		ret = chunk_write(a, chunk_lookup(a->vol, a->new_chunks.v[i]), err);
	}
	a->new_chunks.len = 0;
	for (size_t i = 0; !ret && i < a->gone_chunks.len; i++) {
		*changed = true;
		ret = chunk_delete(a, a->gone_chunks.v[i], err);
		free(a->gone_chunks.v[i]);
		a->gone_chunks.v[i] = NULL;
	}
	a->gone_chunks.len = 0;
	if (!ret)
		ret = moves_write(a, changed, err);
	return ret ? ret : devices_write(a, changed, err);
}
