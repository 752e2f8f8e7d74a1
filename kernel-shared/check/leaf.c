/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the items of one leaf state about the rest of the filesystem. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>
#include "common/mem.h"

/* Trees that alone have items of a type. */
static bool type_allowed(const struct leaf_ctx *l, u8 type)
{
	u64 id = l->tree->id;

	switch (type) {
	case BTRFS_DEV_ITEM_KEY:
	case BTRFS_CHUNK_ITEM_KEY:
		return id == BTRFS_CHUNK_TREE_OBJECTID;
	case BTRFS_EXTENT_ITEM_KEY:
	case BTRFS_METADATA_ITEM_KEY:
		return id == BTRFS_EXTENT_TREE_OBJECTID;
	case BTRFS_BLOCK_GROUP_ITEM_KEY:
		return id == (geo_compat_ro(l->c->geo, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE) ? BTRFS_BLOCK_GROUP_TREE_OBJECTID
												   : BTRFS_EXTENT_TREE_OBJECTID);
	case BTRFS_ROOT_ITEM_KEY:
		return id == BTRFS_ROOT_TREE_OBJECTID || l->tree->kind == TREE_LOG;
	case BTRFS_DEV_EXTENT_KEY:
		return id == BTRFS_DEV_TREE_OBJECTID;
	default:
		return true;
	}
}

static int file_extent_fact(struct leaf_ctx *l, const struct item *item)
{
	struct check_totals *tot = &l->c->workers[l->worker].totals;
	struct file_extent_view v;
	struct ref r = { .count = 1 };
	int ret;

	if (l->tree->kind == TREE_LOG || file_extent_parse(item, &v) || v.type == BTRFS_FILE_EXTENT_INLINE || !v.disk_bytenr)
		return 0;
	if (!l->c->exact) {
		tot->data_allocated += v.disk_num_bytes;
		tot->data_referenced += v.num_bytes;
	}
	if (l->full) {
		r.parent = l->bytenr;
	} else {
		r.root = l->owner;
		r.owner = item->key.objectid;
		r.offset = item->key.offset - v.offset;
	}
	ret = fact_data_ref(l->c, l->worker, v.disk_bytenr, v.disk_num_bytes, &r);
	return ret ? ret : quota_data(l, &v);
}

static int keep_chunk(struct check *c, const struct item *item)
{
	const struct disk_chunk *d = item_struct(item, struct disk_chunk);
	struct chunk_rec r = { .start = item->key.offset, .key_objectid = item->key.objectid };

	if (!d)
		return 0;
	r.head = *d;
	r.length = le64_get(d->length);
	r.type = le64_get(d->type);
	r.owner = le64_get(d->owner);
	r.num_stripes = le16_get(d->num_stripes);
	r.sub_stripes = le16_get(d->sub_stripes);
	r.num_stripes = min_t(u32, r.num_stripes, (item->size - sizeof(*d)) / sizeof(d->stripes[0]));
	r.stripes = r.num_stripes ? mem_dup(d->stripes, r.num_stripes * sizeof(d->stripes[0])) : NULL;
	if ((r.num_stripes && !r.stripes) || vec_push(&c->chunks, r)) {
		free(r.stripes);
		return -ENOMEM;
	}
	return 0;
}

static int keep_devext(struct check *c, const struct item *item)
{
	const struct disk_dev_extent *d = item_struct(item, struct disk_dev_extent);

	if (!d)
		return 0;
	return vec_push(&c->devexts, ((struct devext_rec){ item->key.objectid, item->key.offset, le64_get(d->length), le64_get(d->chunk_offset), false }));
}

static int keep_group(struct check *c, const struct item *item)
{
	const struct disk_block_group_item *d = item_struct(item, struct disk_block_group_item);

	if (!d)
		return 0;
	return vec_push(&c->groups, ((struct group_rec){ .start = item->key.objectid, .length = item->key.offset, .flags = le64_get(d->flags),
							 .used = le64_get(d->used), .objectid = le64_get(d->chunk_objectid) }));
}

static int keep_device(struct check *c, const struct item *item)
{
	const struct disk_dev_item *d = item_struct(item, struct disk_dev_item);

	return d && vec_push(&c->devices, *d) ? -ENOMEM : 0;
}

/* Few, and wanted together: kept in memory. */
static int keep(struct leaf_ctx *l, const struct item *item, int (*fn)(struct check *c, const struct item *item))
{
	int ret;

	if (l->c->exact)
		return 0;
	pthread_mutex_lock(&l->c->lock);
	ret = fn(l->c, item);
	pthread_mutex_unlock(&l->c->lock);
	return ret;
}

