/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copy-on-write of single blocks, and root blocks. Spec: on-disk-format 6.1, 6.2. */
#include "kernel-shared/tree/cow.h"

static u8 *block_body(struct node *n)
{
	return n->data + sizeof(struct disk_header);
}

/* A copy of old in a fresh block; the source moves the references. */
static int node_copy(struct tree *t, struct node *old, bool is_root, struct node **out, struct err *err)
{
	struct block_source *bs = t->source;
	struct node *fresh;
	int ret;

	if (old->bad)
		return err_set(err, -EUCLEAN, "block %llu of tree %lld breaks rules of the format and cannot be changed", old->bytenr, (s64)t->id);
	ret = bs->alloc(bs, t, node_level(old), old->bytenr, &fresh, err);
	if (ret)
		return ret;
	memcpy(block_body(fresh), block_body(old), geo_leafdata(t->store->geo));
	block_set_nritems(fresh->data, node_nritems(old));
	ret = bs->replace(bs, t, old, fresh, is_root, err);
	if (ret) {
		node_put(fresh);
		return ret;
	}
	*out = fresh;
	return 0;
}

int tree_set_root(struct tree *t, struct node *n, struct err *err)
{
	int ret = t->source->root_changed(t->source, t, err);

	if (ret)
		return ret;
	node_put(t->node);
	t->node = node_hold(n);
	t->bytenr = n->bytenr;
	t->generation = node_generation(n);
	t->level = node_level(n);
	return 0;
}

int child_cow(struct tree *t, struct node *parent, int slot, struct node **out, struct err *err)
{
	struct block_ref ref = tree_child(t, parent->data, slot);
	struct node *old, *fresh;
	int ret = node_get(t->store, &ref, &old, err);

	if (ret)
		return ret;
	if (node_writable(t, old)) {
		*out = old;
		return 0;
	}
	ret = node_copy(t, old, false, &fresh, err);
	node_put(old);
	if (ret)
		return ret;
	ret = node_touch(t->source, parent, err);
	if (ret) {
		node_put(fresh);
		return ret;
	}
	node_set_ptr(parent->data, slot, fresh->bytenr, node_generation(fresh));
	*out = fresh;
	return 0;
}

static int root_cow(struct tree *t, struct node **out, struct err *err)
{
	struct node *old, *fresh;
	int ret = tree_root_node(t, &old, err);

	if (ret)
		return ret;
	if (node_writable(t, old)) {
		*out = old;
		return 0;
	}
	ret = node_copy(t, old, true, &fresh, err);
	node_put(old);
	if (ret)
		return ret;
	ret = tree_set_root(t, fresh, err);
	if (ret) {
		node_put(fresh);
		return ret;
	}
	*out = fresh;
	return 0;
}

int path_cow(struct tree *t, struct path *p, int level, struct err *err)
{
	struct node *n;
	int ret;

	if (p->nodes[level] && node_writable(t, p->nodes[level]))
		return 0;
	if (level + 1 < BTRFS_MAX_LEVEL && p->nodes[level + 1])
		ret = child_cow(t, p->nodes[level + 1], p->slots[level + 1], &n, err);
	else
		ret = root_cow(t, &n, err);
	if (ret)
		return ret;
	node_put(p->nodes[level]);
	p->nodes[level] = n;
	return 0;
}

int tree_new_root(struct tree *t, struct err *err)
{
	struct block_source *bs = t->source;
	struct node *n;
	int ret = bs->alloc(bs, t, 0, 0, &n, err);

	if (ret)
		return ret;
	ret = bs->created(bs, t, n, err);
	if (!ret)
		ret = tree_set_root(t, n, err);
	node_put(n);
	return ret;
}

int tree_snapshot_root(struct tree *src, struct tree *dst, struct err *err)
{
	struct block_source *bs = src->source;
	struct node *root, *n = NULL;
	int ret = root_cow(src, &root, err);

	if (ret)
		return ret;
	ret = bs->alloc(bs, dst, node_level(root), root->bytenr, &n, err);
	if (!ret) {
		memcpy(block_body(n), block_body(root), geo_leafdata(src->store->geo));
		block_set_nritems(n->data, node_nritems(root));
		ret = bs->created(bs, dst, n, err);
	}
	if (!ret) {
		/* what lies below the two roots is now common to both */
		src->snap_birth = dst->snap_birth = bs->births;
		ret = tree_set_root(dst, n, err);
	}
	if (!ret)
		n->birth = root->birth = ++bs->births;
	node_put(n);
	node_put(root);
	return ret;
}
