/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations: a reserve taken before anything changes, and a savepoint that undoes everything when one fails on its way. Kept are the first image of
 * each dirty node touched, the root of each tree that got another, and the lengths of the allocator's journals. */
#include "kernel-shared/txn/internal.h"

#include "common/mem.h"
#include "common/units.h"

enum { SPARE_BLOCKS = 64 };

int op_save_node(struct writer *w, struct node *n, struct err *err)
{
	struct saved_node s = { .node = n };

	if (w->op.depth) {
		s.image = mem_dup(n->data, w->store->geo->nodesize);
		if (!s.image || vec_push(&w->op.nodes, s)) {
			free(s.image);
			return err_nomem(err);
		}
		node_hold(n);
	}
	n->touch_epoch = w->source.epoch;
	return 0;
}

int op_save_fresh(struct writer *w, struct node *n, struct err *err)
{
	if (!w->op.depth)
		return 0;
	if (vec_push(&w->op.fresh, n))
		return err_nomem(err);
	node_hold(n);
	return 0;
}

int op_save_tree(struct writer *w, struct root *root, struct err *err)
{
	struct saved_tree s = { .root = root, .tree = root->tree, .item = root->item, .dirty = root->dirty };

	if (!w->op.depth)
		return 0;
	for (size_t i = 0; i < w->op.trees.len; i++)
		if (w->op.trees.v[i].root == root)
			return 0;
	if (vec_push(&w->op.trees, s))
		return err_nomem(err);
	if (s.tree.node)
		node_hold(s.tree.node);
	return 0;
}

/* Bytes that the commit of what is queued may still take: each queued extent changes a leaf of the extent tree and one of the free space tree, but no
 * block is copied twice, so the trees' own size bounds it, too. */
static u64 commit_need(struct writer *w)
{
	struct root *trees[] = { w->roots->extent_tree, w->roots->free_space_tree, w->roots->block_group_tree, w->roots->root_tree, w->roots->csum_tree,
		w->roots->quota_tree, w->roots->uuid_tree, w->roots->dev_tree };
	u64 nodesize = w->store->geo->nodesize, whole = 32 * nodesize, queued = (2 * alloc_queue_len(w->alloc) + 48) * nodesize;

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
		if (trees[i])
			whole += le64_get(trees[i]->item.bytes_used) + (2 * trees[i]->tree.level + 2) * nodesize;
	return whole < queued ? whole : queued;
}

/* What everybody but those who free leaves behind: what the commit may take, and enough to delete something on a full filesystem. */
static u64 kept_bytes(struct writer *w, unsigned flags)
{
	return flags & OP_FREES ? 0 : commit_need(w) + SPARE_BLOCKS * w->store->geo->nodesize;
}

static int op_reserve(struct op *op, unsigned leaves, unsigned flags, struct err *err)
{
	struct writer *w = op->txn->w;
	u64 nodesize = w->store->geo->nodesize, height = w->roots->fs_tree ? w->roots->fs_tree->tree.level + 1 : 1;
	u64 want = (leaves + height + 2) * nodesize, kept = kept_bytes(w, flags);
	int ret = alloc_reserve(w->alloc, BTRFS_BLOCK_GROUP_METADATA, want + kept, err);

	if (ret)
		return ret;
	/* the operation's own blocks may take it, data in mixed groups may not */
	op->reserved = want + kept;
	return 0;
}

/* What an operation has queued must leave enough for the commit: more extents than it was expected to make (free space in small pieces) may have come of it. */
static int op_affordable(struct op *op, struct err *err)
{
	struct writer *w = op->txn->w;
	u64 need = kept_bytes(w, op->flags);
	int ret = alloc_reserve(w->alloc, BTRFS_BLOCK_GROUP_METADATA, need, err);

	if (!ret)
		alloc_unreserve(w->alloc, BTRFS_BLOCK_GROUP_METADATA, need);
	return ret;
}

static void op_unreserve(struct op *op)
{
	alloc_unreserve(op->txn->w->alloc, BTRFS_BLOCK_GROUP_METADATA, op->reserved);
	op->reserved = 0;
}

static int op_save_hooks(struct op *op, struct err *err)
{
	struct writer *w = op->txn->w;

	op->tokens.len = 0;
	for (size_t i = 0; i < w->hooks.len; i++) {
		void *token = NULL;

		if (w->hooks.v[i].ops.save && w->hooks.v[i].ops.save(w->hooks.v[i].arg, op->txn, &token))
			return err_nomem(err);
		if (vec_push(&op->tokens, token))
			return err_nomem(err);
	}
	return 0;
}