/* Where the checksums before this item end: in the same leaf, else nothing. The leaf that follows is looked at from here, too. */
static void check_csum_order(struct leaf_ctx *l, const struct item *item, u64 end)
{
	struct where w = { .tree = BTRFS_CSUM_TREE_OBJECTID, .key = item->key, .block = l->bytenr, .bytenr = item->key.offset, .len = end - item->key.offset };
	u32 n = item->size / l->c->geo->csum_size, most = (geo_leafdata(l->c->geo) - 50) / l->c->geo->csum_size - 1;
	struct key next = item->slot + 1 < (int)block_nritems(l->block) ? block_key(l->block, item->slot + 1) : key_get(&l->claims->bound);

	if (n > most)
		REPORT(l->c, CHECK_CSUMS, CSUM_LARGE, w, item->key.offset, l->bytenr, (unsigned)item->slot, n, most);
	if (next.objectid == BTRFS_EXTENT_CSUM_OBJECTID && next.type == BTRFS_EXTENT_CSUM_KEY && next.offset < end) {
		w.bytenr = next.offset;
		REPORT(l->c, CHECK_CSUMS, CSUM_OVERLAP, w, next.offset, end, l->bytenr, (unsigned)item->slot + 1);
	}
}

static const char *csum_doubt(const struct check *c, const struct item *item)
{
	if (item->key.objectid != BTRFS_EXTENT_CSUM_OBJECTID || item->key.type != BTRFS_EXTENT_CSUM_KEY)
		return "it is none";
	if (!is_aligned_p2(item->key.offset, c->geo->sectorsize))
		return "its address is no multiple of a sector";
	if (!item->size || item->size % c->geo->csum_size)
		return "its size is no multiple of a checksum";
	return NULL;
}

static int csum_fact(struct leaf_ctx *l, const struct item *item)
{
	struct check *c = l->c;
	u64 len = (u64)(item->size / c->geo->csum_size) * c->geo->sectorsize, end;
	const char *doubt = csum_doubt(c, item);
	struct where w = { .tree = BTRFS_CSUM_TREE_OBJECTID, .key = item->key, .block = l->bytenr, .bytenr = item->key.offset, .len = len };
	int ret;

	if (doubt || add_overflows(item->key.offset, len, &end)) {
		REPORT(c, CHECK_CSUMS, CSUM_ITEM, w, (s64)item->key.objectid, item->key.type, item->key.offset, l->bytenr, doubt ? doubt : "it ends behind all addresses");
		return 0;
	}
	c->workers[l->worker].totals.csum_bytes += item->size;
	check_csum_order(l, item, end);
	pthread_mutex_lock(&c->lock);
	ret = coverage_add(&c->summed, item->key.offset, len);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static int item_facts(struct leaf_ctx *l, const struct item *item)
{
	if (l->tree->id == BTRFS_CSUM_TREE_OBJECTID)
		return l->c->exact ? 0 : csum_fact(l, item);
	switch (item->key.type) {
	case BTRFS_EXTENT_ITEM_KEY:
	case BTRFS_METADATA_ITEM_KEY:
		return fact_extent_item(l, item);
	case BTRFS_TREE_BLOCK_REF_KEY:
	case BTRFS_EXTENT_DATA_REF_KEY:
	case BTRFS_SHARED_BLOCK_REF_KEY:
	case BTRFS_SHARED_DATA_REF_KEY:
		return l->tree->id == BTRFS_EXTENT_TREE_OBJECTID ? fact_keyed_ref(l, item) : 0;
	case BTRFS_EXTENT_DATA_KEY:
		return file_extent_fact(l, item);
	case BTRFS_CHUNK_ITEM_KEY:
		return keep(l, item, keep_chunk);
	case BTRFS_DEV_ITEM_KEY:
		return keep(l, item, keep_device);
	case BTRFS_DEV_EXTENT_KEY:
		return keep(l, item, keep_devext);
	case BTRFS_BLOCK_GROUP_ITEM_KEY:
		return keep(l, item, keep_group);
	default:
		return 0;
	}
}

static void report_foreign(struct leaf_ctx *l, const struct item *item)
{
	const struct item_type *type = item_type(item->key.type);
	struct where w = { .tree = l->tree->id, .bytenr = l->bytenr, .key = item->key };

	REPORT(l->c, CHECK_EXTENTS, KEY_FOREIGN, w, type ? type->name : "UNKNOWN", (s64)l->tree->id);
}

int leaf_facts(struct leaf_ctx *l)
{
	u32 n = block_nritems(l->block);
	int ret = 0;

	for (u32 i = 0; !ret && i < n; i++) {
		struct item item = block_item(l->block, i);

		if (type_allowed(l, item.key.type))
			ret = item_facts(l, &item);
		else if (!l->c->exact)
			report_foreign(l, &item);
	}
	if (ret || l->c->early)
		return ret;
	if (l->c->exact)
		return l->set ? leaf_exact(l) : 0;
	return l->weight ? leaf_inodes(l) : 0;
}
