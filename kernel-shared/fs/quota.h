/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing quotas: on and off, groups, relations, limits; and the accounting that each commit does. Reading them is in qgroup.h.
 * Limits are kept for the kernel; nothing here refuses to write because of one. Spec: on-disk-format 10. Kernel counterpart: qgroup.c. */
#ifndef FS_QUOTA_H
#define FS_QUOTA_H

#include "kernel-shared/fs/qgroup.h"
#include "kernel-shared/fs/write.h"

/* Operations. All but the first: -ENOTCONN when quotas are off. */
/* Makes the quota tree with a group for each subvolume; the commit counts. simple: each extent is charged to whom it was made for, from the next transaction
 * on. -EEXIST when they are on. */
int op_quota_enable(struct txn *txn, bool simple, struct err *err);
int op_quota_disable(struct txn *txn, struct err *err);
/* Counts all anew at the commit, and drops the marks of an interrupted count. -EINVAL for simple quotas. */
int op_quota_rescan(struct txn *txn, struct err *err);
int op_qgroup_create(struct txn *txn, u64 id, struct err *err);                        /* -EEXIST */
/* -ENOENT; -EBUSY: it has members, its subvolume exists, or (simple) it is charged. */
int op_qgroup_destroy(struct txn *txn, u64 id, struct err *err);
/* The parent's level is greater. -EINVAL, -ENOENT, -EEXIST. */
int op_qgroup_assign(struct txn *txn, u64 member, u64 parent, struct err *err);
int op_qgroup_remove(struct txn *txn, u64 member, u64 parent, struct err *err);        /* -ENOENT: they are not related */
/* which: BTRFS_QGROUP_LIMIT_*; values of -1 take the limit away. -ENOENT. */
int op_qgroup_limit(struct txn *txn, u64 id, u64 which, u64 max_rfer, u64 max_excl, struct err *err);

/* --- the room's own --- */
int quota_start(struct fs *fs, struct err *err);
/* A subvolume has come: its group, its relations. source: of a snapshot, else 0. within: the subvolume that it lies in. */
int quota_subvol_new(struct txn *txn, u64 id, u64 source, u64 within, const struct qgroup_inherit *inherit, struct err *err);
int quota_subvol_dropped(struct txn *txn, u64 id, struct err *err);
/* Hooks: the commit's accounting, and each extent of simple quotas. */
int quota_account(void *arg, struct txn *txn, bool *changed, struct err *err);
int quota_charge(void *arg, const struct extent_event *e, struct err *err);
/* The group's items go, relations included. */
int quota_group_delete(struct txn *txn, u64 id, struct err *err);

/* What all subvolumes refer to, by the set of subvolumes that share it: each block is read once, however many reach it. */
struct root_sums;
int root_sums_count(struct fs *fs, struct root_sums **out, struct err *err);
/* The same for the extents that changed since the last commit alone: what came less what went (bytes wrap). -ERANGE: that would be more work than counting
 * all. Both views are needed: the trees of the last commit and those of the next. */
int root_sums_changes(struct fs *fs, struct root_sums **out, struct err *err);
void root_sums_free(struct root_sums *s);
struct root_sums *root_sums_new(void);                             /* NULL: no memory */
/* Sets of subvolumes by number; 0 is the empty one. -ENOMEM. */
int root_sums_single(struct root_sums *s, u64 id, u32 *out);
int root_sums_union(struct root_sums *s, u32 a, u32 b, u32 *out);
void root_sums_add(struct root_sums *s, u32 set, u64 bytes);
/* The hook that notes what changes. */
int quota_note(void *arg, const struct ref_change *change);
/* Set by set: its ids, ascending, and its bytes. fn non-zero stops. */
int root_sums_each(const struct root_sums *s, int (*fn)(void *arg, const u64 *ids, size_t n, u64 bytes), void *arg);

#endif
