/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the container: every number in it is looked at before it is used. Spec: metadump 1, 6. */
#include "kernel-shared/volume/dumpfile.h"

#include <stdlib.h>
#include "common/mem.h"
#include "crypto/csum.h"

bool dump_probe(struct bdev *b)
{
	struct dump_header h;

	return b->size >= DUMP_BLOCK && !bdev_read(b, 0, &h, sizeof(h), NULL) &&
		(le64_get(h.magic) == DUMP_MAGIC || le64_get(h.magic) == DUMP_MAGIC_DATA);
}

struct cluster { u8 block[DUMP_BLOCK]; u64 pos, end; unsigned n; };

static const struct dump_header *cluster_header(const struct cluster *c) { return (const void *)c->block; }
static const struct dump_entry *cluster_entries(const struct cluster *c) { return (const void *)(c->block + sizeof(struct dump_header)); }

static int check_entries(const struct dump_file *f, struct cluster *c, struct err *err)
{
	for (unsigned i = 0; i < c->n; i++) {
		u32 size = le32_get(cluster_entries(c)[i].size);
		u32 most = cluster_header(c)->compress ? DUMP_STORED_MAX : f->has_data ? DUMP_DATA_MAX : DUMP_ITEM_MAX;

		if (!size || size > most)
			return err_set(err, -EUCLEAN, "the cluster at %llu has an item of %u bytes, not 1 to %u", c->pos, size, most);
		c->end += size;
	}
	c->end = round_up_p2(c->end, DUMP_BLOCK);
	if (c->end > f->bdev->size)
		return err_set(err, -EUCLEAN, "the cluster at %llu is cut off: it ends at %llu, the file at %llu", c->pos, c->end, f->bdev->size);
	return 0;
}

static int read_cluster(struct dump_file *f, struct cluster *c, struct err *err)
{
	const struct dump_header *h = cluster_header(c);
	int ret;

	if (f->bdev->size - c->pos < DUMP_BLOCK)
		return err_set(err, -EUCLEAN, "the index block at %llu is cut off", c->pos);
	ret = bdev_read(f->bdev, c->pos, c->block, sizeof(c->block), err);
	if (ret)
		return ret;
	c->n = le32_get(h->nritems);
	c->end = c->pos + DUMP_BLOCK;
	if (!c->pos)
		f->has_data = le64_get(h->magic) == DUMP_MAGIC_DATA;
	if (le64_get(h->magic) != (f->has_data ? DUMP_MAGIC_DATA : DUMP_MAGIC))
		return err_set(err, c->pos ? -EUCLEAN : -EINVAL, "bad header in metadump image: no magic at %llu", c->pos);
	if (le64_get(h->bytenr) != c->pos)
		return err_set(err, -EUCLEAN, "bad header in metadump image: the cluster at %llu says that it lies at %llu", c->pos, le64_get(h->bytenr));
	if (!c->n || c->n > DUMP_CLUSTER_ITEMS || h->compress > 1)
		return err_set(err, -EUCLEAN, "bad header in metadump image: the cluster at %llu has %u items, compression %u", c->pos, c->n, h->compress);
	return check_entries(f, c, err);
}

static int read_super(struct dump_file *f, const struct dump_item *item, struct err *err)
{
	struct dump_codec *codec = dump_codec_new(0);
	u8 *buf = mem_alloc(1, DUMP_ITEM_MAX);
	u32 len;
	int ret = codec && buf ? 0 : err_nomem(err);

	f->geo.sectorsize = BTRFS_SUPER_INFO_SIZE;
	if (!ret)
		ret = dump_item_read(f, item, codec, buf, &len, err);
	if (!ret && len != sizeof(f->sb))
		ret = err_set(err, -EUCLEAN, "the superblock has %u bytes", len);
	if (!ret) {
		memcpy(&f->sb, buf, sizeof(f->sb));
		ret = super_validate(&f->sb, btrfs_super_offset[0], err);
	}
	if (!ret)
		geometry_from_super(&f->geo, &f->sb);
	free(buf);
	dump_codec_free(codec);
	return ret ? err_wrap(err, ret, "bad superblock in metadump image") : 0;
}

static int take_item(struct dump_file *f, const struct dump_item *item, bool first_cluster, bool *has_super, struct err *err)
{
	u32 most = item->compressed ? item->size : DUMP_ITEM_MAX;

	f->bytes += item->size;
	for (u32 at = 0; item->bytenr != btrfs_super_offset[0] && at < item->size; at += most) {
		struct dump_item part = { item->bytenr + at, item->pos + at, min_t(u32, most, item->size - at), item->compressed };

		if (vec_push(&f->items, part))
			return err_nomem(err);
	}
	if (item->bytenr != btrfs_super_offset[0])
		return 0;
	if (!first_cluster)
		return 0;
	*has_super = true;
	return read_super(f, item, err);
}

