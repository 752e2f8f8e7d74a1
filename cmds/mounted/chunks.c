/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/chunks.h"

#include <errno.h>
#include <unistd.h>
#include "kernel-shared/fs/swapmap.h"
#include "kernel-shared/kapi/extents.h"
#include "kernel-shared/kapi/search.h"

static struct ksearch all_chunks(int fd)
{
	return ksearch_range(fd, BTRFS_CHUNK_TREE_OBJECTID, KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, 0),
			     KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, -1ULL));
}

/* The stripes of a chunk are its device extents. */
static int add_places(struct chunk_places *out, const struct item *item, struct err *err)
{
	const struct disk_chunk *c = item_struct(item, struct disk_chunk);
	u64 type = le64_get(c->type), length = le64_get(c->length);
	unsigned n = le16_get(c->num_stripes);

	for (unsigned i = 0; i < n; i++)
		if (vec_push(out, ((struct chunk_place){ le64_get(c->stripes[i].devid), le64_get(c->stripes[i].offset),
				length / profile_data_stripes(profile_of(type), n), item->key.offset, type, 0, length })))
			return err_nomem(err);
	return 0;
}

/* Bytes used of the block group of a chunk; 0 where the chunk is new and the group not yet written. */
static int group_used(int fd, u64 tree, const struct chunk_place *p, u64 *used, struct err *err)
{
	struct disk_block_group_item group = { 0 };
	struct key key = KEY(p->logical, BTRFS_BLOCK_GROUP_ITEM_KEY, p->chunk_length);
	int ret = ksearch_first(fd, tree, key, key, NULL, &group, sizeof(group), NULL, err);

	*used = ret ? 0 : le64_get(group.used);
	return ret == -ENOENT ? 0 : ret;
}

static int read_places(int fd, struct chunk_places *out, struct err *err)
{
	struct ksearch s CLEANUP(ksearch_fini) = all_chunks(fd);
	u64 tree = BTRFS_EXTENT_TREE_OBJECTID;
	struct item item;
	size_t first = 0;
	int ret = 0;

	while (!ret && !(ret = ksearch_next(&s, &item, err)))
		ret = add_places(out, &item, err);
	if (ret != -ENOENT)
		return ret;
	if (s.geo.compat_ro & BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE)
		tree = BTRFS_BLOCK_GROUP_TREE_OBJECTID;
	for (size_t i = 0; i < out->len; i++) {
		/* the places of one chunk follow each other */
		if (out->v[i].logical != out->v[first].logical || !i) {
			first = i;
			ret = group_used(fd, tree, &out->v[i], &out->v[i].used, err);
			if (ret)
				return ret;
		}
		out->v[i].used = out->v[first].used;
	}
	return 0;
}

int mounted_chunk_places(int fd, struct chunk_places *out, struct err *err)
{
	int ret;

	*out = (struct chunk_places)VEC_INIT;
	ret = read_places(fd, out, err);
	if (ret)
		vec_fini(out);
	else
		chunk_places_sort(out);
	return ret;
}

int mounted_min_dev_size(int fd, u64 devid, u64 *out, struct err *err)
{
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(fd, BTRFS_DEV_TREE_OBJECTID, KEY(devid, BTRFS_DEV_EXTENT_KEY, 0),
							       KEY(devid, BTRFS_DEV_EXTENT_KEY, -1ULL));
	struct dev_spans extents = VEC_INIT;
	struct item item;
	int ret = 0;

	while (!ret && !(ret = ksearch_next(&s, &item, err)))
		ret = dev_spans_add(&extents, &item, err);
	if (ret == -ENOENT)
		ret = dev_spans_min_size(&extents, out) ? err_nomem(err) : 0;
	vec_fini(&extents);
	return ret;
}

struct finder { struct chunk_places places; };

static int find_place(void *arg, u64 logical, struct swapmap_place *out, struct err *err)
{
	const struct finder *f = arg;

	for (size_t i = 0; i < f->places.len; i++) {
		const struct chunk_place *p = &f->places.v[i];

		if (logical - p->logical >= p->chunk_length)
			continue;
		*out = (struct swapmap_place){ p->flags & BTRFS_BLOCK_GROUP_PROFILE_MASK, p->devid, p->physical + (logical - p->logical) };
		return 0;
	}
	return -ENOENT;
}

static int map_extents(const struct host *h, struct swapmap *m, u64 *physical, struct err *err)
{
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(h->fd, 0, KEY(h->st.st_ino, BTRFS_EXTENT_DATA_KEY, 0), KEY(h->st.st_ino, BTRFS_EXTENT_DATA_KEY, -1ULL));
	struct file_extent_view x;
	struct item item;
	int ret = 0;

	while (!ret && !(ret = ksearch_next(&s, &item, err))) {
		ret = file_extent_parse(&item, &x);
		if (!ret)
			ret = swapmap_extent(m, &x, err);
	}
	return ret == -ENOENT ? swapmap_end(m, physical, err) : ret;
}

int mounted_swapfile_map(const struct host *h, u64 *physical, struct err *err)
{
	struct finder f = { 0 };
	struct swapmap m = { .find = find_place, .arg = &f };
	bool nocow, compressed;
	int ret = kfile_nocow(h->fd, &nocow, &compressed);

	if (ret)
		return err_errno(err, ret, "cannot read the attributes of %s", h->path);
	ret = swapmap_begin(&m, (nocow ? BTRFS_INODE_NODATACOW : 0) | (compressed ? BTRFS_INODE_COMPRESS : 0), S_ISREG(h->st.st_mode), h->st.st_size, err);
	if (ret)
		return ret;
	fsync(h->fd); /* what is only in memory has no place yet */
	ret = mounted_chunk_places(h->fd, &f.places, err);
	if (!ret)
		ret = map_extents(h, &m, physical, err);
	vec_fini(&f.places);
	return ret;
}
