/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quotas switched on and off; groups, relations and limits as items. Spec: on-disk-format 10.1, 10.4. */
#include "kernel-shared/fs/quota.h"
#include "kernel-shared/fs/change.h"
#include "kernel-shared/fs/open.h"

enum { LEAVES_QUOTA = 16 };

static struct tree *quota_tree(struct txn *txn)
{
	return &txn_fs(txn)->quota_tree->tree;
}

static struct key info_key(u64 id) { return KEY(0, BTRFS_QGROUP_INFO_KEY, id); }
static struct key limit_key(u64 id) { return KEY(0, BTRFS_QGROUP_LIMIT_KEY, id); }
static struct key relation_key(u64 from, u64 to) { return KEY(from, BTRFS_QGROUP_RELATION_KEY, to); }

#define ID_FMT "%u/%llu"
#define ID_ARGS(id) qgroup_level(id), qgroup_subid(id)

int quota_start(struct fs *fs, struct err *err)
{
	struct key key = KEY(0, BTRFS_QGROUP_STATUS_KEY, 0);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct quota_state state;
	struct item item;
	int ret = quota_state_read(fs, &state, err);

	fs->change.quota = ret ? QUOTA_OFF : state.simple ? QUOTA_SIMPLE : QUOTA_FULL;
	fs->change.recount = state.inconsistent || state.rescanning || state.generation != le64_get(fs->sb->generation);
	if (ret || !state.simple)
		return ret == -ENOENT ? 0 : ret;
	ret = tree_lookup(&fs->quota_tree->tree, &key, &p, &item, err);
	if (!ret && item.size >= sizeof(struct disk_qgroup_status))
		fs->change.quota_since = le64_get(((const struct disk_qgroup_status *)item.data)->enable_gen);
	return ret;
}

static int need_quota(struct txn *txn, struct err *err)
{
	return txn_fs(txn)->change.quota == QUOTA_OFF ? err_set(err, -ENOTCONN, "quotas are not enabled") : 0;
}

/* 1: there is such an item. */
static int item_exists(struct txn *txn, const struct key *key, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret = tree_lookup(quota_tree(txn), key, &p, &item, err);

	return ret == -ENOENT ? 0 : ret ? ret : 1;
}

static int group_exists(struct txn *txn, u64 id, struct err *err)
{
	struct key key = info_key(id);

	return item_exists(txn, &key, err);
}

static int need_group(struct txn *txn, u64 id, struct err *err)
{
	int ret = group_exists(txn, id, err);

	return ret ? (ret < 0 ? ret : 0) : err_set(err, -ENOENT, "there is no qgroup " ID_FMT, ID_ARGS(id));
}

/* INFO and LIMIT come in pairs. */
static int group_create(struct txn *txn, u64 id, const struct disk_qgroup_limit *limit, struct err *err)
{
	struct disk_qgroup_info info = { .generation = le64_of(txn_id(txn)) };
	struct disk_qgroup_limit none = { .flags = le64_of(0) };
	struct key ikey = info_key(id), lkey = limit_key(id);
	int ret = tree_insert(quota_tree(txn), &ikey, &info, sizeof(info), err);

	return ret ? ret : tree_put(quota_tree(txn), &lkey, limit ? limit : &none, sizeof(none), true, err);
}

static int relation_put(struct txn *txn, u64 member, u64 parent, struct err *err)
{
	struct key up = relation_key(member, parent), down = relation_key(parent, member);
	int ret = tree_insert(quota_tree(txn), &up, NULL, 0, err);

	txn_fs(txn)->change.recount = true;

	return ret ? ret : tree_insert(quota_tree(txn), &down, NULL, 0, err);
}

static int delete_if_there(struct tree *t, struct key key, struct err *err)
{
	int ret = tree_delete(t, &key, err);

	return ret == -ENOENT ? 0 : ret;
}

/* One relation of the group; 1: it has none (left). */
static int relation_next(struct txn *txn, u64 id, u64 *other, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = relation_key(id, *other);
	struct item item;
	int ret = tree_lookup_ge(quota_tree(txn), &key, &p, &item, err);

	if (ret == -ENOENT || (!ret && (item.key.objectid != id || item.key.type != BTRFS_QGROUP_RELATION_KEY)))
		return 1;
	*other = item.key.offset;
	return ret;
}

