/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunk and device items against what else says the same: device extents, block groups, what lies in a chunk, the superblocks of the devices. Where an item
 * says what cannot be, and the others agree, it is put right. Spec: on-disk-format 3.14 to 3.17, 13. */
#include "kernel-shared/check/chunkscan.h"
#include "kernel-shared/check/rewrite.h"

#include "kernel-shared/tree/salvage.h"

struct witness { struct rewrite *w; struct mended_items *items; struct chunk_scan s; u64 fixed; };

/* --- what the others say --- */

static int read_extents(struct witness *x, struct err *err)
{
	struct root *dev = x->w->fs->dev_tree;
	struct salvage s CLEANUP(salvage_fini) = dev ? salvage_range(&dev->tree, KEY(1, 0, 0), KEY_MAX) : (struct salvage){ .done = true };
	struct item item;
	int ret = dev ? 0 : -ENOENT;

	while (dev && (ret = salvage_next(&s, &item, err)) >= 0) {
		const struct disk_dev_extent *e = !ret && item.key.type == BTRFS_DEV_EXTENT_KEY ? item_struct(&item, struct disk_dev_extent) : NULL;

		if (e && vec_push(&x->s.extents, ((struct scan_extent){ item.key.objectid, item.key.offset, le64_get(e->length), le64_get(e->chunk_offset), 0 })))
			return err_nomem(err);
	}
	err_clear(err);
	return ret == -ENOENT ? 0 : ret;
}

static bool group_of(const struct witness *x, u64 start, struct scan_group *out)
{
	struct fs *fs = x->w->fs;
	struct root *root = fs->block_group_tree ? fs->block_group_tree : fs->extent_tree;
	struct key key = KEY(start, BTRFS_BLOCK_GROUP_ITEM_KEY, 0);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	const struct disk_block_group_item *g;
	struct err ignored = ERR_INIT;
	struct item item;

	if (!root || tree_lookup_ge(&root->tree, &key, &p, &item, &ignored) || item.key.objectid != start || item.key.type != BTRFS_BLOCK_GROUP_ITEM_KEY)
		return false;
	g = item_struct(&item, struct disk_block_group_item);
	if (g)
		*out = (struct scan_group){ start, item.key.offset, le64_get(g->flags), 0 };
	return g;
}

static const struct scan_extent *extent_at(const struct witness *x, u64 devid, u64 physical)
{
	for (size_t i = 0; i < x->s.extents.len; i++)
		if (x->s.extents.v[i].devid == devid && x->s.extents.v[i].physical == physical)
			return &x->s.extents.v[i];
	return NULL;
}

static unsigned extents_of(const struct witness *x, u64 chunk)
{
	unsigned n = 0;

	for (size_t i = 0; i < x->s.extents.len; i++)
		n += x->s.extents.v[i].chunk == chunk;
	return n;
}

static struct mended_item *chunk_item(const struct witness *x, u64 start)
{
	for (size_t i = 0; i < x->items->len; i++)
		if (x->items->v[i].key.type == BTRFS_CHUNK_ITEM_KEY && x->items->v[i].key.offset == start)
			return &x->items->v[i];
	return NULL;
}

/* The device's own superblock, if it is here. */
static const struct disk_dev_item *own_word(const struct witness *x, u64 devid)
{
	const struct device *d = volume_device(x->w->fs->vol, devid, NULL);

	return d && d->bdev && !d->seed && le64_get(d->sb.dev_item.devid) == devid ? &d->sb.dev_item : NULL;
}

/* --- devices --- */

/* No chunk lies on the device under the name that its item gives it. */
static bool named_otherwise(const struct witness *x, u64 devid, const u8 *uuid)
{
	unsigned stripes = 0;

	for (size_t i = 0; i < x->items->len; i++) {
		const struct disk_chunk *c = (const void *)x->items->v[i].data;

		if (x->items->v[i].key.type != BTRFS_CHUNK_ITEM_KEY)
			continue;
		for (unsigned k = 0; k < le16_get(c->num_stripes); k++) {
			if (le64_get(c->stripes[k].devid) != devid)
				continue;
			if (!memcmp(c->stripes[k].dev_uuid, uuid, BTRFS_UUID_SIZE))
				return false;
			stripes++;
		}
	}
	return stripes;
}

