/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The quota tree: items that do not fit together are completed or go, then all is counted anew. Spec: check.md 1.6, phase 8. */
#include "kernel-shared/check/repair_internal.h"

#include "kernel-shared/fs/quota.h"
#include "kernel-shared/tree/modify.h"

static bool has_item(struct tree *t, struct key key)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct err ignored = ERR_INIT;
	struct item item;

	return !tree_lookup(t, &key, &p, &item, &ignored);
}

static bool has_group(struct tree *t, u64 id) { return has_item(t, KEY(0, BTRFS_QGROUP_INFO_KEY, id)); }

static int delete_if_there(struct tree *t, struct key key, struct err *err)
{
	int ret = tree_delete(t, &key, err);

	return ret == -ENOENT ? 0 : ret;
}

/* A group is an item for what it uses and one for its limits: what limits a subvolume that exists, or other groups, gets what is missing. */
static int complete_group(struct filefix *f, struct tree *t, u64 id, struct err *err)
{
	struct disk_qgroup_info info = { .generation = le64_of(txn_id(f->txn)) };
	struct key key = KEY(0, BTRFS_QGROUP_INFO_KEY, id);

	if (!qgroup_level(id) && !fix_root_of(f->fs, id))
		return delete_if_there(t, KEY(0, BTRFS_QGROUP_LIMIT_KEY, id), err);
	return tree_insert(t, &key, &info, sizeof(info), err);
}

/* Half a relation is one, when its groups can be related; else neither half is. */
static int complete_relation(struct tree *t, const struct key *key, struct err *err)
{
	struct key back = KEY(key->offset, BTRFS_QGROUP_RELATION_KEY, key->objectid);
	int ret;

	if (has_group(t, key->objectid) && has_group(t, key->offset) && qgroup_level(key->objectid) != qgroup_level(key->offset))
		return has_item(t, back) ? 0 : tree_insert(t, &back, NULL, 0, err);
	ret = delete_if_there(t, *key, err);
	return ret ? ret : delete_if_there(t, back, err);
}

/* Without it quotas are off; the commit counts and sets the rest. Since when simple ones charge is lost: since ever. */
static int add_status(struct filefix *f, struct err *err)
{
	bool simple = geo_incompat(f->fs->geo, BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA);
	u64 flags = BTRFS_QGROUP_STATUS_FLAG_ON | (simple ? BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE : 0);
	struct disk_qgroup_status s = { le64_of(1), le64_of(txn_id(f->txn)), le64_of(flags), le64_of(0), le64_of(simple) };
	struct key key = KEY(0, BTRFS_QGROUP_STATUS_KEY, 0);
	u32 size = simple ? sizeof(s) : offsetof(struct disk_qgroup_status, enable_gen);
	int ret = tree_insert(&f->fs->quota_tree->tree, &key, &s, size, err);

	return ret ? ret : quota_start(f->fs, err);
}

static int mend_item(struct filefix *f, const struct key *key, struct err *err)
{
	struct tree *t = &f->fs->quota_tree->tree;

	if (key->type == BTRFS_QGROUP_STATUS_KEY && !key->objectid && !key->offset)
		return add_status(f, err);
	/* the other half of a relation may be gone already */
	if (!has_item(t, *key))
		return 0;
	if (key->type == BTRFS_QGROUP_RELATION_KEY)
		return complete_relation(t, key, err);
	if (key->type == BTRFS_QGROUP_LIMIT_KEY && !key->objectid)
		return has_group(t, key->offset) ? 0 : complete_group(f, t, key->offset, err);
	return delete_if_there(t, *key, err);
}

/* limits: groups first, relations lean on them. */
static int mend_items(struct filefix *f, bool limits, struct err *err)
{
	const struct repair *r = f->r;
	int ret = 0;

	for (size_t i = 0; !ret && i < r->found.len; i++) {
		const struct problem_at *p = &r->found.v[i];
		struct op *op;

		if (p->id != PROBLEM_QGROUP_ITEM || (p->key.type == BTRFS_QGROUP_LIMIT_KEY) != limits)
			continue;
		ret = op_begin(f->txn, 4, OP_FREES, &op, err);
		if (!ret)
			ret = op_end(op, mend_item(f, &p->key, err), err);
		if (!ret)
			repair_say(f->r, "Repaired the quota item (%llu, %u, %llu)", p->key.objectid, p->key.type, p->key.offset);
	}
	return ret;
}

int fix_quota(struct repair *r, bool *changed, struct err *err)
{
	struct filefix f = { .r = r };
	int ret = repair_open_txn(r, &f.fs, &f.txn, err);

	if (ret)
		return ret;
	if (f.fs->quota_tree && repair_found(r, PROBLEM_QGROUP_ITEM)) {
		ret = mend_items(&f, true, err);
		if (!ret)
			ret = mend_items(&f, false, err);
	}
	/* simple ones keep what they have: nothing says any more who was charged */
	if (!ret && f.fs->change.quota != QUOTA_SIMPLE)
		ret = op_quota_rescan(f.txn, err);
	ret = repair_close_txn(f.fs, f.txn, ret, err);
	*changed = !ret;
	for (size_t i = 0; !ret && i < r->found.len; i++)
		if (r->found.v[i].id == PROBLEM_QGROUP_COUNTS)
			repair_say(r, "Repair qgroup %llu/%llu", r->found.v[i].key.offset >> 48, r->found.v[i].key.offset & ((1ULL << 48) - 1));
	return ret;
}
