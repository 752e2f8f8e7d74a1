/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of the running system that share all their data, so that the copies can share theirs. */
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include "cmds/shell/put.h"
#include "common/mem.h"

enum { EXTENTS = 64, SMALLEST = 64 << 10 };
/* Where an address says nothing about the bytes, or not enough: part of a compressed extent looks like another part of it. */
#define VAGUE (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DATA_TAIL | FIEMAP_EXTENT_NOT_ALIGNED)

/* One portion from *from on. 1: there is more. 0: that was all. -1: not shared. */
static int portion(int fd, struct fiemap *f, u32 flags, u64 *from, struct put_layout *out)
{
	memset(f, 0, sizeof(*f));
	f->fm_start = *from;
	f->fm_flags = flags;
	f->fm_length = FIEMAP_MAX_OFFSET - *from;
	f->fm_extent_count = EXTENTS;
	if (ioctl(fd, FS_IOC_FIEMAP, f) || (!f->fm_mapped_extents && !*from))
		return -1;
	for (u32 i = 0; i < f->fm_mapped_extents; i++) {
		const struct fiemap_extent *x = &f->fm_extents[i];
		u64 words[4] = { x->fe_logical, x->fe_physical, x->fe_length, x->fe_flags & FIEMAP_EXTENT_UNWRITTEN };

		if (x->fe_flags & VAGUE || !(x->fe_flags & FIEMAP_EXTENT_SHARED))
			return -1;
		out->hash[0] = hash_mix2(out->hash[0], hash_bytes(words, sizeof(words)));
		for (size_t k = 0; k < ARRAY_SIZE(words); k++)
			out->hash[1] = hash_mix2(out->hash[1] ^ words[k], k + 1);
		*from = x->fe_logical + x->fe_length;
		if (x->fe_flags & FIEMAP_EXTENT_LAST)
			return 0;
	}
	return f->fm_mapped_extents == EXTENTS;
}

static bool all_shared(int fd, struct fiemap *f, u32 flags, const struct stat *st, struct put_layout *out)
{
	u64 from = 0;
	int more = 1;

	*out = (struct put_layout){ .dev = st->st_dev };
	while (more > 0)
		more = portion(fd, f, flags, &from, out);
	return !more;
}

void put_layout(int fd, const struct stat *st, struct put_layout *out)
{
	struct fiemap *f = st->st_size < SMALLEST ? NULL : mem_zalloc(sizeof(*f) + EXTENTS * sizeof(f->fm_extents[0]));

	/* what is not on the disk yet may be about to leave its extent: asked again, after it has been written, where it seems worth it */
	if (f && all_shared(fd, f, 0, st, out) && all_shared(fd, f, FIEMAP_FLAG_SYNC, st, out))
		out->len = st->st_size;
	else
		out->len = 0;
	free(f);
}
