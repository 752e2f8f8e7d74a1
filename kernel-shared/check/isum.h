/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that the items of one inode say, added up, and what is wrong with it. The same sums serve the first pass, which only asks whether
 * anything is wrong, and the exact one, which is told each thing as it is met. The room's own. */
#ifndef CHECK_ISUM_H
#define CHECK_ISUM_H

#include "kernel-shared/check/internal.h"

/* The bits of check.md 1.6. */
enum {
	INO_NO_ITEM = 0x1, INO_NO_ORPHAN = 0x2, INO_TWICE = 0x4, INO_INDEX_MANY = 0x8, INO_ODD_DIR_ITEM = 0x10, INO_ODD_EXTENT = 0x20,
	INO_BAD_EXTENT = 0x40, INO_OVERLAP = 0x80, INO_HOLE = 0x100, INO_DIR_SIZE = 0x200, INO_NBYTES = 0x400, INO_ODD_CSUM = 0x800,
	INO_CSUM_MISSING = 0x1000, INO_NLINK = 0x2000, INO_UNALIGNED = 0x4000, INO_INLINE_LARGE = 0x8000, INO_FLAGS = 0x10000,
	INO_INLINE_RAM = 0x20000, INO_HASH = 0x40000, INO_MODE = 0x80000, INO_GENERATION = 0x100000, INO_DIR_NLINK = 0x200000,
	INO_XATTR = 0x400000, INO_CACHE = 0x800000, INO_NAME_TWICE = 0x1000000,
	/* ours */
	INO_NAME_BYTES = 0x2000000, INO_LOCATION = 0x4000000, INO_EXTENT_GENERATION = 0x8000000, INO_LOST = 0x10000000,
	INO_SHOWN = 0x1ffffff, /* those that the incumbent's line shows */
};
/* What parts of an inode contain that must fit its item, which may lie in another leaf. */
enum {
	FEAT_ENTRIES = 1, FEAT_EXTENTS = 2, FEAT_NOT_INLINE = 4, FEAT_COMPRESSED = 8, FEAT_SUMMED = 16 /* regular, with csums */,
	FEAT_UNSUMMED = 32 /* regular, some csums missing */, FEAT_PREALLOC_SUMMED = 64, FEAT_DOTDOT = 128, FEAT_XATTR = 256,
};

struct isum {
	u64 ino;
	u64 size, nbytes, flags;   /* of the item */
	u32 mode, nlink;
	u32 items;                 /* how many there are */
	u32 bits, feats;
	u64 dir_bytes, found_bytes;
	u64 ext_end;               /* where the extents so far end */
	bool at_start;             /* nothing of the inode lies before what was added */
	/* The exact pass is told each thing. a, b: what the problem's row prints. May be NULL. */
	void (*say)(void *arg, u32 bit, const struct item *item, u64 a, u64 b, const char *text);
	void *arg;
};

static inline void isum_init(struct isum *s, u64 ino, bool at_start)
{
	*s = (struct isum){ .ino = ino, .at_start = at_start };
}
/* Items in key order. exempt: the data relocation tree, whose files need no checksums. */
void isum_add(const struct check *c, struct isum *s, const struct item *item, bool exempt);
/* An inode all of whose items were added: what is wrong beyond what adding has found. feats: FEAT_*. */
u32 isum_judge(const struct check *c, const struct isum *s);
/* What an inode with this item and these features breaks. */
u32 isum_clash(const struct check *c, u32 mode, u64 flags, u32 feats);
u8 ft_of_mode(u32 mode); /* BTRFS_FT_UNKNOWN: none */
/* Would the kernel follow such a name? NULL: yes. */
const char *name_doubt(const u8 *name, u16 len);
bool is_dotdot(u64 ino, const struct inode_ref_view *ref);

/* coverage.c: which sectors of data have checksums. */
enum coverage { COVERED_NOT, COVERED_PARTLY, COVERED };
enum coverage coverage_of(const struct check *c, u64 start, u64 len);

/* What cannot be of a regular or preallocated extent by itself; NULL: nothing. */
const char *file_extent_doubt(const struct geometry *geo, const struct file_extent_view *v);

#endif
