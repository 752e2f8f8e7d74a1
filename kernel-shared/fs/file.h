/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File contents: extents, data checksums, compression. Spec: on-disk-format 7 to 9. */
#ifndef FS_FILE_H
#define FS_FILE_H

#include "kernel-shared/fs/inode.h"

/* Ascending by file offset; holes (explicit ones included) are not returned. The view's inline_data is borrowed until the next call. */
struct extent_iter { struct tree_iter it; };
struct extent_iter extents_open(struct root *root, u64 ino, u64 from);
int extents_next(struct extent_iter *e, struct file_extent_view *out, struct err *err); /* 0, -ENOENT */
void extents_close(struct extent_iter *e);

/* Reads up to len bytes at off of a regular file, never past its size; holes and prealloc read as zeros. Data is verified by its checksum
 * and taken from another copy when that fails. Returns the bytes read, or -EIO: err names file range, logical address and copies.
 * Thread-safe; decompresses. */
s64 file_read(struct fs *fs, const struct inode *inode, u64 off, void *buf, u64 len, struct err *err);

/* The pieces of a whole file for parallel copying: every extent as one job. buf of a compressed piece holds the whole decompressed extent. */
struct file_piece {
	u64 start, len;               /* file range, clipped to the size */
	struct file_extent_view ext;  /* inline_data points into inline_copy */
	u8 *inline_copy;              /* heap, NULL unless inline */
};
VEC_TYPE(file_pieces, struct file_piece);
int file_pieces(struct fs *fs, const struct inode *inode, struct file_pieces *out, struct err *err);
void file_pieces_fini(struct file_pieces *p);
/* len bytes of the piece from offset off of it into buf, verified. unsummed: NODATASUM inode, or no csum demanded. */
int file_piece_read(struct fs *fs, const struct file_piece *p, u64 off, void *buf, u64 len, bool unsummed, struct err *err);

/* Reads a range of data extents (sector-aligned) and verifies it against the csum tree. missing: sectors without a checksum are 0 fine, 1 an error. */
int data_read(struct fs *fs, u64 bytenr, u32 len, void *buf, bool need_csum, struct err *err);
/* Checksums of [bytenr, bytenr + len) into out (len / sectorsize * csum_size bytes); have (may be NULL) one byte per sector: 1 if there is one. */
int csum_lookup(struct fs *fs, u64 bytenr, u32 len, u8 *out, u8 *have, struct err *err);

/* Decompresses one extent. out_len: bytes wanted; a shorter stream leaves zeros. Spec: 8. -EUCLEAN for what does not decode, -EOPNOTSUPP for an
 * unknown algorithm. Hostile input is fine. Thread-safe (contexts are per thread). */
int decompress(unsigned type, const void *in, size_t in_len, void *out, size_t out_len, u32 sectorsize, bool inline_extent, struct err *err);
const char *compress_name(unsigned type); /* "none", "zlib", "lzo", "zstd" */
int compress_by_name(const char *name);   /* -EINVAL */

/* One digest (64 hex digits) of a subtree: names, types, modes, owners, xattrs, link structure, content, times as chosen. Subvolumes below are
 * entered like directories. The same definition is implemented over a mounted directory by `btrfs offline hash` on a host path (tests compare). */
enum hash_times { HASH_TIMES_NONE, HASH_TIMES_MTIME, HASH_TIMES_ALL };
struct strbuf;
int fs_hash(struct fs *fs, struct loc top, enum hash_times times, char out[65], struct err *err);

#endif
