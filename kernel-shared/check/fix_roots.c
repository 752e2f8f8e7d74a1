/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes as wholes: their names, reference counts, orphan items, their entries in the UUID tree. Spec: check.md 1.6, phase 7. */
#include "kernel-shared/check/repair_internal.h"

#include <stdlib.h>
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

static bool is_lost(const struct repair *r, u64 id)
{
	for (size_t i = 0; i < r->found.len; i++)
		if (r->found.v[i].id == PROBLEM_ROOT_LOST && r->found.v[i].tree == id)
			return true;
	return false;
}

/* It has its name in a subvolume that is lost itself, and comes back with that. */
static bool hangs_below_lost(struct filefix *f, u64 id)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&f->fs->root_tree->tree, KEY(id, BTRFS_ROOT_BACKREF_KEY, 0), KEY(id, BTRFS_ROOT_BACKREF_KEY, -1ULL));
	struct err ignored = ERR_INIT;
	struct item item;

	while (!tree_next(&it, &item, &ignored))
		if (is_lost(f->r, item.key.offset))
			return true;
	return false;
}

enum pass { PASS_NAMES, PASS_LOST, PASS_ANY_LOST, PASS_COUNT };

static bool is_of(struct filefix *f, enum pass pass, const struct problem_at *p)
{
	if (p->phase != CHECK_ROOT_REFS || (p->id == PROBLEM_ROOT_LOST) != (pass != PASS_NAMES))
		return false;
	return pass != PASS_LOST || !hangs_below_lost(f, p->tree);
}

static int run_pass(struct filefix *f, enum pass pass, u64 *failed, struct err *err)
{
	struct repair *r = f->r;
	int ret = 0;

	for (size_t i = 0; !ret && i < r->found.len; i++) {
		const struct problem_at *p = &r->found.v[i];
		struct err why = ERR_INIT;
		struct op *op;

		if (!is_of(f, pass, p))
			continue;
		ret = op_begin(f->txn, 24, OP_FREES, &op, err);
		if (ret)
			break;
		ret = op_end(op, fix_one(f, p, &why), err);
		if (ret && ret != -ENOMEM && !writer_dead(f->fs->writer)) {
			repair_say(r, "subvolume %llu: cannot fix %s: %s", p->tree, problem_row(p->id)->name, err_text(&why));
			++*failed;
			ret = 0;
		} else if (!ret && pass == PASS_ANY_LOST) {
			break;
		}
	}
	return ret;
}

/* A name that is put right may bring back what is lost, and what is below that: the lost ones come when no name is wrong any more, a ring of them one by one. */
int fix_roots(struct repair *r, bool *changed, struct err *err)
{
	struct filefix f = { .r = r };
	u64 said = r->said, failed = 0;
	int ret = repair_open_txn(r, &f.fs, &f.txn, err);

	if (ret)
		return ret;
	for (enum pass pass = 0; !ret && pass < PASS_COUNT && r->said == said + failed; pass++)
		ret = run_pass(&f, pass, &failed, err);
	ret = repair_close_txn(f.fs, f.txn, ret, err);
	*changed = !ret && r->said > said + failed;
	return ret;
}
