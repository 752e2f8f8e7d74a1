/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving up what a deleted subvolume holds: a walk over its own blocks, left to right, that can stop anywhere and go on from drop_progress. Subtrees that
 * others hold, too, are left after one reference less; where the dying subvolume's name stands in the references of such a subtree, they are converted
 * first (full references, spec 6.3). Spec: on-disk-format 4.9. */
#include "kernel-shared/fs/change.h"
#include "kernel-shared/fs/open.h"
#include "kernel-shared/fs/quota.h"

enum { AHEAD = 64 /* blocks read ahead */, LEAVES_DROP = 16 };

struct walk {
	struct txn *txn;
	struct fs *fs;
	struct alloc *alloc;
	struct root *root;
	u64 id, origin;                    /* blocks not younger than the origin were never named after this subvolume */
	u64 left;                          /* blocks that may still be looked at */
	u8 level, top;
	struct node *nodes[BTRFS_MAX_LEVEL]; /* from level to top: the path, none of whose blocks is shared */
	int slots[BTRFS_MAX_LEVEL];
	bool full[BTRFS_MAX_LEVEL];        /* FULL_BACKREF */
};

static bool spend(struct walk *w)
{
	if (!w->left)
		return false;
	w->left--;
	return true;
}

static int block_state(struct walk *w, u64 bytenr, u64 *refs, bool *full, struct err *err)
{
	u64 flags;
	int ret = ref_info(w->alloc, bytenr, true, refs, &flags, NULL, err);

	if (ret)
		return err_wrap(err, ret == -ENOENT ? -EUCLEAN : ret, "block %llu of deleted subvolume %llu", bytenr, w->id);
	*full = flags & BTRFS_BLOCK_FLAG_FULL_BACKREF;
	return *refs ? 0 : err_set(err, -EUCLEAN, "block %llu of deleted subvolume %llu has no references", bytenr, w->id);
}

/* The reference that the path's block above holds on a block of this level; for the root block, the root's. */
static int give_up(struct walk *w, u64 bytenr, u8 level, struct err *err)
{
	struct ref_change c = { .bytenr = bytenr, .len = w->fs->geo->nodesize, .kind = REF_TREE, .root = w->id, .delta = -1, .level = level };

	if (level < w->top && w->full[level + 1]) {
		c.kind = REF_SHARED_TREE;
		c.root = 0;
		c.parent = w->nodes[level + 1]->bytenr;
	} else if (level < w->top) {
		c.root = node_owner(w->nodes[level + 1]);
	}
	return ref_queue(w->alloc, &c, err);
}

/* --- shared subtrees --- */

/* States the block's own references, which were the dying subvolume's. */
static int block_convert(struct walk *w, const struct node *n, struct err *err)
{
	int ret = ref_children(w->alloc, n->data, true, 1, err);

	if (!ret)
		ret = ref_children(w->alloc, n->data, false, -1, err);
	return ret ? ret : ref_queue_full_backref(w->alloc, n->bytenr, node_level(n), err);
}

static int convert(struct walk *w, const struct block_ref *ref, struct err *err);

/* What was converted before is passed over: the mark says up to where. */
static int convert_children(struct walk *w, const struct node *n, struct err *err)
{
	const struct drop_mark *mark = &w->fs->change.drop;
	bool exact;
	int slot = 0, ret = 0;

	if (mark->top) {
		slot = block_search(n->data, &mark->key, &exact);
		if (!exact && slot)
			slot--;
	}
	for (; !ret && slot < (int)node_nritems(n); slot++) {
		struct block_ref child = tree_child(&w->root->tree, n->data, slot);

		if (child.generation > w->origin)
			ret = convert(w, &child, err);
	}
	return ret;
}

/* 1: the slice is used up; the mark says where to go on. */
static int convert(struct walk *w, const struct block_ref *ref, struct err *err)
{
	struct node *n;
	bool full = false;
	u64 refs;
	int ret;

	if (!spend(w)) {
		w->fs->change.drop.key = ref->first;
		return 1;
	}
	ret = block_state(w, ref->bytenr, &refs, &full, err);
	if (ret || (full && !ref->level))
		return ret;
	ret = node_get(w->root->tree.store, ref, &n, err);
	if (ret)
		return ret;
	if (node_owner(n) == w->id) {
		ret = full ? 0 : block_convert(w, n, err);
		if (!ret && node_level(n))
			ret = convert_children(w, n, err);
	}
	node_put(n);
	return ret;
}

/* A subtree that stays with others. 1: not done yet. */
static int subtree_convert(struct walk *w, const struct block_ref *ref, struct err *err)
{
	struct drop_mark *mark = &w->fs->change.drop;
	int ret;

	if (mark->id != w->id || mark->top != ref->bytenr)
		*mark = (struct drop_mark){ .id = w->id };
	ret = convert(w, ref, err);
	if (ret == 1)
		mark->top = ref->bytenr;
	else
		*mark = (struct drop_mark){ 0 };
	return ret;
}

/* --- the path --- */

static void walk_fini(struct walk *w)
{
	for (int i = 0; i < BTRFS_MAX_LEVEL; i++)
		node_putp(&w->nodes[i]);
}

