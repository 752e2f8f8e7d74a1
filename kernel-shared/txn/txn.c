/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writing side of a filesystem, beginning and giving up transactions, trees that come and go. */
#include "kernel-shared/txn/internal.h"

#include "common/mem.h"

enum { WRITER_MEMORY = 64 << 20 };

int writer_open(struct env *env, struct volume *vol, struct nstore *store, struct roots *roots, struct writer **out, struct err *err)
{
	struct writer *w = mem_zalloc(sizeof(*w));
	struct node *root;
	int ret;

	if (!w)
		return err_nomem(err);
	w->env = env;
	w->vol = vol;
	w->store = store;
	w->roots = roots;
	w->memory = WRITER_MEMORY;
	w->txn.w = w;
	w->super = vol->sb;
	ret = alloc_open(env, vol, store, roots, &w->super, &w->alloc, err);
	if (!ret)
		ret = tree_root_node(&roots->root_tree->tree, &root, err);
	if (ret) {
		writer_close(w);
		return ret;
	}
	memcpy(w->chunk_uuid, block_header(root->data)->chunk_tree_uuid, sizeof(w->chunk_uuid));
	node_put(root);
	source_init(w);
	*out = w;
	return 0;
}

static void drop_dirty(struct writer *w)
{
	u64 bytenr, value;

	for (size_t pos = 0; hmap_next(&w->dirty, &pos, &bytenr, &value);) {
		struct node *n = (struct node *)(uintptr_t)value;

		n->dirty = false;
		nstore_forget(w->store, bytenr);
		node_put(n);
	}
	hmap_fini(&w->dirty);
}

void writer_close(struct writer *w)
{
	if (!w)
		return;
	if (w->txn.nesting && !w->dead)
		txn_abort(&w->txn);
	drop_dirty(w);
	alloc_close(w->alloc);
	vec_fini(&w->hooks);
	vec_fini(&w->changed);
	vec_fini(&w->op.nodes);
	vec_fini(&w->op.trees);
	vec_fini(&w->op.fresh);
	vec_fini(&w->op.tokens);
	free(w);
}

int writer_add_hooks(struct writer *w, const struct txn_hooks *hooks, void *arg)
{
	struct hook h = { *hooks, arg };

	return vec_push(&w->hooks, h);
}

struct alloc *writer_alloc(struct writer *w) { return w->alloc; }
struct alloc *txn_alloc(struct txn *txn) { return txn->w->alloc; }
struct roots *txn_roots(struct txn *txn) { return txn->w->roots; }
struct env *txn_env(struct txn *txn) { return txn->w->env; }
struct disk_super *txn_super(struct txn *txn) { return &txn->w->super; }
u64 txn_id(const struct txn *txn) { return txn->w->source.transid; }
u64 txn_ops(const struct txn *txn) { return txn->w->ops; }
bool writer_dead(const struct writer *w) { return w->dead; }

void writer_set_memory(struct writer *w, u64 bytes)
{
	w->memory = bytes ? bytes : WRITER_MEMORY;
}

int txn_begin(struct writer *w, struct txn **out, struct err *err)
{
	if (w->dead)
		return err_set(err, -EROFS, "an earlier transaction was aborted");
	*out = &w->txn;
	if (w->txn.nesting++)
		return 0;
	w->source.transid = le64_get(w->vol->sb.generation) + 1;
	w->super = w->vol->sb;
	alloc_set_transid(w->alloc, w->source.transid);
	return 0;
}

void txn_abort(struct txn *txn)
{
	struct writer *w = txn->w;

	if (w->dead)
		return;
	w->dead = true;
	txn->nesting = 0;
	drop_dirty(w);
	for (size_t i = 0; i < w->hooks.len; i++)
		if (w->hooks.v[i].ops.aborted)
			w->hooks.v[i].ops.aborted(w->hooks.v[i].arg, txn);
}

int txn_dirty_root(struct txn *txn, struct root *root, struct err *err)
{
	int ret = op_save_tree(txn->w, root, err);

	if (ret)
		return ret;
	root->dirty = true;
	return root_list(txn->w, root) ? err_nomem(err) : 0;
}
