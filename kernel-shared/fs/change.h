/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the operations of write.h share: inode items on their way to disk, names as items, permission to change. The room's own. */
#ifndef FS_CHANGE_H
#define FS_CHANGE_H

#include "kernel-shared/fs/write.h"

/* An inode item in its disk form, to be changed and stored back. */
struct winode { struct root *root; u64 ino; struct disk_inode_item d; };
int winode_load(struct root *root, u64 ino, struct winode *out, struct err *err);
/* Stores it: transid, sequence and the subvolume's own ctransid and ctime follow. */
int winode_store(struct txn *txn, struct winode *w, struct err *err);
int winode_create(struct txn *txn, struct winode *w, struct err *err);   /* -EEXIST */
/* As it is, its own transid and sequence kept (log replay). */
int inode_item_put(struct txn *txn, struct winode *w, bool create, struct err *err);
static inline u32 winode_mode(const struct winode *w) { return le32_get(w->d.mode); }
static inline u64 winode_flags(const struct winode *w) { return le64_get(w->d.flags); }
struct disk_timespec time_disk(struct timespec64 t);
struct disk_timespec time_now(struct txn *txn);
/* ctime, or mtime and ctime, become now. */
void winode_touch(struct txn *txn, struct winode *w, bool data);
/* The lowest inode number above all in use. */
int inode_next(struct root *root, u64 *ino, struct err *err);

/* -EROFS for a read-only subvolume, -EPERM for an immutable or append-only inode (unless appending), -ENOENT for a dangling subvolume entry. */
int may_change(const struct loc *loc, struct err *err);
int may_change_inode(const struct winode *w, bool append, struct err *err);
/* 1..255 bytes, no '/', no NUL, not "." or "..". */
int name_check(const void *name, size_t len, struct err *err);
/* The subvolume has changed in this transaction. */
int root_touch(struct txn *txn, struct root *root, struct err *err);

/* --- names as items --- */
/* Adds one entry under a name: DIR_ITEM and DIR_INDEX; *index receives its index. -EEXIST, -EOVERFLOW (too many names of one hash). */
int entry_add(struct txn *txn, struct root *root, u64 dir, const void *name, size_t len, const struct key *location, u8 type, u64 *index, struct err *err);
/* The same at an index that is free. */
int entry_add_at(struct txn *txn, struct root *root, u64 dir, const void *name, size_t len, const struct key *location, u8 type, u64 index, struct err *err);
/* Removes both items. */
int entry_remove(struct txn *txn, struct root *root, u64 dir, const void *name, size_t len, u64 index, struct err *err);
/* The index of an entry, from the inode's reference (files) or the root reference (subvolumes). */
int entry_index(struct root *root, u64 dir, const struct dirent *e, u64 *index, struct err *err);
int ref_add(struct txn *txn, struct root *root, u64 ino, u64 dir, u64 index, const void *name, size_t len, struct err *err); /* INODE_REF, else EXTREF; -EMLINK */
int ref_remove(struct txn *txn, struct root *root, u64 ino, u64 dir, const void *name, size_t len, u64 *index, struct err *err);
/* ROOT_REF and ROOT_BACKREF of a subvolume. */
int root_ref_add(struct txn *txn, u64 parent, u64 child, u64 dir, u64 index, const void *name, size_t len, struct err *err);
int root_ref_remove(struct txn *txn, u64 parent, u64 child, u64 *index, struct err *err);
/* The directory, checked: it may take (append) or lose a name. */
int dir_load(const struct loc *dir, bool append, struct winode *out, struct err *err);
int name_free(const struct loc *dir, const void *name, size_t len, struct err *err); /* -EEXIST, and what name_check says */
/* The directory has one name more or less. */
void dir_count(struct txn *txn, struct winode *dir, size_t name_len, int sign);

/* --- extended attributes as items --- */
int xattr_put(struct txn *txn, struct root *root, u64 ino, const void *name, size_t len, const void *value, size_t value_len, unsigned flags, struct err *err);
/* New data or another owner: whoever could write the file must not have its capabilities run. */
int capability_drop(struct txn *txn, const struct winode *w, struct err *err);
int xattr_remove(struct txn *txn, struct root *root, u64 ino, const void *name, size_t len, struct err *err); /* -ENODATA */

/* --- what new inodes inherit --- */
/* Mode, owner, flags and attributes from the directory, as the kernel does it. After the inode item exists: acl and properties are written. */
struct inherited { u32 mode; u32 gid; u64 flags; };
int inherit_inode(struct txn *txn, const struct winode *dir, u32 mode, u32 gid, struct inherited *out, struct err *err);
int inherit_xattrs(struct txn *txn, struct root *root, u64 dir, u64 ino, u32 *mode, struct err *err);
/* A mode set by hand also changes the access list that a file has: owner, mask (else group) and others follow. */
int acl_follow_mode(struct txn *txn, struct root *root, u64 ino, u32 mode, struct err *err);
/* The compression property alone, also across subvolumes. */
int inherit_property(struct txn *txn, struct loc dir, struct loc inode, u32 mode, struct err *err);

/* --- subvolumes --- */
static inline struct fs *txn_fs(struct txn *txn) { return txn_roots(txn)->root_tree->fs; }
/* Writes a root's item at once, so that whoever reads the root tree sees it before the commit. */
int root_store(struct txn *txn, struct root *root, struct err *err);
/* An empty internal tree of this id, registered; the caller enters it into fs->trees. */
int internal_tree_create(struct txn *txn, u64 id, struct root **out, struct err *err);
/* The uuid tree, made and filled when there is none. Types BTRFS_UUID_KEY_*; a zero uuid is nobody's. */
int uuid_add(struct txn *txn, const u8 uuid[16], u8 type, u64 id, struct err *err);
int uuid_remove(struct txn *txn, const u8 uuid[16], u8 type, u64 id, struct err *err);

/* --- ends --- */
/* An inode without names: its extents, attributes and items go. */
int inode_destroy(struct txn *txn, struct root *root, u64 ino, struct err *err);
/* Drops what file extents of [from, end) refer to and deletes or cuts their items; *freed: bytes to take off nbytes. Edges that cut an extent are kept as slices. */
int extents_drop(struct txn *txn, struct root *root, u64 ino, u64 from, u64 end, u64 *freed, struct err *err);

#endif