static int walk_begin(struct walk *w, struct err *err)
{
	struct tree *t = &w->root->tree;
	u64 refs;
	int ret = tree_root_node(t, &w->nodes[t->level], err);

	w->top = w->level = t->level;
	return ret ? ret : block_state(w, t->bytenr, &refs, &w->full[w->top], err);
}

/* Hints for reading what comes next. */
static void look_ahead(struct walk *w)
{
	struct block_ref refs[AHEAD];
	const struct node *n = w->nodes[w->level];
	size_t count = 0;

	for (int i = w->slots[w->level]; i < (int)node_nritems(n) && count < AHEAD; i++)
		if (node_ptr_generation(n, i) > w->origin)
			refs[count++] = tree_child(&w->root->tree, n->data, i);
	nstore_prefetch(w->root->tree.store, refs, count);
}

static int step_down(struct walk *w, const struct block_ref *ref, bool full, struct err *err)
{
	int ret = node_get(w->root->tree.store, ref, &w->nodes[w->level - 1], err);

	if (ret)
		return ret;
	w->level--;
	w->slots[w->level] = 0;
	w->full[w->level] = full;
	return 0;
}

/* Down the path on which an earlier slice stopped: all left of it is gone. */
static int walk_resume(struct walk *w, struct err *err)
{
	struct key key = key_get(&w->root->item.drop_progress);
	u8 level = w->root->item.drop_level;

	if (!key.objectid)
		return 0;
	if (!level || level > w->top)
		return err_set(err, -EUCLEAN, "subvolume %llu: drop level %u does not fit its tree", w->id, level);
	for (;;) {
		struct node *n = w->nodes[w->level];
		struct block_ref ref;
		bool exact, full = false;
		u64 refs;
		int slot = block_search(n->data, &key, &exact), ret;

		w->slots[w->level] = !exact && slot ? slot - 1 : slot;
		if (w->level == level)
			return 0;
		ref = tree_child(&w->root->tree, n->data, w->slots[w->level]);
		ret = block_state(w, ref.bytenr, &refs, &full, err);
		if (!ret)
			ret = step_down(w, &ref, full, err);
		if (ret)
			return ret;
	}
}

/* The block at the path's end has nothing left below it. 1: it was the root block. */
static int step_up(struct walk *w, struct err *err)
{
	struct node *n = w->nodes[w->level];
	int ret = node_level(n) ? 0 : ref_children(w->alloc, n->data, w->full[0], -1, err);

	if (!ret)
		ret = give_up(w, n->bytenr, w->level, err);
	if (ret)
		return ret;
	node_putp(&w->nodes[w->level]);
	if (w->level == w->top)
		return 1;
	w->slots[++w->level]++;
	return 0;
}

/* One child. 1: the slice is used up. */
static int walk_child(struct walk *w, struct err *err)
{
	struct block_ref ref = tree_child(&w->root->tree, w->nodes[w->level]->data, w->slots[w->level]);
	bool full = false;
	u64 refs;
	int ret;

	if (!spend(w))
		return 1;
	if (w->slots[w->level] % AHEAD == 0)
		look_ahead(w);
	ret = block_state(w, ref.bytenr, &refs, &full, err);
	if (ret)
		return ret;
	if (refs == 1)
		return step_down(w, &ref, full, err);
	if (ref.generation > w->origin && (ref.level || !full)) {
		ret = subtree_convert(w, &ref, err);
		if (ret)
			return ret;
	}
	/* who counts quotas hears of this block, but not of all below it */
	w->fs->change.recount = true;
	ret = give_up(w, ref.bytenr, ref.level, err);
	w->slots[w->level]++;
	return ret;
}

/* 0: all is gone. 1: the slice is used up, the path stands at the next child. */
static int walk_on(struct walk *w, struct err *err)
{
	for (;;) {
		bool done = !w->level || w->slots[w->level] >= (int)node_nritems(w->nodes[w->level]);
		int ret = done ? step_up(w, err) : walk_child(w, err);

		if (ret < 0)
			return ret;
		if (ret)
			return done ? 0 : 1;
	}
}

/* --- ends --- */

static int remember(struct walk *w, struct err *err)
{
	struct disk_root_item *item = &w->root->item;
	int ret = txn_dirty_root(w->txn, w->root, err);

	if (ret)
		return ret;
	item->drop_progress = key_disk(node_key(w->nodes[w->level], w->slots[w->level]));
	item->drop_level = w->level;
	return root_store(w->txn, w->root, err);
}

static int orphan_remove(struct txn *txn, struct root *root, u64 id, struct err *err)
{
	struct key key = KEY(BTRFS_ORPHAN_OBJECTID, BTRFS_ORPHAN_ITEM_KEY, id);
	int ret = tree_delete(&root->tree, &key, err);

	return ret == -ENOENT ? 0 : ret;
}

