/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quota groups as recorded: usage, limits, relations. The reports read these structs alone. Spec: on-disk-format 11.
 * Kernel counterpart: qgroup.c. */
#ifndef FS_QGROUP_H
#define FS_QGROUP_H

#include "kernel-shared/fs/subvol.h"

enum qgroup_subject {
	QGROUP_TOPLEVEL, QGROUP_SUBVOL,   /* path is the subvolume's */
	QGROUP_UNDER_DELETION, QGROUP_STALE, QGROUP_SPACE_HOLDER, /* its subvolume is going, is gone, is gone but still holds space */
	QGROUP_GROUP,                     /* level above 0 */
};
struct qgroup {
	u64 id;
	u64 rfer, excl;
	u64 limits;            /* BTRFS_QGROUP_LIMIT_*: which of max_* are set */
	u64 max_rfer, max_excl;
	VEC(u64) parents, children; /* ids, ascending */
	enum qgroup_subject subject;
	char *path;            /* heap; NULL where there is none */
};
VEC_TYPE(qgroups, struct qgroup);
struct quota_state { bool enabled, simple, inconsistent, rescanning; u64 rescan_progress, generation; };

static inline u16 qgroup_level(u64 id) { return id >> BTRFS_QGROUP_LEVEL_SHIFT; }
static inline u64 qgroup_subid(u64 id) { return id & ((1ULL << BTRFS_QGROUP_LEVEL_SHIFT) - 1); }

/* -ENOENT when quotas are off (state->enabled is then false). */
int quota_state_read(struct fs *fs, struct quota_state *state, struct err *err);
/* All groups by id. with_paths: resolves subject and path, which costs a look at each subvolume. -ENOENT when quotas are off. */
int qgroups_read(struct fs *fs, bool with_paths, struct qgroups *out, struct err *err);
void qgroups_fini(struct qgroups *q);
/* For other sources: what the status item says; one item of the quota tree. Items come by type (every group's usage first, then limits,
 * then relations), so that groups exist in order when they are filled. -ENOMEM. */
int quota_state_parse(const struct item *item, struct quota_state *state, struct err *err);
int qgroups_take_item(struct qgroups *q, const struct item *item);
/* By id, NULL if absent. */
struct qgroup *qgroup_find(const struct qgroups *q, u64 id);

#endif
