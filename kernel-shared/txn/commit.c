/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commit: everything that depends on something else is brought in line until nothing changes any more, then written in the order that keeps the last
 * commit whole: blocks, flush, superblocks, flush. Spec: on-disk-format 6.5, 1.7, 1.8. */
#include "kernel-shared/txn/internal.h"

enum { ROUNDS_MAX = 200 };

/* Brings a root's item in line with its tree. */
static int root_write(struct writer *w, struct root *r, bool *changed, struct err *err)
{
	struct tree *t = &r->tree;
	struct key key = KEY(t->id, BTRFS_ROOT_ITEM_KEY, t->offset);
	bool moved = le64_get(r->item.bytenr) != t->bytenr || le64_get(r->item.generation) != t->generation || r->item.level != t->level;

	if (!moved && !r->dirty)
		return 0;
	r->item.bytenr = le64_of(t->bytenr);
	r->item.level = t->level;
	r->item.generation = r->item.generation_v2 = le64_of(t->generation);
	r->dirty = false;
	*changed = true;
	return tree_put(&w->roots->root_tree->tree, &key, &r->item, sizeof(r->item), r->item_missing, err);
}

static int roots_write(struct writer *w, bool *changed, struct err *err)
{
	for (size_t i = 0; i < w->changed.len; i++) {
		struct root *r = w->changed.v[i];
		int ret;

		if (r == w->roots->root_tree || r == w->roots->chunk_tree)
			continue;
		ret = root_write(w, r, changed, err);
		if (ret)
			return ret;
		r->item_missing = r->legacy = false;
	}
	return 0;
}

static int hooks_flush(struct txn *txn, bool account, bool *changed, struct err *err)
{
	struct writer *w = txn->w;

	for (size_t i = 0; i < w->hooks.len; i++) {
		const struct txn_hooks *ops = &w->hooks.v[i].ops;
		int (*fn)(void *, struct txn *, bool *, struct err *) = account ? ops->account : ops->flush;
		int ret = fn ? fn(w->hooks.v[i].arg, txn, changed, err) : 0;

		if (ret)
			return ret;
	}
	return 0;
}

/* Round after round until a whole one changes nothing. It ends because a block is copied at most once in a transaction. */
static int settle(struct txn *txn, struct err *err)
{
	struct writer *w = txn->w;
	bool accounted = false;

	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		bool changed = false;
		int ret = hooks_flush(txn, false, &changed, err);

		if (!ret)
			ret = ref_run(w->alloc, 0, err);
		if (!ret)
			ret = alloc_write_items(w->alloc, &changed, err);
		if (!ret)
			ret = roots_write(w, &changed, err);
		if (ret)
			return ret;
		if (changed || ref_pending(w->alloc))
			continue;
		if (accounted)
			return 0;
		accounted = true;
		ret = hooks_flush(txn, true, &changed, err);
		if (ret)
			return ret;
	}
	return err_set(err, -EUCLEAN, "the commit does not settle after %d rounds", ROUNDS_MAX);
}

struct backup_field { struct root *root; le64 *bytenr, *gen; u8 *level; };

static void backup_write(struct writer *w)
{
	struct disk_super *sb = &w->super;
	u64 newest = 0, old = le64_get(w->vol->sb.generation);
	int slot = -1;
	struct disk_root_backup *b;

	for (int i = 0; i < BTRFS_NUM_BACKUP_ROOTS; i++) {
		u64 gen = le64_get(sb->super_roots[i].tree_root_gen);

		if (gen <= old && gen >= newest && gen) {
			newest = gen;
			slot = i;
		}
	}
	b = &sb->super_roots[(slot + 1) % BTRFS_NUM_BACKUP_ROOTS];
	memset(b, 0, sizeof(*b));
	struct backup_field fields[] = {
		{ w->roots->root_tree, &b->tree_root, &b->tree_root_gen, &b->tree_root_level },
		{ w->roots->chunk_tree, &b->chunk_root, &b->chunk_root_gen, &b->chunk_root_level },
		{ w->roots->extent_tree, &b->extent_root, &b->extent_root_gen, &b->extent_root_level },
		{ w->roots->fs_tree, &b->fs_root, &b->fs_root_gen, &b->fs_root_level },
		{ w->roots->dev_tree, &b->dev_root, &b->dev_root_gen, &b->dev_root_level },
		{ w->roots->csum_tree, &b->csum_root, &b->csum_root_gen, &b->csum_root_level },
	};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct root *r = fields[i].root;

		if (!r)
			continue;
		*fields[i].bytenr = le64_of(r->tree.bytenr);
		*fields[i].gen = le64_of(r->tree.generation);
		*fields[i].level = r->tree.level;
	}
	b->total_bytes = sb->total_bytes;
	b->bytes_used = sb->bytes_used;
	b->num_devices = sb->num_devices;
}

