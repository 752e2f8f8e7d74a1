/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/fs/newer.h"

struct newer {
	struct root *root;
	u64 gen;
	int (*fn)(void *arg, u64 ino, const struct file_extent_view *view);
	void *arg;
	struct err *err;
};

static int newer_in_leaf(struct newer *n, const struct node *leaf)
{
	for (u32 i = 0; i < node_nritems(leaf); i++) {
		struct item item = node_item(leaf, i);
		struct file_extent_view view;
		int ret;

		if (item.key.type != BTRFS_EXTENT_DATA_KEY || file_extent_parse(&item, &view) || view.generation < n->gen)
			continue;
		ret = n->fn(n->arg, item.key.objectid, &view);
		if (ret)
			return ret;
	}
	return 0;
}

/* Levels fall with each step: at most seven deep. */
static int newer_below(struct newer *n, const struct block_ref *ref)
{
	struct node *node CLEANUP(node_putp) = NULL;
	int ret = node_get(&n->root->fs->store, ref, &node, n->err);

	if (ret || !node_level(node))
		return ret ? ret : newer_in_leaf(n, node);
	for (u32 i = 0; !ret && i < node_nritems(node); i++) {
		struct block_ref child = node_child(node, i, n->root->tree.id);

		if (node_ptr_generation(node, i) >= n->gen)
			ret = newer_below(n, &child);
	}
	return ret;
}

int subvol_newer_extents(struct root *root, u64 gen, int (*fn)(void *arg, u64 ino, const struct file_extent_view *view), void *arg, struct err *err)
{
	struct newer n = { root, gen, fn, arg, err };
	struct block_ref top = tree_root_ref(&root->tree);

	return newer_below(&n, &top);
}