int quota_group_delete(struct txn *txn, u64 id, struct err *err)
{
	struct tree *t = quota_tree(txn);
	u64 other = 0;
	int ret;

	while (!(ret = relation_next(txn, id, &other, err))) {
		txn_fs(txn)->change.recount = true;
		ret = delete_if_there(t, relation_key(id, other), err);
		if (!ret)
			ret = delete_if_there(t, relation_key(other, id), err);
		if (ret)
			return ret;
	}
	if (ret > 0)
		ret = delete_if_there(t, info_key(id), err);
	return ret ? ret : delete_if_there(t, limit_key(id), err);
}

/* --- on and off --- */

static int groups_make(struct txn *txn, struct err *err)
{
	struct subvol_list list;
	int ret = subvol_list(txn_fs(txn), &list, err);

	for (size_t i = 0; !ret && i < list.len; i++)
		if (!list.v[i].deleted)
			ret = group_create(txn, list.v[i].id, NULL, err);
	subvol_list_fini(&list);
	return ret;
}

static int quota_enable(struct txn *txn, bool simple, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct disk_super *sb = txn_super(txn);
	/* charging begins with the next transaction: what this one has made is not all known any more */
	struct disk_qgroup_status s = { le64_of(1), le64_of(txn_id(txn)), le64_of(BTRFS_QGROUP_STATUS_FLAG_ON), le64_of(0), le64_of(0) };
	struct key key = KEY(0, BTRFS_QGROUP_STATUS_KEY, 0);
	int ret;

	if (fs->change.quota != QUOTA_OFF)
		return err_set(err, -EEXIST, "quotas are enabled already");
	if (simple) {
		s.flags = le64_of(BTRFS_QGROUP_STATUS_FLAG_ON | BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE);
		s.enable_gen = le64_of(txn_id(txn) + 1);
		fs->change.quota_since = txn_id(txn) + 1;
		sb->incompat_flags = le64_of(le64_get(sb->incompat_flags) | BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA);
		fs->geo->incompat |= BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA;
	}
	ret = fs->quota_tree ? 0 : internal_tree_create(txn, BTRFS_QUOTA_TREE_OBJECTID, &fs->quota_tree, err);
	if (!ret)
		ret = tree_delete_range(quota_tree(txn), &KEY_MIN, &KEY_MAX, NULL, err);
	if (!ret)
		ret = tree_insert(quota_tree(txn), &key, &s, sizeof(s), err);
	if (!ret)
		ret = groups_make(txn, err);
	fs->change.quota = simple ? QUOTA_SIMPLE : QUOTA_FULL;
	fs->change.recount = true;
	return ret;
}

int op_quota_enable(struct txn *txn, bool simple, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_QUOTA, 0, &op, err);

	return ret ? ret : op_end(op, quota_enable(txn, simple, err), err);
}

static int quota_disable(struct txn *txn, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct root *root = fs->quota_tree;
	int ret = need_quota(txn, err);

	if (!ret)
		ret = fs_root_unregister(fs, root, err);
	if (!ret)
		ret = txn_drop_tree(txn, root, err);
	if (ret)
		return ret;
	fs->quota_tree = NULL;
	fs->change.quota = QUOTA_OFF;
	fs->change.dropped.len = 0;
	return 0;
}

int op_quota_disable(struct txn *txn, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_QUOTA, OP_FREES, &op, err);

	return ret ? ret : op_end(op, quota_disable(txn, err), err);
}

int op_quota_rescan(struct txn *txn, struct err *err)
{
	int ret = need_quota(txn, err);

	if (!ret && txn_fs(txn)->change.quota == QUOTA_SIMPLE)
		ret = err_set(err, -EINVAL, "simple quotas are never counted anew");
	if (!ret)
		txn_fs(txn)->change.recount = true;
	/* the commit counts; it must only happen */
	return ret ? ret : txn_dirty_root(txn, txn_fs(txn)->quota_tree, err);
}

/* --- groups --- */

