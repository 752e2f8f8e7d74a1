/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of a subvolume: inodes, names, extended attributes, paths. Reading only; changing is in the ops headers. */
#ifndef FS_INODE_H
#define FS_INODE_H

#include "kernel-shared/fs/subvol.h"

struct timespec64 { s64 sec; u32 nsec; };
static inline struct timespec64 time_get(const struct disk_timespec *t) { return (struct timespec64){ (s64)le64_get(t->sec), le32_get(t->nsec) }; }

/* A place in the filesystem. */
struct loc { struct root *root; u64 ino; };

struct inode {
	struct root *root;
	u64 ino;
	u64 generation, transid, size, nbytes, rdev, flags, sequence;
	u32 nlink, uid, gid, mode;     /* mode with type bits */
	struct timespec64 atime, ctime, mtime, otime;
};
/* -ENOENT. BTRFS_EMPTY_SUBVOL_DIR_OBJECTID gives the empty directory that stands for a dangling subvolume entry: mode 0755, everything else 0
 * (a mount shows the owner of the directory above and the time of looking). */
int inode_get(struct root *root, u64 ino, struct inode *out, struct err *err);
/* From an item that the caller has at hand. -EUCLEAN if it is too short. */
int inode_parse(struct root *root, const struct item *item, struct inode *out, struct err *err);
static inline bool inode_is(const struct inode *i, u32 fmt) { return (i->mode & 0170000) == fmt; }
u32 inode_mode_of_ft(u8 ft);   /* BTRFS_FT_* -> S_IFMT bits */
/* The Linux-internal device number of the disk (major << 20 | minor) in parts. */
static inline u32 rdev_major(u64 rdev) { return rdev >> 20; }
static inline u32 rdev_minor(u64 rdev) { return rdev & 0xfffff; }

struct dirent {
	const u8 *name; u16 name_len;  /* borrowed, valid until the next call */
	u8 type;                       /* BTRFS_FT_* */
	u64 index, transid;
	bool is_subvol;                /* location is a ROOT_ITEM: ino is then the subvolume id */
	u64 ino;
};
/* In index order. */
struct dir_iter { struct tree_iter it; };
struct dir_iter dir_open(struct root *root, u64 dir);
int dir_next(struct dir_iter *d, struct dirent *out, struct err *err); /* 0, -ENOENT at the end */
void dir_close(struct dir_iter *d);
/* By name, through DIR_ITEM. -ENOENT. out->name is the caller's. */
int dir_lookup(struct root *root, u64 dir, const void *name, size_t len, struct dirent *out, struct err *err);
/* What an entry leads to: the inode itself, or the root directory of a subvolume. A dangling subvolume entry (a snapshot's, without ROOT_REF)
 * gives *out = { root, BTRFS_EMPTY_SUBVOL_DIR_OBJECTID }. */
int dirent_follow(struct root *root, u64 dir, const struct dirent *d, struct loc *out, struct err *err);

/* Walks path (components between slashes; ".", ".." and symlinks as a mount would, never leaving the filesystem) from start, across
 * subvolumes. Absolute paths and targets, and "..", end at the top-level subvolume's root. follow: also a symlink in last place.
 * -ENOENT, -ENOTDIR, -ELOOP (41 symlinks), -ENAMETOOLONG (a component). */
int fs_resolve(struct fs *fs, struct loc start, const char *path, bool follow, struct loc *out, struct err *err);
struct loc fs_top(struct fs *fs);  /* the top-level subvolume's root directory; root is NULL if a partial open could not read its tree */
/* The same within a smaller world: top is the directory that "/" means and ".." never leaves (mount -o subvol=). */
int fs_resolve_under(struct loc top, struct loc start, const char *path, bool follow, struct loc *out, struct err *err);
/* The directory above, across subvolumes; the top-level root's is itself. -ENOENT: it hangs nowhere. */
int dir_parent(struct root *root, u64 dir, struct loc *out, struct err *err);
/* The path of a directory within its subvolume, without slashes at the ends: "" for its root. -ENOENT: it hangs nowhere. */
struct strbuf;
int dir_path(struct root *root, u64 dir, struct strbuf *out, struct err *err);
/* All paths of an inode within its subvolume, without leading slash. fn non-zero stops and is returned. Names in directories that hang nowhere
 * are left out. -ENOENT: it has no name at all. */
int inode_paths(struct root *root, u64 ino, int (*fn)(void *arg, const char *path, size_t len), void *arg, struct err *err);
/* Names of an inode: (parent, index, name), from INODE_REF and INODE_EXTREF. fn non-zero stops and is returned. */
int inode_refs(struct root *root, u64 ino, int (*fn)(void *arg, const struct inode_ref_view *ref), void *arg, struct err *err);

/* Extended attributes, in hash order. Value and name borrowed during the call. fn non-zero stops and is returned. */
typedef int (*xattr_fn)(void *arg, const u8 *name, u16 name_len, const u8 *value, u16 value_len);
int xattr_each(struct root *root, u64 ino, xattr_fn fn, void *arg, struct err *err);
/* Into a heap copy, NUL-terminated. -ENODATA. */
int xattr_get(struct root *root, u64 ino, const char *name, char **value, size_t *len, struct err *err);
/* The target, heap, NUL-terminated; it ends at the first NUL within, as it does for the kernel. -EINVAL for what is no symlink. */
int symlink_read(struct root *root, u64 ino, char **target, size_t *len, struct err *err);

#endif
