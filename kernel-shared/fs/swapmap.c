/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/fs/swapmap.h"

#include <sys/stat.h>

int swapmap_begin(struct swapmap *m, u64 flags, bool regular, u64 size, struct err *err)
{
	m->size = size;
	if (!(flags & BTRFS_INODE_NODATACOW))
		return err_set(err, -EINVAL, "file is not NOCOW");
	if (!regular)
		return err_set(err, -EINVAL, "not a regular file");
	if (flags & BTRFS_INODE_COMPRESS)
		return err_set(err, -EINVAL, "file with COMP attribute");
	return 0;
}

int swapmap_extent(struct swapmap *m, const struct file_extent_view *x, struct err *err)
{
	struct swapmap_place place = { 0 };
	int ret;

	if (x->type == BTRFS_FILE_EXTENT_INLINE)
		return err_set(err, -EINVAL, "file with inline extent");
	if (x->compression)
		return err_set(err, -EINVAL, "compressed extent: %u", x->compression);
	if (x->start > m->end || !x->disk_bytenr)
		return err_set(err, -EINVAL, "file with holes");
	ret = m->find(m->arg, x->disk_bytenr + x->offset, &place, err);
	if (ret == -ENOENT)
		return err_set(err, -EINVAL, "cannot find chunk containing %llu", x->disk_bytenr);
	if (ret)
		return ret;
	if (place.profile)
		return err_set(err, -EINVAL, "unsupported block group profile: %llu", place.profile);
	if (!m->begun) {
		m->begun = true;
		m->devid = place.devid;
		m->physical = place.physical;
	}
	if (m->devid != place.devid)
		return err_set(err, -EINVAL, "file stored on multiple devices");
	m->end = extent_end(x);
	return 0;
}

int swapmap_end(const struct swapmap *m, u64 *physical, struct err *err)
{
	if (!m->begun || m->end < m->size)
		return err_set(err, -EINVAL, "file with holes");
	*physical = m->physical;
	return 0;
}

/* In a chunk without copies or stripes, the first stripe is all of it. */
static int find_place(void *arg, u64 logical, struct swapmap_place *out, struct err *err)
{
	struct fs *fs = arg;
	const struct chunk *chunk = chunk_lookup(fs->vol, logical);

	if (!chunk)
		return -ENOENT;
	*out = (struct swapmap_place){ chunk->type & BTRFS_BLOCK_GROUP_PROFILE_MASK, chunk->stripes[0].dev->devid,
		chunk->stripes[0].physical + (logical - chunk->start) };
	return 0;
}

int swapfile_map(struct fs *fs, const struct inode *inode, u64 *physical, struct err *err)
{
	struct extent_iter it CLEANUP(extents_close) = extents_open(inode->root, inode->ino, 0);
	struct swapmap m = { .find = find_place, .arg = fs };
	struct file_extent_view x;
	int ret = swapmap_begin(&m, inode->flags, inode_is(inode, S_IFREG), inode->size, err);

	while (!ret && (ret = extents_next(&it, &x, err)) == 0)
		ret = swapmap_extent(&m, &x, err);
	return ret == -ENOENT ? swapmap_end(&m, physical, err) : ret;
}
