/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything inside subvolumes that a transaction can put right: names first, then what follows from them. */
#include "kernel-shared/check/repair_internal.h"

#include <stdlib.h>

enum { LEAVES = 24 }; /* of one fix */

static bool is_name(enum problem_id id)
{
	switch (id) {
	case PROBLEM_NAME_NO_ITEM:
	case PROBLEM_NAME_NO_INDEX:
	case PROBLEM_NAME_NO_REF:
	case PROBLEM_NAME_DUP_ITEM:
	case PROBLEM_NAME_DUP_INDEX:
	case PROBLEM_NAME_DUP_REF:
	case PROBLEM_NAME_INDEX:
	case PROBLEM_NAME_TYPE:
		return true;
	default:
		return false;
	}
}

static bool same_name(const struct problem_at *a, const struct problem_at *b)
{
	return a->tree == b->tree && a->parent == b->parent && a->name_len == b->name_len && !memcmp(a->name, b->name, a->name_len);
}

/* Several things may be wrong with one name; they stand together. */
static bool told_before(const struct repair *r, size_t i)
{
	for (size_t k = i; k-- > 0 && i - k < 16;)
		if (is_name(r->found.v[k].id) && r->found.v[k].name && same_name(&r->found.v[k], &r->found.v[i]))
			return true;
	return false;
}

static int fix_one(struct filefix *f, const struct problem_at *p, struct err *err)
{
	struct root *root = fix_root_of(f->fs, p->tree);
	struct op *op;
	int ret;

	if (!root)
		return 0;
	ret = op_begin(f->txn, LEAVES, OP_FREES, &op, err);
	if (ret)
		return ret;
	ret = is_name(p->id) ? name_settle(f, root, p->parent, p->ino, p->index, p->name, p->name_len, err) : inode_fix(f, root, p, err);
	return op_end(op, ret, err);
}

/* Inodes that have items but no inode item first: no leaf may hold the one without the other. Then names; counts depend on them. */
enum step { STEP_INODES, STEP_NAMES, STEP_REST };

static bool has_items(struct filefix *f, const struct problem_at *p)
{
	struct root *root = fix_root_of(f->fs, p->tree);
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(p->ino, 0, 0);
	struct err ignored = ERR_INIT;
	struct item item;

	return root && !tree_lookup_ge(&root->tree, &key, &path, &item, &ignored) && item.key.objectid == p->ino;
}

static bool wanted_here(struct filefix *f, const struct problem_at *p, enum step step)
{
	const struct repair *r = f->r;

	if ((p->phase != CHECK_FS_ROOTS && p->id != PROBLEM_INODE_EXTENT_UNALIGNED) || (r->args->only && !r->args->only[p->id]))
		return false;
	switch (step) {
	case STEP_INODES: return p->id == PROBLEM_INODE_NO_ITEM && has_items(f, p);
	case STEP_NAMES: return is_name(p->id) && p->name;
	default: return !is_name(p->id);
	}
}

static int fix_all(struct filefix *f, enum step step, struct err *err)
{
	struct repair *r = f->r;
	int ret = 0;

	for (size_t i = 0; !ret && i < r->found.len; i++) {
		const struct problem_at *p = &r->found.v[i];
		struct err why = ERR_INIT;
		u64 said = r->said;

		if (!wanted_here(f, p, step) || (step == STEP_NAMES && told_before(r, i)))
			continue;
		ret = fix_one(f, p, &why);
		if (!ret)
			f->done += r->said != said;
		if (ret && ret != -ENOMEM && ret != -EINTR && !writer_dead(f->fs->writer)) {
			repair_say(r, "inode %llu of root %lld: cannot fix %s: %s", p->ino, (s64)p->tree, problem_row(p->id)->name, err_text(&why));
			ret = 0;
		}
		if (ret && err)
			*err = why;
		if (!ret)
			ret = env_check_interrupt(r->env, err);
	}
	return ret;
}

/* As long as there are wrong names, the counts come in the next round. */
int fix_files(struct repair *r, bool *changed, struct err *err)
{
	struct filefix f = { .r = r };
	int ret = repair_open_txn(r, &f.fs, &f.txn, err);

	if (ret)
		return ret;
	ret = fix_all(&f, STEP_INODES, err);
	if (!ret)
		ret = fix_all(&f, STEP_NAMES, err);
	if (!ret && !f.done)
		ret = fix_all(&f, STEP_REST, err);
	ret = repair_close_txn(f.fs, f.txn, ret, err);
	*changed = !ret && f.done;
	return ret;
}
