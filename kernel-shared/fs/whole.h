/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that belongs to one inode, gathered in one walk over its items: what copying it out or showing it needs. Goes on past
 * unreadable blocks and says what they may have held. The struct is reused from inode to inode, so that a million small files
 * cost no allocation. */
#ifndef FS_WHOLE_H
#define FS_WHOLE_H

#include "common/mem.h"
#include "kernel-shared/fs/file.h"

struct xattr_view { const u8 *name, *value; u16 name_len, value_len; }; /* name is NUL-terminated behind name_len; both may hold any byte */
struct lost_range { u64 from, to; };   /* bytes of a file, to exclusive */

struct whole {
	struct inode inode;
	bool no_inode;                 /* the INODE_ITEM is unreadable or absent: only ino, root and nlink 1 of inode count */
	bool is_dir;                   /* there are directory items */
	bool lost_xattrs;              /* some may be missing */
	bool doubtful;                 /* comes from a block that breaks rules (lenient stores): may not be what it seems */
	VEC(struct xattr_view) xattrs; /* in hash order */
	VEC(struct file_piece) pieces; /* ascending, clipped to the size; no holes, no prealloc. inline_copy is borrowed */
	VEC(struct lost_range) lost;   /* ranges whose extent items cannot be read */
	bool more;                     /* extents from key offset next_off on are still to be read */
	u64 next_off, end;             /* end: where the last extent met ends */
	struct err why;                /* the last damage or doubt met */
	struct arena arena;            /* names, values, inline data */
};
void whole_init(struct whole *w);
void whole_fini(struct whole *w);
enum { WHOLE_EXTENTS = 1, WHOLE_XATTRS = 2 };
/* Fills w; at most max_pieces extents (w->more tells). 0; -ENOENT: there is nothing of this inode; -ENOMEM, -EINTR. Damage is no failure. */
int whole_read(struct root *root, u64 ino, unsigned what, size_t max_pieces, struct whole *w, struct err *err);
/* The next extents, from next_off on: replaces pieces and lost, keeps the rest. Its own arena use is not freed before whole_read. */
int whole_read_more(struct whole *w, size_t max_pieces, struct err *err);
/* The bytes of a symlink's target, not NUL-terminated; NULL when it has none or it does not decode. Valid as long as w is. */
const u8 *whole_symlink(struct fs *fs, struct whole *w, size_t *len, struct err *err);
/* Like file_piece_read, but takes the bytes of the first copy that can be read, whatever their checksums say. */
int file_piece_read_raw(struct fs *fs, const struct file_piece *p, u64 off, void *buf, u64 len, struct err *err);

#endif
