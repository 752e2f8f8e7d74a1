/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal trees that come and go: free space, block group, quota, uuid. */
#include "kernel-shared/txn/internal.h"

int txn_new_tree(struct txn *txn, struct root *root, struct err *err)
{
	struct writer *w = txn->w;
	int ret = txn_dirty_root(txn, root, err);

	if (ret)
		return ret;
	memset(&root->item, 0, sizeof(root->item));
	root->item.refs = le32_of(1);
	root->item_missing = true;
	root->tree.store = w->store;
	root->tree.source = &w->source;
	return tree_new_root(&root->tree, err);
}

/* Gives up the blocks below n and n itself. */
static int drop_blocks(struct writer *w, struct tree *t, const struct block_ref *ref, struct err *err)
{
	struct ref_change c = { .bytenr = ref->bytenr, .len = w->store->geo->nodesize, .kind = REF_TREE, .root = t->id, .delta = -1 };
	struct node *n;
	int ret = node_get(w->store, ref, &n, err);

	if (ret)
		return ret;
	c.level = node_level(n);
	for (u32 i = 0; !ret && node_level(n) && i < node_nritems(n); i++) {
		struct block_ref child = tree_child(t, n->data, i);

		ret = drop_blocks(w, t, &child, err);
	}
	node_put(n);
	return ret ? ret : ref_queue(w->alloc, &c, err);
}

void txn_forget_root(struct txn *txn, struct root *root)
{
	struct writer *w = txn->w;

	for (size_t i = 0; i < w->changed.len; i++) {
		if (w->changed.v[i] == root) {
			vec_remove(&w->changed, i);
			break;
		}
	}
	root->listed = root->dirty = false;
}

int txn_drop_tree(struct txn *txn, struct root *root, struct err *err)
{
	struct writer *w = txn->w;
	struct tree *t = &root->tree;
	struct block_ref ref = tree_root_ref(t);
	struct key key = KEY(t->id, BTRFS_ROOT_ITEM_KEY, t->offset);
	int ret = op_save_tree(w, root, err);

	if (!ret)
		ret = drop_blocks(w, t, &ref, err);
	if (!ret && !root->item_missing)
		ret = tree_delete(&w->roots->root_tree->tree, &key, err);
	if (ret)
		return ret;
	node_putp(&t->node);
	txn_forget_root(txn, root);
	return 0;
}
