/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole trees: the references to all blocks of a level, gathered level by level, and scans of all leaves. */
#include "kernel-shared/tree/tree.h"

#include <stdio.h>
#include "common/hash.h"
#include "common/mem.h"

struct level {
	struct tree *tree;
	struct block_refs below;    /* what the blocks of this level refer to */
	struct hmap seen;           /* addresses in below (lenient stores) */
	block_error_fn on_error;
	void *arg;
	struct err *err;
};

static int level_error(struct level *l, const struct block_ref *ref, int ret, const char *text)
{
	if (!l->on_error)
		return err_set(l->err, ret, "%s", text);
	l->on_error(l->arg, ref, ret, text);
	return 0;
}

/* Does the reference come after all others? A parent vouches for a child's first key only, and many parents could share their children: without
 * this a small image can describe a tree without end. A lenient store, where keys are not to be trusted, takes each block once. */
static int level_fits(struct level *l, const struct block_ref *ref, bool *fits)
{
	if (l->tree->store->lenient)
		return hmap_put(&l->seen, ref->bytenr, fits) ? 0 : err_nomem(l->err);
	*fits = !l->below.len || key_cmp(&l->below.v[l->below.len - 1].first, &ref->first) < 0;
	return 0;
}

static int level_add(struct level *l, const struct block_ref *ref)
{
	char text[160];
	bool fits;
	int ret = level_fits(l, ref, &fits);

	if (ret)
		return ret;
	if (fits)
		return vec_push(&l->below, *ref) ? err_nomem(l->err) : 0;
	snprintf(text, sizeof(text), "tree %lld refers to block %llu out of order or twice: key (%llu %u %llu)", (s64)l->tree->id, ref->bytenr,
		 ref->first.objectid, ref->first.type, ref->first.offset);
	return level_error(l, ref, -EUCLEAN, text);
}

static int level_done(void *arg, struct scan_block *b)
{
	struct level *l = arg;
	int ret = 0;

	if (!b->data)
		return level_error(l, b->ref, b->ret, b->error);
	for (u32 i = 0; !ret && i < block_nritems(b->data); i++) {
		struct block_ref ref = tree_child(l->tree, b->data, i);

		ret = level_add(l, &ref);
	}
	return ret;
}

static int level_down(struct level *l, struct block_refs *refs)
{
	static const struct scan_ops ops = { .done = level_done };
	int ret = tree_scan_blocks(l->tree->store, refs->v, refs->len, SCAN_LIST, &ops, l, l->err);

	vec_fini(refs);
	*refs = l->below;
	l->below = (struct block_refs)VEC_INIT;
	hmap_fini(&l->seen);
	return ret;
}

int tree_level_refs(struct tree *t, u8 level, struct block_refs *out, block_error_fn on_error, void *arg, struct err *err)
{
	struct level l = { .tree = t, .on_error = on_error, .arg = arg, .err = err };
	struct block_ref root = tree_root_ref(t);
	int ret = 0;

	*out = (struct block_refs)VEC_INIT;
	if (level > t->level)
		return 0;
	if (vec_push(out, root))
		return err_nomem(err);
	for (u8 at = t->level; !ret && at > level; at--)
		ret = level_down(&l, out);
	if (ret)
		vec_fini(out);
	return ret;
}

struct lost { struct block_ref ref; int ret; char *text; };
struct losses { VEC(struct lost) lost; bool nomem; };

static void losses_add(void *arg, const struct block_ref *ref, int ret, const char *text)
{
	struct losses *l = arg;
	struct lost lost = { *ref, ret, mem_strdup(text) };

	if (lost.text && !vec_push(&l->lost, lost))
		return;
	free(lost.text);
	l->nomem = true;
}

/* Tells of the interior blocks that could not be read as if they had been scanned. */
static int losses_tell(struct losses *l, const struct scan_ops *ops, void *arg)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < l->lost.len; i++) {
		struct lost *lost = &l->lost.v[i];
		struct scan_block b = { .ref = &lost->ref, .index = -1, .ret = lost->ret, .error = lost->text };

		if (ops->work)
			ret = ops->work(arg, &b, 0);
		if (!ret && ops->done)
			ret = ops->done(arg, &b);
		else if (ret && ops->drop)
			ops->drop(arg, &b);
	}
	return ret;
}

static void losses_fini(struct losses *l)
{
	for (size_t i = 0; i < l->lost.len; i++)
		free(l->lost.v[i].text);
	vec_fini(&l->lost);
}

int tree_scan(struct tree *t, enum scan_order order, const struct scan_ops *ops, void *arg, struct err *err)
{
	struct losses losses = { VEC_INIT, false };
	struct block_refs leaves;
	int ret = tree_level_refs(t, 0, &leaves, losses_add, &losses, err);

	if (!ret && losses.nomem)
		ret = err_nomem(err);
	if (!ret)
		ret = losses_tell(&losses, ops, arg);
	if (!ret)
		ret = tree_scan_blocks(t->store, leaves.v, leaves.len, order, ops, arg, err);
	losses_fini(&losses);
	vec_fini(&leaves);
	return ret;
}