static int take_cluster(struct dump_file *f, const struct cluster *c, bool *has_super, struct err *err)
{
	u64 pos = c->pos + DUMP_BLOCK;
	int ret = 0;

	for (unsigned i = 0; !ret && i < c->n; i++) {
		const struct dump_entry *e = &cluster_entries(c)[i];
		struct dump_item item = { le64_get(e->bytenr), pos, le32_get(e->size), cluster_header(c)->compress };

		if (item.bytenr > (1ULL << 63) - DUMP_DATA_MAX)
			return err_set(err, -EUCLEAN, "the cluster at %llu has an item at logical %llu", c->pos, item.bytenr);
		ret = take_item(f, &item, !c->pos, has_super, err);
		pos += item.size;
	}
	return ret;
}

static int by_address(const void *pa, const void *pb)
{
	const struct dump_item *a = pa, *b = pb;

	if (a->bytenr != b->bytenr)
		return a->bytenr < b->bytenr ? -1 : 1;
	return a->pos < b->pos ? -1 : a->pos > b->pos;
}

static void sort_items(struct dump_file *f)
{
	size_t n = 0;

	for (size_t i = 1; i < f->items.len; i++)
		if (by_address(&f->items.v[i - 1], &f->items.v[i]) > 0) {
			vec_sort(&f->items, by_address);
			break;
		}
	for (size_t i = 0; i < f->items.len; i++)
		if (i + 1 == f->items.len || f->items.v[i].bytenr != f->items.v[i + 1].bytenr)
			f->items.v[n++] = f->items.v[i];
	f->items.len = n;
}

/* Raw items tell their size: those that nobody could have written are refused before anything is done with the rest. */
static int check_sizes(const struct dump_file *f, struct err *err)
{
	for (size_t i = 0; i < f->items.len; i++) {
		const struct dump_item *item = &f->items.v[i];

		if (!is_aligned_p2(item->bytenr, f->geo.sectorsize) || (!item->compressed && !is_aligned_p2(item->size, f->geo.sectorsize)))
			return err_set(err, -EUCLEAN, "the item at logical %llu with %u bytes is not made of sectors of %u", item->bytenr, item->size,
				       f->geo.sectorsize);
	}
	return 0;
}

static int read_index(struct dump_file *f, struct err *err)
{
	struct cluster c = { .end = 0 };
	bool has_super = false;
	int ret = 0;

	if (f->bdev->size < DUMP_BLOCK)
		return err_set(err, -EINVAL, "bad header in metadump image: it has only %llu bytes", f->bdev->size);
	while (!ret && c.end < f->bdev->size) {
		c.pos = c.end;
		ret = env_check_interrupt(f->bdev->env, err);
		if (!ret)
			ret = read_cluster(f, &c, err);
		if (!ret)
			ret = take_cluster(f, &c, &has_super, err);
		if (!ret && !has_super)
			ret = err_set(err, -EUCLEAN, "bad metadump image: the first cluster has no superblock");
	}
	if (ret)
		return ret;
	sort_items(f);
	return check_sizes(f, err);
}

int dump_open(struct bdev *bdev, struct dump_file **out, struct err *err)
{
	struct dump_file *f = mem_zalloc(sizeof(*f));
	int ret;

	if (!f)
		return err_nomem(err);
	f->bdev = bdev;
	ret = read_index(f, err);
	if (ret) {
		f->bdev = NULL; /* the caller's again */
		dump_close(f);
		return ret;
	}
	*out = f;
	return 0;
}

void dump_close(struct dump_file *f)
{
	if (!f)
		return;
	bdev_close(f->bdev);
	vec_fini(&f->items);
	free(f);
}

ssize_t dump_item_find(const struct dump_file *f, u64 bytenr)
{
	size_t lo = 0, hi = f->items.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->items.v[mid].bytenr <= bytenr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (ssize_t)lo - 1;
}

bool dump_is_block(const struct dump_file *f, u64 bytenr, const void *data)
{
	return block_bytenr(data) == bytenr && !memcmp(block_header(data)->fsid, super_metadata_uuid(&f->sb), BTRFS_FSID_SIZE);
}

static bool has_crc32c(const struct geometry *geo, const void *block)
{
	return get_le32(block) == crc32c((const u8 *)block + BTRFS_CSUM_SIZE, geo->nodesize - BTRFS_CSUM_SIZE);
}

void dump_heal_csums(const struct dump_file *f, u64 bytenr, u8 *data, u32 len)
{
	u32 size = f->geo.nodesize;

	if (f->geo.csum_type == CSUM_CRC32C)
		return;
	for (u32 at = 0; at + size <= len; at += size)
		if (dump_is_block(f, bytenr + at, data + at) && has_crc32c(&f->geo, data + at) && !block_check_csum(&f->geo, data + at, NULL))
			block_set_csum(&f->geo, data + at);
}
