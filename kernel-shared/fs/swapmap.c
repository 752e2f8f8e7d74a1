/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/fs/swapmap.h"

#include <sys/stat.h>

struct swap_map { const struct device *dev; u64 physical, end; /* end: in the file, so far */ };

/* One extent must lie on the one device of all others, in a chunk without copies or stripes. */
static int map_extent(struct fs *fs, struct swap_map *m, const struct file_extent_view *x, struct err *err)
{
	const struct chunk *chunk;
	struct phys phys;
	int ret;

	if (x->type == BTRFS_FILE_EXTENT_INLINE)
		return err_set(err, -EINVAL, "file with inline extent");
	if (x->compression)
		return err_set(err, -EINVAL, "compressed extent: %u", x->compression);
	if (x->start > m->end)
		return err_set(err, -EINVAL, "file with holes");
	chunk = chunk_lookup(fs->vol, x->disk_bytenr + x->offset);
	if (!chunk)
		return err_set(err, -EINVAL, "cannot find chunk containing %llu", x->disk_bytenr);
	if (chunk->type & BTRFS_BLOCK_GROUP_PROFILE_MASK)
		return err_set(err, -EINVAL, "unsupported block group profile: %llu", chunk->type & BTRFS_BLOCK_GROUP_PROFILE_MASK);
	ret = rio_map(fs->vol, x->disk_bytenr + x->offset, x->num_bytes, 1, &phys);
	if (ret)
		return err_errno(err, ret, "cannot map %llu", x->disk_bytenr + x->offset);
	if (!m->dev) {
		m->dev = phys.dev;
		m->physical = phys.physical;
	}
	if (m->dev != phys.dev)
		return err_set(err, -EINVAL, "file stored on multiple devices");
	m->end = extent_end(x);
	return 0;
}

int swapfile_map(struct fs *fs, const struct inode *inode, u64 *physical, struct err *err)
{
	struct extent_iter it CLEANUP(extents_close) = extents_open(inode->root, inode->ino, 0);
	struct swap_map m = { 0 };
	struct file_extent_view x;
	int ret;

	if (!(inode->flags & BTRFS_INODE_NODATACOW))
		return err_set(err, -EINVAL, "file is not NOCOW");
	if (!inode_is(inode, S_IFREG))
		return err_set(err, -EINVAL, "not a regular file");
	if (inode->flags & BTRFS_INODE_COMPRESS)
		return err_set(err, -EINVAL, "file with COMP attribute");
	while ((ret = extents_next(&it, &x, err)) == 0) {
		ret = map_extent(fs, &m, &x, err);
		if (ret)
			return ret;
	}
	if (ret != -ENOENT)
		return ret;
	if (!m.dev || m.end < inode->size)
		return err_set(err, -EINVAL, "file with holes");
	*physical = m.physical;
	return 0;
}