static void super_fill(struct writer *w)
{
	struct disk_super *sb = &w->super;
	const struct tree *root = &w->roots->root_tree->tree, *chunk = &w->roots->chunk_tree->tree;
	u64 old = le64_get(w->vol->sb.generation), transid = w->source.transid;

	sb->generation = le64_of(transid);
	sb->root = le64_of(root->bytenr);
	sb->root_level = root->level;
	sb->chunk_root = le64_of(chunk->bytenr);
	sb->chunk_root_level = chunk->level;
	sb->chunk_root_generation = le64_of(chunk->generation);
	sb->log_root = le64_of(0);
	sb->log_root_level = 0;
	sb->bytes_used = le64_of(alloc_bytes_used(w->alloc));
	/* the uuid tree is kept complete by us when it was; a v1 cache does not know what we did */
	if (le64_get(sb->uuid_tree_generation) == old)
		sb->uuid_tree_generation = le64_of(transid);
	if (!w->roots->free_space_tree)
		sb->cache_generation = le64_of(-1ULL);
	backup_write(w);
}

/* A superblock and the root tree it points at are of one generation, also when nothing but the superblock has changed. */
static int root_tree_touch(struct writer *w, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct tree *t = &w->roots->root_tree->tree;
	struct key first = { 0 };
	int ret = t->generation == w->source.transid ? 0 : tree_search_cow(t, &first, 0, &p, err);

	return ret < 0 ? ret : 0;
}

/* What the commit left behind in memory. */
static void commit_finish(struct writer *w)
{
	for (size_t i = 0; i < w->changed.len; i++)
		w->changed.v[i]->listed = false;
	w->changed.len = 0;
}

static int commit(struct txn *txn, struct err *err)
{
	struct writer *w = txn->w;
	struct disk_super before = w->vol->sb;
	int ret;

	ret = cache_v1_clear(w->alloc, err);
	if (!ret)
		ret = root_tree_touch(w, err);
	w->source.no_merge = true;
	if (!ret)
		ret = settle(txn, err);
	w->source.no_merge = false;
	if (!ret)
		ret = nodes_write(w, err);
	if (!ret)
		ret = volume_flush(w->vol, err);
	if (ret)
		return ret;
	super_fill(w);
	w->vol->sb = w->super;
	ret = volume_write_supers(w->vol, err);
	if (ret) {
		w->vol->sb = before;
		return err_wrap(err, ret, "cannot write the superblocks");
	}
	w->vol->geo.generation = w->source.transid;
	return alloc_committed(w->alloc, NULL, NULL) ? err_nomem(err) : 0;
}

int txn_commit(struct txn *txn, struct err *err)
{
	struct writer *w = txn->w;
	int ret;

	if (w->dead)
		return err_set(err, -EROFS, "the transaction was aborted");
	if (--txn->nesting)
		return 0;
	if (!w->changed.len && !ref_pending(w->alloc) && !alloc_has_news(w->alloc) && !memcmp(&w->super, &w->vol->sb, sizeof(w->super)))
		return 0;
	ret = commit(txn, err);
	if (ret) {
		txn_abort(txn);
		return err_wrap(err, ret, "cannot commit transaction %llu", w->source.transid);
	}
	commit_finish(w);
	for (size_t i = 0; i < w->hooks.len; i++)
		if (w->hooks.v[i].ops.committed)
			w->hooks.v[i].ops.committed(w->hooks.v[i].arg, txn);
	return 0;
}