static int subvol_forget(struct walk *w, struct err *err)
{
	struct key key = KEY(w->id, BTRFS_ROOT_ITEM_KEY, w->root->tree.offset);
	int ret = txn_dirty_root(w->txn, w->root, err);

	if (!ret)
		ret = tree_delete(&w->fs->root_tree->tree, &key, err);
	if (!ret)
		ret = orphan_remove(w->txn, w->fs->root_tree, w->id, err);
	if (!ret)
		ret = quota_subvol_dropped(w->txn, w->id, err);
	if (!ret)
		ret = fs_root_unregister(w->fs, w->root, err);
	if (ret)
		return ret;
	node_putp(&w->root->tree.node);
	txn_forget_root(w->txn, w->root);
	return 0;
}

static int drop_slice(struct txn *txn, u64 id, u64 max_blocks, bool *done, struct err *err)
{
	struct walk w = { .txn = txn, .fs = txn_fs(txn), .alloc = txn_alloc(txn), .id = id, .left = max_blocks ? max_blocks : -1ULL };
	int ret = is_fstree(id) ? fs_subvol_root(w.fs, id, &w.root, err) : err_set(err, -ENOENT, "%llu is no subvolume id", id);

	if (!ret && le32_get(w.root->item.refs))
		ret = err_set(err, -EINVAL, "subvolume %llu is not deleted", id);
	if (ret)
		return ret;
	w.origin = w.root->tree.offset;
	ret = walk_begin(&w, err);
	if (!ret)
		ret = walk_resume(&w, err);
	if (!ret)
		ret = walk_on(&w, err);
	*done = !ret;
	if (ret == 1)
		ret = remember(&w, err);
	else if (!ret)
		ret = subvol_forget(&w, err);
	walk_fini(&w);
	return ret ? err_wrap(err, ret, "cannot drop subvolume %llu", id) : 0;
}

int subvol_drop(struct txn *txn, u64 id, u64 max_blocks, bool *done, struct err *err)
{
	struct op *op;
	int ret = op_begin(txn, LEAVES_DROP, OP_FREES, &op, err);

	*done = false;
	return ret ? ret : op_end(op, drop_slice(txn, id, max_blocks, done, err), err);
}

/* --- what a mount would clean --- */

enum { ORPHAN_SLICE = 4096 };

VEC_TYPE(orphan_ids, u64);

static int orphans_list(struct root *root, struct orphan_ids *out, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&root->tree, KEY(BTRFS_ORPHAN_OBJECTID, BTRFS_ORPHAN_ITEM_KEY, 0),
		KEY(BTRFS_ORPHAN_OBJECTID, BTRFS_ORPHAN_ITEM_KEY, -1ULL));
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) == 0)
		if (vec_push(out, item.key.offset))
			return err_nomem(err);
	return ret == -ENOENT ? 0 : ret;
}

/* A file without names goes; one that has names only lost its note. */
static int orphan_inode(struct txn *txn, struct root *root, u64 ino, struct err *err)
{
	struct winode w;
	struct op *op;
	int ret = op_begin(txn, LEAVES_DROP, OP_FREES, &op, err);

	if (ret)
		return ret;
	ret = winode_load(root, ino, &w, err);
	if (!ret && !le32_get(w.d.nlink))
		ret = inode_destroy(txn, root, ino, err);
	if (!ret || ret == -ENOENT)
		ret = orphan_remove(txn, root, ino, err);
	return op_end(op, ret, err);
}

static int root_orphans(struct txn *txn, struct root *root, struct err *err)
{
	struct orphan_ids ids = VEC_INIT;
	int ret = orphans_list(root, &ids, err);

	for (size_t i = 0; !ret && i < ids.len; i++)
		ret = orphan_inode(txn, root, ids.v[i], err);
	vec_fini(&ids);
	return ret;
}

static int dead_subvol(struct txn *txn, u64 id, struct err *err)
{
	struct root *root;
	bool done = false;
	struct op *op;
	int ret = is_fstree(id) ? fs_subvol_root(txn_fs(txn), id, &root, err) : -ENOENT;

	if (!ret && !le32_get(root->item.refs)) {
		while (!ret && !done)
			ret = subvol_drop(txn, id, ORPHAN_SLICE, &done, err);
		return ret;
	}
	if (ret && ret != -ENOENT)
		return ret;
	ret = op_begin(txn, LEAVES_DROP, OP_FREES, &op, err);
	return ret ? ret : op_end(op, orphan_remove(txn, txn_fs(txn)->root_tree, id, err), err);
}

int fs_clean_orphans(struct txn *txn, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct orphan_ids dead = VEC_INIT;
	struct subvol_list list;
	int ret = orphans_list(fs->root_tree, &dead, err);

	for (size_t i = 0; !ret && i < dead.len; i++)
		ret = dead_subvol(txn, dead.v[i], err);
	vec_fini(&dead);
	if (!ret)
		ret = subvol_list(fs, &list, err);
	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < list.len; i++) {
		struct root *root;

		ret = fs_subvol_root(fs, list.v[i].id, &root, err);
		if (!ret)
			ret = root_orphans(txn, root, err);
	}
	subvol_list_fini(&list);
	return !ret && fs->data_reloc_tree ? root_orphans(txn, fs->data_reloc_tree, err) : ret;
}
