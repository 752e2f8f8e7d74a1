/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes as wholes: their names, reference counts, orphan items, their entries in the UUID tree. Spec: check.md 1.6, phase 7. */
#include "kernel-shared/check/repair_internal.h"

#include <stdlib.h>
#include "kernel-shared/fs/quota.h"
#include "kernel-shared/tree/modify.h"

static int add_orphan(struct filefix *f, u64 id, struct err *err)
{
	struct key key = KEY(BTRFS_ORPHAN_OBJECTID, BTRFS_ORPHAN_ITEM_KEY, id);
	int ret = tree_insert(&f->fs->root_tree->tree, &key, "", 0, err);

	if (!ret)
		repair_say(f->r, "Added back missing orphan item for subvolume %llu", id);
	return ret == -EEXIST ? 0 : ret;
}

static int set_refs(struct filefix *f, u64 id, struct err *err)
{
	struct root *root = fix_root_of(f->fs, id);
	int ret = root ? txn_dirty_root(f->txn, root, err) : 0;

	if (ret || !root)
		return ret;
	root->item.refs = le32_of(1);
	repair_say(f->r, "Set the references of subvolume %llu to 1", id);
	return 0;
}

static int uuid_entry(struct filefix *f, const struct problem_at *p, bool add, struct err *err)
{
	u8 uuid[16];
	int ret;

	put_le64(uuid, p->key.objectid);
	put_le64(uuid + 8, p->key.offset);
	ret = add ? uuid_add(f->txn, uuid, p->key.type, p->bytenr, err) : uuid_remove(f->txn, uuid, p->key.type, p->bytenr, err);
	if (!ret)
		repair_say(f->r, "%s subvolume %llu in the UUID tree", add ? "Entered" : "Removed", p->bytenr);
	return ret == -ENOENT || ret == -EEXIST ? 0 : ret;
}

static int reset_default(struct filefix *f, struct err *err)
{
	int ret = op_subvol_set_default(f->txn, BTRFS_FS_TREE_OBJECTID, err);

	if (!ret)
		repair_say(f->r, "The default subvolume is the top one again");
	return ret;
}

static bool is_alone(const struct repair *r, const struct problem_at *p)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->found.len; i++)
		n += r->found.v[i].id == PROBLEM_ROOT_REF && r->found.v[i].tree == p->tree;
	return n == 1;
}

static int fix_one(struct filefix *f, const struct problem_at *p, struct err *err)
{
	switch (p->id) {
	case PROBLEM_ROOT_NO_ORPHAN: return add_orphan(f, p->tree, err);
	case PROBLEM_ROOT_REFS: return set_refs(f, p->tree, err);
	case PROBLEM_ROOT_LOST: return subvol_rescue(f, p->tree, err);
	case PROBLEM_ROOT_REF: return p->name ? subvol_name_settle(f, p->parent, p->ino, p->tree, p->index, p->name, p->name_len, is_alone(f->r, p), err) : 0;
	case PROBLEM_DEFAULT_SUBVOL: return reset_default(f, err);
	case PROBLEM_UUID_ENTRY: return uuid_entry(f, p, true, err);
	case PROBLEM_UUID_STALE: return uuid_entry(f, p, false, err);
	default: return 0;
	}
}

/* One whose name is put right is not lost. */
static bool has_name(const struct repair *r, u64 id)
{
	for (size_t i = 0; i < r->found.len; i++)
		if (r->found.v[i].id == PROBLEM_ROOT_REF && r->found.v[i].tree == id)
			return true;
	return false;
}

int fix_roots(struct repair *r, bool *changed, struct err *err)
{
	struct filefix f = { .r = r };
	u64 said = r->said;
	int ret = repair_open_txn(r, &f.fs, &f.txn, err);

	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < r->found.len; i++) {
		const struct problem_at *p = &r->found.v[i];
		struct err why = ERR_INIT;
		struct op *op;

		if (p->phase != CHECK_ROOT_REFS || (p->id == PROBLEM_ROOT_LOST && has_name(r, p->tree)))
			continue;
		ret = op_begin(f.txn, 24, OP_FREES, &op, err);
		if (ret)
			break;
		ret = op_end(op, fix_one(&f, p, &why), err);
		if (ret && ret != -ENOMEM && !writer_dead(f.fs->writer)) {
			repair_say(r, "subvolume %llu: cannot fix %s: %s", p->tree, problem_row(p->id)->name, err_text(&why));
			said++;
			ret = 0;
		}
	}
	ret = repair_close_txn(f.fs, f.txn, ret, err);
	*changed = !ret && r->said > said;
	return ret;
}

int fix_quota(struct repair *r, bool *changed, struct err *err)
{
	struct txn *txn;
	struct fs *fs;
	int ret = repair_open_txn(r, &fs, &txn, err);

	if (ret)
		return ret;
	ret = repair_close_txn(fs, txn, op_quota_rescan(txn, err), err);
	*changed = !ret;
	for (size_t i = 0; !ret && i < r->found.len; i++)
		if (r->found.v[i].id == PROBLEM_QGROUP_COUNTS)
			repair_say(r, "Repair qgroup %llu/%llu", r->found.v[i].key.offset >> 48, r->found.v[i].key.offset & ((1ULL << 48) - 1));
	return ret;
}