static int qgroup_create(struct txn *txn, u64 id, struct err *err)
{
	int ret = need_quota(txn, err);

	if (!ret)
		ret = group_exists(txn, id, err);
	if (ret)
		return ret < 0 ? ret : err_set(err, -EEXIST, "qgroup " ID_FMT " exists", ID_ARGS(id));
	if (!qgroup_level(id) && !is_fstree(id))
		return err_set(err, -EINVAL, ID_FMT " cannot be a qgroup", ID_ARGS(id));
	return group_create(txn, id, NULL, err);
}

int op_qgroup_create(struct txn *txn, u64 id, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_QUOTA, 0, &op, err);

	return ret ? ret : op_end(op, qgroup_create(txn, id, err), err);
}

static int nothing_charged(struct txn *txn, u64 id, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = info_key(id);
	struct item item;
	int ret = tree_lookup(quota_tree(txn), &key, &p, &item, err);

	if (ret || item.size < sizeof(struct disk_qgroup_info))
		return ret;
	return le64_get(((const struct disk_qgroup_info *)item.data)->rfer) ? err_set(err, -EBUSY, "qgroup " ID_FMT " still holds space", ID_ARGS(id)) : 0;
}

static int qgroup_destroy(struct txn *txn, u64 id, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct root *root;
	u64 member = 0;
	int ret = need_quota(txn, err);

	if (!ret)
		ret = need_group(txn, id, err);
	if (!ret && qgroup_level(id)) {
		ret = relation_next(txn, id, &member, err);
		if (!ret && member < id)
			ret = err_set(err, -EBUSY, "qgroup " ID_FMT " has members", ID_ARGS(id));
		else if (ret >= 0)
			ret = 0;
	} else if (!ret) {
		ret = fs_subvol_root(fs, id, &root, NULL) ? 0 : err_set(err, -EBUSY, "the subvolume of qgroup " ID_FMT " exists", ID_ARGS(id));
		if (!ret && fs->change.quota == QUOTA_SIMPLE)
			ret = nothing_charged(txn, id, err);
	}
	return ret ? ret : quota_group_delete(txn, id, err);
}

int op_qgroup_destroy(struct txn *txn, u64 id, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_QUOTA, OP_FREES, &op, err);

	return ret ? ret : op_end(op, qgroup_destroy(txn, id, err), err);
}

static int qgroup_assign(struct txn *txn, u64 member, u64 parent, struct err *err)
{
	struct key key = relation_key(member, parent);
	int ret = need_quota(txn, err);

	if (!ret && qgroup_level(member) >= qgroup_level(parent))
		ret = err_set(err, -EINVAL, "qgroup " ID_FMT " cannot be a member of " ID_FMT ": its level is not lower", ID_ARGS(member), ID_ARGS(parent));
	if (!ret)
		ret = need_group(txn, member, err);
	if (!ret)
		ret = need_group(txn, parent, err);
	if (!ret)
		ret = item_exists(txn, &key, err);
	if (ret)
		return ret < 0 ? ret : err_set(err, -EEXIST, "qgroup " ID_FMT " is a member of " ID_FMT " already", ID_ARGS(member), ID_ARGS(parent));
	return relation_put(txn, member, parent, err);
}

int op_qgroup_assign(struct txn *txn, u64 member, u64 parent, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_QUOTA, 0, &op, err);

	return ret ? ret : op_end(op, qgroup_assign(txn, member, parent, err), err);
}

static int qgroup_remove(struct txn *txn, u64 member, u64 parent, struct err *err)
{
	struct key up = relation_key(member, parent);
	int ret = need_quota(txn, err);

	if (!ret && (qgroup_level(member) >= qgroup_level(parent) || !(ret = item_exists(txn, &up, err))))
		ret = err_set(err, -ENOENT, "qgroup " ID_FMT " is no member of " ID_FMT, ID_ARGS(member), ID_ARGS(parent));
	if (ret < 0)
		return ret;
	txn_fs(txn)->change.recount = true;
	ret = tree_delete(quota_tree(txn), &up, err);
	return ret ? ret : delete_if_there(quota_tree(txn), relation_key(parent, member), err);
}

