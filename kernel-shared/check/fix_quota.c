/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts of quota groups. Items that do not fit together are the rewriting's (rewrite_quota.c). Spec: check.md 1.6, phase 8. */
#include "kernel-shared/check/repair_internal.h"

#include "kernel-shared/fs/quota.h"

/* Full quotas are counted by the commit. Simple ones nobody counts anew but the check, so its counts are written down. */
int fix_quota(struct repair *r, bool *changed, struct err *err)
{
	struct txn *txn;
	struct fs *fs;
	int ret = repair_open_txn(r, &fs, &txn, err);

	if (ret)
		return ret;
	if (geo_incompat(fs->geo, BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA)) {
		repair_close_txn(fs, txn, -ECANCELED, err);
		return fix_blocks(r, changed, err);
	}
	ret = repair_close_txn(fs, txn, op_quota_rescan(txn, err), err);
	*changed = !ret;
	for (size_t i = 0; !ret && i < r->found.len; i++) {
		u64 id = r->found.v[i].key.offset;

		if (r->found.v[i].id == PROBLEM_QGROUP_COUNTS)
			repair_say(r, "Repair qgroup %u/%llu", qgroup_level(id), qgroup_subid(id));
	}
	return ret;
}