static void witness_device(struct witness *x, struct mended_item *it)
{
	struct disk_dev_item *d = (void *)it->data;
	u64 devid = le64_get(d->devid), total = le64_get(d->total_bytes);
	const struct disk_dev_item *own = own_word(x, devid);
	struct volume *vol = x->w->fs->vol;
	const struct device *dev = volume_device(vol, devid, NULL);
	u64 fixed = 0;

	if (!own)
		return;
	if (memcmp(d->fsid, own->fsid, BTRFS_FSID_SIZE) && !memcmp(own->fsid, vol->fsids[0], BTRFS_FSID_SIZE)) {
		memcpy(d->fsid, own->fsid, BTRFS_FSID_SIZE);
		fixed++;
	}
	if (memcmp(d->uuid, own->uuid, BTRFS_UUID_SIZE) && named_otherwise(x, devid, d->uuid)) {
		memcpy(d->uuid, own->uuid, BTRFS_UUID_SIZE);
		fixed++;
	}
	if (total != le64_get(own->total_bytes) && (total < le64_get(d->bytes_used) || total > dev->bdev->size) && le64_get(own->total_bytes) <= dev->bdev->size) {
		d->total_bytes = own->total_bytes;
		fixed++;
	}
	if (fixed)
		repair_say(x->w->r, "Device %llu: its item is what its superblock says", devid);
	x->fixed += fixed;
}

/* --- chunks --- */

/* All its stripes lie where device extents say that they are another chunk's, which is missing. */
static void witness_start(struct witness *x, struct mended_item *it)
{
	const struct disk_chunk *c = (const void *)it->data;
	u64 other = 0;
	struct scan_group g;

	if (extents_of(x, it->key.offset))
		return;
	for (unsigned i = 0; i < le16_get(c->num_stripes); i++) {
		const struct scan_extent *e = extent_at(x, le64_get(c->stripes[i].devid), le64_get(c->stripes[i].offset));

		if (!e || (i && e->chunk != other))
			return;
		other = e->chunk;
	}
	if (chunk_item(x, other) || !group_of(x, other, &g))
		return;
	repair_say(x->w->r, "Chunk %llu is chunk %llu, as its device extents and block group say", it->key.offset, other);
	it->key.offset = other;
	x->fixed++;
}

static bool holds_blocks(const struct witness *x, u64 start, u64 len)
{
	const struct chunk *c = chunk_lookup(x->w->fs->vol, start);
	u64 at = start;

	return c && blockmap_next(&x->w->s->live, &at, min_t(u64, start + len, c->start + c->length));
}

static bool of_kind(u64 type, bool blocks)
{
	return blocks ? type & (BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM) : type & BTRFS_BLOCK_GROUP_DATA;
}

/* As many stripes as the profile takes. */
static bool of_profile(u64 type, unsigned stripes)
{
	const struct profile *p = profile_of(type);

	return p && stripes >= p->dev_stripes && (p->parity || !p->copies || stripes % p->copies == 0);
}

/* Chunk and block group disagree about what they hold: what lies there decides. */
static void witness_type(struct witness *x, struct mended_item *it)
{
	const u64 mask = BTRFS_BLOCK_GROUP_TYPE_MASK | BTRFS_BLOCK_GROUP_PROFILE_MASK;
	struct disk_chunk *c = (void *)it->data;
	u64 start = it->key.offset, type = le64_get(c->type) & mask;
	struct mended_item as = *it;
	struct disk_chunk *try;
	struct scan_group g;
	bool blocks;

	if (!group_of(x, start, &g) || (g.flags & mask) == type)
		return;
	try = arena_dup(&x->w->m.arena, c, it->size);
	if (!try)
		return;
	try->type = le64_of(g.flags & mask);
	as.data = (u8 *)try;
	if (!mend_item_holds(&x->w->m, BTRFS_CHUNK_TREE_OBJECTID, &as, NULL))
		return;
	blocks = holds_blocks(x, start, g.length);
	if (mend_item_holds(&x->w->m, BTRFS_CHUNK_TREE_OBJECTID, it, NULL) && of_kind(type, blocks) >= of_kind(g.flags, blocks) && of_profile(type, le16_get(c->num_stripes)))
		return;
	repair_say(x->w->r, "Chunk %llu: its kind is what its block group says", start);
	*it = as;
	x->fixed++;
}

/* Chunk and block group disagree about its length: the device extents decide. */
static void witness_length(struct witness *x, struct mended_item *it)
{
	struct disk_chunk *c = (void *)it->data;
	u64 start = it->key.offset;
	unsigned n = le16_get(c->num_stripes), data = profile_data_stripes(profile_of(le64_get(c->type)), n);
	struct scan_group g;

	if (!group_of(x, start, &g) || g.length == le64_get(c->length) || !extents_of(x, start))
		return;
	for (size_t i = 0; i < x->s.extents.len; i++)
		if (x->s.extents.v[i].chunk == start && x->s.extents.v[i].length * data != g.length)
			return;
	repair_say(x->w->r, "Chunk %llu: its length is what its block group and device extents say", start);
	c->length = le64_of(g.length);
	x->fixed++;
}

