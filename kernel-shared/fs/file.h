/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File contents: extents, data checksums, compression. Spec: on-disk-format 7 to 9. */
#ifndef FS_FILE_H
#define FS_FILE_H

#include "kernel-shared/fs/inode.h"
#include "kernel-shared/fs/treehash.h"

/* Ascending by file offset, from the extent that holds byte `from` on; holes (explicit ones included) are not returned, preallocated extents
 * are. The view's inline_data is borrowed until the next call. */
struct extent_iter { struct tree_iter it; struct root *root; u64 ino, from; bool begun; };
struct extent_iter extents_open(struct root *root, u64 ino, u64 from);
int extents_next(struct extent_iter *e, struct file_extent_view *out, struct err *err); /* 0, -ENOENT */
void extents_close(struct extent_iter *e);
/* Where an extent ends in the file. An inline one: after its uncompressed bytes. Saturates. */
u64 extent_end(const struct file_extent_view *x);

/* Reads up to len bytes at off of a file (or symlink), never past its size; holes and prealloc read as zeros. Data is verified by its checksum
 * and taken from another copy when that fails. Returns the bytes read, or -EIO: err names file range, logical address and copies;
 * -EUCLEAN for an extent that cannot be. Thread-safe; decompresses. */
s64 file_read(struct fs *fs, const struct inode *inode, u64 off, void *buf, u64 len, struct err *err);

/* The pieces of a file for parallel copying: every extent as one job, ascending, holes and prealloc left out. */
struct file_piece {
	u64 start, len;               /* file range, clipped to the size */
	struct file_extent_view ext;  /* inline_data points into inline_copy */
	u8 *inline_copy;              /* heap, NULL unless inline */
};
VEC_TYPE(file_pieces, struct file_piece);
int file_pieces(struct fs *fs, const struct inode *inode, struct file_pieces *out, struct err *err);
/* The same in portions: appends at most max pieces (0: all) that end after *from, and moves *from behind the last one; UINT64_MAX when there are
 * no more. A piece that began before *from is cut. */
int file_pieces_some(struct fs *fs, const struct inode *inode, u64 *from, size_t max, struct file_pieces *out, struct err *err);
void file_pieces_fini(struct file_pieces *p);
/* len bytes of the piece from offset off of it into buf, verified; whole pieces go to buf without a copy in between.
 * unsummed: checksums are not looked at (the inode is NODATASUM, or none are demanded). */
int file_piece_read(struct fs *fs, const struct file_piece *p, u64 off, void *buf, u64 len, bool unsummed, struct err *err);

/* Reads a range of data extents (sector-aligned) and verifies it against the csum tree; a sector that is bad is taken from the next copy.
 * -EIO: err names the first sector for which no copy is good. */
enum csum_demand {
	CSUM_IF_PRESENT = 0, /* sectors without a checksum are taken as they are */
	CSUM_DEMANDED = 1,   /* a missing checksum is an error, as for the kernel */
	CSUM_IGNORED = 2,    /* NODATASUM files; all of them with FS_OPEN_NO_DATA_CSUM */
};
int data_read(struct fs *fs, u64 bytenr, u32 len, void *buf, enum csum_demand demand, struct err *err);
/* Checksums of [bytenr, bytenr + len) into out (len / sectorsize * csum_size bytes); have (may be NULL) one byte per sector: 1 if there is one.
 * One search for the whole range. Without a csum tree there are none. */
int csum_lookup(struct fs *fs, u64 bytenr, u64 len, u8 *out, u8 *have, struct err *err);

/* Decompresses one extent. out_len: bytes wanted; a shorter stream leaves zeros. Spec: 8. -EUCLEAN for what does not decode, -EOPNOTSUPP for an
 * unknown algorithm, or one that was not built in. Hostile input is fine. Thread-safe (contexts are per thread). */
int decompress(unsigned type, const void *in, size_t in_len, void *out, size_t out_len, u32 sectorsize, bool inline_extent, struct err *err);
const char *compress_name(unsigned type); /* "none", "zlib", "lzo", "zstd" */
int compress_by_name(const char *name);   /* -EINVAL */
/* The value of btrfs.compression: like the kernel, by how it begins ("zstd:5"). -EINVAL: no algorithm. */
int compress_by_property(const char *value);

/* The digest of treehash.h for a subtree of this filesystem, 64 hex digits. Subvolumes below are entered like directories. Parallel. */
int fs_hash(struct fs *fs, struct loc top, enum hash_times times, char out[TREEHASH_TEXT], struct err *err);

#endif
