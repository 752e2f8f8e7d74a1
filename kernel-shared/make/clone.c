/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sharing file contents with the source instead of copying them, where both lie on one filesystem that can. */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "kernel-shared/make/entries.h"

void clone_init(struct cloner *c)
{
	*c = (struct cloner){ .from = -1, .to = -1 };
}

void clone_fini(struct cloner *c)
{
	if (c->from >= 0)
		close(c->from);
	if (c->to >= 0)
		close(c->to);
	clone_init(c);
}

static int open_both(struct cloner *c, const struct populate *pop, const struct maker *m, const struct entry *e)
{
	const struct bdev *b = m->vol->devices.v[0]->bdev;
	char *path;

	if (c->to < 0)
		c->to = b->lower || b->block ? -1 : open(b->name, O_RDWR | O_CLOEXEC);
	if (c->to < 0)
		return -EOPNOTSUPP;
	if (c->entry == e && c->from >= 0)
		return 0;
	if (c->from >= 0)
		close(c->from);
	path = entry_path(pop, e);
	c->from = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	c->entry = e;
	free(path);
	return c->from < 0 ? -EOPNOTSUPP : 0;
}

/* All copies of [bytenr, bytenr + len). */
static int clone_copies(struct cloner *c, const struct maker *m, u64 start, u64 bytenr, u32 len)
{
	unsigned copies = rio_copies(m->vol, bytenr);

	for (unsigned mirror = 1; mirror <= copies; mirror++)
		for (u32 done = 0; done < len;) {
			struct file_clone_range r = { .src_fd = c->from };
			struct phys p;

			if (rio_map(m->vol, bytenr + done, len - done, mirror, &p))
				return -EOPNOTSUPP;
			r.src_offset = start + done;
			r.src_length = p.len;
			r.dest_offset = p.physical;
			if (ioctl(c->to, FICLONERANGE, &r))
				return -errno;
			done += p.len;
		}
	return 0;
}

u32 clone_range(struct cloner *c, const struct populate *pop, const struct maker *m, const struct entry *e, u64 start, u64 bytenr, u32 len)
{
	/* A part of a block at the end of the file can only be copied. */
	if (start + len > e->size)
		len = round_down_p2(e->size - start, pop->sectorsize);
	if (c->off || e->stored || !len || open_both(c, pop, m, e))
		return 0;
	if (!clone_copies(c, m, start, bytenr, len))
		return len;
	c->off = true;
	return 0;
}