static bool overlaps_other(const struct witness *x, u64 devid, u64 from, u64 len, u64 chunk)
{
	for (size_t i = 0; i < x->s.extents.len; i++) {
		const struct scan_extent *e = &x->s.extents.v[i];

		if (e->devid == devid && e->chunk != chunk && e->physical < from + len && from < e->physical + e->length)
			return true;
	}
	return false;
}

static bool is_plausible(const struct witness *x, u64 devid, u64 physical, u64 len, u64 chunk)
{
	const struct device *d = volume_device(x->w->fs->vol, devid, NULL);
	u64 size = d && d->bdev ? d->bdev->size : -1ULL;

	return d && (d->bdev || d->has_item) && is_aligned_p2(physical, BTRFS_STRIPE_LEN) && physical <= size && len <= size - physical && !overlaps_other(x, devid, physical, len, chunk);
}

/* Device extents of the chunk that none of its stripes names; stripes that no device extent knows. */
static void witness_stripes(struct witness *x, struct mended_item *it)
{
	struct disk_chunk *c = (void *)it->data;
	u64 start = it->key.offset, striped = BTRFS_BLOCK_GROUP_RAID0 | BTRFS_BLOCK_GROUP_RAID10 | BTRFS_BLOCK_GROUP_RAID56_MASK;
	const struct scan_extent *free[BTRFS_CHUNK_STRIPES_MAX];
	unsigned n = le16_get(c->num_stripes), nfree = 0, bad = 0;

	if (n > BTRFS_CHUNK_STRIPES_MAX || extents_of(x, start) != n)
		return;
	for (size_t i = 0; i < x->s.extents.len; i++) {
		const struct scan_extent *e = &x->s.extents.v[i];
		bool used = e->chunk != start;

		for (unsigned k = 0; !used && k < n; k++)
			used = le64_get(c->stripes[k].devid) == e->devid && le64_get(c->stripes[k].offset) == e->physical;
		if (!used)
			free[nfree++] = e;
	}
	if (!nfree || (nfree > 1 && le64_get(c->type) & striped))
		return;
	for (unsigned k = 0; k < n && bad < nfree; k++) {
		struct disk_stripe *s = &c->stripes[k];
		const struct scan_extent *e = extent_at(x, le64_get(s->devid), le64_get(s->offset));

		if ((e && e->chunk == start) || is_plausible(x, le64_get(s->devid), le64_get(s->offset), free[bad]->length, start))
			continue;
		repair_say(x->w->r, "Chunk %llu: stripe %u lies at %llu of device %llu, as its device extent says", start, k, free[bad]->physical, free[bad]->devid);
		s->devid = le64_of(free[bad]->devid);
		s->offset = le64_of(free[bad]->physical);
		bad++;
		x->fixed++;
	}
}

static void witness_uuids(struct witness *x, struct mended_item *it)
{
	struct disk_chunk *c = (void *)it->data;

	for (unsigned k = 0; k < le16_get(c->num_stripes); k++) {
		const struct disk_dev_item *own = own_word(x, le64_get(c->stripes[k].devid));

		if (!own || !memcmp(c->stripes[k].dev_uuid, own->uuid, BTRFS_UUID_SIZE))
			continue;
		repair_say(x->w->r, "Chunk %llu: stripe %u has the uuid of its device", it->key.offset, k);
		memcpy(c->stripes[k].dev_uuid, own->uuid, BTRFS_UUID_SIZE);
		x->fixed++;
	}
}

static bool whole_chunk(const struct mended_item *it)
{
	const struct disk_chunk *c = (const void *)it->data;

	return it->key.type == BTRFS_CHUNK_ITEM_KEY && it->size >= sizeof(*c) && le16_get(c->num_stripes) &&
	       it->size == sizeof(*c) + le16_get(c->num_stripes) * sizeof(c->stripes[0]);
}

int chunks_by_witness(struct rewrite *w, struct mended_items *items, u64 *fixed, struct err *err)
{
	struct witness x = { .w = w, .items = items };
	int ret = read_extents(&x, err);

	for (size_t i = 0; !ret && i < items->len; i++) {
		struct mended_item *it = &items->v[i];

		if (it->key.type == BTRFS_DEV_ITEM_KEY && it->size == sizeof(struct disk_dev_item))
			witness_device(&x, it);
		if (!whole_chunk(it))
			continue;
		witness_start(&x, it);
		witness_type(&x, it);
		witness_length(&x, it);
		witness_stripes(&x, it);
		witness_uuids(&x, it);
	}
	*fixed = x.fixed;
	chunk_scan_fini(&x.s);
	return ret;
}
