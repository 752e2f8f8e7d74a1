/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/extents.h"
#include "kernel-shared/kapi/call.h"

#include <linux/fiemap.h>
#include <linux/fs.h>

enum { AT_ONCE = 256 };

int kextents_each(int fd, kextent_fn fn, void *arg)
{
	union { struct fiemap map; u8 room[sizeof(struct fiemap) + AT_ONCE * sizeof(struct fiemap_extent)]; } buf;
	struct fiemap *map = &buf.map;
	u64 pos = 0;
	bool last = false;

	while (!last) {
		int ret;

		*map = (struct fiemap){ .fm_start = pos, .fm_length = FIEMAP_MAX_OFFSET - pos, .fm_extent_count = AT_ONCE };
		ret = kcall(fd, FS_IOC_FIEMAP, map);
		if (ret)
			return ret;
		if (!map->fm_mapped_extents)
			break;
		for (u32 i = 0; i < map->fm_mapped_extents; i++) {
			const struct fiemap_extent *e = &map->fm_extents[i];

			ret = fn(arg, &(struct kextent){ e->fe_logical, e->fe_physical, e->fe_length, e->fe_flags });
			if (ret)
				return ret;
			last = e->fe_flags & FIEMAP_EXTENT_LAST || e->fe_logical + e->fe_length <= pos;
			pos = e->fe_logical + e->fe_length;
		}
	}
	return 0;
}

bool kextent_on_disk(const struct kextent *e)
{
	return !(e->flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_DATA_INLINE));
}

bool kextent_shared(const struct kextent *e)
{
	return e->flags & FIEMAP_EXTENT_SHARED;
}

int kfile_nocow(int fd, bool *nocow, bool *compressed)
{
	int flags = 0, ret = kcall(fd, FS_IOC_GETFLAGS, &flags);

	*nocow = flags & FS_NOCOW_FL;
	*compressed = flags & FS_COMPR_FL;
	return ret;
}

int kset_nocow(int fd)
{
	int flags = 0, ret = kcall(fd, FS_IOC_GETFLAGS, &flags);

	flags |= FS_NOCOW_FL;
	return ret ? ret : kcall(fd, FS_IOC_SETFLAGS, &flags);
}

int kclone(int src, u64 src_off, u64 len, int dst, u64 dst_off)
{
	struct file_clone_range range = { .src_fd = src, .src_offset = src_off, .src_length = len, .dest_offset = dst_off };

	return kcall(dst, FICLONERANGE, &range);
}
