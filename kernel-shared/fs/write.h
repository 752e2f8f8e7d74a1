/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing files, directories and subvolumes on an unmounted filesystem: what system calls do on a mounted one, with the same rules (names, counts,
 * times, inheritance), inside a transaction. Each call is one operation: it happens whole, or fails and leaves the transaction as before.
 * Kernel counterpart: inode.c, file.c, dir-item.c, ioctl.c. */
#ifndef FS_WRITE_H
#define FS_WRITE_H

#include "kernel-shared/fs/file.h"
#include "kernel-shared/txn/txn.h"

/* How new data is stored; from -o, narrowed by properties and flags of each file. */
struct write_opts {
	u8 compress;              /* BTRFS_COMPRESS_*, NONE: not */
	int level;
	bool force;               /* compress even what sampling calls incompressible */
	u32 max_inline;           /* bytes; default 2048 */
	bool nodatacow, nodatasum;
	bool same_content;        /* op_write: the bytes are those that are there, stored in another way */
	bool keep_times;          /* op_put_file leaves the inode's times as they are: it was created with those of the source */
};
#define WRITE_OPTS_DEFAULT { .max_inline = 2048 }

/* What a new inode gets. mode with type bits. */
struct new_inode {
	u32 mode, uid, gid;
	u64 rdev;
	u64 flags;                /* added to what is inherited */
	bool has_times; struct timespec64 atime, mtime, ctime, otime;
	bool inherit;             /* flags, compression property, default ACL, setgid group of the directory; as the kernel does */
};

/* Names. dir: a directory. name: 1..255 bytes, no '/', no NUL, not "." or ".." (-EINVAL). -EEXIST, -ENOENT, -EROFS for read-only subvolumes, -EPERM for
 * immutable ones, -EMLINK, -EOVERFLOW (hash bucket full), -ENOSPC. */
int op_create(struct txn *txn, struct loc dir, const void *name, size_t len, const struct new_inode *ni, u64 *ino, struct err *err);
int op_symlink(struct txn *txn, struct loc dir, const void *name, size_t len, const char *target, size_t target_len, const struct new_inode *ni, u64 *ino, struct err *err);
int op_link(struct txn *txn, struct loc target, struct loc dir, const void *name, size_t len, struct err *err);
int op_unlink(struct txn *txn, struct loc dir, const void *name, size_t len, struct err *err);
int op_rmdir(struct txn *txn, struct loc dir, const void *name, size_t len, struct err *err);
enum { RENAME_NOREPLACE_OP = 1, RENAME_EXCHANGE_OP = 2 };
int op_rename(struct txn *txn, struct loc from, const void *name, size_t len, struct loc to, const void *new_name, size_t new_len, unsigned flags, struct err *err);

/* The mode of something new in dir, narrowed by the directory's default access list, if it has one. */
int dir_narrow_mode(struct loc dir, u32 *mode, struct err *err);

/* Metadata. set: which members of attr count. */
enum { ATTR_MODE = 1, ATTR_UID = 2, ATTR_GID = 4, ATTR_ATIME = 8, ATTR_MTIME = 16, ATTR_CTIME = 32, ATTR_OTIME = 64, ATTR_FLAGS = 128, ATTR_KEEP_SUID = 256,
	ATTR_NOW = 512 /* both times become now, which append-only files allow as well */ };
int op_setattr(struct txn *txn, struct loc loc, unsigned set, const struct inode *attr, struct err *err);
/* value NULL: remove (-ENODATA). Properties (btrfs.compression) take effect on the inode's flags as well. */
enum { XATTR_CREATE_OP = 1, XATTR_REPLACE_OP = 2 };
int op_xattr(struct txn *txn, struct loc loc, const void *name, size_t len, const void *value, size_t value_len, unsigned flags, struct err *err);

/* Data. One call is one operation: all of it happens, or (-ENOSPC: not enough room) nothing. Regular files only (-EISDIR, -EINVAL); -EFBIG beyond 8 EiB - 1. */
int op_write(struct txn *txn, const struct write_opts *o, struct loc loc, u64 off, const void *buf, size_t len, struct err *err);
int op_truncate(struct txn *txn, struct loc loc, u64 size, struct err *err);
enum { FALLOC_KEEP_SIZE_OP = 1, FALLOC_PUNCH_OP = 2, FALLOC_ZERO_OP = 4 };
int op_fallocate(struct txn *txn, struct loc loc, u64 off, u64 len, unsigned flags, struct err *err);
/* Shares extents (reflink): sector-aligned ranges, or to the end of the source (len 0: that). -EINVAL: not aligned, beyond the source's end, overlapping, or only
 * one of the files has data checksums. */