int op_begin(struct txn *txn, unsigned leaves, unsigned flags, struct op **out, struct err *err)
{
	struct writer *w = txn->w;
	struct op *op = &w->op;
	int ret;

	if (w->dead)
		return err_set(err, -EROFS, "the transaction was aborted");
	*out = op;
	if (op->depth++)
		return 0;
	op->txn = txn;
	op->flags = flags;
	ret = op_reserve(op, leaves, flags, err);
	if (!ret)
		ret = alloc_mark(w->alloc, &op->mark) ? err_nomem(err) : op_save_hooks(op, err);
	if (ret) {
		op_unreserve(op);
		op->depth = 0;
		return ret;
	}
	op->super = w->super;
	w->source.epoch++;
	return 0;
}

static void op_forget(struct op *op)
{
	for (size_t i = 0; i < op->nodes.len; i++) {
		node_put(op->nodes.v[i].node);
		free(op->nodes.v[i].image);
	}
	for (size_t i = 0; i < op->trees.len; i++)
		node_put(op->trees.v[i].tree.node);
	for (size_t i = 0; i < op->fresh.len; i++)
		node_put(op->fresh.v[i]);
	op->nodes.len = op->trees.len = op->fresh.len = 0;
}

/* A chunk that was made stays when the operation that asked for it fails, and with it what the superblock says of chunks and devices. */
static void super_restore(struct writer *w, const struct disk_super *old)
{
	u64 chunks = le64_get(w->super.incompat_flags) & (BTRFS_FEATURE_INCOMPAT_RAID56 | BTRFS_FEATURE_INCOMPAT_RAID1C34);
	struct disk_super back = *old;

	memcpy(back.sys_chunk_array, w->super.sys_chunk_array, sizeof(back.sys_chunk_array));
	back.sys_chunk_array_size = w->super.sys_chunk_array_size;
	back.dev_item = w->super.dev_item;
	back.incompat_flags = le64_of(le64_get(back.incompat_flags) | chunks);
	w->super = back;
}

static void op_restore(struct op *op)
{
	struct writer *w = op->txn->w;

	for (size_t i = op->fresh.len; i; i--)
		source_forget(w, op->fresh.v[i - 1]->bytenr);
	for (size_t i = 0; i < op->nodes.len; i++)
		memcpy(op->nodes.v[i].node->data, op->nodes.v[i].image, w->store->geo->nodesize);
	for (size_t i = 0; i < op->trees.len; i++) {
		struct saved_tree *s = &op->trees.v[i];

		node_put(s->root->tree.node);
		s->root->tree = s->tree;
		s->root->item = s->item;
		s->root->dirty = s->dirty;
		s->tree.node = NULL; /* the hold went back to the tree */
		root_list(w, s->root); /* it was listed before: there is room */
	}
	super_restore(w, &op->super);
}

static void op_hooks(struct op *op, bool restore)
{
	struct writer *w = op->txn->w;

	for (size_t i = op->tokens.len; i; i--) {
		struct hook *h = &w->hooks.v[i - 1];

		if (restore && h->ops.restore)
			h->ops.restore(h->arg, op->txn, op->tokens.v[i - 1]);
		else if (!restore && h->ops.drop)
			h->ops.drop(h->arg, op->txn, op->tokens.v[i - 1]);
	}
	op->tokens.len = 0;
}

/* Past the memory bound the queue is run and what is dirty goes to disk, to be copied again when it is changed again. */
static int relieve(struct writer *w, struct err *err)
{
	u64 held = w->dirty.len * w->store->geo->nodesize + alloc_queue_len(w->alloc) * 256;
	int ret;

	if (held < w->memory)
		return 0;
	ret = ref_run(w->alloc, 0, err);
	return ret ? ret : nodes_write(w, err);
}

int op_end(struct op *op, int ret, struct err *err)
{
	struct writer *w = op->txn->w;
	struct err second = ERR_INIT;
	int failed;

	if (--op->depth)
		return ret;
	op_unreserve(op);
	if (ret >= 0)
		ret = op_affordable(op, err);
	if (ret < 0) {
		op_restore(op);
		op_hooks(op, true);
		failed = alloc_rollback(w->alloc, op->mark, &second);
	} else {
		op_hooks(op, false);
		failed = alloc_release(w->alloc, op->mark, &second);
	}
	op_forget(op);
	w->source.epoch++;
	w->ops += !failed && ret >= 0;
	if (!failed && ret >= 0)
		failed = relieve(w, &second);
	if (failed) {
		txn_abort(op->txn);
		return err_set(err, failed, "the transaction was aborted: %s", err_text(&second));
	}
	return ret;
}

int txn_relieve(struct txn *txn, struct err *err)
{
	return txn->w->op.depth ? 0 : relieve(txn->w, err);
}

int txn_settle(struct txn *txn, bool *done, struct err *err)
{
	struct writer *w = txn->w;
	struct err why = ERR_INIT;
	int ret;

	*done = !w->op.depth && !w->dead && alloc_queue_len(w->alloc);
	ret = *done ? ref_run(w->alloc, 0, &why) : 0;
	if (!ret)
		return 0;
	txn_abort(txn);
	return err_set(err, ret, "the transaction was aborted: %s", err_text(&why));
}