int op_qgroup_remove(struct txn *txn, u64 member, u64 parent, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_QUOTA, OP_FREES, &op, err);

	return ret ? ret : op_end(op, qgroup_remove(txn, member, parent, err), err);
}

static int limit_read(struct txn *txn, u64 id, struct disk_qgroup_limit *out, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = limit_key(id);
	struct item item;
	int ret = tree_lookup(quota_tree(txn), &key, &p, &item, err);

	*out = (struct disk_qgroup_limit){ .flags = le64_of(0) };
	if (!ret && item.size >= sizeof(*out))
		memcpy(out, item.data, sizeof(*out));
	return ret == -ENOENT ? 0 : ret;
}

static void limit_set(struct disk_qgroup_limit *l, le64 *field, u64 flag, u64 value)
{
	u64 flags = le64_get(l->flags);

	l->flags = le64_of(value == -1ULL ? flags & ~flag : flags | flag);
	*field = le64_of(value == -1ULL ? 0 : value);
}

static int qgroup_limit(struct txn *txn, u64 id, u64 which, u64 max_rfer, u64 max_excl, struct err *err)
{
	struct disk_qgroup_limit l;
	struct key key = limit_key(id);
	int ret = need_quota(txn, err);

	if (!ret)
		ret = need_group(txn, id, err);
	if (!ret)
		ret = limit_read(txn, id, &l, err);
	if (ret)
		return ret;
	if (which & BTRFS_QGROUP_LIMIT_MAX_RFER)
		limit_set(&l, &l.max_rfer, BTRFS_QGROUP_LIMIT_MAX_RFER, max_rfer);
	if (which & BTRFS_QGROUP_LIMIT_MAX_EXCL)
		limit_set(&l, &l.max_excl, BTRFS_QGROUP_LIMIT_MAX_EXCL, max_excl);
	return tree_put(quota_tree(txn), &key, &l, sizeof(l), true, err);
}

int op_qgroup_limit(struct txn *txn, u64 id, u64 which, u64 max_rfer, u64 max_excl, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_QUOTA, 0, &op, err);

	return ret ? ret : op_end(op, qgroup_limit(txn, id, which, max_rfer, max_excl, err), err);
}

/* --- subvolumes that come and go --- */

/* The groups asked for must be there and be above; with simple quotas and none asked for, those of the subvolume around. */
static int inherit_relations(struct txn *txn, u64 id, u64 within, const struct qgroup_inherit *inherit, struct err *err)
{
	u64 parent = 0;
	int ret = 0;

	for (unsigned i = 0; !ret && inherit && i < inherit->ngroups; i++) {
		ret = qgroup_assign(txn, id, inherit->groups[i], err);
		if (ret == -EEXIST)
			ret = 0;
	}
	if (ret || (inherit && inherit->ngroups) || txn_fs(txn)->change.quota != QUOTA_SIMPLE)
		return ret;
	while (!(ret = relation_next(txn, within, &parent, err))) {
		if (parent > within)
			ret = qgroup_assign(txn, id, parent, err);
		if (ret)
			return ret;
		parent++;
	}
	return ret > 0 ? 0 : ret;
}

int quota_subvol_new(struct txn *txn, u64 id, u64 source, u64 within, const struct qgroup_inherit *inherit, struct err *err)
{
	bool full = txn_fs(txn)->change.quota == QUOTA_FULL;
	struct disk_qgroup_limit limit;
	int ret;

	if (txn_fs(txn)->change.quota == QUOTA_OFF)
		return 0;
	/* a group may have been made in advance, with limits of its own */
	ret = group_exists(txn, id, err);
	if (!ret && full && source)
		ret = limit_read(txn, source, &limit, err);
	if (!ret)
		ret = group_create(txn, id, full && source ? &limit : NULL, err);
	return ret < 0 ? ret : inherit_relations(txn, id, within, inherit, err);
}

int quota_subvol_dropped(struct txn *txn, u64 id, struct err *err)
{
	struct fs_change *c = &txn_fs(txn)->change;

	if (c->quota == QUOTA_FULL)
		return quota_group_delete(txn, id, err);
	/* what was charged to it may live on in snapshots */
	return c->quota == QUOTA_SIMPLE && vec_push(&c->dropped, id) ? err_nomem(err) : 0;
}
