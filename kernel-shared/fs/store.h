/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New data of one file on its way to disk: compressed, checksummed, put into extents, whose items are inserted. What was there before has been dropped
 * by the caller. The room's own.
 *
 * Data comes in pieces of up to PIECE_MAX bytes. Fetching, compressing and checksumming a piece touches no tree and runs on the pool; taking space, writing
 * and inserting items happens in the order of the file, in the transaction's thread, so that the outcome does not depend on the number of threads. */
#ifndef FS_STORE_H
#define FS_STORE_H

#include "kernel-shared/fs/change.h"

enum { PIECE_MAX = 1 << 20 };
#define PREALLOC_MAX MiB(256)

/* How the data of this file is stored. */
struct policy {
	u8 compress;           /* BTRFS_COMPRESS_* */
	int level;
	bool force;            /* no sampling */
	bool mark;             /* a failed attempt marks the inode NOCOMPRESS */
	bool nosum;
	u32 max_inline;
};
/* From options, flags and the algorithm of the property (NONE: no such property). A file without data takes on nodatacow and nodatasum: in flags. */
struct policy policy_of(const struct write_opts *o, const struct geometry *geo, u64 *flags, u8 property, bool no_data);
/* The same for an inode, whose flags may change. */
int policy_init(const struct write_opts *o, struct winode *w, bool no_data, struct policy *out, struct err *err);

/* Where data comes from. Called from any thread, for any piece, several at a time; bytes: not beyond the source's end. */
struct data_source { int (*fetch)(const struct data_source *src, u64 off, u8 *buf, u32 bytes, struct err *err); };

struct store {
	struct txn *txn;
	struct fs *fs;
	struct winode *w;
	struct policy pol;
	u64 added;             /* bytes of extents, for nbytes */
	bool incompressible;   /* an attempt to compress failed: the inode is to be marked */
	struct { u64 off, bytenr, len, used; } open; /* the plain extent being filled */
	struct piece *spare;
};
void store_init(struct store *s, struct txn *txn, struct winode *w, const struct policy *pol);
void store_fini(struct store *s);
/* Stores [start, end) of the file (whole sectors, no items there); bytes at and after valid are zeros. */
int store_range(struct store *s, const struct data_source *src, u64 start, u64 end, u64 valid, struct err *err);
/* The whole content of a file, at most a sector, as an inline extent if it may be one. 1: done; 0: it may not; <0. packed: what inline_pack (piece.h) made
 * of it, NULL: that is done here. */
struct packed;
int store_inline(struct store *s, const void *data, u32 len, const struct packed *packed, struct err *err);
/* An inline extent of these very bytes. */
int insert_inline(struct store *s, const void *data, u32 len, u32 ram_bytes, u8 compression, struct err *err);
/* An item for (part of) an extent. fresh: the extent is new, else it is shared. */
struct extent_part { u64 off, bytenr, disk_bytes, ram_bytes, offset, num_bytes; u8 type, compression; };
int insert_extent(struct store *s, const struct extent_part *x, bool fresh, struct err *err);
/* Writes to space just taken and notes the checksums (NULL: none). */
int store_bytes(struct store *s, u64 bytenr, const void *data, u32 len, const u8 *sums, struct err *err);
/* Compressed bytes, zero-padded to whole sectors, as an extent of their own. */
int store_packed(struct store *s, const struct extent_part *x, const u8 *packed, const u8 *sums, struct err *err);
/* A piece that is prepared: all its parts. */
struct piece;
int store_piece(struct store *s, const struct piece *p, struct err *err);
/* The superblock's bit for an algorithm. */
void compress_announce(struct txn *txn, struct fs *fs, u8 type);
/* Checksums of len bytes, heap. NULL: no memory. */
u8 *sums_make(const struct geometry *geo, const void *data, u32 len);

#endif
