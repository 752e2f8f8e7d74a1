/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checksum tree: sums of nothing go, data without sums is summed; or all of it anew. */
#include "kernel-shared/check/repair_internal.h"

#include "kernel-shared/tree/modify.h"

static int drop_sums(struct repair *r, struct txn *txn, const struct problem_at *p, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, 16, OP_FREES, &op, err);

	if (ret)
		return ret;
	ret = op_end(op, csum_delete(txn_alloc(txn), p->bytenr, p->len, err), err);
	if (!ret)
		repair_say(r, "Deleted checksums of [%llu, %llu), which is no data", p->bytenr, p->bytenr + p->len);
	return ret;
}

static int drop_item(struct repair *r, struct fs *fs, struct txn *txn, const struct problem_at *p, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, 8, OP_FREES, &op, err);

	if (ret)
		return ret;
	ret = op_end(op, tree_delete(&fs->csum_tree->tree, &p->key, err), err);
	if (!ret)
		repair_say(r, "Deleting bad item [%llu,%u,%llu]", p->key.objectid, p->key.type, p->key.offset);
	return ret == -ENOENT ? 0 : ret;
}

static int fill(struct repair *r, struct fs *fs, struct txn *txn, const struct problem_at *p, struct err *err)
{
	u64 filled = 0;
	int ret = csum_fill(fs, txn, p->bytenr, p->len, &filled, err);

	if (!ret && filled)
		repair_say(r, "Summed %llu bytes of data at %llu anew (inode %llu of root %lld): what they hold now counts as right", filled, p->bytenr, p->ino, (s64)p->tree);
	return ret;
}

static int fix_one(struct repair *r, struct fs *fs, struct txn *txn, const struct problem_at *p, struct err *err)
{
	switch (p->id) {
	case PROBLEM_CSUM_ORPHAN: return drop_sums(r, txn, p, err);
	case PROBLEM_CSUM_ITEM: return drop_item(r, fs, txn, p, err);
	case PROBLEM_INODE_CSUM_MISSING: return p->len ? fill(r, fs, txn, p, err) : 0;
	default: return 0;
	}
}

static int fix_found(struct repair *r, struct fs *fs, struct txn *txn, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->found.len; i++) {
		const struct problem_at *p = &r->found.v[i];

		if (!r->args->only || r->args->only[p->id])
			ret = fix_one(r, fs, txn, p, err);
	}
	return ret;
}

static int init_tree(struct repair *r, struct fs *fs, struct txn *txn, struct err *err)
{
	struct key lo = KEY_MIN, hi = KEY_MAX;
	u64 filled = 0;
	int ret;

	repair_say(r, "Reinitialize checksum tree");
	ret = tree_delete_range(&fs->csum_tree->tree, &lo, &hi, NULL, err);
	repair_say(r, "Fill checksum tree");
	return ret ? ret : csum_fill_all(fs, txn, &filled, err);
}

int fix_csums(struct repair *r, bool *changed, struct err *err)
{
	bool all = r->args->init_csum_tree && !r->csums_made;
	u64 said = r->said;
	struct txn *txn;
	struct fs *fs;
	int ret = repair_open_txn(r, &fs, &txn, err);

	if (ret)
		return ret;
	if (!fs->csum_tree)
		ret = err_set(err, -EIO, "there is no checksum tree");
	if (!ret)
		ret = all ? init_tree(r, fs, txn, err) : fix_found(r, fs, txn, err);
	ret = repair_close_txn(fs, txn, ret, err);
	r->csums_made |= all && !ret;
	*changed = !ret && r->said > said;
	return ret;
}
