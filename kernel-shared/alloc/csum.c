/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checksum items of data extents: inserted in runs as long as an item may be, deleted by address. Spec: on-disk-format 7. */
#include "kernel-shared/alloc/internal.h"

static struct tree *csum_tree(const struct alloc *a)
{
	return a->roots->csum_tree ? &a->roots->csum_tree->tree : NULL;
}

static struct key csum_key(u64 bytenr)
{
	return KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, bytenr);
}

/* Checksums of one item at most: what all readers split well. */
static u32 item_max(const struct alloc *a)
{
	return (geo_leafdata(a->geo) - 2 * sizeof(struct disk_item)) / a->geo->csum_size - 1;
}

static u64 item_bytes(const struct alloc *a, u32 size)
{
	return (u64)size / a->geo->csum_size * a->geo->sectorsize;
}

/* Appends as many checksums as fit to the item that ends at bytenr. *taken: how many. */
static int csum_append(struct alloc *a, u64 bytenr, u32 count, const u8 *sums, u32 *taken, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = csum_key(bytenr), at;
	u32 size = a->geo->csum_size, have, more;
	struct item item;
	u8 *to;
	int ret = tree_lookup_le(csum_tree(a), &key, &p, &item, err);

	*taken = 0;
	if (ret == -ENOENT || (!ret && (item.key.objectid != key.objectid || item.key.type != key.type)))
		return 0;
	if (ret)
		return ret;
	at = item.key;
	have = item.size / size;
	if (at.offset + item_bytes(a, item.size) > bytenr)
		return err_set(err, -EUCLEAN, "checksum item at %llu covers %llu already", at.offset, bytenr);
	if (at.offset + item_bytes(a, item.size) < bytenr || have >= item_max(a))
		return 0;
	more = min_t(u32, count, item_max(a) - have);
	ret = tree_search_cow(csum_tree(a), &at, more * size, &p, err);
	if (ret)
		return ret < 0 ? ret : -EUCLEAN;
	ret = tree_extend_at(csum_tree(a), &p, more * size, err);
	if (ret)
		return ret;
	to = path_item_mut(csum_tree(a), &p, err);
	if (!to)
		return -ENOMEM;
	memcpy(to + have * size, sums, more * size);
	*taken = more;
	return 0;
}

int csum_insert(struct alloc *a, u64 bytenr, u64 len, const u8 *sums, struct err *err)
{
	u32 count = len / a->geo->sectorsize, n = 0;

	if (!csum_tree(a))
		return err_set(err, -EUCLEAN, "there is no checksum tree");
	while (count) {
		int ret = csum_append(a, bytenr, count, sums, &n, err);

		if (!ret && !n) {
			struct key key = csum_key(bytenr);

			n = min_t(u32, count, item_max(a));
			ret = tree_insert(csum_tree(a), &key, sums, n * a->geo->csum_size, err);
		}
		if (ret)
			return err_wrap(err, ret, "cannot store the checksums of %llu", bytenr);
		count -= n;
		bytenr += (u64)n * a->geo->sectorsize;
		sums += n * a->geo->csum_size;
	}
	return 0;
}

/* Cuts [lo, hi) out of one item; start and the path are its. */
static int item_cut(struct alloc *a, struct path *p, u64 start, u32 size, u64 lo, u64 hi, struct err *err)
{
	struct tree *t = csum_tree(a);
	u64 end = start + item_bytes(a, size);
	struct key key = csum_key(start), tail = csum_key(hi);
	u32 head_size = lo > start ? (lo - start) / a->geo->sectorsize * a->geo->csum_size : 0;
	u32 tail_size = hi < end ? (end - hi) / a->geo->sectorsize * a->geo->csum_size : 0;
	u8 sums[BTRFS_MAX_METADATA_BLOCKSIZE];
	int ret;

	if (head_size && tail_size)
		memcpy(sums, path_item(p).data + size - tail_size, tail_size);
	ret = tree_search_cow(t, &key, head_size || tail_size ? 0 : -1, p, err);
	if (ret)
		return ret < 0 ? ret : -EUCLEAN;
	if (!head_size && !tail_size)
		return tree_delete_at(t, p, 1, err);
	ret = tree_truncate_at(t, p, head_size ? head_size : tail_size, !head_size, err);
	if (ret || !tail_size)
		return ret;
	return head_size ? tree_insert(t, &tail, sums, tail_size, err) : tree_set_key_at(t, p, &tail, err);
}

int csum_delete(struct alloc *a, u64 bytenr, u64 len, struct err *err)
{
	u64 end = bytenr + len;

	if (!csum_tree(a))
		return 0;
	while (end > bytenr) {
		struct path p CLEANUP(path_fini) = PATH_INIT;
		struct key key = csum_key(end - 1);
		struct item item;
		u64 start;
		int ret = tree_lookup_le(csum_tree(a), &key, &p, &item, err);

		if (ret == -ENOENT || (!ret && (item.key.objectid != key.objectid || item.key.type != key.type)))
			return 0;
		start = item.key.offset;
		if (ret || start + item_bytes(a, item.size) <= bytenr)
			return ret;
		ret = item_cut(a, &p, start, item.size, bytenr, end, err);
		if (ret)
			return err_wrap(err, ret, "cannot delete the checksums of %llu", bytenr);
		end = start;
	}
	return 0;
}