enum { CLONE_SAME_OP = 1 /* the bytes are those that are there: no new content */ };
int op_clone(struct txn *txn, struct loc src, u64 src_off, u64 len, struct loc dst, u64 dst_off, unsigned flags, struct err *err);
/* Stores one compressed extent as it is (receive): like the kernel's encoded write, under the same conditions (-EINVAL). The bytes are not decoded. */
int op_encoded_write(struct txn *txn, struct loc loc, u64 off, u64 file_len, u64 unencoded_len, u64 unencoded_off, u8 compression, const void *buf, size_t len, struct err *err);

/* A whole new file's content from a source, compressed and checksummed on the pool, in extents as large as the rules allow; for put and populate. What was in
 * the file goes.
 * read: fills buf from off; returns bytes (fewer, or 0, where the source ends before its size: zeros follow) or -errno; called from any thread, several at a
 * time. next_data: the first range of data at or after off (holes stay holes); -ENXIO: none follows; called from one thread. NULL: all data. */
struct file_source {
	s64 (*read)(struct file_source *src, u64 off, void *buf, size_t len);
	int (*next_data)(struct file_source *src, u64 off, u64 *start, u64 *len);
	u64 size;
	const struct put_ahead *ahead; /* NULL, or what was done ahead; borrowed */
};
int op_put_file(struct txn *txn, const struct write_opts *o, struct loc loc, struct file_source *src, struct err *err);
/* For many small files: the part of op_put_file that needs no transaction (reading, compressing, checksums), done ahead on any thread while the transaction goes
 * on. flags, property (BTRFS_COMPRESS_*): what the inode will have of its directory; op_put_file does the work anew if that turns out to be otherwise.
 * *out is NULL for files that are not worth it: larger than a mebibyte, empty, or with holes. */
struct put_ahead;
int put_ahead_new(struct fs *fs, const struct write_opts *o, u64 flags, u8 property, struct file_source *src, struct put_ahead **out, struct err *err);
void put_ahead_free(struct put_ahead *a); /* NULL is fine */

/* Seals a regular file by fs-verity: nothing can be written to it any more. -EEXIST: it is sealed already; what verity_build says; on failure it is as before. */
struct verity_params;
int op_verity(struct txn *txn, struct loc loc, const struct verity_params *p, struct err *err);

/* Subvolumes. */
struct qgroup_inherit { const u64 *groups; unsigned ngroups; };
int op_subvol_create(struct txn *txn, struct loc dir, const void *name, size_t len, const struct qgroup_inherit *inherit, u64 *id, struct err *err);
int op_subvol_snapshot(struct txn *txn, u64 source, struct loc dir, const void *name, size_t len, bool readonly, const struct qgroup_inherit *inherit, u64 *id, struct err *err);
/* Unlinks and marks dead; the drop itself is subvol_drop (in slices, each may be followed by a commit; resumable). */
int op_subvol_delete(struct txn *txn, u64 id, struct err *err);
int subvol_drop(struct txn *txn, u64 id, u64 max_blocks, bool *done, struct err *err);
int op_subvol_set_readonly(struct txn *txn, u64 id, bool readonly, struct err *err);
int op_subvol_set_default(struct txn *txn, u64 id, struct err *err);
int op_subvol_set_received(struct txn *txn, u64 id, const u8 uuid[16], u64 stransid, const struct timespec64 *stime, const struct timespec64 *rtime, struct err *err);

/* The filesystem. label: at most 255 bytes (-ENAMETOOLONG). */
int op_label(struct txn *txn, const char *label, struct err *err);
/* How much of a device is used, rounded down to sectors; a regular file grows with it. Shrinking takes free room at the end alone: -EBUSY (*last: how far it would
 * go). Others as device_resize (alloc.h). */
int op_device_resize(struct txn *txn, u64 devid, u64 size, u64 *last, struct err *err);

/* Orphans: what a mount would clean: files without names, dead subvolumes. */
int fs_clean_orphans(struct txn *txn, struct err *err);

#endif
